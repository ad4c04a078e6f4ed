#include "engine/mux/mux_h1_back.h"

#include "proto/http/hop_by_hop.h"

namespace engine {

using proto::BodyKind;
using shard::CloseReason;

MuxH1Back::MuxH1Back(base::Slab<MuxH1Back>& slab, H1Pools pools, shard::Connection& connection,
                     IdleKeeper& keeper, const HttpProfile& profile)
    : slab_(slab),
      pools_(pools),
      connection_(connection),
      keeper_(keeper),
      profile_(&profile),
      wire_(connection) {
  connection_.SetEvents(this);
}

MuxH1Back::~MuxH1Back() {
  own_hook.Unlink();
  if (message_ != nullptr) pools_.responses->Delete(message_);
}

shard::Endpoint* MuxH1Back::OpenStream() {
  ++exchanges_;
  if (state_ == State::kIdle) {
    state_ = State::kExchange;
    connection_.SetDeadline(0);
  }
  wire_.BeginExchange();
  wire_.BeginReading();
  taken_ = false;
  untouched_ = keep_alive_ = true;
  return this;
}

void MuxH1Back::SendRequest(const proto::RequestHead& head, const proto::Framing& framing,
                            bool close) {
  if (message_ == nullptr) message_ = pools_.responses->New(profile_->response);
  if (message_ == nullptr || !wire_.PutHead(head, profile_->server_case)) {
    return events_->OnError(CloseReason::kNoMemory);
  }
  method_ = head.method;
  connection_field_ = head.connection_field;
  if (close) keep_alive_ = false;
  const BodyKind kind = framing.kind == BodyKind::kTunnel ? BodyKind::kNone : framing.kind;
  wire_.BeginBody(kind, framing.length);
  // What came with the end of the handshakes was told when nobody could read it.
  if (connection_.has_unread()) ReadHead();
}

void MuxH1Back::OnConnected() noexcept {
  state_ = State::kExchange;
  events_->OnConnected();
}

void MuxH1Back::OnReadable() noexcept {
  if (state_ == State::kIdle) {
    // What the layer alone understands (a session ticket) is nothing to us.
    wire_.Fill();
    if (wire_.in().empty() && !connection_.read_ended()) return connection_.WantRecv(true);
    return EndIdle();  // an end, or bytes nobody asked for
  }
  if (message_ == nullptr || !wire_.head_sent()) {
    // The server speaks before it was asked. Only its end matters here.
    if (connection_.wire_ended()) events_->OnError(EndReason(CloseReason::kServerAbort));
    return;
  }
  if (!message_->known) return ReadHead();
  events_->OnReadable();
}

void MuxH1Back::ReadHead() {
  wire_.Fill();
  if (!wire_.in().empty()) {
    untouched_ = false;
    switch (wire_.ParseHead(*message_)) {
      case H1Wire::HeadResult::kDone:
        return HeadDone();
      case H1Wire::HeadResult::kNeedMore:
        break;
      case H1Wire::HeadResult::kTooLarge:
      case H1Wire::HeadResult::kBad:
        return RefuseHead();
      case H1Wire::HeadResult::kNoMemory:
        return events_->OnError(CloseReason::kNoMemory);
    }
  }
  if (connection_.read_ended()) return events_->OnError(EndReason(CloseReason::kServerAbort));
  connection_.WantRecv(true);
}

void MuxH1Back::RefuseHead() {
  keeper_.OnBadResponse(*this, message_->invalid());
  events_->OnError(CloseReason::kServerProtocol);
}

bool MuxH1Back::ServerStays(const proto::ResponseHead& head) const {
  const proto::ConnectionOptions options = proto::ReadConnection(head.fields, connection_field_);
  if (!proto::IsPersistent(head.version, options)) return false;
  // A server that knows nothing of Proxy-Connection and says that it closes, closes.
  return connection_field_ == proto::FieldName::kConnection ||
         !proto::ReadConnection(head.fields).close;
}

void MuxH1Back::HeadDone() {
  H1Response& message = *message_;
  message.framing = proto::ResponseFraming(message.head, method_, profile_->response_framing);
  if (message.framing.error != proto::FramingError::kNone) {
    return RefuseHead();
  }
  message.known = true;
  message.head.fields.LiftLimit();
  if (message.framing.drop_content_length) {
    message.head.fields.RemoveAll(proto::FieldName::kContentLength);
  }
  if (message.framing.drop_transfer_encoding) {
    message.head.fields.RemoveAll(proto::FieldName::kTransferEncoding);
  }
  if (message.framing.must_close || message.framing.kind == BodyKind::kUntilClose ||
      !ServerStays(message.head)) {
    keep_alive_ = false;
  }
  message.body.Begin(message.framing, message.trailers);
  if (message.framing.kind == BodyKind::kTunnel) message.body.Tunnel();
  events_->OnHead();
}

void MuxH1Back::NextResponse() {
  pools_.responses->Delete(message_);
  message_ = pools_.responses->New(profile_->response);
  if (message_ == nullptr) return events_->OnError(CloseReason::kNoMemory);
  ReadHead();
}

size_t MuxH1Back::Recv(shard::Channel& channel, size_t max) {
  if (!taken_) return 0;
  H1BodyReader& body = message_->body;
  const size_t moved = wire_.ReadBody(body, channel.bytes(), max);
  if (body.bad()) events_->OnError(CloseReason::kServerProtocol);
  if (wire_.CutShort(body)) {
    events_->OnError(connection_.truncated() ? CloseReason::kTlsServerTruncated
                                             : CloseReason::kServerAbort);
  }
  return moved;
}

bool MuxH1Back::RecvEnded() const { return taken_ && message_->body.ended(); }

size_t MuxH1Back::Send(shard::ByteQueue& bytes, bool) {
  const size_t taken = wire_.Send(bytes);
  if (wire_.failed()) events_->OnError(CloseReason::kNoMemory);
  return taken;
}

void MuxH1Back::OnWritable() noexcept {
  wire_.Push();
  if (state_ == State::kExchange) events_->OnWritable();
}

void MuxH1Back::ShutRead(CloseReason) { keep_alive_ = false; }

void MuxH1Back::ShutWrite(CloseReason) {
  if (!wire_.over() && !wire_.EndMessage()) keep_alive_ = false;
}

void MuxH1Back::StartTunnel() {
  wire_.StartTunnel();
  keep_alive_ = false;
  wire_.BeginBody(BodyKind::kTunnel, 0);
}

void MuxH1Back::PassHalfClose() {
  client_ended_ = true;
  keep_alive_ = false;
  wire_.ShutBehindMessage();
}

void MuxH1Back::Detach(CloseReason reason, uint64_t linger_until_ms) {
  events_ = nullptr;
  if (reason == CloseReason::kNormal) {
    wire_.Push();
    if (!connection_.wire_in().empty()) wire_.Fill();  // only the layer knows whether it is data
  }
  const bool whole = reason == CloseReason::kNormal && wire_.whole() && message_ != nullptr &&
                     message_->known && message_->body.ended() && wire_.in().empty() &&
                     wire_.unsent_bytes() == 0 && !connection_.has_unread() &&
                     !connection_.read_ended();
  if (message_ != nullptr) pools_.responses->Delete(message_);
  message_ = nullptr;
  if (whole && keep_alive_ && keeper_.Keep(*this)) {
    state_ = State::kIdle;
    connection_.WantRecv(true);
    return;
  }
  if (reason == CloseReason::kNormal) {
    wire_.CloseAfterFlush(linger_until_ms);
  } else {
    connection_.Abort();
  }
  slab_.Delete(this);
}

void MuxH1Back::OnDeadline() noexcept {
  if (state_ == State::kIdle) EndIdle();
}

void MuxH1Back::OnClosed(CloseReason reason) noexcept {
  if (state_ == State::kIdle) return EndIdle();
  if (state_ == State::kLeaving) return keeper_.OnMovable(*this, false);
  const bool connecting = state_ == State::kConnecting;
  events_->OnError(connecting ? reason : EndReason(reason));
}

void MuxH1Back::EndIdle() {
  keeper_.Forget(*this);
  CloseIdle();
}

void MuxH1Back::Reserve() {
  if (!own_hook.linked()) own_connections_->PushBack(this);
}

void MuxH1Back::Leave() {
  state_ = State::kLeaving;
  connection_.BeginMove();
}

// Also when nothing came of leaving.
void MuxH1Back::Stay() {
  state_ = State::kIdle;
  connection_.WantRecv(true);
}

void MuxH1Back::GiveUpWire() {
  (void)connection_.Release();
  slab_.Delete(this);
}

void MuxH1Back::Arrive(uint32_t exchanges) {
  exchanges_ = exchanges;
  state_ = State::kIdle;
  connection_.WantRecv(true);
}

void MuxH1Back::CloseIdle() {
  wire_.CloseAfterFlush(connection_.context().now_ms() + shard::Connection::kDrainMs);
  slab_.Delete(this);
}

}  // namespace engine
