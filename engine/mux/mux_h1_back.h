// mux_h1_back.h - HTTP/1 on a connection to a server: one exchange after another, idle in between.
//
// Owns:    itself (a slot of the worker's slab), the answer being read, what is not sent yet.
// Threads: shard-local.
// Units:   bytes.
// Errors:  an answer that is not understood is kServerProtocol; an end before its first byte is
//          kServerAbort with untouched().
// States:  kConnecting -> kExchange -> kIdle (kept by its owner) -> kExchange ... -> gone.
//          kIdle -> kLeaving (to another shard) -> gone, or back to kIdle.
//
// An idle connection stays armed for receiving, so a server that closes it is noticed at once.

#pragma once

#include "base/intrusive_list.h"
#include "base/slab.h"
#include "engine/mux/h1_wire.h"
#include "engine/mux/mux.h"
#include "engine/mux/pool_key.h"

namespace engine {

class MuxH1Back;
struct OwnConnections;

// Keeps connections between exchanges.
class IdleKeeper {
 public:
  // The exchange is over and the connection could carry another. False: close it.
  virtual bool Keep(MuxH1Back& mux) noexcept = 0;
  // A kept connection is gone: closed by the server, or too old.
  virtual void Forget(MuxH1Back& mux) noexcept = 0;
  // After Leave(). Not `silent`: the server has sent something or has ended; the mux is still to be
  // closed.
  virtual void OnMovable(MuxH1Back& mux, bool silent) noexcept = 0;
  // The head of a response was not understood; its stream is told after this.
  virtual void OnBadResponse(const MuxH1Back& mux, const InvalidHead& head) noexcept = 0;

 protected:
  ~IdleKeeper() = default;
};

class MuxH1Back final : public Mux, public BackEndpoint {
 public:
  MuxH1Back(base::Slab<MuxH1Back>& slab, H1Pools pools, shard::Connection& connection,
            IdleKeeper& keeper, const HttpProfile& profile);
  ~MuxH1Back();

  // Mux
  const char* name() const override { return "h1"; }
  shard::Endpoint* OpenStream() override;
  uint32_t streams() const override { return state_ == State::kIdle ? 0 : 1; }
  uint32_t streams_max() const override { return 1; }
  void TakeUnread(shard::ByteQueue& next) override { next.MoveFrom(wire_.in()); }

  // Endpoint
  size_t Recv(shard::Channel& channel, size_t max) override;
  bool RecvEnded() const override;
  size_t Send(shard::ByteQueue& bytes, bool end_of_message) override;
  void WantRecv(bool want) override {
    // Nothing is taken before the final head: what a server says too early must not fill memory.
    connection_.WantRecv(want && wire_.unread_bytes() < H1Wire::kUnparsedBytesMax);
  }
  void ShutRead(shard::CloseReason reason) override;
  void ShutWrite(shard::CloseReason reason) override;
  void Detach(shard::CloseReason reason, uint64_t linger_until_ms) override;
  shard::Connection* connection() override { return &connection_; }
  size_t UnsentBytes() const override { return wire_.unsent_bytes(); }
  uint64_t SpliceLeft() const override { return taken_ ? wire_.SpliceLeft(message_->body) : 0; }
  size_t SpliceIn(shard::Pipe& pipe) override { return wire_.SpliceIn(message_->body, pipe); }
  void EndSpliceIn() override { connection_.EndSpliceIn(); }
  bool CanSpliceOut() const override { return wire_.CanSpliceOut(); }
  size_t SpliceOut(shard::Pipe& pipe) override { return wire_.SpliceOut(pipe); }

  // BackEndpoint
  void SendRequest(const proto::RequestHead& head, const proto::Framing& framing,
                   bool close) override;
  proto::ResponseHead* response() override {
    return message_ != nullptr && message_->known ? &message_->head : nullptr;
  }
  const proto::Framing& response_framing() const override { return message_->framing; }
  void NextResponse() override;
  void SetTrailers(const proto::FieldList* trailers) override { wire_.SetTrailers(trailers); }
  void TakeResponse(proto::FieldList& trailers) override {
    taken_ = true;
    if (message_->framing.kind == proto::BodyKind::kChunked) {
      message_->body.Begin(message_->framing, trailers);
    }
  }
  bool DiscardBody() override {
    wire_.Discard(message_->body);
    return message_->body.ended();
  }
  void Flush() override { wire_.Push(); }
  void StartTunnel() override;
  void PassHalfClose() override;
  bool reused() const override { return exchanges_ > 1; }
  uint32_t exchanges() const override { return exchanges_; }
  void Reserve() override;
  uint64_t bytes_written() const override { return wire_.bytes_written(); }
  uint64_t bytes_read() const override { return wire_.bytes_read(); }

  // For the keeper.
  // Closes an idle or leaving connection. Forget() is not called.
  void CloseIdle();
  // To another shard: Leave(), then OnMovable(), then GiveUpWire(), which frees the mux and leaves
  // the descriptor open, or Stay().
  bool CanLeave() const { return state_ == State::kIdle && connection_.CanMove(); }
  void Leave();
  void Stay();
  void GiveUpWire();
  // On a connection that has come from another shard: it is idle, after so many exchanges.
  void Arrive(uint32_t exchanges);
  bool idle() const { return state_ == State::kIdle; }
  // Between two exchanges.
  void SetProfile(const HttpProfile& profile) { profile_ = &profile; }
  // The session whose exchange it carries from now on, and the list of what it owns.
  void BelongTo(uint64_t session_id, OwnConnections& own_connections) {
    session_id_ = session_id;
    own_connections_ = &own_connections;
  }
  uint64_t session_id() const { return session_id_; }
  // Nobody but its session may use it.
  bool is_private() const { return own_hook.linked(); }
  base::ListHook idle_hook;    // in the server's list
  base::ListHook kept_hook;    // in the keeper's
  base::ListHook own_hook;     // in its session's, when it is private
  PoolKey key;                 // for whom it may be used
  uint64_t config_key = 0;     // ServerDial::pool_key of where it leads
  uint64_t idle_until_ms = 0;  // while it is idle
  uint64_t ticket = 0;         // while it is leaving: whose question it answers
  uint32_t lent_to = 0;        // and where it goes
  const shard::ServerTarget* server = nullptr;

 private:
  enum class State : uint8_t { kConnecting, kExchange, kIdle, kLeaving };

  // ConnectionEvents
  void OnConnected() noexcept override;
  void OnReadable() noexcept override;
  void OnWritable() noexcept override;
  void OnDeadline() noexcept override;
  void OnMovable(bool silent) noexcept override { keeper_.OnMovable(*this, silent); }
  void OnClosed(shard::CloseReason reason) noexcept override;

  void ReadHead();
  void HeadDone();
  bool ServerStays(const proto::ResponseHead& head) const;
  void RefuseHead();
  void EndIdle();
  // How an end of the connection is called: what matters is whether an answer had begun.
  shard::CloseReason EndReason(shard::CloseReason reason) const {
    if (!untouched_) return reason;
    return client_ended_ ? shard::CloseReason::kClientAbort : shard::CloseReason::kServerNoAnswer;
  }

  base::Slab<MuxH1Back>& slab_;
  const H1Pools pools_;
  shard::Connection& connection_;
  IdleKeeper& keeper_;
  const HttpProfile* profile_;
  H1Wire wire_;
  H1Response* message_ = nullptr;
  uint64_t session_id_ = 0;                    // whose exchange it carried last
  OwnConnections* own_connections_ = nullptr;  // that session's; good while it lives
  uint32_t exchanges_ = 0;
  proto::Method method_ = proto::Method::kOther;                       // of the request under way
  proto::FieldName connection_field_ = proto::FieldName::kConnection;  // the same
  State state_ = State::kConnecting;
  bool untouched_ : 1 = true;
  bool keep_alive_ : 1 = true;
  bool taken_ : 1 = false;         // the final head; its body may go
  bool client_ended_ : 1 = false;  // and the server was shown it
};

// What one session alone may use.
struct OwnConnections : base::IntrusiveList<MuxH1Back, &MuxH1Back::own_hook> {};

}  // namespace engine
