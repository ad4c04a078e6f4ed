// chunk_ways.h - decodes one chunked body whole, byte by byte and split at each offset.
//
// Owns:    nothing beyond a call.
// Threads: shard-local.
// Units:   bytes.
// Errors:  a way that disagrees with the whole one is a test failure that names the way.
// States:  none.

#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "proto/http1/chunk_decoder.h"
#include "tests/fake/guard_page.h"

namespace proto {

struct ChunkOutcome {
  ChunkResult result = ChunkResult::kNeedMore;
  ChunkError error = ChunkError::kNone;
  size_t consumed = 0;  // in all; of a bad body, up to the byte to blame
  std::string data;
  std::string trailers;
  friend bool operator==(const ChunkOutcome&, const ChunkOutcome&) = default;
};

// `ends`: where each span ends, rising; the last is the text's end.
inline ChunkOutcome DecodeSpans(std::string_view text, const std::vector<size_t>& ends,
                                const ChunkOptions& options = {}, uint32_t fields_max = 100) {
  static fake::GuardPage guard(1 << 18);
  base::Arena arena;
  FieldList trailers(arena, fields_max);
  ChunkDecoder decoder(trailers, options);
  ChunkOutcome outcome;
  const auto finished = [&] {
    return outcome.result == ChunkResult::kDone || outcome.result == ChunkResult::kBad;
  };
  size_t start = 0;
  for (size_t i = 0; i < ends.size() && !finished(); ++i) {
    std::string_view span = guard.Place(text.substr(start, ends[i] - start));
    do {
      const ChunkEvent event = decoder.Next(span);
      outcome.result = event.result;
      outcome.consumed += event.consumed;
      if (event.result == ChunkResult::kData)
        outcome.data += span.substr(event.offset, event.length);
      if (event.result == ChunkResult::kTrailers) {
        for (const Field& field : trailers) {
          outcome.trailers += std::string(field.name()) + "=" + std::string(field.value()) + ";";
        }
      }
      span.remove_prefix(event.consumed);
    } while (!finished() && (!span.empty() || outcome.result == ChunkResult::kTrailers));
    start = ends[i];
  }
  if (outcome.result == ChunkResult::kData) outcome.result = ChunkResult::kNeedMore;
  outcome.error = decoder.error();
  return outcome;
}

inline ChunkOutcome DecodeAllWays(std::string_view text, const ChunkOptions& options = {},
                                  uint32_t fields_max = 100) {
  const ChunkOutcome whole = DecodeSpans(text, {text.size()}, options, fields_max);
  std::vector<size_t> each;
  for (size_t i = 1; i <= text.size(); ++i) each.push_back(i);
  if (each.empty()) return whole;
  const ChunkOutcome bytewise = DecodeSpans(text, each, options, fields_max);
  EXPECT_TRUE(whole == bytewise) << "byte by byte: " << ChunkErrorText(bytewise.error) << " at "
                                 << bytewise.consumed << " instead of "
                                 << ChunkErrorText(whole.error) << " at " << whole.consumed;
  for (size_t i = 1; i < text.size(); ++i) {
    const ChunkOutcome split = DecodeSpans(text, {i, text.size()}, options, fields_max);
    EXPECT_TRUE(whole == split) << "split at " << i << ": " << ChunkErrorText(split.error) << " at "
                                << split.consumed;
    if (!(whole == split)) break;
  }
  return whole;
}

}  // namespace proto
