// request_parser.h - a strict, resumable parser of HTTP/1 request heads.
//
// Owns:    its position. The head's texts are views of the caller's bytes (folded values: of the
//          arena).
// Threads: shard-local.
// Units:   offsets and limits in bytes from the start of the bytes given.
// Errors:  kBad or kTooLarge with error() and error_offset(), the offending byte. They are final:
//          further calls repeat them.
// States:  empty lines -> method -> target -> version -> LF -> fields -> done, or failed.
//
//   RequestParser parser(options, head);            // head: freshly constructed
//   switch (parser.Parse(all_bytes_so_far)) {       // call again when there are more
//     case ParseResult::kDone: Consume(parser.head_bytes()); break;
//
// Every call gets the message from its first byte. The bytes may have moved since the last call
// (views are moved along) but not changed, and no byte is looked at twice. After kDone they must
// stay in place, or the caller moves the views itself with Relocate().

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proto/http/head.h"
#include "proto/http1/field_parser.h"
#include "proto/http1/parser_options.h"

namespace proto {

class RequestParser {
 public:
  // `options` and `head` outlive the parser. head.fields should have options.fields_max.
  RequestParser(const ParserOptions& options, RequestHead& head)
      : options_(options), head_(head), fields_(options, MessageKind::kRequest, head.fields) {}

  [[nodiscard]] ParseResult Parse(std::string_view bytes);

  // Up to and with the empty line, and with empty lines before the request line. Valid after kDone.
  size_t head_bytes() const { return position_; }
  HeadError error() const { return error_; }
  size_t error_offset() const { return error_offset_; }
  // What was given to the last Parse(), where it lies now.
  std::string_view bytes() const { return {start_, bytes_}; }
  uint32_t dropped_fields() const { return fields_.dropped(); }
  // The first byte of a request has arrived (empty lines do not count): which timeout applies, and
  // whether a close is worth a log line.
  bool started() const { return state_ != State::kEmptyLines; }

  // The bytes given to the last Parse() have moved to `new_start`.
  void Relocate(const char* new_start);

 private:
  enum class State : uint8_t {
    kEmptyLines,
    kEmptyLineLf,
    kMethod,
    kTarget,
    kShortLf,  // the LF of a request line without version
    kVersion,
    kVersionLf,
    kFields,
    kDone,
    kFailed
  };

  ParseResult Step(std::string_view bytes);
  ParseResult ParseLine(std::string_view bytes);
  ParseResult Fail(HeadError error, size_t offset, ParseResult result = ParseResult::kBad);
  bool TakeUsualVersion(const char* at, const char* end);
  // "PRI *" is no request, whatever its version; HTTP/2's is another mux's business.
  bool IsPreface() const {
    return head_.method == Method::kOther && head_.method_text == "PRI" && head_.target == "*";
  }
  HeadError TargetByteError(char c) const;
  ParseResult EndBadVersion(std::string_view bytes, size_t offset);
  ParseResult EndTarget(std::string_view bytes, size_t end);
  ParseResult EndVersion(std::string_view bytes, size_t end);
  ParseResult EndHead();

  const ParserOptions& options_;
  RequestHead& head_;
  FieldParser fields_;
  State state_ = State::kEmptyLines;
  ParseResult failure_ = ParseResult::kBad;
  HeadError error_ = HeadError::kNone;
  uint32_t empty_lines_ = 0;
  size_t error_offset_ = 0;
  const char* start_ = nullptr;  // of the bytes of the last call
  size_t bytes_ = 0;             // their number
  size_t position_ = 0;          // everything before has been dealt with
  size_t token_ = 0;             // start of the method, target or version being read
  size_t target_ = 0;
};

}  // namespace proto
