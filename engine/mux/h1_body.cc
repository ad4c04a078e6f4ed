#include "engine/mux/h1_body.h"

#include <algorithm>

#include "proto/http1/serializer.h"

namespace engine {

using proto::BodyKind;
using shard::ByteQueue;
using shard::ChunkPool;

namespace {

constexpr size_t kCopyBytesMax = 1024;
// Framing between two chunks' data that is looked at beyond what may be moved.
constexpr size_t kFramingBytes = 64;
// What the decoder accepts of trailers, and room for the last chunk around them.
constexpr size_t kTrailerBytesMax = 8192 + 64;

}  // namespace

void H1BodyReader::Begin(const proto::Framing& framing, proto::FieldList& trailers) {
  kind_ = framing.kind;
  left_ = framing.length;
  bad_ = false;
  ended_ = kind_ == BodyKind::kNone;
  decoder_.reset();
  if (kind_ == BodyKind::kChunked) decoder_.emplace(trailers);
}

size_t H1BodyReader::Read(ByteQueue& in, ByteQueue& out, size_t max) {
  if (ended_ || bad_) return 0;
  switch (kind_) {
    case BodyKind::kNone:
      ended_ = true;
      return 0;
    case BodyKind::kLength: {
      const size_t moved = out.MoveFrom(in, size_t(std::min<uint64_t>(left_, max)));
      left_ -= moved;
      ended_ = left_ == 0;
      return moved;
    }
    case BodyKind::kChunked:
      return ReadChunked(in, out, max);
    case BodyKind::kUntilClose:
    case BodyKind::kTunnel:
      return out.MoveFrom(in, max);
  }
  return 0;
}

size_t H1BodyReader::ReadChunked(ByteQueue& in, ByteQueue& out, size_t max) {
  size_t moved = 0;
  while (!in.empty() && !ended_) {
    // Data is taken up to `max` only; the rest of its slice stays for the next call.
    std::string_view view = in.front().view();
    if (decoder_->data_left() > 0) {
      if (moved == max) break;
      const size_t n = size_t(std::min<uint64_t>(decoder_->data_left(), max - moved));
      const size_t taken = out.MoveFrom(in, std::min(n, view.size()));
      decoder_->SkipData(taken);
      moved += taken;
      continue;
    }
    if (moved == max) break;
    // Enough to see the next chunk's size; `max` may be the largest number there is.
    const size_t room = max - moved;
    if (room < view.size()) view = view.substr(0, std::min(view.size(), room + kFramingBytes));
    const proto::ChunkEvent event = decoder_->Next(view);
    if (event.result == proto::ChunkResult::kData) {
      const shard::Slice slice = in.front();
      out.PushBehind({slice.chunk, slice.offset + uint32_t(event.offset), uint32_t(event.length)});
      moved += event.length;
    }
    in.Consume(event.consumed);
    if (event.result == proto::ChunkResult::kBad) {
      bad_ = true;
      break;
    }
    // The trailers are in; that the body is over is said next, and needs no bytes.
    const bool done = event.result == proto::ChunkResult::kTrailers &&
                      decoder_->Next({}).result == proto::ChunkResult::kDone;
    if (done || event.result == proto::ChunkResult::kDone) ended_ = true;
  }
  return moved;
}

void H1BodyWriter::Begin(BodyKind kind, uint64_t length) {
  kind_ = kind;
  left_ = length;
  ended_ = kind == BodyKind::kNone;
  failed_ = false;
}

size_t H1BodyWriter::Write(ByteQueue& bytes, ByteQueue& out, ChunkPool& small) {
  const size_t size = bytes.size();
  if (ended_ || (kind_ == BodyKind::kLength && left_ == 0)) {
    bytes.Clear();
    return size;
  }
  if (size == 0) return 0;
  switch (kind_) {
    case BodyKind::kLength: {
      const size_t n = size_t(std::min<uint64_t>(left_, size));
      left_ -= n;
      // A small body goes behind its head, so that one send of one entry takes both.
      if (n <= kCopyBytesMax && bytes.front().length >= n && !out.empty()) {
        if (!Put(bytes.front().view().substr(0, n), out, small)) return 0;
        bytes.Clear();
        return size;
      }
      out.MoveFrom(bytes, n);
      bytes.Clear();
      return size;
    }
    case BodyKind::kChunked: {
      char header[proto::kChunkHeaderBytesMax];
      const size_t header_bytes = proto::WriteChunkHeader(size, header);
      if (!Put({header, header_bytes}, out, small)) return 0;
      out.MoveFrom(bytes);
      (void)Put(proto::kChunkEnd, out, small);
      return size;
    }
    default:
      return out.MoveFrom(bytes);
  }
}

bool H1BodyWriter::End(const proto::FieldList* trailers, ByteQueue& out, ChunkPool& small) {
  if (ended_) return true;
  ended_ = true;
  if (kind_ == BodyKind::kLength) return left_ == 0;
  if (kind_ != BodyKind::kChunked) return true;
  if (trailers == nullptr || trailers->empty()) return Put(proto::kLastChunk, out, small);
  char text[kTrailerBytesMax];
  const size_t bytes = proto::WriteLastChunk(*trailers, text, sizeof(text));
  return Put(bytes <= sizeof(text) ? std::string_view(text, bytes) : proto::kLastChunk, out, small);
}

bool H1BodyWriter::Put(std::string_view text, ByteQueue& out, ChunkPool& small) {
  if (out.Append(text, small) == text.size()) return true;
  failed_ = true;
  return false;
}

}  // namespace engine
