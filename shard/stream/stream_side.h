// stream_side.h - the stream interface: one side of a stream, which alone decides about shutdowns,
// states and errors.
//
// Owns:    the endpoint from the moment it is attached until Disconnected; the side's deadline. Not
//          the channels.
// Threads: shard-local.
// Units:   milliseconds of the shard's clock; 0 is "none".
// Errors:  every ending has one CloseReason, the first that was recorded.
// States:  kEdges in the source lists every legal move; only Enter() assigns the state.
//
//   The client's side, whose endpoint is attached to it:
//
//     Idle -> Established -> Disconnected -> Closed
//
//   The server's side, and the ways it may leave the straight one:
//
//     Idle -> Requested -> Assigned -> Connecting -> Established -> Disconnected -> Closed
//
//     Requested    -> Queued                      no place on a server yet
//     Queued       -> Assigned | Requested        a place was granted | choose again
//     Assigned     -> Established                 a kept connection, or an applet
//     Assigned     -> ConnectError                the connect could not be started
//     Connecting   -> ConnectError                it failed, or took too long
//     ConnectError -> TurnAround -> Assigned      once more, the same server, after a pause
//     ConnectError -> Requested                   once more, another server
//     Disconnected -> Requested                   the policy wants the exchange tried again
//
//   Given up or aborted: any state -> Closed, Established by way of Disconnected.
//
// Events (the endpoint's, a timer, a request of the stream) only record what happened and queue the
// stream; Run() decides. Policy comes from SidePolicy: which server, when to try again. This class
// never touches the ring.

#pragma once

#include <cstdint>

#include "shard/conn/close_reason.h"
#include "shard/stream/channel.h"
#include "shard/stream/endpoint.h"
#include "shard/stream/trace.h"

namespace shard {

// What this side holds in each state.
enum class SideState : uint8_t {
  kIdle,          // nothing
  kRequested,     // nothing; a target is being looked for
  kQueued,        // a place in a queue, the queue timer
  kTurnAround,    // the slot of the server that failed, the retry timer
  kAssigned,      // a target and, for a server, a slot on it
  kConnecting,    // an endpoint, the connect timer
  kConnectError,  // nothing more: a past connection error, whether it came at once or later
  kEstablished,   // an endpoint, the idle timer; bytes may flow
  kDisconnected,  // nothing but the reason; the policy may ask for another try
  kClosed,        // nothing, terminal
  kCount
};
const char* SideStateName(SideState state);
bool IsLegalEdge(SideState from, SideState to);

// What Run() waits for when it returns. The state's own timer wakes it as well.
enum class SideWait : uint8_t { kNothing, kStart, kSlot, kTimer, kConnect, kBytes, kForever };

enum class AssignResult : uint8_t { kAssigned, kQueued, kFailed };
// kWaiting: nothing is attached yet; StartConnect() is called again when the stream is run.
enum class ConnectResult : uint8_t { kConnecting, kEstablished, kWaiting, kFailed };
enum class RetryDecision : uint8_t { kSameServer, kAnotherServer, kGiveUp };

class StreamSide;

// What a side asks of its stream. Called from Run() only.
class SidePolicy {
 public:
  // Finds a target and takes its slot. kFailed: `*reason` says why.
  virtual AssignResult AssignTarget(CloseReason* reason) = 0;
  // Starts towards the assigned target: attaches an endpoint, kEstablished if it can be used at
  // once.
  virtual ConnectResult StartConnect(CloseReason* reason) = 0;
  // After a failed attempt (the endpoint is gone): may give back the slot, and must unless the same
  // server is kept.
  virtual RetryDecision DecideRetry(CloseReason reason, uint32_t* pause_ms) = 0;
  // The side is connected; the connect attempt is over.
  virtual void OnEstablished(StreamSide& side) = 0;
  // The side gives its endpoint back next: what the endpoint knows is asked now or never.
  virtual void OnDetaching(StreamSide&) noexcept {}
  // Both directions of an established side are over. False: the other side still needs something
  // of its endpoint; asked again when the stream is run.
  virtual bool MayLeave(StreamSide& side) = 0;
  // An established side has lost its endpoint. True: nothing was answered yet and it may be tried
  // again from Requested (HTTP's retry-on). False: it closes.
  virtual bool OnDisconnected(StreamSide& side) = 0;
  // The side is closed, from whatever state: settle its accounts.
  virtual void OnClosed(StreamSide& side) = 0;
  // The stream must be run again, in this turn or the next.
  virtual void WakeStream() noexcept = 0;
  virtual uint64_t NowMs() const = 0;
  // What a wait that begins now counts from (shard/loop/deadline.h).
  virtual uint64_t WaitFromMs() const = 0;
  // A move was made; also recorded in the trace. For the debug mode.
  virtual void OnMove(const TraceEntry& entry) noexcept = 0;

 protected:
  ~SidePolicy() = default;
};

struct SideTimeouts {
  uint32_t connect_ms = 0;
  uint32_t queue_ms = 0;
  uint32_t idle_ms = 0;  // silence of an open side
  uint32_t fin_ms =
      0;  // silence once one direction of this side is over; 0: idle_ms goes on to apply
  CloseReason idle_reason = CloseReason::kClientTimeout;
};

class StreamSide final : EndpointEvents {
 public:
  // `in` is the channel this side produces into, `out` the one it consumes from; `index` 0 for the
  // client's side.
  StreamSide(SidePolicy& policy, Channel& in, Channel& out, Trace& trace, uint8_t index)
      : policy_(policy), in_(in), out_(out), trace_(trace), index_(index) {}
  ~StreamSide();
  StreamSide(const StreamSide&) = delete;
  StreamSide& operator=(const StreamSide&) = delete;

  // Requests of the stream.
  // The endpoint is there and open: straight to Established.
  void AttachEstablished(Endpoint* endpoint);
  // Gives an open endpoint back as it is, with all that it has brought in, of which nothing was
  // consumed: another takes its place. The side is Idle; AttachEstablished() or Abort() follows.
  Endpoint* Release(ByteQueue& unread);
  // Called by the policy inside StartConnect(): the endpoint that is connecting, or is open
  // already.
  void AttachConnecting(Endpoint* endpoint);
  // Look for a target. From Idle only.
  void Request();
  // A slot became free for this queued side, or its server is gone and it must ask again.
  void SlotGranted() { slot_granted_ = true; }
  void AskAgain() { ask_again_ = true; }
  // End this side, in whatever state it is.
  void Abort(CloseReason reason);
  // The endpoint's work is of no use: as if it had failed, so the policy may ask for another try.
  // kNormal: what it did was over in order, and its connection may be kept.
  void Fail(CloseReason reason) {
    if (event_error_ == CloseReason::kNone) event_error_ = reason;
  }
  void SetTimeouts(const SideTimeouts& timeouts) { timeouts_ = timeouts; }
  // The peer is the one who waits: its silence does not count.
  void HoldIdleClock(bool hold) { clock_held_ = hold; }
  // What this side produces may go through pipes of `pool` where it is large; null: it may not.
  void SetSplice(PipePool* pool) {
    pipes_ = pool;
    in_.AllowPipe(pool != nullptr);
  }

  // Runs the machine until it has to wait.
  SideWait Run();
  SideState state() const { return state_; }
  bool open() const { return state_ == SideState::kEstablished; }
  bool closed() const { return state_ == SideState::kClosed; }
  CloseReason reason() const { return reason_; }
  Endpoint* endpoint() { return endpoint_; }
  uint32_t connect_attempts() const { return connect_attempts_; }
  bool read_shut() const { return read_shut_; }
  bool write_shut() const { return write_shut_; }
  // The last Run() changed something that the other side may be waiting for.
  bool moved() const { return moved_; }
  // The earliest time at which Run() has something to do without an event; 0 when there is none.
  uint64_t deadline_ms() const;
  uint8_t index() const { return index_; }

 private:
  void OnConnected() noexcept override;
  void OnReadable() noexcept override;
  void OnWritable() noexcept override;
  void OnHead() noexcept override;
  void OnError(CloseReason reason) noexcept override;

  SideWait Step();
  SideWait Go(SideState next);
  void Enter(SideState next);
  SideWait Close(CloseReason reason);
  SideWait DoRequested();
  SideWait DoQueued();
  SideWait DoTurnAround();
  SideWait DoAssigned();
  SideWait DoConnecting();
  SideWait DoConnectError();
  SideWait DoEstablished();
  SideWait DoDisconnected();
  void Pull();
  bool PullThroughPipe();
  void CountPulled(size_t bytes);
  void Push();
  void Record(CloseReason reason) {
    if (reason_ == CloseReason::kNone) reason_ = reason;
  }
  void DropEndpoint(CloseReason reason);
  bool idle_clock_runs() const;
  void StartIdleClock();
  uint32_t idle_timeout_ms() const;
  bool Passed(uint64_t deadline_ms) const {
    return deadline_ms != 0 && deadline_ms <= policy_.NowMs();
  }

  SidePolicy& policy_;
  Channel& in_;
  Channel& out_;
  Trace& trace_;
  Endpoint* endpoint_ = nullptr;
  uint64_t state_deadline_ms_ = 0;  // of Queued, TurnAround and Connecting
  uint64_t last_activity_ms_ = 0;   // of Established: when bytes last moved on this side
  size_t unsent_seen_ = 0;          // unsent bytes when they last grew or were seen to shrink
  PipePool* pipes_ = nullptr;
  SideTimeouts timeouts_;
  uint32_t connect_attempts_ = 0;
  const uint8_t index_;
  SideState state_ = SideState::kIdle;
  CloseReason reason_ = CloseReason::kNone;       // how the side ended
  CloseReason event_error_ = CloseReason::kNone;  // what the endpoint reported
  CloseReason abort_ = CloseReason::kNone;        // what the stream asked for
  bool connected_ : 1 = false;
  bool slot_granted_ : 1 = false;
  bool ask_again_ : 1 = false;
  bool read_shut_ : 1 = false;
  bool write_shut_ : 1 = false;
  bool receiving_ : 1 = false;  // what WantRecv() last said
  bool moved_ : 1 = false;
  bool leave_pipe_ : 1 = false;  // its pieces have become small
  bool clock_held_ : 1 = false;
  bool clock_ran_ : 1 = false;  // idle_clock_runs() when it was last looked at
};

}  // namespace shard
