// mux_h1_front.h - HTTP/1 on an accepted connection: one request after another.
//
// Owns:    itself (a slot of the worker's slab), the message being read, what is not sent yet.
// Threads: shard-local.
// Units:   bytes; milliseconds.
// Errors:  a request that is not understood is answered by the acceptor (OnBadRequest) and closes.
// States:  kIdle (between requests) -> kHead (its first byte came) -> kExchange (a stream has the
//          endpoint) -> kIdle, or gone.
//
// Pipelined requests wait in the connection's queue until the exchange before them is over, so
// answers cannot overtake each other. Reading stops when more than a buffer of them waits.

#pragma once

#include <string>

#include "base/slab.h"
#include "engine/mux/h1_wire.h"
#include "engine/mux/mux.h"

namespace engine {

class MuxH1Front;

// What an accepting HTTP mux asks of its session beside StreamAcceptor.
class RequestAcceptor : public StreamAcceptor {
 public:
  // A request was not understood, was cut off, or did not come in time (408): `reason`. It calls
  // SendText(), which closes behind it.
  virtual void OnBadRequest(MuxH1Front& mux, uint16_t status,
                            shard::CloseReason reason) noexcept = 0;
  // It ends between requests, or before any: asked while its connection is still to be looked at.
  virtual void OnLeaving(MuxH1Front& mux) noexcept = 0;
  // Between two requests: the profile of the mux is what its next one is read with. False: nothing
  // in the configuration takes its place.
  virtual bool Renew() = 0;
  // The process is stopping: answers do not invite another request.
  virtual bool Draining() const noexcept = 0;

 protected:
  ~RequestAcceptor() = default;
};

class MuxH1Front final : public Mux, public FrontEndpoint, shard::Task {
 public:
  MuxH1Front(base::Slab<MuxH1Front>& slab, H1Pools pools, shard::Connection& connection,
             RequestAcceptor& acceptor, const HttpProfile& profile);
  ~MuxH1Front();

  // The first request may come, or have come.
  void Start();
  // The same on a connection that another mux has read from: `received`, without what it has left.
  void StartWith(shard::ByteQueue& received);
  // From the next request on, and for the wait for it.
  void SetProfile(const HttpProfile& profile);
  // Between requests: closes. A stopping process does not wait for idle clients.
  void CloseIfIdle();
  bool idle() const { return state_ == State::kIdle; }
  // CloseIfIdle() leaves it open.
  bool stays_when_idle() const { return profile_->idle_close_on_response; }
  // The same in the middle of a head, too.
  void CloseIfNoStream();
  // Of the request that OnBadRequest() told of.
  InvalidHead invalid() const { return message_ == nullptr ? InvalidHead{} : message_->invalid(); }
  // The whole text of an answer to a request that never became a stream.
  void SendText(std::string_view text);

  // Mux
  const char* name() const override { return "h1"; }
  shard::Endpoint* OpenStream() override { return nullptr; }
  uint32_t streams() const override { return state_ == State::kExchange ? 1 : 0; }
  uint32_t streams_max() const override { return 1; }
  void TakeUnread(shard::ByteQueue& next) override { next.MoveFrom(wire_.in()); }

  // Endpoint
  size_t Recv(shard::Channel& channel, size_t max) override;
  bool RecvEnded() const override;
  size_t Send(shard::ByteQueue& bytes, bool end_of_message) override;
  void WantRecv(bool want) override;
  void ShutRead(shard::CloseReason reason) override;
  void ShutWrite(shard::CloseReason reason) override;
  void Detach(shard::CloseReason reason, uint64_t linger_until_ms) override;
  shard::Connection* connection() override { return &connection_; }
  size_t UnsentBytes() const override { return wire_.unsent_bytes(); }
  uint64_t SpliceLeft() const override {
    const bool kept_back = may_tunnel_ && !wire_.tunnel();
    return read_shut_ || kept_back ? 0 : wire_.SpliceLeft(message_->body);
  }
  size_t SpliceIn(shard::Pipe& pipe) override { return wire_.SpliceIn(message_->body, pipe); }
  void EndSpliceIn() override { connection_.EndSpliceIn(); }
  bool CanSpliceOut() const override { return wire_.CanSpliceOut(); }
  size_t SpliceOut(shard::Pipe& pipe) override { return wire_.SpliceOut(pipe); }

  // FrontEndpoint
  proto::RequestHead& request() override { return message_->head; }
  const proto::Framing& request_framing() const override { return message_->framing; }
  base::Arena& arena() override { return message_->arena; }
  bool RoomForInterim() override;
  void SendInterim(const proto::ResponseHead& head) override;
  void SendResponse(proto::ResponseHead& head, proto::Framing framing, bool close) override;
  bool response_sent() const override { return wire_.head_sent(); }
  bool owes_timeout() const override { return !wire_.head_sent() && !message_->body.ended(); }
  void SendLastWords(std::string_view text) override { wire_.SendText(text); }
  bool request_broken() const override { return message_->body.bad(); }
  bool request_late() const override { return late_; }
  void BeginWait(uint32_t wait_ms) override;
  void EndWait() override { connection_.SetDeadline(0); }
  bool half_closed() const override { return half_closed_; }
  bool DiscardBody() override;
  const proto::FieldList& request_trailers() const override { return message_->trailers; }
  void SetTrailers(const proto::FieldList* trailers) override { wire_.SetTrailers(trailers); }
  void Flush() override { wire_.Push(); }
  bool may_tunnel() const override { return may_tunnel_; }
  void StartTunnel() override;
  void RefuseTunnel() override;
  shard::Chunk* HoldHead() override {
    shard::ChunkPool::Hold(message_->head_chunk);
    return message_->head_chunk;
  }
  RequestTimes request_times() const override { return times_; }
  uint64_t bytes_written() const override { return wire_.bytes_written(); }
  uint64_t bytes_read() const override { return wire_.bytes_read(); }

  uint32_t requests() const { return requests_; }
  RequestAcceptor& acceptor() const { return acceptor_; }
  base::ListHook all_hook;  // in the worker's list

 private:
  enum class State : uint8_t { kIdle, kHead, kExchange };

  // ConnectionEvents
  void OnConnected() noexcept override {}
  void OnReadable() noexcept override;
  void OnWritable() noexcept override;
  void OnDeadline() noexcept override;
  void OnClosed(shard::CloseReason reason) noexcept override;
  // shard::Task: the next request may already be here, or have been read since.
  void Run() noexcept override {
    if (state_ != State::kExchange) ReadHead();
  }

  void ReadHead();
  bool ReadLaterIfAny();
  void HeadDone();
  void SetDeadlineIn(uint32_t wait_ms);
  void WaitForRequest();
  void Refuse(uint16_t status, shard::CloseReason reason);
  void NextRequest();
  void Die(shard::CloseReason reason);

  base::Slab<MuxH1Front>& slab_;
  const H1Pools pools_;
  shard::Connection& connection_;
  RequestAcceptor& acceptor_;
  const HttpProfile* profile_;
  H1Wire wire_;
  H1Request* message_ = nullptr;
  RequestTimes times_;
  uint32_t requests_ = 0;
  State state_ = State::kIdle;
  bool read_shut_ : 1 = false;  // the rest of the request is not wanted
  bool keep_alive_ : 1 = true;
  bool client_closes_ : 1 = false;  // it said that this request is its last
  bool may_tunnel_ : 1 = false;     // what follows the request is kept back until that is decided
  bool late_ : 1 = false;
  bool half_closed_ : 1 = false;
};

}  // namespace engine
