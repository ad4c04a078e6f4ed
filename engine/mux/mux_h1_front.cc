#include "engine/mux/mux_h1_front.h"

#include <algorithm>

#include "base/check.h"
#include "proto/http/hop_by_hop.h"
#include "shard/loop/deadline.h"

namespace engine {

using proto::BodyKind;
using proto::FieldName;
using shard::CloseReason;

namespace {

// Interim answers that a slow client may leave behind.
constexpr size_t kUnsentInterimBytesMax = 16384;

}  // namespace

MuxH1Front::MuxH1Front(base::Slab<MuxH1Front>& slab, H1Pools pools, shard::Connection& connection,
                       RequestAcceptor& acceptor, const HttpProfile& profile)
    : slab_(slab),
      pools_(pools),
      connection_(connection),
      acceptor_(acceptor),
      profile_(&profile),
      wire_(connection) {
  connection_.SetEvents(this);
}

MuxH1Front::~MuxH1Front() {
  all_hook.Unlink();
  if (message_ != nullptr) pools_.requests->Delete(message_);
}

void MuxH1Front::Start() {
  times_.idle_since_us = connection_.context().loop->clock().now_us();
  WaitForRequest();
  connection_.WantRecv(true);
}

void MuxH1Front::StartWith(shard::ByteQueue& received) {
  wire_.in().MoveFrom(received);
  Start();
  ReadLaterIfAny();
}

// From the loop, if there is something: an end that has been read already is told by no receive any
// more.
bool MuxH1Front::ReadLaterIfAny() {
  const bool any = !wire_.in().empty() || connection_.has_unread() || connection_.wire_ended();
  if (any) connection_.context().loop->run_queue().Add(this);
  return any;
}

void MuxH1Front::SetDeadlineIn(uint32_t wait_ms) {
  connection_.SetDeadline(shard::DeadlineIn(connection_.context().loop->clock(), wait_ms));
}

void MuxH1Front::BeginWait(uint32_t wait_ms) { wait_ms == 0 ? EndWait() : SetDeadlineIn(wait_ms); }

// As long as there has been nothing to do, whatever was said before. The first request has no
// keep-alive before it: its own timeout runs from the accept on.
void MuxH1Front::WaitForRequest() {
  uint32_t wait_ms = requests_ > 0 ? profile_->keep_alive_ms : 0;
  if (wait_ms == 0)
    wait_ms = profile_->request_ms != 0 ? profile_->request_ms : profile_->client_ms;
  const uint64_t since_ms = (times_.idle_since_us + 999) / 1000;
  connection_.SetDeadline(wait_ms == 0 ? 0 : since_ms + wait_ms);
}

void MuxH1Front::SetProfile(const HttpProfile& profile) {
  profile_ = &profile;
  if (state_ == State::kIdle) WaitForRequest();
}

void MuxH1Front::OnReadable() noexcept {
  if (state_ != State::kExchange) return ReadHead();
  // Pipelined requests, or a client that has gone: neither may fill memory.
  const bool waiting_for_answer = message_->body.ended() && !wire_.tunnel();
  if (!waiting_for_answer) return events_->OnReadable();
  if (connection_.wire_ended()) wire_.Fill();  // the end may follow what the layer alone reads
  if (connection_.read_ended() && wire_.in().empty()) {
    half_closed_ = true;
    return events_->OnReadable();
  }
  if (wire_.unread_bytes() >= H1Wire::kUnparsedBytesMax) connection_.WantRecv(false);
}

void MuxH1Front::ReadHead() {
  wire_.Fill();
  if (wire_.in().empty()) {
    if (connection_.read_ended()) return Die(CloseReason::kNormal);
    return connection_.WantRecv(true);
  }
  if (message_ == nullptr) {
    message_ = pools_.requests->New(profile_->request);
    if (message_ == nullptr) return Die(CloseReason::kNoMemory);
    times_.first_byte_us = connection_.context().loop->clock().now_us();
    wire_.BeginReading();
  }
  switch (wire_.ParseHead(*message_)) {
    case H1Wire::HeadResult::kDone:
      return HeadDone();
    case H1Wire::HeadResult::kNeedMore:
      break;
    case H1Wire::HeadResult::kTooLarge:
    case H1Wire::HeadResult::kBad:
      return Refuse(400, CloseReason::kClientProtocol);
    case H1Wire::HeadResult::kNoMemory:
      return Die(CloseReason::kNoMemory);
  }
  if (connection_.read_ended()) {
    return message_->parser.started() ? Refuse(400, CloseReason::kClientAbort)
                                      : Die(CloseReason::kNormal);
  }
  if (state_ == State::kIdle && message_->parser.started()) {
    state_ = State::kHead;
    if (requests_ > 0 && profile_->request_ms != 0) {
      SetDeadlineIn(profile_->request_ms);
    }
  }
  connection_.WantRecv(true);
}

void MuxH1Front::HeadDone() {
  H1Request& message = *message_;
  message.framing = proto::RequestFraming(message.head, profile_->request_framing);
  if (message.framing.error != proto::FramingError::kNone) {
    return Refuse(proto::FramingErrorStatus(message.framing.error), CloseReason::kClientProtocol);
  }
  message.known = true;
  message.head.fields.LiftLimit();
  if (profile_->use_proxy_header && proto::IsProxied(message.head)) {
    message.head.connection_field = FieldName::kProxyConnection;
  }
  const proto::ConnectionOptions options =
      proto::ReadConnection(message.head.fields, message.head.connection_field);
  client_closes_ = !proto::IsPersistent(message.head.version, options);
  keep_alive_ = !client_closes_ && !message.framing.must_close;
  if (message.framing.drop_content_length) {
    message.head.fields.RemoveAll(FieldName::kContentLength);
  }
  // A chunked body is over only where its end has been sent on, and that waits for the decision: no
  // upgrade with one.
  may_tunnel_ = message.framing.kind == BodyKind::kTunnel ||
                (message.framing.kind != BodyKind::kChunked && proto::AsksForUpgrade(message.head));
  proto::Framing body = message.framing;
  if (body.kind == BodyKind::kTunnel) body.kind = BodyKind::kNone;
  message.body.Begin(body, message.trailers);
  state_ = State::kExchange;
  wire_.BeginExchange();
  read_shut_ = false;
  ++requests_;
  if (!profile_->buffer_request || message.body.ended()) connection_.SetDeadline(0);
  acceptor_.OnNewStream(this);
}

void MuxH1Front::Refuse(uint16_t status, CloseReason reason) {
  connection_.SetDeadline(0);
  keep_alive_ = false;
  acceptor_.OnBadRequest(*this, status, reason);
}

void MuxH1Front::SendText(std::string_view text) {
  wire_.SendText(text);
  Die(CloseReason::kNormal);
}

void MuxH1Front::OnDeadline() noexcept {
  if (state_ == State::kExchange) {
    late_ = true;  // the flow answers
    return events_->OnReadable();
  }
  // Between requests nothing is owed an answer, and where probes are ignored, to who sent no byte.
  if (requests_ > 0 && (message_ == nullptr || !message_->parser.started())) {
    return Die(CloseReason::kNormal);
  }
  if (profile_->ignore_probes && connection_.bytes_in() == 0) return Die(CloseReason::kNormal);
  Refuse(408, CloseReason::kClientTimeout);
}

void MuxH1Front::OnClosed(CloseReason reason) noexcept {
  if (state_ == State::kExchange) return events_->OnError(reason);
  Die(reason);
}

void MuxH1Front::OnWritable() noexcept {
  wire_.Push();
  if (state_ == State::kExchange) events_->OnWritable();
}

size_t MuxH1Front::Recv(shard::Channel& channel, size_t max) {
  H1BodyReader& body = message_->body;
  if (read_shut_) return 0;
  const size_t moved = wire_.ReadBody(body, channel.bytes(), max);
  // A body that broke its framing is the flow's to answer: request_broken().
  if (wire_.CutShort(body)) {
    events_->OnError(connection_.truncated() ? CloseReason::kTlsTruncated
                                             : CloseReason::kClientAbort);
  }
  return moved;
}

bool MuxH1Front::RecvEnded() const {
  return message_->body.ended() && (!may_tunnel_ || wire_.tunnel());
}

bool MuxH1Front::DiscardBody() {
  wire_.Discard(message_->body);
  return message_->body.ended();
}

void MuxH1Front::CloseIfNoStream() {
  if (state_ != State::kExchange) Die(CloseReason::kShutdown);
}

void MuxH1Front::CloseIfIdle() {
  // One that has not asked yet is owed nothing, whatever the option says (manual 4.2, option
  // idle-close-on-response).
  if (state_ == State::kIdle && !profile_->idle_close_on_response) Die(CloseReason::kShutdown);
}

void MuxH1Front::WantRecv(bool want) {
  if (may_tunnel_ && !wire_.tunnel() && message_->body.ended()) {
    want = wire_.unread_bytes() < H1Wire::kUnparsedBytesMax;
  }
  connection_.WantRecv(want);
}

void MuxH1Front::ShutRead(CloseReason) {
  read_shut_ = true;
  // Where the next request starts is not known any more, unless the body was dropped to its end.
  if (!message_->body.ended()) keep_alive_ = false;
}

bool MuxH1Front::RoomForInterim() {
  if (UnsentBytes() < kUnsentInterimBytesMax) return true;
  connection_.WantWritable();
  return false;
}

void MuxH1Front::SendInterim(const proto::ResponseHead& head) {
  // HTTP/1.0 has no interim answers (RFC 9110 section 15.2).
  if (!message_->head.version.AtLeast11()) return;
  if (!wire_.PutHead(head, profile_->client_case)) return events_->OnError(CloseReason::kNoMemory);
}

void MuxH1Front::SendResponse(proto::ResponseHead& head, proto::Framing framing, bool close) {
  proto::FieldList& fields = head.fields;
  proto::FollowStatus(message_->head.method, head, framing);  // rules may have set another
  BodyKind kind = framing.kind;
  const bool client11 = message_->head.version.AtLeast11();
  // An upgrade is named by Connection whoever asks for it: no other field is known to do that.
  const FieldName connection = message_->head.connection_field;
  fields.RemoveAll(FieldName::kConnection);
  if (connection != FieldName::kConnection) fields.RemoveAll(connection);
  if (kind == BodyKind::kTunnel) {
    close = true;
  } else if (kind == BodyKind::kChunked && !client11) {
    fields.RemoveAll(FieldName::kTransferEncoding);  // ends with the connection instead
    kind = BodyKind::kUntilClose;
  } else if (kind == BodyKind::kUntilClose && client11 && !close && keep_alive_) {
    // The server ends it by closing; the client's connection need not pay for that.
    if (fields.Add(FieldName::kTransferEncoding, "chunked")) kind = BodyKind::kChunked;
  }
  if (close || acceptor_.Draining() || kind == BodyKind::kUntilClose) keep_alive_ = false;
  head.version = {1, 1};
  bool fits = !fields.Has(FieldName::kUpgrade) || fields.Add(FieldName::kConnection, "upgrade");
  if (kind == BodyKind::kTunnel) {
    // It neither closes nor stays.
  } else if (!keep_alive_) {
    fits = fits && fields.Add(connection, "close");
  } else if (!client11) {
    fits = fits && fields.Add(connection, "keep-alive");
  }
  if (!fits || !wire_.PutHead(head, profile_->client_case)) {
    return events_->OnError(CloseReason::kNoMemory);
  }
  wire_.BeginBody(kind, framing.length);
}

size_t MuxH1Front::Send(shard::ByteQueue& bytes, bool) {
  const size_t taken = wire_.Send(bytes);
  if (wire_.failed()) events_->OnError(CloseReason::kNoMemory);
  return taken;
}

void MuxH1Front::ShutWrite(CloseReason) {
  if (wire_.over()) return;
  if (!wire_.EndMessage()) keep_alive_ = false;  // cut short: only closing tells the client
}

void MuxH1Front::StartTunnel() {
  wire_.StartTunnel();
  keep_alive_ = false;
  message_->body.Tunnel();
}

void MuxH1Front::RefuseTunnel() {
  if (!may_tunnel_ || wire_.tunnel()) return;
  may_tunnel_ = false;
  if (message_->body.ended()) events_->OnReadable();  // only now is that the request's end
}

void MuxH1Front::Detach(CloseReason reason, uint64_t linger_until_ms) {
  events_ = nullptr;
  const bool whole = reason == CloseReason::kNormal && wire_.over() && message_->body.ended();
  if (whole && keep_alive_) return NextRequest();
  // Dropped without a word, which must not end in one: shutting down would send a FIN.
  const bool silent =
      reason == CloseReason::kRejected && !wire_.head_sent() && wire_.unsent_bytes() == 0;
  const bool gone =
      Info(reason).blame == shard::Blame::kClient && reason != CloseReason::kClientTimeout;
  // An error alone tells the client that something is missing (RFC 9112 section 8).
  const bool cut_unseen = reason != CloseReason::kNormal && wire_.cut_unseen();
  const bool cut = wire_.head_sent() && !wire_.whole();  // no goodbye, which calls it whole
  if (cut_unseen || silent || (gone && cut)) {
    connection_.Abort(cut_unseen);
  } else if (gone) {
    wire_.CloseAfterFlush(std::max(linger_until_ms, connection_.context().now_ms() + 1));
  } else {
    // A client that is still sending reads our answer only if it is not reset; so may one that
    // sends its next request before it learns that there is none (RFC 9112 section 9.6).
    const bool drain = !message_->body.ended() || !wire_.in().empty() || !client_closes_;
    const uint64_t least_ms =
        connection_.context().now_ms() + (drain ? shard::Connection::kDrainMs : 1);
    wire_.CloseAfterFlush(std::max(linger_until_ms, least_ms), drain);
  }
  acceptor_.OnMuxGone(reason);
  slab_.Delete(this);
}

void MuxH1Front::NextRequest() {
  wire_.Push();
  pools_.requests->Delete(message_);
  message_ = nullptr;
  times_.idle_since_us = connection_.context().loop->clock().now_us();
  state_ = State::kIdle;
  may_tunnel_ = false;
  WaitForRequest();
  if (!ReadLaterIfAny()) connection_.WantRecv(true);
}

void MuxH1Front::Die(CloseReason reason) {
  acceptor_.OnLeaving(*this);
  if (reason == CloseReason::kNormal) {
    wire_.CloseAfterFlush(connection_.context().now_ms() + shard::Connection::kDrainMs, true);
  } else if (reason == CloseReason::kShutdown) {
    wire_.CloseAfterFlush(connection_.context().now_ms() + shard::Connection::kDrainMs);
  } else {
    connection_.Abort();
  }
  acceptor_.OnMuxGone(reason);
  slab_.Delete(this);
}

}  // namespace engine
