// h1_message.h - what an HTTP/1 mux keeps of one message while its exchange lasts.
//
// Owns:    the arena of the message and one reference to the chunk its head lies in.
// Threads: shard-local; lives in the worker's slab, one per direction of an exchange.
// Units:   bytes.
// Errors:  none of its own.
// States:  head being parsed -> head known -> body -> over.

#pragma once

#include "base/slab.h"
#include "engine/mux/h1_body.h"
#include "engine/mux/http_endpoint.h"
#include "proto/http1/request_parser.h"
#include "proto/http1/response_parser.h"

namespace engine {

// Bytes an arena starts with, inside the message itself.
inline constexpr size_t kMessageArenaBytes = 2048;

struct InvalidHead {
  std::string_view bytes;
  size_t position = 0;  // of the offending byte
};

template <typename Head, typename Parser>
struct H1Message {
  explicit H1Message(const proto::ParserOptions& options)
      : arena(block, sizeof(block)),
        head(arena, options.fields_max),
        trailers(arena, options.fields_max),
        parser(options, head) {}
  ~H1Message() { DropHead(); }
  void HoldHead(shard::Chunk* chunk) {
    shard::ChunkPool::Hold(chunk);
    head_chunk = chunk;
  }
  void DropHead() {
    if (head_chunk != nullptr) shard::ChunkPool::Drop(head_chunk);
    head_chunk = nullptr;
  }

  // What of it was not understood: where the parser stopped, or all where only its framing is bad.
  InvalidHead invalid() const { return {parser.bytes(), parser.error_offset()}; }

  base::Arena arena;
  Head head;
  proto::FieldList trailers;
  Parser parser;
  proto::Framing framing;
  H1BodyReader body;
  shard::Chunk* head_chunk = nullptr;
  bool known = false;  // the head is whole
  alignas(8) char block[kMessageArenaBytes];
};
using H1Request = H1Message<proto::RequestHead, proto::RequestParser>;
using H1Response = H1Message<proto::ResponseHead, proto::ResponseParser>;

// Where messages come from: slabs of one worker.
struct H1Pools {
  base::Slab<H1Request>* requests = nullptr;
  base::Slab<H1Response>* responses = nullptr;
};

// Brings up to `max` bytes of `queue` into one chunk of `small`, so that a parser can see them at
// once. False when no chunk is left.
bool MakeContiguous(shard::ByteQueue& queue, shard::SlicePool& slices, shard::ChunkPool& small);

}  // namespace engine
