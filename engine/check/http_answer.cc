#include "engine/check/http_answer.h"

namespace engine {

HttpAnswer::HttpAnswer() : options_(proto::ResponseOptions()) {}

void HttpAnswer::Begin(std::string_view method) {
  message_ = std::make_unique<Message>(options_);
  method_ = proto::FindMethod(method);
  progress_ = Progress::kNothing;
  head_start_ = body_start_ = decoded_ = 0;
  unchunked_.clear();
  body_ = {};
}

void HttpAnswer::End() {
  body_ = {};
  unchunked_ = std::string();
  message_ = nullptr;
}

HttpAnswer::Progress HttpAnswer::Parse(std::string_view bytes, bool has_ended) {
  if (message_ == nullptr || progress_ == Progress::kBad) return Note(Progress::kBad);
  if (progress_ == Progress::kNothing && ParseHead(bytes) != Progress::kHead) return progress_;
  return progress_ == Progress::kHead ? ParseBody(bytes, has_ended) : progress_;
}

HttpAnswer::Progress HttpAnswer::ParseHead(std::string_view bytes) {
  for (;;) {
    switch (message_->parser.Parse(bytes.substr(head_start_))) {
      case proto::ParseResult::kNeedMore:
        return Note(Progress::kNothing);
      case proto::ParseResult::kBad:
      case proto::ParseResult::kTooLarge:
        return Note(Progress::kBad);
      case proto::ParseResult::kDone:
        break;
    }
    body_start_ = head_start_ + message_->parser.head_bytes();
    // The answer to what was asked comes behind it. Nobody asked to switch protocols.
    if (head().status / 100 != 1 || head().status == 101) break;
    head_start_ = body_start_;
    message_ = std::make_unique<Message>(options_);
  }
  framing_ = proto::ResponseFraming(head(), method_);
  return Note(framing_.error == proto::FramingError::kNone ? Progress::kHead : Progress::kBad);
}

HttpAnswer::Progress HttpAnswer::ParseBody(std::string_view bytes, bool has_ended) {
  const std::string_view received = bytes.substr(body_start_);
  switch (framing_.kind) {
    case proto::BodyKind::kNone:
      return Note(Progress::kWhole);
    case proto::BodyKind::kLength:
      body_ = received.substr(0, framing_.length);
      return Note(received.size() >= framing_.length ? Progress::kWhole : Progress::kHead);
    case proto::BodyKind::kChunked:
      return ParseChunks(received);
    case proto::BodyKind::kUntilClose:
    case proto::BodyKind::kTunnel:
      break;
  }
  body_ = received;
  return Note(has_ended ? Progress::kWhole : Progress::kHead);
}

HttpAnswer::Progress HttpAnswer::ParseChunks(std::string_view received) {
  for (;;) {
    const std::string_view bytes = received.substr(decoded_);
    const proto::ChunkEvent event = message_->chunks.Next(bytes);
    decoded_ += event.consumed;
    switch (event.result) {
      case proto::ChunkResult::kData:
        unchunked_ += bytes.substr(event.offset, event.length);
        continue;
      case proto::ChunkResult::kTrailers:
        continue;
      case proto::ChunkResult::kNeedMore:
        body_ = unchunked_;
        return Note(Progress::kHead);
      case proto::ChunkResult::kDone:
        body_ = unchunked_;
        return Note(Progress::kWhole);
      case proto::ChunkResult::kBad:
        return Note(Progress::kBad);
    }
  }
}

}  // namespace engine
