// h1_body.h - bodies on an HTTP/1 connection: from wire framing to bare bytes and back.
//
// Owns:    nothing but progress.
// Threads: shard-local.
// Units:   bytes.
// Errors:  a body that breaks its framing is kBad, for good.
// States:  reading or writing -> ended.

#pragma once

#include <cstdint>
#include <optional>

#include "proto/http/framing.h"
#include "proto/http1/chunk_decoder.h"
#include "shard/buf/byte_queue.h"

namespace engine {

class H1BodyReader {
 public:
  // `trailers` receives a chunked body's trailers.
  void Begin(const proto::Framing& framing, proto::FieldList& trailers);
  // Moves up to `max` bytes of body from `in` to `out`; returns how many. Framing is consumed.
  size_t Read(shard::ByteQueue& in, shard::ByteQueue& out, size_t max);
  // From now on everything is body, until the connection ends.
  void Tunnel() {
    kind_ = proto::BodyKind::kTunnel;
    ended_ = bad_ = false;
  }
  bool ended() const { return ended_; }
  bool bad() const { return bad_; }
  // How much of the body follows that is bytes and nothing else; UINT64_MAX: until the connection
  // ends. 0 where there is framing in between.
  uint64_t PlainLeft() const {
    if (ended_ || bad_) return 0;
    return kind_ == proto::BodyKind::kLength ? left_ : EndsByClose() ? UINT64_MAX : 0;
  }
  // `bytes` of them went another way.
  void Skip(uint64_t bytes) {
    if (kind_ != proto::BodyKind::kLength) return;
    left_ -= bytes;
    ended_ = left_ == 0;
  }
  // The connection has ended: was that the end of the body?
  bool EndsByClose() const {
    return kind_ == proto::BodyKind::kUntilClose || kind_ == proto::BodyKind::kTunnel;
  }
  void End() { ended_ = true; }

 private:
  size_t ReadChunked(shard::ByteQueue& in, shard::ByteQueue& out, size_t max);

  std::optional<proto::ChunkDecoder> decoder_;
  uint64_t left_ = 0;
  proto::BodyKind kind_ = proto::BodyKind::kNone;
  bool ended_ = true;
  bool bad_ = false;
};

class H1BodyWriter {
 public:
  void Begin(proto::BodyKind kind, uint64_t length);
  // Moves `bytes` into `out`, framed. `small` provides memory for framing.
  // Returns how many were taken. More than Content-Length said is dropped, never sent.
  size_t Write(shard::ByteQueue& bytes, shard::ByteQueue& out, shard::ChunkPool& small);
  // Ends the message; false when it is cut short of what its head promised.
  bool End(const proto::FieldList* trailers, shard::ByteQueue& out, shard::ChunkPool& small);
  bool ended() const { return ended_; }
  // Only the end of the connection will end it.
  bool EndsByClose() const { return kind_ == proto::BodyKind::kUntilClose && !ended_; }
  // As H1BodyReader's: how much may be sent beside the writer.
  uint64_t PlainRoom() const {
    if (ended_ || failed_ || kind_ == proto::BodyKind::kChunked) return 0;
    return kind_ == proto::BodyKind::kLength ? left_ : UINT64_MAX;
  }
  void Skip(uint64_t bytes) {
    if (kind_ == proto::BodyKind::kLength) left_ -= bytes;
  }
  // No memory was left in the middle of framing: what is in `out` must not be followed by anything.
  bool failed() const { return failed_; }

 private:
  bool Put(std::string_view text, shard::ByteQueue& out, shard::ChunkPool& small);

  uint64_t left_ = 0;
  proto::BodyKind kind_ = proto::BodyKind::kNone;
  bool ended_ = true;
  bool failed_ = false;
};

}  // namespace engine
