// connection.h - one peer: its descriptor, what moves its bytes, the handshakes it still owes.
//
// Owns:    the fd, the wire queues, the layer's state. Lives in a ConnTable slot; a stream never
//          owns one.
// Threads: shard-local.
// Units:   bytes; milliseconds of the shard's clock.
// Errors:  recorded (reason(), error()) and reported once through OnClosed; never acted on against
//          a stream.
// States:  connecting -> handshaking -> open -> closing -> (slot freed by the table once the ring
//          has answered everything). Without connect or handshake it starts open.
//
// Whoever is set as events hears what happens: the session while handshakes run, then the mux.
// Events only come out of the loop's phases 2 to 6, never from inside a call made here.
//
//   Connection* c = table.Adopt(fd, Role::kAccepted);
//   c->SetEvents(this);  c->WantRecv(true);             // OnReadable() comes
//   c->Recv(channel_bytes, room);  c->Send(answer);     // moved, sent this turn
//   c->CloseAfterFlush(now_ms + 5000);                  // gives it up; no event follows

#pragma once

#include <cstdint>

#include "shard/buf/byte_queue.h"
#include "shard/conn/close_reason.h"
#include "shard/conn/data_layer.h"
#include "shard/conn/handshake.h"
#include "shard/conn/handshake_scratch.h"
#include "shard/conn/pipe_pool.h"
#include "shard/conn/target.h"
#include "shard/loop/event_loop.h"
#include "shard/net/address.h"

namespace shard {

class ConnTable;

// What every object of a shard needs at hand. Built by the shard, outlives all of them.
// Told of descriptors that were closed after whoever had the connection had gone.
class OutlivedConnections {
 public:
  virtual void OnOutlivedClosed(const void* note) noexcept = 0;

 protected:
  ~OutlivedConnections() = default;
};

struct ShardContext {
  EventLoop* loop = nullptr;
  ChunkPool* small = nullptr;
  ChunkPool* large = nullptr;
  SlicePool* slices = nullptr;
  ConnTable* connections = nullptr;
  const HandshakeTable* handshakes = nullptr;
  OutlivedConnections* outlived = nullptr;

  uint64_t now_ms() const { return loop->now_ms(); }
  Ring& ring() const { return loop->ring(); }
};

class ConnectionEvents {
 public:
  // Connected and through with all handshakes. Not called for a connection that was open from the
  // start.
  virtual void OnConnected() noexcept = 0;
  // Recv() has something to give, or the peer has ended.
  virtual void OnReadable() noexcept = 0;
  // After WantWritable(): Send() has room again.
  virtual void OnWritable() noexcept = 0;
  // The deadline of SetDeadline() has passed. The connection is as it was.
  virtual void OnDeadline() noexcept {}
  // After BeginMove(): the ring holds nothing any more. Not `silent`: the peer has sent something,
  // has ended or has failed.
  virtual void OnMovable(bool silent) noexcept { (void)silent; }
  // The connection broke. The last event; the receiver still has to give the connection up.
  virtual void OnClosed(CloseReason reason) noexcept = 0;

 protected:
  ~ConnectionEvents() = default;
};

enum class Role : uint8_t { kAccepted, kDialled };

class Connection final : TimerClient, Task, BufferWaiter {
 public:
  enum class State : uint8_t { kConnecting, kHandshaking, kOpen, kClosing };

  Connection(ShardContext& context, base::Handle handle, int fd, Role role);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Set-up, in this order: target and layer, handshakes, then Dial() for an outgoing one, then
  // Start().
  void SetTarget(Target target) { target_ = target; }
  void SetEvents(ConnectionEvents* events) { events_ = events; }
  void SetLayer(DataLayer* layer) { layer_ = layer; }
  void OweHandshake(HandshakeStep step) {
    handshakes_owed_ |= Bit(step);
    handshakes_asked_ |= Bit(step);
  }
  // Also when it is done.
  bool HasOwed(HandshakeStep step) const { return (handshakes_asked_ & Bit(step)) != 0; }
  // What handshake steps keep of this connection; null until somebody needed it.
  HandshakeScratch* scratch() const { return scratch_; }
  // Null: no room.
  HandshakeScratch* NeedScratch();
  // `address` belongs to the configuration and stays as it is. OnConnected or OnClosed answers.
  void Dial(const sockaddr* address, socklen_t length);
  // The same for an IP address that is only known now.
  void Dial(const Address& address);
  // For an accepted connection: runs the handshakes it owes; true when there are none and it is
  // open at once.
  bool Start();

  // Data, through the layer.
  size_t Recv(ByteQueue& plain, size_t max) { return layer_->Recv(*this, plain, max); }
  // Takes what there is room for and starts sending it.
  size_t Send(ByteQueue& plain);
  bool read_ended() const { return layer_->ReadEnded(*this); }
  // Recv() may have something to give, or an end to tell of.
  bool has_unread() const { return !wire_in_.empty() || wire_ended_ || layer_->HasUnread(*this); }
  // In a transfer that fills large buffers, when all that was received has been taken: the next
  // piece, at once, so that it is passed on while it lies in the cache. True: Recv() has something.
  bool TakeNow() { return bulk_ && last_recv_full_ && TakeOne(*context_.large); }
  // The same of what the peer has sent by now, in front of the first receive: for who decides at
  // once.
  bool TakeFirst() { return TakeOne(*context_.small); }
  // Worth a call of its own: what is sent, and what is taken.
  bool IsBulk(size_t bytes) const { return bytes >= context_.large->chunk_bytes() / 2; }
  // The end of reading is one that an attacker can make.
  bool truncated() const { return layer_->Truncated(*this); }
  void WantRecv(bool want);
  void WantWritable() {
    want_writable_ = true;
    context_.ring().NeedSendAnswers();
  }
  // True while Send() takes nothing because unsent bytes have reached the limit.
  bool send_full() const { return !given_up_ && wire_out_.size() >= kWireOutLimitBytes; }
  size_t unsent_bytes() const { return wire_out_.size(); }

  // Splicing: bytes go from this socket into a pipe, or from a pipe to this socket, unseen. Only
  // where nothing stands between the socket and its bytes.
  bool can_splice() const { return layer_ == RawLayer() && state_ == State::kOpen; }
  // Out of a pipe: not to a peer that takes nothing any more.
  bool can_splice_out() const { return can_splice() && !send_failed_; }
  // The peer has filled large buffers: it pays to splice. Once begun it goes on: only SpliceIn()
  // reads then.
  bool in_bulk() const { return splicing_ || (bulk_ && last_recv_full_); }
  // From the first call until EndSpliceIn() receiving means waiting for readiness. Moves up to
  // `max` bytes; 0: nothing now (OnReadable follows), or read_ended(). What had been received
  // before must be taken first. `left`: how many are certain to come, 0 when that is not known.
  size_t SpliceIn(Pipe& pipe, size_t max, uint64_t left);
  void EndSpliceIn();
  // Moves what the pipe holds, `max` bytes at most; 0: no room (OnWritable follows WantWritable).
  size_t SpliceOut(Pipe& pipe, size_t max);

  // Ends the sending direction: the layer's goodbye, then, once all is sent, the socket's shutdown.
  void ShutWrite();
  bool write_shut() const { return write_shut_ || shut_when_flushed_; }
  // Gives the connection up: what is queued is still sent, until `deadline_ms`; then it closes. No
  // event follows.
  // `drain`: then what the peer still sends is read and dropped until it ends, too, for kDrainMs at
  // most, because closing on unread bytes resets the connection and the peer may lose our last
  // ones.
  // `last`: plain bytes that still go, all of them, whatever waits before them. They leave together
  // with the end where that saves the peer a packet and a wake-up.
  static constexpr uint64_t kDrainMs = 2000;
  void CloseAfterFlush(uint64_t deadline_ms, bool drain = false, ByteQueue* last = nullptr);
  // One that was given up and still has its descriptor: says `note` to ShardContext::outlived when
  // it closes it.
  void TellWhenClosed(const void* note) { outlived_note_ = note; }
  // Gives the connection up at once. `reset` sends an RST where the kernel can (option nolinger).
  // No event follows.
  void Abort(bool reset = false);

  // To another shard, while nothing is under way: stops receiving, and OnMovable() follows. Then
  // Release() gives the descriptor away and the connection is gone, or WantRecv() goes on with it.
  bool CanMove() const;
  void BeginMove();
  int Release();

  // For data layers and handshake steps.
  ByteQueue& wire_in() { return wire_in_; }
  ByteQueue& wire_out() { return wire_out_; }
  bool wire_ended() const { return wire_ended_; }
  void* layer_state() const { return layer_state_; }
  void SetLayerState(void* state) { layer_state_ = state; }
  DataLayer* layer() const { return layer_; }
  void SetLayerError(CloseReason reason) { layer_reason_ = reason; }
  // The layer cannot go on: OnClosed() follows, from the loop.
  void FailLater(CloseReason reason);
  // The layer had found no buffer for what it was asked to do, and may be asked again. Called in
  // the loop's phase 6.
  void Resume(bool recv, bool send);
  // Submits what stands in wire_out(), unless a send is under way.
  void Flush();

  State state() const { return state_; }
  Role role() const { return role_; }
  int fd() const { return fd_; }

  // For QuietWatch, which asks in turn. kHeard: something came since it asked last. kToAsk: nothing
  // since then, for the first time. kKnown: it has been asked about, or no such receive is armed.
  enum class Quiet : uint8_t { kHeard, kToAsk, kKnown };
  Quiet NextQuiet();
  // The armed receive has missed the end of the stream: another one reads it.
  void RenewReceive() { DisarmRecv(); }
  base::Handle handle() const { return handle_; }
  Target target() const { return target_; }
  ShardContext& context() const { return context_; }
  CloseReason reason() const { return reason_; }
  // What it ends with, from who holds the events and gives it up now. The first reason stays.
  void NoteReason(CloseReason reason) {
    if (reason_ == CloseReason::kNone) reason_ = reason;
  }
  int error() const { return error_; }  // errno value behind `reason`, 0 when there is none
  // Without what a step has taken for itself.
  uint64_t bytes_in() const { return bytes_in_; }
  // So many of the bytes that came were a header about the connection, which is no traffic.
  void DiscountHeader(size_t bytes) { bytes_in_ -= bytes; }
  uint64_t bytes_out() const { return bytes_out_; }
  // Who the peer is. Asked of the kernel once, on first use, and kept.
  const Address& PeerAddress();
  // Where the peer reached us (or where we dial from). Asked once, on first use, and kept.
  const Address& LocalAddress();
  // From now on the Set... below leave the original ones as they are: who is behind the peer is not
  // who it is. False: no room.
  [[nodiscard]] bool KeepOriginal();
  // What PeerAddress() and LocalAddress() were before that. Asks the kernel where nobody had.
  Address OriginalPeer();
  Address OriginalLocal();
  void SetPeerAddress(const Address& address) {
    peer_ = address;
    peer_known_ = true;
  }
  void SetLocalAddress(const Address& address) {
    local_ = address;
    local_known_ = true;
  }
  // What it is called when it is not open in time.
  CloseReason TimeoutReason() const;
  // A timer for whoever holds the events. 0 clears.
  void SetDeadline(uint64_t deadline_ms);

  static constexpr size_t kWireOutLimitBytes = 65536;

 private:
  friend class ConnTable;
  static constexpr int kIovecsMax = 16;

  // Answers of the ring, from ConnTable.
  void OnRecv(const Completion& completion);
  void OnSend(const Completion& completion);
  void OnConnect(const Completion& completion);
  void OnPollIn(const Completion& completion);
  void OnPollOut(const Completion& completion);
  void OnTimer() noexcept override;
  void OnBufferAvailable() noexcept override;
  // The handshakes, what they left to send, and a failure that must not be told at once.
  void Run() noexcept override;

  OpId Op(OpKind kind) const { return {kind, handle_}; }
  Address AskLocal();
  Address AskPeer();
  void Arm();
  void ArmRecv();
  void ArmPollIn();
  void SetLowWater(uint32_t bytes);
  void DisarmRecv();
  bool TakeOne(ChunkPool& pool);
  void TakeIn(Chunk* chunk, uint32_t bytes);
  void EndLater(int result);
  bool SendNow();
  void SubmitSend(SendMode mode);
  void FinishShutWrite();
  void Flushed();
  void Drain(int32_t result);
  void OnMoveAnswer(const Completion& completion);
  void Fail(CloseReason reason, int error);
  void FailByErrno(int error);
  void Opened();
  Handshake* StepUnderWay() const;
  void BeginClosing();
  bool ops_pending() const {
    return recv_armed_ || send_pending_ || connect_pending_ || poll_in_armed_ || poll_out_armed_;
  }
  void FreeIfAnswered();

  ShardContext& context_;
  ConnectionEvents* events_ = nullptr;
  DataLayer* layer_ = nullptr;
  void* layer_state_ = nullptr;
  HandshakeScratch* scratch_ = nullptr;
  const base::Handle handle_;
  int fd_;
  int error_ = 0;
  uint32_t sending_bytes_ = 0;    // named by the send under way
  uint32_t low_water_bytes_ = 1;  // SO_RCVLOWAT of the socket
  ByteQueue wire_in_;
  ByteQueue wire_out_;
  Timer timer_;
  uint64_t bytes_in_ = 0;
  uint64_t bytes_out_ = 0;
  Target target_;
  const void* outlived_note_ = nullptr;
  Address peer_;
  sockaddr_in6 dialled_;  // of Dial(Address): room for either family
  Address local_;
  State state_ = State::kOpen;
  const Role role_;
  uint8_t handshakes_owed_ = 0;
  uint8_t handshakes_asked_ = 0;  // from the beginning
  CloseReason reason_ = CloseReason::kNone;
  CloseReason layer_reason_ = CloseReason::kNone;
  // What the ring holds of ours.
  bool recv_armed_ : 1 = false;
  bool recv_multishot_ : 1 = false;  // of the armed receive
  bool recv_cancelled_ : 1 = false;  // its answer is awaited; not to be armed before
  bool heard_ : 1 = false;           // by it, since QuietWatch asked
  bool to_ask_ : 1 = false;          // by QuietWatch, when nothing more is heard
  bool send_pending_ : 1 = false;
  bool connect_pending_ : 1 = false;
  bool poll_in_armed_ : 1 = false;
  bool poll_out_armed_ : 1 = false;
  // What we want and know.
  bool want_recv_ : 1 = false;
  bool want_writable_ : 1 = false;
  bool bulk_ : 1 = false;  // the last receive filled its buffer: large ones from now on
  bool last_recv_full_ : 1 = false;
  bool wire_ended_ : 1 = false;
  bool write_shut_ : 1 = false;
  bool shut_when_flushed_ : 1 = false;
  bool given_up_ : 1 = false;  // by CloseAfterFlush(): what is taken now is the last
  bool close_when_flushed_ : 1 = false;
  bool draining_ : 1 = false;
  bool moving_ : 1 = false;       // the cancelled receive's last answer is awaited, to move
  bool move_spoilt_ : 1 = false;  // something came meanwhile
  bool send_failed_ : 1 = false;  // what is sent is dropped; reading tells the rest
  bool peer_known_ : 1 = false;
  bool local_known_ : 1 = false;
  bool original_kept_ : 1 = false;  // peer_ and local_ may be what somebody says
  bool splicing_ : 1 = false;
  bool splice_drained_ : 1 = false;  // the socket had no more; wait for readiness
  bool splice_slow_ : 1 = false;     // it did not reach the low-water mark in time
  bool fail_later_ : 1 = false;      // error_ is to be told from Run()
  bool end_later_ : 1 = false;       // the end of the wire is to be told from Run()
};

}  // namespace shard
