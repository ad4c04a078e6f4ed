#include "shard/conn/connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/check.h"
#include "shard/conn/conn_table.h"

namespace shard {

Connection::Connection(ShardContext& context, base::Handle handle, int fd, Role role)
    : context_(context),
      layer_(RawLayer()),
      handle_(handle),
      fd_(fd),
      wire_in_(*context.slices),
      wire_out_(*context.slices),
      timer_(this),
      role_(role) {
  state_ = role == Role::kDialled ? State::kConnecting : State::kOpen;
}

Connection::~Connection() {
  MUST(!ops_pending());
  waiter_hook.Unlink();
  if (scratch_ != nullptr) context_.connections->handshake_memory().Delete(scratch_);
}

void Connection::Dial(const sockaddr* address, socklen_t length) {
  DEBUG_MUST(role_ == Role::kDialled);
  state_ = State::kConnecting;
  connect_pending_ = true;
  context_.ring().Connect(Op(OpKind::kConnConnect), fd_, address, length);
}

void Connection::Dial(const Address& address) {
  sockaddr_storage storage;
  const socklen_t length = address.ToSockaddr(&storage);
  MUST(length <= sizeof(dialled_));
  std::memcpy(&dialled_, &storage, length);
  Dial(reinterpret_cast<const sockaddr*>(&dialled_), length);
}

HandshakeScratch* Connection::NeedScratch() {
  if (scratch_ == nullptr) scratch_ = context_.connections->handshake_memory().New();
  return scratch_;
}

bool Connection::Start() {
  if (handshakes_owed_ == 0) {
    state_ = State::kOpen;
    return true;
  }
  state_ = State::kHandshaking;
  context_.loop->run_queue().Add(this);
  return false;
}

void Connection::OnConnect(const Completion& completion) {
  connect_pending_ = false;
  if (state_ == State::kClosing) return FreeIfAnswered();
  if (completion.result < 0) return FailByErrno(-completion.result);
  if (handshakes_owed_ == 0) return Opened();
  state_ = State::kHandshaking;
  context_.loop->run_queue().Add(this);
}

void Connection::Opened() {
  state_ = State::kOpen;
  if (want_recv_) Arm();
  ConnTable& table = *context_.connections;
  const base::Handle handle = handle_;
  const auto is_open = [&] { return table.Find(handle) == this && state_ == State::kOpen; };
  events_->OnConnected();
  // What came along with the handshakes: no receive will tell of it.
  if (is_open() && (!wire_in_.empty() || wire_ended_)) events_->OnReadable();
  if (!is_open() || wire_out_.empty()) return;
  // What the handshakes left to send goes together with what the stream has to say, which
  // OnConnected() has just put in line before us; or alone, when it says nothing.
  context_.loop->run_queue().Add(this);
}

Handshake* Connection::StepUnderWay() const {
  for (unsigned step = 0; step < unsigned(HandshakeStep::kCount); ++step) {
    if ((handshakes_owed_ & (1u << step)) != 0) return context_.handshakes->steps[step];
  }
  return nullptr;
}

CloseReason Connection::TimeoutReason() const {
  const bool dialled = role_ == Role::kDialled;
  const Handshake* step = dialled && state_ != State::kHandshaking ? nullptr : StepUnderWay();
  if (step != nullptr) return step->timeout_reason();
  return dialled ? CloseReason::kConnectTimeout : CloseReason::kClientHandshakeTimeout;
}

void Connection::Run() noexcept {
  if (fail_later_ && state_ == State::kOpen) {
    fail_later_ = false;
    return FailByErrno(error_);
  }
  if (layer_reason_ != CloseReason::kNone && state_ == State::kOpen) {
    Flush();  // what the layer tells the peer of it
    return Fail(layer_reason_, 0);
  }
  if (state_ == State::kOpen) {
    if (end_later_) {
      end_later_ = false;
      context_.loop->run_queue().Add(this);  // for what else is owed: telling may end us
      return events_->OnReadable();
    }
    // Room that no answer of the ring tells of.
    const bool has_room = send_failed_ || (wire_out_.empty() && !send_pending_);
    if (!has_room || !want_writable_) return Flush();
    want_writable_ = false;
    return events_->OnWritable();
  }
  if (state_ != State::kHandshaking) return;
  for (unsigned step = 0; step < unsigned(HandshakeStep::kCount); ++step) {
    if ((handshakes_owed_ & (1u << step)) == 0) continue;
    Handshake* handshake = context_.handshakes->steps[step];
    if (BUG_IF(handshake == nullptr, "handshake_step_missing"))
      return Fail(CloseReason::kInternal, 0);
    using Urgency = CostlyLane::Urgency;
    CostlyLane& lane = context_.loop->costly_lane();
    if (!lane.running() && handshake->IsCostly(*this)) {
      // A client behind a connection to a server has been let in.
      return lane.Add(this, role_ == Role::kDialled ? Urgency::kFirst : Urgency::kUsual);
    }
    switch (handshake->Run(*this)) {
      case HandshakeResult::kDone:
        handshakes_owed_ &= uint8_t(~(1u << step));
        continue;
      case HandshakeResult::kWantRecv:
        Flush();
        if (wire_ended_) return Fail(CloseReason::kClientHandshakeFailed, 0);
        if (!recv_armed_) ArmRecv();
        return;
      case HandshakeResult::kWantSend:
        Flush();
        return context_.ring().NeedSendAnswers();
      case HandshakeResult::kWantTurn:
        return lane.Add(this, Urgency::kFirst);  // what has begun ends before others begin
      case HandshakeResult::kFailed:
        Flush();  // the step may have told the peer why
        return Fail(layer_reason_ != CloseReason::kNone ? layer_reason_
                                                        : CloseReason::kClientHandshakeFailed,
                    0);
    }
  }
  Opened();
}

void Connection::WantRecv(bool want) {
  want_recv_ = want;
  if (want) {
    if (state_ == State::kOpen) Arm();
  } else if (recv_armed_ && recv_multishot_) {
    // A single receive ends by itself after one buffer; a multishot one would go on filling memory.
    DisarmRecv();
  }
}

void Connection::Arm() {
  if (splicing_) return ArmPollIn();
  if (!recv_armed_) ArmRecv();
}

void Connection::ArmRecv() {
  if (wire_ended_ || fd_ < 0) return;
  RecvMode mode = RecvMode::kSingleLater;
  if (bulk_) {
    mode = last_recv_full_ ? RecvMode::kSingle : RecvMode::kSingleLater;
  } else if (role_ == Role::kAccepted) {
    mode = RecvMode::kMultishot;
  }
  recv_armed_ = true;
  recv_cancelled_ = false;
  recv_multishot_ = mode == RecvMode::kMultishot;
  context_.ring().Recv(Op(OpKind::kConnRecv), fd_, mode,
                       bulk_ ? BufferSize::kLarge : BufferSize::kSmall);
}

void Connection::DisarmRecv() {
  if (!recv_armed_ || recv_cancelled_) return;
  recv_cancelled_ = true;
  context_.ring().Cancel(Op(OpKind::kConnRecv));
}

void Connection::OnRecv(const Completion& completion) {
  if (completion.more) {
    heard_ = true;
    context_.connections->quiet_watch().OnHeard();
  } else {
    recv_armed_ = false;
  }
  if (state_ == State::kClosing) {
    if (completion.chunk != nullptr) ChunkPool::Drop(completion.chunk);
    if (draining_ && fd_ >= 0) return Drain(completion.result);
    if (!completion.more) FreeIfAnswered();
    return;
  }
  if (moving_) return OnMoveAnswer(completion);
  const int32_t result = completion.result;
  if (result > 0) {
    TakeIn(completion.chunk, uint32_t(result));
    // The receiver decides in its own task whether it wants more, and calls WantRecv() again.
  } else if (result == 0) {
    // The kernel tells a reset once, and a send has heard it: what looks like an end is the reset.
    if (send_failed_) return FailByErrno(error_);
    wire_ended_ = true;
  } else if (result == -ENOBUFS) {
    ChunkPool* pool = bulk_ ? context_.large : context_.small;
    context_.loop->counters().buffer_waits.Add();
    pool->WaitForChunk(this);
    return;
  } else if (result == -ECANCELED || result == -EAGAIN || result == -EINTR) {
    if (state_ == State::kHandshaking) context_.loop->run_queue().Add(this);
    // Of a receive that splicing takes the place of: its turn has come.
    if (splicing_ && !recv_armed_ && state_ == State::kOpen) return events_->OnReadable();
    if (want_recv_ && state_ == State::kOpen) Arm();
    return;
  } else {
    return FailByErrno(-result);
  }
  if (state_ == State::kHandshaking) {
    context_.loop->run_queue().Add(this);
    return;
  }
  events_->OnReadable();
}

void Connection::TakeIn(Chunk* chunk, uint32_t bytes) {
  const bool full = bytes == chunk->capacity;
  const bool was_large = chunk->pool == context_.large;
  wire_in_.Push({chunk, 0, bytes});
  bytes_in_ += bytes;
  last_recv_full_ = full;
  if (!was_large && full && !bulk_) {
    bulk_ = true;
    if (recv_multishot_) DisarmRecv();
  } else if (was_large && bytes < context_.small->chunk_bytes()) {
    bulk_ = false;
  }
}

bool Connection::TakeOne(ChunkPool& pool) {
  if (recv_armed_ || poll_in_armed_ || splicing_) return false;
  if (state_ != State::kOpen || !wire_in_.empty() || wire_ended_ || fail_later_) return false;
  Chunk* chunk = pool.has_waiters() ? nullptr : pool.Take();
  if (chunk == nullptr) return false;  // a receive of the ring's waits for one in line
  const int result = context_.ring().RecvNow(fd_, chunk->data, chunk->capacity);
  if (result > 0) {
    TakeIn(chunk, uint32_t(result));
    return true;
  }
  ChunkPool::Drop(chunk);
  last_recv_full_ = false;
  if (result == -EAGAIN || result == -EINTR) return false;
  // The caller is looking for bytes: an end or a failure is told from the loop.
  EndLater(result);
  return false;
}

// As a receive that answers `result`: an end, or a failure.
void Connection::EndLater(int result) {
  if (result == 0 && !send_failed_) {
    wire_ended_ = end_later_ = true;
  } else {
    if (result < 0) error_ = -result;
    fail_later_ = true;
  }
  context_.loop->run_queue().Add(this);
}

Connection::Quiet Connection::NextQuiet() {
  if (!recv_armed_ || !recv_multishot_ || recv_cancelled_ || fd_ < 0) return Quiet::kKnown;
  if (heard_) {
    heard_ = false;
    to_ask_ = true;
    return Quiet::kHeard;
  }
  if (!to_ask_) return Quiet::kKnown;
  to_ask_ = false;
  return Quiet::kToAsk;
}

bool Connection::CanMove() const {
  // Without an armed receive nobody knows whether something has come: it had found no buffer.
  return state_ == State::kOpen && layer_ == RawLayer() && recv_armed_ && !recv_cancelled_ &&
         !send_pending_ && !wire_ended_ && !write_shut() && wire_in_.empty() && wire_out_.empty() &&
         !poll_in_armed_ && !poll_out_armed_ && reason_ == CloseReason::kNone;
}

void Connection::BeginMove() {
  DEBUG_MUST(CanMove());
  moving_ = true;
  move_spoilt_ = want_recv_ = want_writable_ = false;
  timer_.Clear();
  DisarmRecv();
}

void Connection::OnMoveAnswer(const Completion& completion) {
  if (completion.chunk != nullptr) ChunkPool::Drop(completion.chunk);
  // A receive that found no buffer (-ENOBUFS) had something to receive.
  move_spoilt_ |= completion.result != -ECANCELED && completion.result != -EAGAIN &&
                  completion.result != -EINTR;
  if (completion.more) return;
  moving_ = false;
  events_->OnMovable(!move_spoilt_);
}

int Connection::Release() {
  MUST(!ops_pending() && state_ == State::kOpen && !moving_);
  const int fd = fd_;
  fd_ = -1;
  events_ = nullptr;
  state_ = State::kClosing;
  timer_.Clear();
  layer_->Release(*this);
  layer_state_ = nullptr;
  FreeIfAnswered();
  return fd;
}

// A closing connection that reads until its peer has ended. What it still has to send goes first.
void Connection::Drain(int32_t result) {
  if (result == -ENOBUFS) {
    context_.loop->counters().buffer_waits.Add();
    (bulk_ ? context_.large : context_.small)->WaitForChunk(this);
  } else if (result > 0 || result == -ECANCELED || result == -EAGAIN || result == -EINTR) {
    // -ECANCELED answers a cancel from before the close.
    if (!recv_armed_) ArmRecv();
  } else if (result == 0 && close_when_flushed_) {
    wire_ended_ = true;
    draining_ = false;
  } else {
    BeginClosing();
  }
}

void Connection::OnBufferAvailable() noexcept {
  if (recv_armed_ || (state_ == State::kClosing && !draining_)) return;
  if (draining_ || state_ == State::kHandshaking) return ArmRecv();
  if (want_recv_) Arm();
}

void Connection::FailLater(CloseReason reason) {
  layer_reason_ = reason;
  context_.loop->run_queue().Add(this);
}

void Connection::Resume(bool recv, bool send) {
  if (state_ == State::kHandshaking) return context_.loop->run_queue().Add(this);
  if (state_ != State::kOpen || events_ == nullptr) return;
  const base::Handle handle = handle_;
  ConnTable& table = *context_.connections;
  if (recv) events_->OnReadable();
  if (!send || table.Find(handle) != this || state_ != State::kOpen || !want_writable_) return;
  want_writable_ = false;
  events_->OnWritable();
}

// ---- splicing ---------------------------------------------------------------------------------

// A source that is faster than this is read in large pieces (SO_RCVLOWAT); one that then keeps us
// waiting is not.
constexpr size_t kFastSpliceBytes = 32768;
constexpr uint32_t kStallMs = 5;

void Connection::SetLowWater(uint32_t bytes) {
  if (bytes == low_water_bytes_ || fd_ < 0) return;
  low_water_bytes_ = bytes;
  const int value = int(bytes);
  (void)context_.ring().SetOption(fd_, SOL_SOCKET, SO_RCVLOWAT, &value, sizeof(value));
}

void Connection::ArmPollIn() {
  if (poll_in_armed_ || recv_armed_ || wire_ended_ || fd_ < 0) return;
  poll_in_armed_ = true;
  context_.ring().Poll(Op(OpKind::kConnPollIn), fd_, POLLIN, false);
  // Bytes below the mark that are not followed by others must not lie there.
  if (low_water_bytes_ > 1) timer_.Set(context_.loop->timers(), context_.now_ms() + kStallMs);
}

size_t Connection::SpliceIn(Pipe& pipe, size_t max, uint64_t left) {
  if (!splicing_) {
    splicing_ = true;
    splice_drained_ = splice_slow_ = false;
    DisarmRecv();
  }
  // Whatever has been received goes first, and no receive may be under way beside us.
  if (recv_armed_ || poll_in_armed_ || !wire_in_.empty() || wire_ended_ || splice_drained_)
    return 0;
  const int result = context_.ring().Splice(fd_, pipe.write_fd, std::min(max, pipe.room()));
  if (result <= 0 && result != -EAGAIN && result != -EINTR) {
    EndLater(result);  // the caller is looking for bytes, not for an end
    return 0;
  }
  const size_t moved = result > 0 ? size_t(result) : 0;
  if (moved == 0 && pipe.bytes > 0) {
    // Who had nothing, the socket or the pipe's last place, is not said: the sink takes some first.
    pipe.stuffed = true;
    return 0;
  }
  pipe.bytes += moved;
  bytes_in_ += moved;
  // A full pipe says nothing about the socket.
  splice_drained_ = moved < max && pipe.room() > 0;
  if (moved >= kFastSpliceBytes) splice_slow_ = false;
  const bool fast = moved >= kFastSpliceBytes || low_water_bytes_ > 1;
  const uint64_t rest = left > moved ? left - moved : 0;
  SetLowWater(fast && !splice_slow_ ? uint32_t(std::clamp<uint64_t>(rest, 1, pipe.capacity)) : 1);
  return moved;
}

void Connection::EndSpliceIn() {
  if (!splicing_) return;
  splicing_ = false;
  bulk_ = last_recv_full_ = false;
  if (low_water_bytes_ > 1) timer_.Clear();
  SetLowWater(1);
  if (poll_in_armed_) context_.ring().Cancel(Op(OpKind::kConnPollIn));
}

void Connection::OnPollIn(const Completion& completion) {
  poll_in_armed_ = false;
  if (state_ == State::kClosing) return FreeIfAnswered();
  if (!splicing_) {
    // The answer of the cancel: receiving goes on where it was wanted.
    if (want_recv_ && state_ == State::kOpen) Arm();
    return;
  }
  if (completion.result < 0 && completion.result != -ECANCELED) {
    return FailByErrno(-completion.result);
  }
  splice_drained_ = false;
  if (low_water_bytes_ > 1) timer_.Clear();
  events_->OnReadable();
}

size_t Connection::SpliceOut(Pipe& pipe, size_t max) {
  const size_t wanted = std::min(max, pipe.bytes);
  if (send_failed_) {  // as a send: dropped, and reading tells the rest
    pipe.spoiled = true;
    pipe.stuffed = false;
    pipe.bytes -= wanted;
    return wanted;
  }
  // What is on its way goes first.
  if (!wire_out_.empty() || send_pending_ || poll_out_armed_ || fd_ < 0) return 0;
  const int result = context_.ring().Splice(pipe.read_fd, fd_, wanted);
  const bool full =
      result == -EAGAIN || result == -EINTR || (result >= 0 && size_t(result) < wanted);
  if (full) {
    poll_out_armed_ = true;
    context_.ring().Poll(Op(OpKind::kConnPollOut), fd_, POLLOUT, false);
    if (result < 0) return 0;
  }
  if (result < 0) {
    error_ = -result;
    if (wire_ended_) {
      fail_later_ = true;
      context_.loop->run_queue().Add(this);
      return 0;
    }
    send_failed_ = true;
    if (want_recv_) Arm();
    return SpliceOut(pipe, max);
  }
  pipe.bytes -= size_t(result);
  pipe.stuffed = false;
  bytes_out_ += size_t(result);
  pipe.pool->CountOut(size_t(result));
  return size_t(result);
}

void Connection::OnPollOut(const Completion& completion) {
  poll_out_armed_ = false;
  if (state_ == State::kClosing) return FreeIfAnswered();
  if (completion.result < 0 && completion.result != -ECANCELED) {
    return FailByErrno(-completion.result);
  }
  if (want_writable_ && state_ == State::kOpen) {
    want_writable_ = false;
    events_->OnWritable();
  }
}

// ---- sending ----------------------------------------------------------------------------------

size_t Connection::Send(ByteQueue& plain) {
  size_t part = layer_->Send(*this, plain);
  size_t taken = part;
  Flush();
  // A layer that had no more room has it again where everything has been sent at once.
  while (part > 0 && !plain.empty() && wire_out_.empty()) {
    part = layer_->Send(*this, plain);
    taken += part;
    Flush();
  }
  return taken;
}

void Connection::Flush() {
  if (send_failed_) {
    wire_out_.Clear();
    // No send will ever say that there is room again.
    if (want_writable_) context_.loop->run_queue().Add(this);
  }
  if (wire_out_.empty() || connect_pending_ || fd_ < 0) return;
  if (send_pending_)
    return context_.ring().NeedSendAnswers();  // the rest follows what is under way
  if (!IsBulk(wire_out_.size()) || state_ != State::kOpen || !SendNow()) SubmitSend(SendMode::kTry);
}

// True: nothing is left to be submitted.
bool Connection::SendNow() {
  iovec iovecs[Ring::kNowEntriesMax];
  while (IsBulk(wire_out_.size())) {
    const size_t count = size_t(wire_out_.Fill(iovecs, int(Ring::kNowEntriesMax)));
    const std::span<const iovec> bytes{iovecs, count};
    const size_t named = TotalBytes(bytes);
    const int result = context_.ring().SendNow(fd_, bytes);
    // A failure that lasts is the next send's to tell.
    if (result < 0 && result != -EAGAIN && result != -EINTR) return false;
    if (result > 0) {
      wire_out_.Consume(size_t(result));
      bytes_out_ += uint32_t(result);
    }
    if (result < 0 || size_t(result) < named) {
      wire_out_.Compact(*context_.small);
      SubmitSend(SendMode::kWait);
      return true;
    }
  }
  if (!wire_out_.empty()) return false;
  if (want_writable_) context_.loop->run_queue().Add(this);
  return true;
}

void Connection::SubmitSend(SendMode mode) {
  iovec iovecs[kIovecsMax];
  const int count = wire_out_.Fill(iovecs, kIovecsMax);
  sending_bytes_ = 0;
  for (int i = 0; i < count; ++i) sending_bytes_ += uint32_t(iovecs[i].iov_len);
  if (mode == SendMode::kTryLast && sending_bytes_ < wire_out_.size()) mode = SendMode::kTry;
  // Who waits for the end of this send may have said so during the one before.
  const bool awaited = want_writable_ || shut_when_flushed_ || close_when_flushed_ ||
                       state_ == State::kHandshaking || sending_bytes_ < wire_out_.size();
  if (awaited) context_.ring().NeedSendAnswers();
  send_pending_ = true;
  context_.ring().Send(Op(OpKind::kConnSend), fd_, {iovecs, size_t(count)}, mode);
}

void Connection::OnSend(const Completion& completion) {
  send_pending_ = false;
  if (completion.result > 0) {
    wire_out_.Consume(size_t(completion.result));
    bytes_out_ += uint32_t(completion.result);
  }
  if (state_ == State::kClosing && !close_when_flushed_) return FreeIfAnswered();
  if (completion.result < 0 && completion.result != -EAGAIN && completion.result != -EINTR &&
      completion.result != -ECANCELED) {
    if (state_ == State::kClosing) {
      close_when_flushed_ = false;
      return BeginClosing();
    }
    if (state_ != State::kOpen || wire_ended_) return FailByErrno(-completion.result);
    // A peer that resets may have answered before: its last words are still to be read, and then
    // the reset. Until that, what we would send is dropped.
    send_failed_ = true;
    error_ = -completion.result;
    wire_out_.Clear();
    if (recv_armed_) {
      if (recv_multishot_) RenewReceive();  // it may have missed the reset: see QuietWatch
    } else if (want_recv_) {
      ArmRecv();
    }
  }
  if (!wire_out_.empty()) {
    // Sixteen slices went whole: try on. A full socket: wait for room, and do not let it pin big
    // buffers.
    const bool full = completion.result < int32_t(sending_bytes_);
    if (full) wire_out_.Compact(*context_.small);
    SubmitSend(full ? SendMode::kWait : SendMode::kTry);
  } else if (close_when_flushed_) {
    return Flushed();
  } else if (shut_when_flushed_) {
    FinishShutWrite();
  }
  if (state_ == State::kHandshaking) context_.loop->run_queue().Add(this);
  if (want_writable_ && !send_full() && state_ == State::kOpen) {
    want_writable_ = false;
    events_->OnWritable();
  }
}

void Connection::ShutWrite() {
  if (write_shut_ || shut_when_flushed_ || state_ == State::kClosing) return;
  layer_->CloseNotify(*this);
  Flush();
  if (wire_out_.empty() && !send_pending_) {
    FinishShutWrite();
  } else {
    shut_when_flushed_ = true;
    context_.ring().NeedSendAnswers();
  }
}

void Connection::FinishShutWrite() {
  shut_when_flushed_ = false;
  write_shut_ = true;
  // The answer is of no use: a socket that is gone is seen by the receive that stays armed.
  if (fd_ >= 0) (void)context_.ring().Shutdown(fd_, SHUT_WR);
}

void Connection::CloseAfterFlush(uint64_t deadline_ms, bool drain, ByteQueue* last) {
  if (state_ == State::kClosing) return;
  events_ = nullptr;
  want_writable_ = false;
  if (state_ != State::kOpen || reason_ != CloseReason::kNone) return Abort();
  given_up_ = true;
  if (last != nullptr) {
    (void)layer_->Send(*this, *last);
    if (!last->empty()) return Abort();  // a layer without memory: no goodbye after what is lost
  }
  if (!write_shut_) layer_->CloseNotify(*this);
  if (wire_out_.empty() || send_pending_ || send_failed_) {
    Flush();
  } else {
    SubmitSend(SendMode::kTryLast);
  }
  draining_ = drain && !wire_ended_;
  wire_in_.Clear();
  const bool sent = wire_out_.empty() && !send_pending_;
  if (sent && !draining_) return BeginClosing();
  state_ = State::kClosing;
  // No more is read: a peer that goes on sending is not our stream's any more.
  if (!draining_) DisarmRecv();
  timer_.Set(context_.loop->timers(), deadline_ms);
  if (sent) return Flushed();
  close_when_flushed_ = true;
  context_.ring().NeedSendAnswers();
}

// A closing connection has sent everything.
void Connection::Flushed() {
  close_when_flushed_ = false;
  if (!draining_) return BeginClosing();
  if (!write_shut_) FinishShutWrite();
  // The time to take what was left is over; the time to end begins.
  const uint64_t drained_ms = context_.now_ms() + kDrainMs;
  if (timer_.deadline_ms() > drained_ms) timer_.Set(context_.loop->timers(), drained_ms);
  if (!recv_armed_) ArmRecv();
}

void Connection::Abort(bool reset) {
  if (fd_ < 0) return;
  events_ = nullptr;
  close_when_flushed_ = false;
  if (reset) {
    const linger no_linger = {1, 0};
    (void)context_.ring().SetOption(fd_, SOL_SOCKET, SO_LINGER, &no_linger, sizeof(no_linger));
  }
  BeginClosing();
}

void Connection::BeginClosing() {
  state_ = State::kClosing;
  close_when_flushed_ = false;
  timer_.Clear();
  waiter_hook.Unlink();
  run_hook.Unlink();
  Ring& ring = context_.ring();
  DisarmRecv();
  if (send_pending_) ring.Cancel(Op(OpKind::kConnSend));
  if (poll_in_armed_) ring.Cancel(Op(OpKind::kConnPollIn));
  if (poll_out_armed_) ring.Cancel(Op(OpKind::kConnPollOut));
  if (connect_pending_) ring.Cancel(Op(OpKind::kConnConnect));
  ring.Close(fd_);
  fd_ = -1;
  layer_->Release(*this);
  layer_state_ = nullptr;
  const void* note = std::exchange(outlived_note_, nullptr);
  if (note != nullptr) context_.outlived->OnOutlivedClosed(note);
  FreeIfAnswered();
}

void Connection::FreeIfAnswered() {
  if (fd_ < 0 && !ops_pending()) context_.connections->Free(this);
}

void Connection::FailByErrno(int error) {
  const bool client = role_ == Role::kAccepted;
  CloseReason reason = client ? CloseReason::kClientAbort : CloseReason::kServerAbort;
  if (state_ == State::kConnecting) {
    reason = CloseReason::kConnectFailed;
    if (error == ECONNREFUSED) reason = CloseReason::kConnectRefused;
    if (error == ETIMEDOUT) reason = CloseReason::kConnectTimeout;
    if (error == EADDRNOTAVAIL) reason = CloseReason::kLocalPorts;
  } else if (error == ECONNRESET || error == EPIPE) {
    reason = client ? CloseReason::kClientReset : CloseReason::kServerReset;
  }
  if (state_ == State::kHandshaking) {
    const Handshake* step = StepUnderWay();
    if (step != nullptr && step->abort_reason() != CloseReason::kNone) {
      reason = step->abort_reason();
    }
  }
  Fail(reason, error);
}

void Connection::Fail(CloseReason reason, int error) {
  if (reason_ != CloseReason::kNone) return;
  reason_ = reason;
  error_ = error;
  want_recv_ = false;
  if (events_ != nullptr) events_->OnClosed(reason);
}

void Connection::SetDeadline(uint64_t deadline_ms) {
  timer_.Set(context_.loop->timers(), deadline_ms);
}

void Connection::OnTimer() noexcept {
  if (state_ == State::kClosing) {
    // Bytes that would not go are lost in any case; a peer that has them all is not reset.
    if (fd_ >= 0) Abort(!wire_out_.empty());
    return;
  }
  if (splicing_ && low_water_bytes_ > 1) {
    splice_slow_ = true;
    return SetLowWater(1);  // wakes the poll if there is a byte
  }
  if (events_ != nullptr) events_->OnDeadline();
}

Address Connection::AskLocal() {
  sockaddr_storage storage;
  socklen_t length = sizeof(storage);
  const bool told = fd_ >= 0 && context_.ring().GetLocalName(fd_, &storage, &length) == 0;
  return told ? Address::FromSockaddr(storage, length) : Address();
}

Address Connection::AskPeer() {
  sockaddr_storage storage;
  socklen_t length = sizeof(storage);
  const bool told = fd_ >= 0 && context_.ring().GetPeerName(fd_, &storage, &length) == 0;
  return told ? Address::FromSockaddr(storage, length) : Address();
}

const Address& Connection::LocalAddress() {
  if (local_known_) return local_;
  local_ = AskLocal();
  // Of an outgoing connection the kernel chooses it while it connects.
  local_known_ = state_ != State::kConnecting;
  return local_;
}

const Address& Connection::PeerAddress() {
  if (!peer_known_) peer_ = AskPeer();
  peer_known_ = true;
  return peer_;
}

// The kernel forgets the peer of a connection that is reset, and never knew what a rule has made of
// it: what is known is kept. What nobody has asked for costs nothing here.
bool Connection::KeepOriginal() {
  if (!original_kept_ && (peer_known_ || local_known_)) {
    HandshakeScratch* scratch = NeedScratch();
    if (scratch == nullptr) return false;
    if (peer_known_) scratch->source = peer_;
    if (local_known_) scratch->destination = local_;
  }
  original_kept_ = true;
  return true;
}

Address Connection::OriginalPeer() {
  if (!original_kept_) return PeerAddress();
  const bool is_known = scratch_ != nullptr && scratch_->source.family != AF_UNSPEC;
  return is_known ? scratch_->source : AskPeer();
}

Address Connection::OriginalLocal() {
  if (!original_kept_) return LocalAddress();
  const bool is_known = scratch_ != nullptr && scratch_->destination.family != AF_UNSPEC;
  return is_known ? scratch_->destination : AskLocal();
}

}  // namespace shard
