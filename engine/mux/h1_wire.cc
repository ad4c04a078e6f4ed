#include "engine/mux/h1_wire.h"

#include <algorithm>

#include "proto/http1/serializer.h"

namespace engine {
namespace {

// How many bytes were put; 0: no memory, or they do not fit.
template <typename Write>
size_t PutWritten(shard::ByteQueue& out, shard::ChunkPool& small, Write write) {
  shard::Chunk* chunk = small.Take();
  if (chunk == nullptr) return 0;
  const size_t bytes = write(chunk->data, chunk->capacity);
  if (bytes > chunk->capacity) {
    shard::ChunkPool::Drop(chunk);
    return 0;
  }
  out.Push({chunk, 0, uint32_t(bytes)});
  return bytes;
}

}  // namespace

size_t H1Wire::ReadBody(H1BodyReader& body, shard::ByteQueue& to, size_t max) {
  size_t moved = 0;
  // Framing and data come in turns; each pass takes what is here.
  while (moved < max && !body.ended()) {
    Fill();
    if (in_.empty() && moved == 0 && connection_.TakeNow()) Fill();
    if (in_.empty()) break;
    const size_t before = in_.size();
    moved += body.Read(in_, to, max - moved);
    bytes_read_ += before - in_.size();
    if (body.bad() || in_.size() == before) break;
  }
  return moved;
}

void H1Wire::Discard(H1BodyReader& body) {
  shard::ByteQueue dropped(*context().slices);
  for (size_t before = SIZE_MAX; !body.ended() && !body.bad();) {
    Fill();
    if (in_.empty() || in_.size() == before) break;
    before = in_.size();
    body.Read(in_, dropped, SIZE_MAX);
    bytes_read_ += before - in_.size();
    dropped.Clear();
  }
}

bool H1Wire::CutShort(H1BodyReader& body) {
  if (body.bad() || body.ended() || !in_.empty() || !connection_.read_ended()) return false;
  // An end that TLS did not announce may be an attacker's (RFC 9112 section 9.8).
  if (!body.EndsByClose() || connection_.truncated()) return true;
  body.End();
  return false;
}

size_t H1Wire::SpliceIn(H1BodyReader& body, shard::Pipe& pipe) {
  const uint64_t left = body.PlainLeft();
  const bool known = left != shard::Endpoint::kSpliceUnbounded;
  const size_t max = size_t(std::min<uint64_t>(left, pipe.room()));
  const size_t moved = connection_.SpliceIn(pipe, max, known ? left : 0);
  body.Skip(moved);
  bytes_read_ += moved;
  return moved;
}

size_t H1Wire::SpliceOut(shard::Pipe& pipe) {
  Push();  // the head, and what was queued before
  size_t taken = 0;
  if (out_.empty()) {
    const uint64_t room = writer_.PlainRoom();
    taken = connection_.SpliceOut(pipe, size_t(std::min<uint64_t>(room, pipe.bytes)));
    writer_.Skip(taken);
    bytes_written_ += taken;
  }
  if (pipe.bytes > 0) connection_.WantWritable();
  return taken;
}

bool H1Wire::PutHead(const proto::RequestHead& head, const proto::NameCase* name_case) {
  const size_t bytes = PutWritten(out_, small(), [&](char* to, size_t max) {
    return proto::WriteRequestHead(head, to, max, name_case);
  });
  bytes_written_ += bytes;
  return bytes > 0;
}

bool H1Wire::PutHead(const proto::ResponseHead& head, const proto::NameCase* name_case) {
  const size_t bytes = PutWritten(out_, small(), [&](char* to, size_t max) {
    return proto::WriteResponseHead(head, to, max, name_case);
  });
  bytes_written_ += bytes;
  return bytes > 0;
}

void H1Wire::SendText(std::string_view text) {
  const size_t before = out_.size();
  (void)out_.Append(text, small());
  bytes_written_ += out_.size() - before;
}

size_t H1Wire::Send(shard::ByteQueue& bytes) {
  if (!head_sent_ || unsent_bytes() >= kUnparsedBytesMax) {
    connection_.WantWritable();
    return 0;
  }
  const size_t before = out_.size();
  const size_t taken = writer_.Write(bytes, out_, small());
  bytes_written_ += out_.size() - before;
  // So that the next piece finds room in this very turn.
  if (connection_.IsBulk(out_.size()) && !writer_.failed()) Push();
  return taken;
}

bool H1Wire::EndMessage() {
  over_ = true;
  const size_t before = out_.size();
  const bool whole = writer_.End(trailers_, out_, small());
  bytes_written_ += out_.size() - before;
  // In a tunnel the end of the bytes is the end of the sending direction, and no more than that.
  shut_when_pushed_ = tunnel_;
  return whole;
}

void H1Wire::Push() {
  if (!out_.empty()) {
    (void)connection_.Send(out_);
    if (!out_.empty()) return connection_.WantWritable();
  }
  if (shut_when_pushed_) connection_.ShutWrite();
}

}  // namespace engine
