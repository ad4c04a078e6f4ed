#include "engine/mux/mux_h1_front.h"

#include <algorithm>

#include "base/check.h"
#include "proto/http/hop_by_hop.h"
#include "proto/http1/serializer.h"

namespace engine {

using proto::BodyKind;
using proto::FieldName;
using shard::CloseReason;

namespace {

// What may wait unparsed: a head's worth. More stays with the connection, which then stops reading.
constexpr size_t kUnparsedBytesMax = 65536;
// How long a closing connection reads what the client still sends.
constexpr uint64_t kDrainMs = 2000;

}  // namespace

MuxH1Front::MuxH1Front(base::Slab<MuxH1Front>& slab, H1Pools pools, shard::Connection& connection,
                       RequestAcceptor& acceptor, const HttpProfile& profile)
    : slab_(slab),
      pools_(pools),
      connection_(connection),
      acceptor_(acceptor),
      profile_(profile),
      in_(*connection.context().slices),
      out_(*connection.context().slices) {
  connection_.SetEvents(this);
}

MuxH1Front::~MuxH1Front() {
  all_hook.Unlink();
  if (message_ != nullptr) pools_.requests->Delete(message_);
}

void MuxH1Front::Start() {
  // The first request has no keep-alive before it: its own timeout runs from the accept on.
  const uint32_t wait_ms = profile_.request_ms != 0 ? profile_.request_ms : profile_.client_ms;
  if (wait_ms != 0) connection_.SetDeadline(connection_.context().now_ms() + wait_ms);
  connection_.WantRecv(true);
}

void MuxH1Front::Fill() {
  if (in_.size() < kUnparsedBytesMax) connection_.Recv(in_, kUnparsedBytesMax - in_.size());
}

void MuxH1Front::OnReadable() noexcept {
  if (state_ != State::kExchange) return ReadHead();
  // Pipelined requests, or a client that has gone: neither may fill memory.
  const bool waiting_for_answer = message_->body.ended() && !may_tunnel_;
  if (!waiting_for_answer) return events_->OnReadable();
  if (connection_.wire_ended() && profile_.abort_on_close && !response_over_ && in_.empty() &&
      connection_.wire_in().empty()) {
    return events_->OnError(CloseReason::kClientAbort);
  }
  if (connection_.wire_in().size() >= kUnparsedBytesMax) connection_.WantRecv(false);
}

void MuxH1Front::ReadHead() {
  Fill();
  if (in_.empty()) {
    if (connection_.read_ended()) return Die(CloseReason::kNormal);
    return connection_.WantRecv(true);
  }
  if (message_ == nullptr) {
    message_ = pools_.requests->New(profile_.request);
    if (message_ == nullptr) return Die(CloseReason::kNoMemory);
  }
  shard::ShardContext& context = connection_.context();
  const bool moved = in_.head()->next != nullptr;
  if (!MakeContiguous(in_, *context.slices, *context.small)) return Die(CloseReason::kNoMemory);
  if (moved) message_->parser.Relocate(in_.front().begin());
  switch (message_->parser.Parse(in_.front().view())) {
    case proto::ParseResult::kDone:
      return HeadDone();
    case proto::ParseResult::kNeedMore:
      break;
    case proto::ParseResult::kTooLarge:
      return Refuse(400);
    case proto::ParseResult::kBad:
      return Refuse(400);
  }
  if (connection_.read_ended()) {
    return message_->parser.started() ? Refuse(400) : Die(CloseReason::kNormal);
  }
  if (state_ == State::kIdle && message_->parser.started()) {
    state_ = State::kHead;
    if (requests_ > 0 && profile_.request_ms != 0) {
      connection_.SetDeadline(context.now_ms() + profile_.request_ms);
    }
  }
  connection_.WantRecv(true);
}

void MuxH1Front::HeadDone() {
  H1Request& message = *message_;
  message.HoldHead(in_.front().chunk);
  in_.Consume(message.parser.head_bytes());
  message.framing = proto::RequestFraming(message.head, profile_.request_framing);
  if (message.framing.error != proto::FramingError::kNone) {
    return Refuse(proto::FramingErrorStatus(message.framing.error));
  }
  message.known = true;
  const proto::ConnectionOptions options = proto::ReadConnection(message.head.fields);
  keep_alive_ = proto::IsPersistent(message.head.version, options) && !message.framing.must_close;
  if (message.framing.drop_content_length) {
    message.head.fields.RemoveAll(FieldName::kContentLength);
  }
  may_tunnel_ = message.framing.kind == BodyKind::kTunnel ||
                (options.upgrade && message.head.fields.Has(FieldName::kUpgrade) &&
                 message.framing.kind == BodyKind::kNone);
  proto::Framing body = message.framing;
  if (body.kind == BodyKind::kTunnel) body.kind = BodyKind::kNone;
  message.body.Begin(body, message.trailers);
  state_ = State::kExchange;
  response_sent_ = response_over_ = read_shut_ = tunnel_ = false;
  ++requests_;
  if (!profile_.buffer_request || message.body.ended()) connection_.SetDeadline(0);
  acceptor_.OnNewStream(this);
}

void MuxH1Front::Refuse(uint16_t status) {
  connection_.SetDeadline(0);
  keep_alive_ = false;
  acceptor_.OnBadRequest(*this, status);
}

void MuxH1Front::SendText(std::string_view text) {
  (void)out_.Append(text, *connection_.context().small);
  (void)connection_.Send(out_);
  Die(CloseReason::kNormal);
}

void MuxH1Front::OnDeadline() noexcept {
  if (state_ == State::kExchange) {
    late_ = true;  // the flow answers
    return events_->OnReadable();
  }
  // Between requests, or without a byte of the first one: nothing is owed an answer.
  if (message_ == nullptr || !message_->parser.started()) {
    if (requests_ > 0 || profile_.ignore_probes) return Die(CloseReason::kNormal);
  }
  Refuse(408);
}

void MuxH1Front::OnClosed(CloseReason reason) noexcept {
  if (state_ == State::kExchange) return events_->OnError(reason);
  Die(reason);
}

void MuxH1Front::OnWritable() noexcept {
  if (!out_.empty()) Push();
  if (state_ == State::kExchange) events_->OnWritable();
}

size_t MuxH1Front::Recv(shard::Channel& channel, size_t max) {
  H1BodyReader& body = message_->body;
  if (read_shut_ || (may_tunnel_ && !tunnel_)) return 0;
  size_t moved = 0;
  // Framing and data come in turns; each pass takes what is here.
  while (moved < max && !body.ended()) {
    Fill();
    if (in_.empty()) break;
    const size_t before = in_.size();
    moved += body.Read(in_, channel.bytes(), max - moved);
    if (body.bad() || in_.size() == before) break;
  }
  // A body that broke its framing is the flow's to answer: request_broken().
  if (!body.bad() && !body.ended() && in_.empty() && connection_.read_ended()) {
    if (body.EndsByClose()) {
      body.End();
    } else {
      events_->OnError(CloseReason::kClientAbort);
    }
  }
  return moved;
}

bool MuxH1Front::RecvEnded() const { return message_->body.ended() && (!may_tunnel_ || tunnel_); }

bool MuxH1Front::DiscardBody() {
  H1BodyReader& body = message_->body;
  shard::ByteQueue dropped(*connection_.context().slices);
  for (size_t before = SIZE_MAX; !body.ended() && !body.bad();) {
    Fill();
    if (in_.empty() || in_.size() == before) break;
    before = in_.size();
    body.Read(in_, dropped, SIZE_MAX);
    dropped.Clear();
  }
  return body.ended();
}

void MuxH1Front::CloseIfNoStream() {
  if (state_ != State::kExchange) Die(CloseReason::kShutdown);
}

void MuxH1Front::CloseIfIdle() {
  if (state_ == State::kIdle) Die(CloseReason::kShutdown);
}

void MuxH1Front::WantRecv(bool want) {
  if (may_tunnel_ && !tunnel_) want = in_.size() < kUnparsedBytesMax;
  connection_.WantRecv(want);
}

void MuxH1Front::ShutRead(CloseReason) {
  read_shut_ = true;
  keep_alive_ = false;  // where the next request starts is not known any more
}

bool MuxH1Front::PutHead(const proto::ResponseHead& head) {
  shard::ChunkPool& small = *connection_.context().small;
  shard::Chunk* chunk = small.Take();
  if (chunk == nullptr) return false;
  const size_t bytes =
      proto::WriteResponseHead(head, chunk->data, chunk->capacity, profile_.client_case);
  if (bytes > chunk->capacity) {
    shard::ChunkPool::Drop(chunk);
    return false;
  }
  out_.Push({chunk, 0, uint32_t(bytes)});
  return true;
}

void MuxH1Front::SendInterim(const proto::ResponseHead& head) {
  // HTTP/1.0 has no interim answers (RFC 9110 section 15.2).
  if (!message_->head.version.AtLeast11()) return;
  if (!PutHead(head)) return events_->OnError(CloseReason::kNoMemory);
  Push();
}

void MuxH1Front::SendResponse(proto::ResponseHead& head, const proto::Framing& framing,
                              bool close) {
  proto::FieldList& fields = head.fields;
  BodyKind kind = framing.kind;
  const bool client11 = message_->head.version.AtLeast11();
  fields.RemoveAll(FieldName::kConnection);
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
  bool fits = true;
  if (kind == BodyKind::kTunnel) {
    if (head.status == 101) fits = fields.Add(FieldName::kConnection, "upgrade");
  } else if (!keep_alive_) {
    fits = fields.Add(FieldName::kConnection, "close");
  } else if (!client11) {
    fits = fields.Add(FieldName::kConnection, "keep-alive");
  }
  if (!fits || !PutHead(head)) return events_->OnError(CloseReason::kNoMemory);
  response_sent_ = true;
  writer_.Begin(kind, framing.length);
  // Not pushed yet: a body that is here goes out with it.
}

size_t MuxH1Front::Send(shard::ByteQueue& bytes, bool) {
  if (!response_sent_ || UnsentBytes() >= kUnparsedBytesMax) {
    connection_.WantWritable();
    return 0;
  }
  const size_t taken = writer_.Write(bytes, out_, *connection_.context().small);
  if (writer_.failed()) events_->OnError(CloseReason::kNoMemory);
  Push();
  return taken;
}

void MuxH1Front::Push() {
  if (out_.empty()) return;
  (void)connection_.Send(out_);
  if (!out_.empty()) return connection_.WantWritable();
  if (shut_when_pushed_) connection_.ShutWrite();
}

void MuxH1Front::ShutWrite(CloseReason) {
  if (response_over_) return;
  response_over_ = true;
  const bool whole = writer_.End(trailers_, out_, *connection_.context().small);
  if (!whole) keep_alive_ = false;  // cut short: only closing tells the client
  // In a tunnel the end of the bytes is the end of the sending direction, and no more than that.
  shut_when_pushed_ = tunnel_;
  if (tunnel_ && out_.empty()) return connection_.ShutWrite();
  Push();
}

void MuxH1Front::StartTunnel() {
  tunnel_ = true;
  keep_alive_ = false;
  message_->body.Tunnel();
}

void MuxH1Front::RefuseTunnel() {
  if (may_tunnel_ && !tunnel_) may_tunnel_ = false;
}

void MuxH1Front::Detach(CloseReason reason, uint64_t linger_until_ms) {
  events_ = nullptr;
  const bool whole = reason == CloseReason::kNormal && response_over_ && message_->body.ended();
  if (whole && keep_alive_) return NextRequest();
  if (Info(reason).blame == shard::Blame::kClient && reason != CloseReason::kClientTimeout) {
    connection_.Abort();
  } else {
    if (!out_.empty()) (void)connection_.Send(out_);
    // A client that is still sending reads our answer only if it is not reset.
    const bool drain = !message_->body.ended() || !in_.empty();
    const uint64_t now_ms = connection_.context().now_ms();
    connection_.CloseAfterFlush(drain ? now_ms + kDrainMs : std::max(linger_until_ms, now_ms + 1),
                                drain);
  }
  acceptor_.OnMuxGone(reason);
  slab_.Delete(this);
}

void MuxH1Front::NextRequest() {
  pools_.requests->Delete(message_);
  message_ = nullptr;
  state_ = State::kIdle;
  may_tunnel_ = false;
  trailers_ = nullptr;
  uint32_t wait_ms = profile_.keep_alive_ms;
  if (wait_ms == 0) wait_ms = profile_.request_ms != 0 ? profile_.request_ms : profile_.client_ms;
  if (wait_ms != 0) connection_.SetDeadline(connection_.context().now_ms() + wait_ms);
  if (!in_.empty() || !connection_.wire_in().empty() || connection_.wire_ended()) {
    connection_.context().loop->run_queue().Add(this);
  } else {
    connection_.WantRecv(true);
  }
}

void MuxH1Front::Die(CloseReason reason) {
  if (reason == CloseReason::kNormal) {
    if (!out_.empty()) (void)connection_.Send(out_);
    connection_.CloseAfterFlush(connection_.context().now_ms() + kDrainMs, true);
  } else {
    connection_.Abort();
  }
  acceptor_.OnMuxGone(reason);
  slab_.Delete(this);
}

}  // namespace engine
