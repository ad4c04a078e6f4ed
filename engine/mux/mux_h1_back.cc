#include "engine/mux/mux_h1_back.h"

#include <algorithm>

#include "proto/http/hop_by_hop.h"
#include "proto/http1/serializer.h"

namespace engine {

using proto::BodyKind;
using shard::CloseReason;

namespace {

constexpr size_t kUnparsedBytesMax = 65536;

}  // namespace

MuxH1Back::MuxH1Back(base::Slab<MuxH1Back>& slab, H1Pools pools, shard::Connection& connection,
                     IdleKeeper& keeper, const HttpProfile& profile)
    : slab_(slab),
      pools_(pools),
      connection_(connection),
      keeper_(keeper),
      profile_(profile),
      in_(*connection.context().slices),
      out_(*connection.context().slices) {
  connection_.SetEvents(this);
}

MuxH1Back::~MuxH1Back() {
  if (message_ != nullptr) pools_.responses->Delete(message_);
}

shard::Endpoint* MuxH1Back::OpenStream() {
  ++exchanges_;
  if (state_ == State::kIdle) {
    state_ = State::kExchange;
    connection_.SetDeadline(0);
  }
  request_sent_ = request_over_ = taken_ = false;
  untouched_ = keep_alive_ = true;
  trailers_ = nullptr;
  return this;
}

void MuxH1Back::SendRequest(const proto::RequestHead& head, const proto::Framing& framing,
                            bool close) {
  shard::ChunkPool& small = *connection_.context().small;
  if (message_ == nullptr) message_ = pools_.responses->New(profile_.response);
  shard::Chunk* chunk = message_ != nullptr ? small.Take() : nullptr;
  const size_t bytes =
      chunk != nullptr
          ? proto::WriteRequestHead(head, chunk->data, chunk->capacity, profile_.server_case)
          : 0;
  if (chunk == nullptr || bytes > chunk->capacity) {
    if (chunk != nullptr) shard::ChunkPool::Drop(chunk);
    return events_->OnError(CloseReason::kNoMemory);
  }
  out_.Push({chunk, 0, uint32_t(bytes)});
  method_ = head.method;
  if (close) keep_alive_ = false;
  request_sent_ = true;
  const BodyKind kind = framing.kind == BodyKind::kTunnel ? BodyKind::kNone : framing.kind;
  writer_.Begin(kind, framing.length);
  // Not pushed yet: a body that is here goes out with it.
}

void MuxH1Back::OnConnected() noexcept {
  state_ = State::kExchange;
  events_->OnConnected();
}

void MuxH1Back::Fill() {
  if (in_.size() < kUnparsedBytesMax) connection_.Recv(in_, kUnparsedBytesMax - in_.size());
}

void MuxH1Back::OnReadable() noexcept {
  if (state_ == State::kIdle) return EndIdle();  // an end, or bytes nobody asked for
  if (message_ == nullptr || !request_sent_) {
    // The server speaks before it was asked. Only its end matters here.
    if (connection_.wire_ended()) events_->OnError(EndReason(CloseReason::kServerAbort));
    return;
  }
  if (!message_->known) return ReadHead();
  events_->OnReadable();
}

void MuxH1Back::ReadHead() {
  Fill();
  if (!in_.empty()) {
    untouched_ = false;
    shard::ShardContext& context = connection_.context();
    const bool moved = in_.head()->next != nullptr;
    if (!MakeContiguous(in_, *context.slices, *context.small)) {
      return events_->OnError(CloseReason::kNoMemory);
    }
    if (moved) message_->parser.Relocate(in_.front().begin());
    switch (message_->parser.Parse(in_.front().view())) {
      case proto::ParseResult::kDone:
        message_->HoldHead(in_.front().chunk);
        in_.Consume(message_->parser.head_bytes());
        message_->framing =
            proto::ResponseFraming(message_->head, method_, profile_.response_framing);
        if (message_->framing.error != proto::FramingError::kNone) {
          return events_->OnError(CloseReason::kServerProtocol);
        }
        message_->known = true;
        if (message_->framing.drop_content_length) {
          message_->head.fields.RemoveAll(proto::FieldName::kContentLength);
        }
        if (message_->framing.must_close || message_->framing.kind == BodyKind::kUntilClose ||
            !proto::IsPersistent(message_->head.version,
                                 proto::ReadConnection(message_->head.fields))) {
          keep_alive_ = false;
        }
        message_->body.Begin(message_->framing, message_->trailers);
        if (message_->framing.kind == BodyKind::kTunnel) message_->body.Tunnel();
        return events_->OnHead();
      case proto::ParseResult::kNeedMore:
        break;
      case proto::ParseResult::kTooLarge:
      case proto::ParseResult::kBad:
        return events_->OnError(CloseReason::kServerProtocol);
    }
  }
  if (connection_.read_ended()) return events_->OnError(EndReason(CloseReason::kServerAbort));
  connection_.WantRecv(true);
}

void MuxH1Back::NextResponse() {
  pools_.responses->Delete(message_);
  message_ = pools_.responses->New(profile_.response);
  if (message_ == nullptr) return events_->OnError(CloseReason::kNoMemory);
  ReadHead();
}

size_t MuxH1Back::Recv(shard::Channel& channel, size_t max) {
  if (!taken_) return 0;
  H1BodyReader& body = message_->body;
  size_t moved = 0;
  while (moved < max && !body.ended()) {
    Fill();
    if (in_.empty()) break;
    const size_t before = in_.size();
    moved += body.Read(in_, channel.bytes(), max - moved);
    if (body.bad() || in_.size() == before) break;
  }
  if (body.bad()) {
    events_->OnError(CloseReason::kServerProtocol);
  } else if (!body.ended() && in_.empty() && connection_.read_ended()) {
    if (body.EndsByClose()) {
      body.End();
    } else {
      events_->OnError(CloseReason::kServerAbort);
    }
  }
  return moved;
}

bool MuxH1Back::RecvEnded() const { return taken_ && message_->body.ended(); }

size_t MuxH1Back::Send(shard::ByteQueue& bytes, bool) {
  if (!request_sent_ || UnsentBytes() >= kUnparsedBytesMax) {
    connection_.WantWritable();
    return 0;
  }
  const size_t taken = writer_.Write(bytes, out_, *connection_.context().small);
  if (writer_.failed()) events_->OnError(CloseReason::kNoMemory);
  Push();
  return taken;
}

void MuxH1Back::Push() {
  if (out_.empty()) return;
  (void)connection_.Send(out_);
  if (!out_.empty()) return connection_.WantWritable();
  if (shut_when_pushed_) connection_.ShutWrite();
}

void MuxH1Back::OnWritable() noexcept {
  if (!out_.empty()) Push();
  if (state_ == State::kExchange) events_->OnWritable();
}

void MuxH1Back::ShutRead(CloseReason) { keep_alive_ = false; }

void MuxH1Back::ShutWrite(CloseReason) {
  if (request_over_) return;
  request_over_ = true;
  if (!writer_.End(trailers_, out_, *connection_.context().small)) keep_alive_ = false;
  // In a tunnel the end of the bytes is the end of the sending direction, and no more than that.
  shut_when_pushed_ = tunnel_;
  if (tunnel_ && out_.empty()) return connection_.ShutWrite();
  Push();
}

void MuxH1Back::StartTunnel() {
  tunnel_ = true;
  keep_alive_ = false;
  writer_.Begin(BodyKind::kTunnel, 0);
}

void MuxH1Back::Detach(CloseReason reason, uint64_t linger_until_ms) {
  events_ = nullptr;
  const bool whole = reason == CloseReason::kNormal && request_over_ && writer_.ended() &&
                     message_ != nullptr && message_->known && message_->body.ended() &&
                     in_.empty() && out_.empty() && !connection_.wire_ended() &&
                     connection_.wire_in().empty();
  if (message_ != nullptr) pools_.responses->Delete(message_);
  message_ = nullptr;
  if (whole && keep_alive_ && keeper_.Keep(*this)) {
    state_ = State::kIdle;
    connection_.WantRecv(true);
    return;
  }
  if (reason == CloseReason::kNormal) {
    if (!out_.empty()) (void)connection_.Send(out_);
    connection_.CloseAfterFlush(linger_until_ms);
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
  const bool connecting = state_ == State::kConnecting;
  events_->OnError(connecting ? reason : EndReason(reason));
}

void MuxH1Back::EndIdle() {
  keeper_.Forget(*this);
  CloseIdle();
}

void MuxH1Back::CloseIdle() {
  connection_.Abort();
  slab_.Delete(this);
}

}  // namespace engine
