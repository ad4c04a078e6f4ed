// field_parser.h - parses a field section up to and with its empty line: of a head, or trailers.
//
// Owns:    nothing but its position; fields go into the given list as views of the caller's bytes.
//          Only a value that was folded over lines is copied, into the list's arena.
// Threads: shard-local.
// Units:   offsets from the start of the bytes given.
// Errors:  ParseResult with error() and error_offset(); after one, call no more.
// States:  line start -> name -> blanks -> value -> LF -> line start ... -> last LF -> done. A
//          name that is not one goes through `bad name`, when accepted. All hold offsets only, so
//          the bytes may move.
//
//   FieldParser parser(options, MessageKind::kRequest, fields);
//   switch (parser.Parse(bytes, &position)) ...  // again with more bytes: same start and position

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proto/http/field_list.h"
#include "proto/http1/parser_options.h"

namespace proto {

enum class MessageKind : uint8_t { kRequest, kResponse };

class FieldParser {
 public:
  FieldParser(const ParserOptions& options, MessageKind kind, FieldList& fields)
      : options_(options), fields_(fields), kind_(kind) {}

  // `bytes` starts where it always did (it may have moved: then Relocate the list first) and is at
  // least as long as before. `*position` is what has been consumed; no byte before it is read
  // again.
  [[nodiscard]] ParseResult Parse(std::string_view bytes, size_t* position);

  HeadError error() const { return error_; }
  size_t error_offset() const { return error_offset_; }
  // Fields left out because their name was bad: what log and `show errors` count.
  uint32_t dropped() const { return dropped_; }

 private:
  enum class State : uint8_t { kLineStart, kName, kBadName, kBlanks, kValue, kLf, kLastLf, kDone };

  ParseResult Fail(HeadError error, size_t offset, ParseResult result = ParseResult::kBad) {
    error_ = error;
    error_offset_ = offset;
    return result;
  }
  HeadError NameError(char c) const;
  ParseResult ParseBadName(std::string_view bytes, size_t* position);
  // False when the list is full.
  bool Commit(const char* start);
  void Unfold(const char* start);

  const ParserOptions& options_;
  FieldList& fields_;
  MessageKind kind_;
  State state_ = State::kLineStart;
  bool first_ = true;    // no line yet
  bool drop_ = false;    // the current field's name was bad
  bool folded_ = false;  // its value goes over several lines
  HeadError error_ = HeadError::kNone;
  uint32_t dropped_ = 0;
  size_t error_offset_ = 0;
  size_t name_ = 0;
  size_t name_end_ = 0;
  size_t value_ = 0;
  size_t value_end_ = 0;
};

}  // namespace proto
