#include "engine/mux/h1_wire.h"

#include <algorithm>

#include "proto/http1/serializer.h"

namespace engine {
namespace {

template <typename Write>
bool PutWritten(shard::ByteQueue& out, shard::ChunkPool& small, Write write) {
  shard::Chunk* chunk = small.Take();
  if (chunk == nullptr) return false;
  const size_t bytes = write(chunk->data, chunk->capacity);
  if (bytes > chunk->capacity) {
    shard::ChunkPool::Drop(chunk);
    return false;
  }
  out.Push({chunk, 0, uint32_t(bytes)});
  return true;
}

}  // namespace

size_t H1Wire::ReadBody(H1BodyReader& body, shard::ByteQueue& to, size_t max) {
  size_t moved = 0;
  // Framing and data come in turns; each pass takes what is here.
  while (moved < max && !body.ended()) {
    Fill();
    if (in_.empty()) break;
    const size_t before = in_.size();
    moved += body.Read(in_, to, max - moved);
    if (body.bad() || in_.size() == before) break;
  }
  return moved;
}

bool H1Wire::CutShort(H1BodyReader& body) {
  if (body.bad() || body.ended() || !in_.empty() || !connection_.read_ended()) return false;
  if (!body.EndsByClose()) return true;
  body.End();
  return false;
}

size_t H1Wire::SpliceIn(H1BodyReader& body, shard::Pipe& pipe) {
  const uint64_t left = body.PlainLeft();
  const bool known = left != shard::Endpoint::kSpliceUnbounded;
  const size_t max = size_t(std::min<uint64_t>(left, pipe.room()));
  const size_t moved = connection_.SpliceIn(pipe, max, known ? left : 0);
  body.Skip(moved);
  return moved;
}

size_t H1Wire::SpliceOut(shard::Pipe& pipe) {
  Push();  // the head, and what was queued before
  size_t taken = 0;
  if (out_.empty()) {
    const uint64_t room = writer_.PlainRoom();
    taken = connection_.SpliceOut(pipe, size_t(std::min<uint64_t>(room, pipe.bytes)));
    writer_.Skip(taken);
  }
  if (pipe.bytes > 0) connection_.WantWritable();
  return taken;
}

bool H1Wire::PutHead(const proto::RequestHead& head, const proto::NameCase* name_case) {
  return PutWritten(out_, small(), [&](char* to, size_t max) {
    return proto::WriteRequestHead(head, to, max, name_case);
  });
}

bool H1Wire::PutHead(const proto::ResponseHead& head, const proto::NameCase* name_case) {
  return PutWritten(out_, small(), [&](char* to, size_t max) {
    return proto::WriteResponseHead(head, to, max, name_case);
  });
}

size_t H1Wire::Send(shard::ByteQueue& bytes) {
  if (!head_sent_ || unsent_bytes() >= kUnparsedBytesMax) {
    connection_.WantWritable();
    return 0;
  }
  return writer_.Write(bytes, out_, small());
}

bool H1Wire::EndMessage() {
  over_ = true;
  const bool whole = writer_.End(trailers_, out_, small());
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
