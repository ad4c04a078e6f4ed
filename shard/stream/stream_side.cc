#include "shard/stream/stream_side.h"

#include <algorithm>

#include "base/check.h"
#include "shard/conn/connection.h"

namespace shard {
namespace {

// How long what was taken may still be on its way where no timeout says it.
constexpr uint32_t kLingerMs = 60000;

constexpr uint16_t Mask(SideState state) { return uint16_t(1u << unsigned(state)); }

using S = SideState;

// From each state, where it may go. Every edge is walked by the tests, every other one dies.
constexpr uint16_t kEdges[size_t(S::kCount)] = {
    /* Idle         */ uint16_t(Mask(S::kRequested) | Mask(S::kEstablished) | Mask(S::kClosed)),
    /* Requested    */ uint16_t(Mask(S::kQueued) | Mask(S::kAssigned) | Mask(S::kClosed)),
    /* Queued       */ uint16_t(Mask(S::kRequested) | Mask(S::kAssigned) | Mask(S::kClosed)),
    /* TurnAround   */ uint16_t(Mask(S::kAssigned) | Mask(S::kClosed)),
    /* Assigned     */
    uint16_t(Mask(S::kConnecting) | Mask(S::kEstablished) | Mask(S::kConnectError) |
             Mask(S::kClosed)),
    /* Connecting   */ uint16_t(Mask(S::kEstablished) | Mask(S::kConnectError) | Mask(S::kClosed)),
    /* ConnectError */
    uint16_t(Mask(S::kTurnAround) | Mask(S::kRequested) | Mask(S::kClosed)),
    /* Established  */ uint16_t(Mask(S::kIdle) | Mask(S::kDisconnected)),
    /* Disconnected */ uint16_t(Mask(S::kRequested) | Mask(S::kClosed)),
    /* Closed       */ 0,
};

// A shorter rest is copied: two calls and a poll cost more than that.
constexpr uint64_t kSpliceBytesMin = 65536;
// An endless transfer that comes in smaller pieces than this is copied again.
constexpr size_t kSmallPieceBytes = 16384;

constexpr const char* kNames[size_t(S::kCount)] = {"IDLE", "REQ", "QUE", "TAR", "ASS",
                                                   "CON",  "CER", "EST", "DIS", "CLO"};

}  // namespace

const char* SideStateName(SideState state) { return kNames[size_t(state)]; }

bool IsLegalEdge(SideState from, SideState to) { return (kEdges[size_t(from)] & Mask(to)) != 0; }

StreamSide::~StreamSide() { MUST(endpoint_ == nullptr); }

void StreamSide::Enter(SideState next) {
  MUST(IsLegalEdge(state_, next));
  // Until the side has ended, what its endpoint reported is why it moves: a failed attempt that is
  // tried again leaves its reason here alone.
  const CloseReason why = reason_ != CloseReason::kNone ? reason_ : event_error_;
  const TraceEntry entry{uint32_t(policy_.NowMs()), index_, state_, next, why};
  trace_.Add(entry);
  policy_.OnMove(entry);
  state_ = next;
  moved_ = true;
}

SideWait StreamSide::Go(SideState next) {
  Enter(next);
  return SideWait::kNothing;
}

void StreamSide::AttachEstablished(Endpoint* endpoint) {
  MUST(endpoint_ == nullptr);
  endpoint_ = endpoint;
  endpoint_->Attach(this);
  last_activity_ms_ = policy_.WaitFromMs();
  Enter(S::kEstablished);
}

Endpoint* StreamSide::Release(ByteQueue& unread) {
  MUST(state_ == S::kEstablished);
  MUST(!write_shut_);
  MUST(in_.bytes_consumed() == 0);
  MUST(in_.pipe() == nullptr);
  Endpoint* endpoint = endpoint_;
  endpoint_ = nullptr;
  endpoint->Attach(nullptr);
  in_.Restart(unread);
  // Whoever has the endpoint's connection next finds out again how it ends.
  event_error_ = CloseReason::kNone;
  read_shut_ = receiving_ = clock_ran_ = false;
  unsent_seen_ = 0;
  Enter(S::kIdle);
  return endpoint;
}

void StreamSide::AttachConnecting(Endpoint* endpoint) {
  MUST(endpoint_ == nullptr);
  endpoint_ = endpoint;
  endpoint_->Attach(this);
}

void StreamSide::Request() { Enter(S::kRequested); }

void StreamSide::Abort(CloseReason reason) {
  if (abort_ == CloseReason::kNone) abort_ = reason;
}

void StreamSide::OnConnected() noexcept {
  connected_ = true;
  policy_.WakeStream();
}
void StreamSide::OnReadable() noexcept { policy_.WakeStream(); }
void StreamSide::OnWritable() noexcept {
  last_activity_ms_ = policy_.WaitFromMs();
  policy_.WakeStream();
}
void StreamSide::OnHead() noexcept { policy_.WakeStream(); }
void StreamSide::OnError(CloseReason reason) noexcept {
  if (event_error_ == CloseReason::kNone) event_error_ = reason;
  policy_.WakeStream();
}

SideWait StreamSide::Run() {
  moved_ = false;
  // No state is entered twice without waiting in between, so the number of states bounds the loop.
  for (int pass = 0; pass <= int(S::kCount); ++pass) {
    const SideWait wait = Step();
    if (wait != SideWait::kNothing) return wait;
  }
  if (BUG_IF(true, "stream_side_spins")) Abort(CloseReason::kInternal);
  return SideWait::kForever;
}

SideWait StreamSide::Step() {
  switch (state_) {
    case S::kIdle:
      return abort_ != CloseReason::kNone ? Close(abort_) : SideWait::kStart;
    case S::kRequested:
      return DoRequested();
    case S::kQueued:
      return DoQueued();
    case S::kTurnAround:
      return DoTurnAround();
    case S::kAssigned:
      return DoAssigned();
    case S::kConnecting:
      return DoConnecting();
    case S::kConnectError:
      return DoConnectError();
    case S::kEstablished:
      return DoEstablished();
    case S::kDisconnected:
      return DoDisconnected();
    case S::kClosed:
    case S::kCount:
      break;
  }
  return SideWait::kForever;
}

// Ends a side that holds no endpoint, or drops the one that is still connecting.
SideWait StreamSide::Close(CloseReason reason) {
  Record(reason);
  DropEndpoint(reason_);
  state_deadline_ms_ = 0;
  Enter(S::kClosed);
  // What the other side has to know: nothing more comes from here, nothing more is taken.
  in_.End();
  out_.Shut();
  read_shut_ = write_shut_ = true;
  policy_.OnClosed(*this);
  return SideWait::kForever;
}

void StreamSide::DropEndpoint(CloseReason reason) {
  if (endpoint_ == nullptr) return;
  policy_.OnDetaching(*this);
  if (pipes_ != nullptr) endpoint_->EndSpliceIn();
  Endpoint* endpoint = endpoint_;
  endpoint_ = nullptr;
  uint32_t linger_ms = timeouts_.fin_ms != 0 ? timeouts_.fin_ms : timeouts_.idle_ms;
  if (linger_ms == 0) linger_ms = kLingerMs;
  endpoint->Detach(reason, policy_.NowMs() + linger_ms);
}

SideWait StreamSide::DoRequested() {
  if (abort_ != CloseReason::kNone) return Close(abort_);
  CloseReason reason = CloseReason::kNoServer;
  slot_granted_ = ask_again_ = false;
  switch (policy_.AssignTarget(&reason)) {
    case AssignResult::kAssigned:
      return Go(S::kAssigned);
    case AssignResult::kQueued:
      state_deadline_ms_ = timeouts_.queue_ms != 0 ? policy_.WaitFromMs() + timeouts_.queue_ms : 0;
      return Go(S::kQueued);
    case AssignResult::kFailed:
      break;
  }
  return Close(reason);
}

SideWait StreamSide::DoQueued() {
  if (abort_ != CloseReason::kNone) return Close(abort_);
  if (slot_granted_ || ask_again_) {
    const SideState next = slot_granted_ ? S::kAssigned : S::kRequested;
    state_deadline_ms_ = 0;
    slot_granted_ = ask_again_ = false;
    return Go(next);
  }
  if (Passed(state_deadline_ms_)) return Close(CloseReason::kQueueTimeout);
  return SideWait::kSlot;
}

SideWait StreamSide::DoTurnAround() {
  if (abort_ != CloseReason::kNone) return Close(abort_);
  if (!Passed(state_deadline_ms_)) return SideWait::kTimer;
  state_deadline_ms_ = 0;
  return Go(S::kAssigned);
}

SideWait StreamSide::DoAssigned() {
  if (abort_ != CloseReason::kNone) return Close(abort_);
  connected_ = false;
  event_error_ = CloseReason::kNone;
  ++connect_attempts_;
  CloseReason reason = CloseReason::kConnectFailed;
  switch (policy_.StartConnect(&reason)) {
    case ConnectResult::kConnecting:
      state_deadline_ms_ =
          timeouts_.connect_ms != 0 ? policy_.WaitFromMs() + timeouts_.connect_ms : 0;
      return Go(S::kConnecting);
    case ConnectResult::kEstablished:
      last_activity_ms_ = policy_.WaitFromMs();
      Enter(S::kEstablished);
      policy_.OnEstablished(*this);
      return SideWait::kNothing;
    case ConnectResult::kWaiting:
      --connect_attempts_;
      return SideWait::kConnect;
    case ConnectResult::kFailed:
      break;
  }
  event_error_ = reason;
  return Go(S::kConnectError);
}

SideWait StreamSide::DoConnecting() {
  if (abort_ != CloseReason::kNone) return Close(abort_);
  if (event_error_ != CloseReason::kNone) {
    state_deadline_ms_ = 0;
    return Go(S::kConnectError);
  }
  if (connected_) {
    state_deadline_ms_ = 0;
    last_activity_ms_ = policy_.WaitFromMs();
    Enter(S::kEstablished);
    policy_.OnEstablished(*this);
    return SideWait::kNothing;
  }
  if (Passed(state_deadline_ms_)) {
    event_error_ = CloseReason::kConnectTimeout;
    if (Connection* connection = endpoint_->connection()) {
      event_error_ = connection->TimeoutReason();
      connection->NoteReason(event_error_);
    }
    state_deadline_ms_ = 0;
    return Go(S::kConnectError);
  }
  return SideWait::kConnect;
}

SideWait StreamSide::DoConnectError() {
  DropEndpoint(event_error_);
  if (abort_ != CloseReason::kNone) return Close(abort_);
  uint32_t pause_ms = 0;
  switch (policy_.DecideRetry(event_error_, &pause_ms)) {
    case RetryDecision::kSameServer:
      // Paused, or a dead server gets hammered.
      state_deadline_ms_ = policy_.WaitFromMs() + std::max(pause_ms, 1u);
      return Go(S::kTurnAround);
    case RetryDecision::kAnotherServer:
      Enter(S::kRequested);
      policy_.WakeStream();  // in the next turn: attempts that fail at once must not spin here
      return SideWait::kStart;
    case RetryDecision::kGiveUp:
      break;
  }
  return Close(event_error_);
}

uint32_t StreamSide::idle_timeout_ms() const {
  const bool half_closed = read_shut_ || write_shut_;
  return half_closed && timeouts_.fin_ms != 0 ? timeouts_.fin_ms : timeouts_.idle_ms;
}

bool StreamSide::idle_clock_runs() const {
  if (idle_timeout_ms() == 0 || clock_held_) return false;
  return (receiving_ && !read_shut_) || !out_.empty() || endpoint_->UnsentBytes() > 0;
}

// It starts anew when there is something to wait for again: an answer that took the server longer
// than the client's timeout is not late for the client, who had nothing to do meanwhile.
void StreamSide::StartIdleClock() {
  const bool runs = idle_clock_runs();
  if (runs && !clock_ran_) last_activity_ms_ = policy_.WaitFromMs();
  clock_ran_ = runs;
}

SideWait StreamSide::DoEstablished() {
  // What arrived before an error is good; what a stream has given up is not looked at any more.
  const bool failed = event_error_ != CloseReason::kNone && abort_ == CloseReason::kNone;
  if (failed && !read_shut_) Pull();
  CloseReason reason = abort_ != CloseReason::kNone ? abort_ : event_error_;
  StartIdleClock();
  if (reason == CloseReason::kNone && idle_clock_runs() &&
      Passed(last_activity_ms_ + idle_timeout_ms())) {
    // Bytes that left since are activity too; only the endpoint knows of them. When the last ones
    // left is not known, so it does not count.
    const size_t unsent = endpoint_->UnsentBytes();
    if (unsent != 0 && unsent < unsent_seen_) {
      unsent_seen_ = unsent;
      last_activity_ms_ = policy_.WaitFromMs();
    } else {
      reason = timeouts_.idle_reason;
    }
  }
  if (reason == CloseReason::kNone) {
    Pull();
    Push();
    // A head that the flow put there grows it, too.
    unsent_seen_ = std::max(unsent_seen_, endpoint_->UnsentBytes());
    StartIdleClock();
    if (!read_shut_ || !write_shut_ || !policy_.MayLeave(*this)) return SideWait::kBytes;
    reason = CloseReason::kNormal;
  }
  Record(reason);
  DropEndpoint(reason);
  return Go(S::kDisconnected);
}

SideWait StreamSide::DoDisconnected() {
  if (abort_ == CloseReason::kNone && policy_.OnDisconnected(*this)) {
    reason_ = event_error_ = CloseReason::kNone;
    read_shut_ = write_shut_ = receiving_ = false;
    Enter(S::kRequested);
    policy_.WakeStream();
    return SideWait::kStart;
  }
  return Close(reason_);
}

void StreamSide::Pull() {
  if (read_shut_) return;
  if (in_.shut()) {  // nobody wants it any more
    read_shut_ = moved_ = true;
    receiving_ = false;
    if (pipes_ != nullptr) endpoint_->EndSpliceIn();
    endpoint_->ShutRead(CloseReason::kNormal);
    return;
  }
  const size_t room = in_.room();
  if (room > 0) {
    const size_t got = endpoint_->Recv(in_, room);
    if (got > 0) CountPulled(got);
  }
  // Before the next receive is armed, which splicing would only have to cancel.
  const bool piped = pipes_ != nullptr && PullThroughPipe();
  if (endpoint_->RecvEnded()) {
    in_.End();
    read_shut_ = moved_ = true;
    receiving_ = false;
    if (pipes_ != nullptr) endpoint_->EndSpliceIn();
    return;
  }
  receiving_ = piped ? in_.pipe()->room() > 0 : in_.room() > 0;
  endpoint_->WantRecv(receiving_);
}

void StreamSide::CountPulled(size_t bytes) {
  in_.CountProduced(bytes);
  moved_ = true;
  last_activity_ms_ = policy_.WaitFromMs();
}

// True while this direction goes through a pipe.
bool StreamSide::PullThroughPipe() {
  const uint64_t left = endpoint_->SpliceLeft();
  if (left == 0) return false;
  if (in_.pipe() == nullptr) {
    const bool use = in_.pipe_wanted() && !in_.held() && left >= kSpliceBytesMin;
    Pipe* pipe = use ? pipes_->TryTake() : nullptr;
    if (pipe == nullptr) {
      endpoint_->EndSpliceIn();  // the other side may have dropped the one there was
      return false;
    }
    in_.SetPipe(pipe);
    leave_pipe_ = false;
  }
  Pipe& pipe = *in_.pipe();
  if (pipe.room() == 0) return true;
  const size_t got = endpoint_->SpliceIn(pipe);
  if (got > 0) {
    CountPulled(got);
    leave_pipe_ = left == Endpoint::kSpliceUnbounded && got < kSmallPieceBytes;
  } else if (leave_pipe_ && pipe.bytes == 0) {
    endpoint_->EndSpliceIn();
    in_.DropPipe();
    return false;
  }
  return true;
}

void StreamSide::Push() {
  if (write_shut_) return;
  if (out_.pipe_allowed()) out_.SetPipeWanted(endpoint_->CanSpliceOut());
  if (!out_.held() && !out_.bytes().empty()) {
    const size_t taken = endpoint_->Send(out_.bytes(), out_.ended());
    if (taken > 0) {
      out_.CountConsumed(taken);
      moved_ = true;
      last_activity_ms_ = policy_.WaitFromMs();
      unsent_seen_ = endpoint_->UnsentBytes();
    }
  }
  if (out_.pipe() != nullptr && out_.bytes().empty()) {
    const size_t taken = out_.pipe()->bytes > 0 ? endpoint_->SpliceOut(*out_.pipe()) : 0;
    if (taken > 0) {
      out_.CountConsumed(taken);
      moved_ = true;
      last_activity_ms_ = policy_.WaitFromMs();
    }
    // What a peer does not take any more lies in a spoilt one: that fills up, though it counts as
    // empty.
    const bool spent = out_.ended() || out_.pipe()->spoiled;
    if (out_.pipe()->bytes == 0 && spent) out_.DropPipe();
  }
  if (out_.drained()) {
    write_shut_ = moved_ = true;
    endpoint_->ShutWrite(CloseReason::kNormal);
  }
}

uint64_t StreamSide::deadline_ms() const {
  if (state_ != S::kEstablished) return state_deadline_ms_;
  return idle_clock_runs() ? last_activity_ms_ + idle_timeout_ms() : 0;
}

}  // namespace shard
