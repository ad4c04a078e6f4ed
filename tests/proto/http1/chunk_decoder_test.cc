#include "proto/http1/chunk_decoder.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/proto/http1/chunk_ways.h"

namespace proto {
namespace {

using namespace std::string_view_literals;

constexpr size_t kAll = SIZE_MAX;

struct Row {
  const char* name;
  std::string_view text;
  ChunkResult result;
  ChunkError error;
  size_t consumed;
  const char* data;
  const char* trailers;
};

constexpr auto kDone = ChunkResult::kDone;
constexpr auto kMore = ChunkResult::kNeedMore;
constexpr auto kBad = ChunkResult::kBad;
constexpr auto kOk = ChunkError::kNone;

const Row kRows[] = {
    {"empty body", "0\r\n\r\n"sv, kDone, kOk, kAll, "", ""},
    {"one chunk", "5\r\nhello\r\n0\r\n\r\n"sv, kDone, kOk, kAll, "hello", ""},
    {"two chunks", "5\r\nhello\r\n7\r\n, world\r\n0\r\n\r\n"sv, kDone, kOk, kAll, "hello, world",
     ""},
    {"capital hex", "A\r\n0123456789\r\n0\r\n\r\n"sv, kDone, kOk, kAll, "0123456789", ""},
    {"small hex", "a\r\n0123456789\r\n0\r\n\r\n"sv, kDone, kOk, kAll, "0123456789", ""},
    {"leading zeros", "0005\r\nhello\r\n000\r\n\r\n"sv, kDone, kOk, kAll, "hello", ""},
    {"next message behind", "0\r\n\r\nGET / HTTP"sv, kDone, kOk, 5, "", ""},
    {"CRLF in data", "6\r\na\r\nb\r\n\r\n0\r\n\r\n"sv, kDone, kOk, kAll, "a\r\nb\r\n", ""},
    {"extension", "5;a=b\r\nhello\r\n0;c\r\n\r\n"sv, kDone, kOk, kAll, "hello", ""},
    {"extension with blanks", "5 \t; a = b\r\nhello\r\n0\r\n\r\n"sv, kDone, kOk, kAll, "hello", ""},
    {"quoted extension", "5;a=\"x;\\\"y\"\r\nhello\r\n0\r\n\r\n"sv, kDone, kOk, kAll, "hello", ""},
    {"trailers", "0\r\nA: b\r\nC:d\r\n\r\nX"sv, kDone, kOk, 16, "", "A=b;C=d;"},
    {"forbidden trailers go", "0\r\nContent-Length: 5\r\nHost: a\r\nE: f\r\n\r\n"sv, kDone, kOk,
     kAll, "", "E=f;"},
    {"only forbidden trailers", "0\r\nTransfer-Encoding: chunked\r\n\r\n"sv, kDone, kOk, kAll, "",
     ""},
    {"incomplete", "5\r\nhel"sv, kMore, kOk, kAll, "hel", ""},
    {"last CRLF missing", "0\r\n"sv, kMore, kOk, kAll, "", ""},
    {"last LF missing", "0\r\n\r"sv, kMore, kOk, kAll, "", ""},

    {"no size", "\r\nhello"sv, kBad, ChunkError::kBadSize, 0, "", ""},
    {"no hex", "xyz\r\n"sv, kBad, ChunkError::kBadSize, 0, "", ""},
    {"plus", "+5\r\nhello"sv, kBad, ChunkError::kBadSize, 0, "", ""},
    {"minus", "-5\r\nhello"sv, kBad, ChunkError::kBadSize, 0, "", ""},
    {"0x", "0x5\r\nhello"sv, kBad, ChunkError::kBadSize, 1, "", ""},
    {"blank first", " 5\r\nhello"sv, kBad, ChunkError::kBadSize, 0, "", ""},
    {"blank behind", "5 \r\nhello"sv, kBad, ChunkError::kBadSize, 2, "", ""},
    {"tab behind", "5\t\r\nhello"sv, kBad, ChunkError::kBadSize, 2, "", ""},
    {"blank within", "5 5\r\nhello"sv, kBad, ChunkError::kBadSize, 2, "", ""},
    {"comma", "5,5\r\nhello"sv, kBad, ChunkError::kBadSize, 1, "", ""},
    {"underscore", "1_0\r\nhello"sv, kBad, ChunkError::kBadSize, 1, "", ""},
    {"NUL", "5\0\r\nhello"sv, kBad, ChunkError::kBadSize, 1, "", ""},
    {"high byte", "5\xa0\r\nhello"sv, kBad, ChunkError::kBadSize, 1, "", ""},
    {"largest", "7fffffffffffffff\r\nhello"sv, kMore, kOk, kAll, "hello", ""},
    {"one more", "8000000000000000\r\nhello"sv, kBad, ChunkError::kSizeOverflow, 15, "", ""},
    {"2^64 - 1", "ffffffffffffffff\r\nhello"sv, kBad, ChunkError::kSizeOverflow, 15, "", ""},
    {"2^64", "10000000000000000\r\nhello"sv, kBad, ChunkError::kSizeOverflow, 16, "", ""},
    {"2^64 + 5", "10000000000000005\r\nhello"sv, kBad, ChunkError::kSizeOverflow, 16, "", ""},
    {"too many zeros", "00000000000000005\r\nhello"sv, kBad, ChunkError::kSizeOverflow, 16, "", ""},
    {"bare LF behind the size", "5\nhello"sv, kBad, ChunkError::kBareLf, 1, "", ""},
    {"bare LF first", "\n5\r\nhello"sv, kBad, ChunkError::kBareLf, 0, "", ""},
    {"bare CR behind the size", "5\rhello"sv, kBad, ChunkError::kBareCr, 2, "", ""},
    {"two CRs", "5\r\r\nhello"sv, kBad, ChunkError::kBareCr, 2, "", ""},
    {"bare LF in extension", "5;a\nhello"sv, kBad, ChunkError::kBareLf, 3, "", ""},
    {"bare CR in extension", "5;a\rb\r\nhello"sv, kBad, ChunkError::kBareCr, 4, "", ""},
    {"NUL in extension", "5;a\0\r\nhello"sv, kBad, ChunkError::kBadExtension, 3, "", ""},
    {"line end in quotes", "5;a=\"\r\nhello"sv, kBad, ChunkError::kBadExtension, 5, "", ""},
    {"escaped line end in quotes", "5;a=\"\\\r\nhello"sv, kBad, ChunkError::kBadExtension, 6, "",
     ""},
    {"backslash outside quotes", "5;a\\b\r\nhello"sv, kBad, ChunkError::kBadExtension, 3, "", ""},
    {"data too long", "5\r\nhelloX\r\n"sv, kBad, ChunkError::kMissingCrlf, 8, "hello", ""},
    {"data too short", "5\r\nhell\r\n0\r\n\r\n"sv, kBad, ChunkError::kMissingCrlf, 8, "hell\r", ""},
    {"LF behind data", "5\r\nhello\n0\r\n\r\n"sv, kBad, ChunkError::kMissingCrlf, 8, "hello", ""},
    {"CR and more behind data", "5\r\nhello\rX"sv, kBad, ChunkError::kMissingCrlf, 9, "hello", ""},
    {"nothing behind data", "5\r\nhello0\r\n\r\n"sv, kBad, ChunkError::kMissingCrlf, 8, "hello",
     ""},
    {"LF ends the body", "0\r\n\n"sv, kBad, ChunkError::kBadTrailer, 3, "", ""},
    {"CR and more end the body", "0\r\n\rX"sv, kBad, ChunkError::kBareCr, 4, "", ""},
    {"request in the trailers", "0\r\nGET / HTTP/1.1\r\n\r\n"sv, kBad, ChunkError::kBadTrailer, 6,
     "", ""},
    {"folded trailer", "0\r\nA: b\r\n c\r\n\r\n"sv, kBad, ChunkError::kBadTrailer, 9, "", ""},
    {"bare LF in trailer", "0\r\nA: b\n\r\n"sv, kBad, ChunkError::kBadTrailer, 7, "", ""},
    {"NUL in trailer", "0\r\nA: \0\r\n\r\n"sv, kBad, ChunkError::kBadTrailer, 6, "", ""},
};

TEST(ChunkDecoderTest, Table) {
  for (const Row& row : kRows) {
    SCOPED_TRACE(row.name);
    const ChunkOutcome outcome = DecodeAllWays(row.text);
    EXPECT_EQ(outcome.result, row.result);
    EXPECT_EQ(ChunkErrorText(outcome.error), ChunkErrorText(row.error));
    EXPECT_EQ(outcome.consumed, row.consumed == kAll ? row.text.size() : row.consumed);
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
