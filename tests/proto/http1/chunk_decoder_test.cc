#include "proto/http1/chunk_decoder.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/proto/http1/chunk_rows.h"
#include "tests/proto/http1/chunk_ways.h"

namespace proto {
namespace {

constexpr auto kDone = ChunkResult::kDone;
constexpr auto kMore = ChunkResult::kNeedMore;
constexpr auto kBad = ChunkResult::kBad;

TEST(ChunkDecoderTest, Table) {
  for (const ChunkRow& row : kChunkRows) {
    SCOPED_TRACE(row.name);
    const ChunkOutcome outcome = DecodeAllWays(row.text);
    EXPECT_EQ(outcome.result, row.result);
    EXPECT_EQ(ChunkErrorText(outcome.error), ChunkErrorText(row.error));
    EXPECT_EQ(outcome.consumed, row.consumed == SIZE_MAX ? row.text.size() : row.consumed);
    EXPECT_EQ(outcome.data, row.data);
    EXPECT_EQ(outcome.trailers, row.trailers);
  }
}

TEST(ChunkDecoderTest, ExtensionsAreLimitedPerChunk) {
  ChunkOptions options;
  options.extension_bytes_max = 10;
  EXPECT_EQ(DecodeAllWays("1;23456789a\r\nx\r\n0\r\n\r\n", options).result, kDone);
  EXPECT_EQ(DecodeAllWays("1;23456789ab\r\nx\r\n0\r\n\r\n", options).error,
            ChunkError::kExtensionTooLong);
  EXPECT_EQ(DecodeAllWays("1            ;x\r\n", options).error, ChunkError::kExtensionTooLong);
  EXPECT_EQ(DecodeAllWays("1;23456789\r\nx\r\n1;23456789\r\nx\r\n0\r\n\r\n", options).result,
            kDone);
}

TEST(ChunkDecoderTest, TrailersAreLimited) {
  ChunkOptions options;
  options.trailer_bytes_max = 10;
  EXPECT_EQ(DecodeAllWays("0\r\nA: 3456\r\n\r\n", options).error, ChunkError::kTrailersTooLarge);
  EXPECT_EQ(DecodeAllWays("0\r\nA: 3\r\n\r\n", options).result, kDone);
  EXPECT_EQ(DecodeSpans("0\r\nA: 3\r\nB: 4\r\n\r\n", {16}, {}, 1).error,
            ChunkError::kTrailersTooLarge);
}

TEST(ChunkDecoderTest, ManyTrailersOutgrowTheirFirstBuffer) {
  std::string text = "0\r\n", expected;
  for (int i = 0; i < 90; ++i) {
    text += "name-" + std::to_string(i) + ": value\r\n";
    expected += "name-" + std::to_string(i) + "=value;";
  }
  EXPECT_EQ(DecodeAllWays(text + "\r\n").trailers, expected);
}

TEST(ChunkDecoderTest, SkippedDataNeedNotBeSeen) {
  base::Arena arena;
  FieldList trailers(arena);
  ChunkDecoder decoder(trailers);
  EXPECT_EQ(decoder.data_left(), 0u);
  EXPECT_EQ(decoder.Next("100000\r\n").result, kMore);
  EXPECT_EQ(decoder.data_left(), 0x100000u);
  decoder.SkipData(0xffffd);
  EXPECT_EQ(decoder.data_left(), 3u);
  const ChunkEvent event = decoder.Next("abc\r\n0\r\n\r\n");
  EXPECT_EQ(event.result, ChunkResult::kData);
  EXPECT_EQ(event.length, 3u);
  EXPECT_EQ(decoder.Next("\r\n0\r\n\r\n").result, kDone);
}

TEST(ChunkDecoderTest, EndsAreFinal) {
  base::Arena arena;
  FieldList trailers(arena);
  ChunkDecoder decoder(trailers);
  EXPECT_EQ(decoder.Next("0\r\n\r\n5").result, kDone);
  EXPECT_EQ(decoder.Next("5\r\n").consumed, 0u);
  EXPECT_EQ(decoder.Next("").result, kDone);
  ChunkDecoder bad(trailers);
  EXPECT_EQ(bad.Next("x").result, kBad);
  EXPECT_EQ(bad.Next("5\r\n").result, kBad);
  EXPECT_EQ(bad.Next("").result, kBad);
}

TEST(ChunkErrorTest, EveryErrorHasItsText) {
  for (int i = 0; i < int(ChunkError::kCount); ++i) {
    EXPECT_NE(ChunkErrorText(ChunkError(i)), "unknown") << i;
  }
}

}  // namespace
}  // namespace proto
