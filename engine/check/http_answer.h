// http_answer.h - what a server answers to `http-check send`: its head, and its body without what
// framed it.
//
// Owns:    the parsed head (its arena) and the body where that was sent in chunks. The head's texts
//          are views of the bytes given.
// Threads: shard-local.
// Units:   bytes.
// Errors:  kBad, for whatever is no answer of HTTP.
// States:  head -> body -> whole, or bad. Interim answers (1xx) are passed over.
//
//   answer.Begin("GET");
//   switch (answer.Parse(all_bytes_so_far, has_ended)) ...   // again with more: the same start

#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "proto/http/framing.h"
#include "proto/http/head.h"
#include "proto/http1/chunk_decoder.h"
#include "proto/http1/parser_options.h"
#include "proto/http1/response_parser.h"

namespace engine {

class HttpAnswer {
 public:
  enum class Progress : uint8_t { kNothing, kHead, kWhole, kBad };

  HttpAnswer();
  void Begin(std::string_view method);
  // Forgets the message.
  void End();
  // `bytes` never move between calls. `has_ended`: the server will send no more.
  Progress Parse(std::string_view bytes, bool has_ended);
  proto::ResponseHead& head() { return message_->head; }
  const proto::ResponseHead& head() const { return message_->head; }
  std::string_view body() const { return body_; }

 private:
  struct Message {
    Message(const proto::ParserOptions& options)
        : head(arena), parser(options, head), trailers(arena), chunks(trailers) {}
    base::Arena arena;
    proto::ResponseHead head;
    proto::ResponseParser parser;
    proto::FieldList trailers;
    proto::ChunkDecoder chunks;
  };
  Progress ParseHead(std::string_view bytes);
  Progress ParseBody(std::string_view bytes, bool has_ended);
  Progress ParseChunks(std::string_view bytes);
  Progress Note(Progress progress) { return progress_ = progress; }

  const proto::ParserOptions options_;
  std::unique_ptr<Message> message_;
  proto::Method method_ = proto::Method::kGet;
  proto::Framing framing_;
  Progress progress_ = Progress::kNothing;
  size_t head_start_ = 0;  // of the final answer
  size_t body_start_ = 0;
  size_t decoded_ = 0;  // bytes behind body_start_ that the chunk decoder has seen
  std::string unchunked_;
  std::string_view body_;
};

}  // namespace engine
