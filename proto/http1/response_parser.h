// response_parser.h - a strict, resumable parser of HTTP/1 response heads.
//
// Owns:    its position. The head's texts are views of the caller's bytes (folded values: of the
//          arena).
// Threads: shard-local.
// Units:   offsets and limits in bytes from the start of the bytes given.
// Errors:  as RequestParser: final, with the offending byte's offset.
// States:  version -> status -> reason -> LF -> fields -> done, or failed.
//
//   // options: ResponseOptions() or UnsafeResponseOptions()
//   ResponseParser parser(options, head);
//   ParseResult result = parser.Parse(all_bytes_so_far);
//
// The contract on the bytes is RequestParser's. A status line may end right behind the code: many
// servers leave the space before an empty reason out. An interim response (1xx) is a head of its
// own: start again, with a fresh head and parser, behind it.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proto/http/head.h"
#include "proto/http1/field_parser.h"
#include "proto/http1/parser_options.h"

namespace proto {

class ResponseParser {
 public:
  // `options` and `head` outlive the parser.
  ResponseParser(const ParserOptions& options, ResponseHead& head)
      : options_(options), head_(head), fields_(options, MessageKind::kResponse, head.fields) {}

  [[nodiscard]] ParseResult Parse(std::string_view bytes);

  // Up to and with the empty line. Valid after kDone.
  size_t head_bytes() const { return position_; }
  HeadError error() const { return error_; }
  size_t error_offset() const { return error_offset_; }
  // What was given to the last Parse(), where it lies now.
  std::string_view bytes() const { return {start_, bytes_}; }
  uint32_t dropped_fields() const { return fields_.dropped(); }

  // The bytes given to the last Parse() have moved to `new_start`.
  void Relocate(const char* new_start);

 private:
  enum class State : uint8_t { kVersion, kStatus, kReason, kLf, kFields, kDone, kFailed };

  ParseResult Step(std::string_view bytes);
  ParseResult ParseLine(std::string_view bytes);
  ParseResult Fail(HeadError error, size_t offset, ParseResult result = ParseResult::kBad);

  const ParserOptions& options_;
  ResponseHead& head_;
  FieldParser fields_;
  State state_ = State::kVersion;
  ParseResult failure_ = ParseResult::kBad;
  HeadError error_ = HeadError::kNone;
  size_t error_offset_ = 0;
  const char* start_ = nullptr;
  size_t bytes_ = 0;
  size_t position_ = 0;
  size_t token_ = 0;  // start of the version, status or reason being read
};

}  // namespace proto
