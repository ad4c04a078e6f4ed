// parse_all_ways.h - runs one message through a parser whole, byte by byte and split at each
// offset.
//
// Owns:    nothing beyond a call.
// Threads: shard-local.
// Units:   bytes.
// Errors:  a way that disagrees with the whole one is a test failure that names the way.
// States:  none.
//
// Every piece ends at a guard page, and each time the bytes stand somewhere else, as when a receive
// buffer grows.

#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "proto/http1/request_parser.h"
#include "proto/http1/response_parser.h"
#include "tests/fake/guard_page.h"

namespace proto {

// What a parse came to, as text, so that ways can be compared and failures read.
struct Outcome {
  ParseResult result = ParseResult::kNeedMore;
  HeadError error = HeadError::kNone;
  size_t offset = 0;  // of the error, or head_bytes
  std::string meaning;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

inline void Append(std::string& text, std::string_view part) {
  text += '[';
  text += part;
  text += ']';
}
inline void AppendFields(std::string& text, const FieldList& fields) {
  for (const Field& field : fields) {
    text += std::to_string(int(field.id()));
    Append(text, field.name());
    Append(text, field.value());
  }
}
inline std::string Meaning(const RequestHead& head) {
  std::string text = std::to_string(int(head.method)) + "," +
                     std::to_string(int(head.target_form)) + "," +
                     std::to_string(head.version.major) + "." + std::to_string(head.version.minor) +
                     (head.has_query ? "?" : "");
  for (std::string_view part : {head.method_text, head.target, head.other_version, head.scheme,
                                head.authority, head.path, head.query}) {
    Append(text, part);
  }
  AppendFields(text, head.fields);
  return text;
}
inline std::string Meaning(const ResponseHead& head) {
  std::string text = std::to_string(head.status) + "," + std::to_string(head.version.major) + "." +
                     std::to_string(head.version.minor);
  Append(text, head.reason);
  Append(text, head.other_version);
  AppendFields(text, head.fields);
  return text;
}

template <typename Parser>
struct HeadOf;
template <>
struct HeadOf<RequestParser> {
  using Type = RequestHead;
};
template <>
struct HeadOf<ResponseParser> {
  using Type = ResponseHead;
};

// Gives the parser `text` up to each of the `cuts` in turn, then whole.
template <typename Parser, typename Cuts>
Outcome ParseWithCuts(const ParserOptions& options, std::string_view text, fake::GuardPage* guards,
                      const Cuts& cuts) {
  base::Arena arena;
  typename HeadOf<Parser>::Type head(arena, options.fields_max);
  Parser parser(options, head);
  Outcome outcome;
  size_t turn = 0;
  const auto feed = [&](size_t bytes) {
    outcome.result = parser.Parse(guards[turn++ % 2].Place(text.substr(0, bytes)));
    return outcome.result == ParseResult::kNeedMore;
  };
  bool more = true;
  for (size_t cut : cuts) {
    if (more) more = feed(cut);
  }
  if (more) feed(text.size());
  outcome.error = parser.error();
  if (outcome.result == ParseResult::kDone) {
    outcome.offset = parser.head_bytes();
    outcome.meaning = Meaning(head);
  } else {
    outcome.offset = parser.error_offset();
  }
  return outcome;
}

template <typename Parser>
Outcome ParseAllWays(const ParserOptions& options, std::string_view text) {
  static fake::GuardPage guards[2] = {fake::GuardPage(1 << 18), fake::GuardPage(1 << 18)};
  const size_t none[] = {text.size()};
  const Outcome whole = ParseWithCuts<Parser>(options, text, guards, none);
  std::vector<size_t> cuts;
  for (size_t i = 0; i < text.size(); ++i) cuts.push_back(i);
  const Outcome bytewise = ParseWithCuts<Parser>(options, text, guards, cuts);
  EXPECT_TRUE(whole == bytewise) << "byte by byte: " << HeadErrorText(bytewise.error) << " at "
                                 << bytewise.offset << " instead of " << HeadErrorText(whole.error)
                                 << " at " << whole.offset << "\n"
                                 << bytewise.meaning << "\n"
                                 << whole.meaning;
  for (size_t i = 0; i < text.size(); ++i) {
    const size_t one[] = {i};
    const Outcome split = ParseWithCuts<Parser>(options, text, guards, one);
    EXPECT_TRUE(whole == split) << "split at " << i << ": " << HeadErrorText(split.error) << " at "
                                << split.offset;
    if (!(whole == split)) break;
  }
  return whole;
}

}  // namespace proto
