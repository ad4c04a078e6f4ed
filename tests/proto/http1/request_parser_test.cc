#include "proto/http1/request_parser.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/proto/http1/parse_all_ways.h"
#include "tests/proto/http1/request_rows.h"

namespace proto {
namespace {

constexpr auto kOk = HeadError::kNone;

TEST(RequestParserTest, Table) {
  for (const RequestRow& row : kRequestRows) {
    SCOPED_TRACE(row.name);
    const Outcome strict = ParseAllWays<RequestParser>({}, row.text);
    EXPECT_EQ(HeadErrorText(strict.error), HeadErrorText(row.strict));
    EXPECT_EQ(strict.result, row.strict == kOk ? ParseResult::kDone : ParseResult::kBad);
    EXPECT_EQ(strict.offset, row.offset == kWholeText ? row.text.size() : row.offset);
    const Outcome relaxed = ParseAllWays<RequestParser>(UnsafeRequestOptions(), row.text);
    EXPECT_EQ(HeadErrorText(relaxed.error), HeadErrorText(row.relaxed));
    EXPECT_EQ(relaxed.result, row.relaxed == kOk ? ParseResult::kDone : ParseResult::kBad);
  }
}

TEST(RequestParserTest, EveryShorterPieceOfAGoodHeadNeedsMore) {
  for (const RequestRow& row : kRequestRows) {
    if (row.strict != kOk || row.offset != kWholeText) continue;
    for (size_t bytes = 0; bytes < row.text.size(); ++bytes) {
      base::Arena arena;
      RequestHead head(arena);
      const ParserOptions options;
      RequestParser parser(options, head);
      EXPECT_EQ(parser.Parse(row.text.substr(0, bytes)), ParseResult::kNeedMore) << row.name;
    }
  }
}

class RequestParserPartsTest : public testing::Test {
 protected:
  ParseResult Parse(std::string_view text) { return parser_.Parse(text); }
  base::Arena arena_;
  ParserOptions options_;
  RequestHead head_{arena_};
  RequestParser parser_{options_, head_};
};

TEST_F(RequestParserPartsTest, FillsTheHead) {
  EXPECT_FALSE(parser_.started());
  ASSERT_EQ(Parse("\r\nPOST /a/b?c=d HTTP/1.1\r\nHOST:  h:1 \r\nX-Y:\r\n\r\nbody"),
            ParseResult::kDone);
  EXPECT_TRUE(parser_.started());
  EXPECT_EQ(head_.method, Method::kPost);
  EXPECT_EQ(head_.method_text, "POST");
  EXPECT_EQ(head_.target, "/a/b?c=d");
  EXPECT_EQ(head_.path, "/a/b");
  EXPECT_EQ(head_.query, "c=d");
  EXPECT_EQ(head_.version, (Version{1, 1}));
  ASSERT_EQ(head_.fields.size(), 2u);
  EXPECT_EQ(head_.fields[0].id(), FieldName::kHost);
  EXPECT_EQ(head_.fields[0].value(), "h:1");
  EXPECT_EQ(head_.fields[1].name(), "X-Y");
  EXPECT_EQ(head_.fields[1].value(), "");
  EXPECT_EQ(Parse("whatever"), ParseResult::kDone);
}

TEST_F(RequestParserPartsTest, FoldsBecomeSpaces) {
  options_.accept_obs_fold = true;
  ASSERT_EQ(Parse("GET / HTTP/1.0\r\na: b \r\n\t c\r\n d\r\ne:\r\n f\r\n\r\n"), ParseResult::kDone);
  EXPECT_EQ(head_.fields[0].value(), "b   \t c   d");
  EXPECT_EQ(head_.fields[1].value(), "f");
}

TEST_F(RequestParserPartsTest, BadNamesAreDroppedWithTheirFolds) {
  options_ = UnsafeRequestOptions();
  ASSERT_EQ(Parse("GET / HTTP/1.0\r\na: 1\r\n(b): 2\r\n x\r\nc d: 3\r\ne: 4\r\n\r\n"),
            ParseResult::kDone);
  ASSERT_EQ(head_.fields.size(), 2u);
  EXPECT_EQ(head_.fields[0].value(), "1");
  EXPECT_EQ(head_.fields[1].value(), "4");
  EXPECT_EQ(parser_.dropped_fields(), 2u);
}

TEST_F(RequestParserPartsTest, ErrorsAreFinal) {
  EXPECT_EQ(Parse("GET / HTTP/1.0\r\na(: b"), ParseResult::kBad);
  EXPECT_EQ(parser_.error_offset(), 17u);
  EXPECT_EQ(Parse("GET / HTTP/1.0\r\na: b\r\n\r\n"), ParseResult::kBad);
  EXPECT_EQ(parser_.error(), HeadError::kBadNameByte);
}

TEST_F(RequestParserPartsTest, FragmentBelongsToThePath) {
  options_ = UnsafeRequestOptions();
  ASSERT_EQ(Parse("GET /a#b HTTP/1.0\r\n\r\n"), ParseResult::kDone);
  EXPECT_EQ(head_.path, "/a#b");
}

TEST_F(RequestParserPartsTest, Http09HasNoFields) {
  options_ = UnsafeRequestOptions();
  ASSERT_EQ(Parse("GET /a\r\nHost: a\r\n\r\n"), ParseResult::kDone);
  EXPECT_EQ(parser_.head_bytes(), 8u);
  EXPECT_EQ(head_.version, (Version{0, 9}));
  EXPECT_TRUE(head_.fields.empty());
}

TEST(RequestParserLimitsTest, HeadMayBeExactlyAsLargeAsTheLimit) {
  const std::string text = "GET / HTTP/1.0\r\na: " + std::string(100, 'x') + "\r\n\r\n";
  ParserOptions options;
  options.head_bytes_max = text.size();
  EXPECT_EQ(ParseAllWays<RequestParser>(options, text).result, ParseResult::kDone);
  EXPECT_EQ(ParseAllWays<RequestParser>(options, text + "GET").result, ParseResult::kDone);
  options.head_bytes_max = text.size() - 1;
  const Outcome outcome = ParseAllWays<RequestParser>(options, text);
  EXPECT_EQ(outcome.result, ParseResult::kTooLarge);
  EXPECT_EQ(outcome.error, HeadError::kHeadTooLarge);
}

TEST(RequestParserLimitsTest, FieldsMayBeExactlyAsManyAsTheLimit) {
  std::string text = "GET / HTTP/1.0\r\n";
  for (int i = 0; i < 20; ++i) text += "x: y\r\n";
  ParserOptions options;
  options.fields_max = 20;
  EXPECT_EQ(ParseAllWays<RequestParser>(options, text + "\r\n").result, ParseResult::kDone);
  const Outcome outcome = ParseAllWays<RequestParser>(options, text + "z: y\r\n\r\n");
  EXPECT_EQ(outcome.result, ParseResult::kTooLarge);
  EXPECT_EQ(outcome.error, HeadError::kTooManyFields);
  EXPECT_EQ(outcome.offset, text.size());
}

TEST(RequestParserLimitsTest, OverlongNameIsTooLarge) {
  ParserOptions options;
  options.head_bytes_max = 1 << 17;
  const std::string text = "GET / HTTP/1.0\r\n" + std::string(65536, 'n') + ": y\r\n\r\n";
  base::Arena arena;
  RequestHead head(arena);
  RequestParser parser(options, head);
  EXPECT_EQ(parser.Parse(text), ParseResult::kTooLarge);
}

// Work is linear: a megabyte head, byte by byte, would take minutes if bytes were read again.
TEST(RequestParserLimitsTest, ManySmallPiecesCostNoRescan) {
  ParserOptions options;
  options.head_bytes_max = 1 << 21;
  const std::string text = "GET / HTTP/1.0\r\na: " + std::string(1 << 20, 'x') + "\r\n\r\n";
  base::Arena arena;
  RequestHead head(arena);
  RequestParser parser(options, head);
  for (size_t bytes = 0; bytes < text.size(); ++bytes) {
    ASSERT_EQ(parser.Parse({text.data(), bytes}), ParseResult::kNeedMore);
  }
  EXPECT_EQ(parser.Parse(text), ParseResult::kDone);
}

TEST(HeadErrorTest, EveryErrorHasItsText) {
  for (int i = 0; i < int(HeadError::kCount); ++i) {
    EXPECT_NE(HeadErrorText(HeadError(i)), "unknown") << i;
  }
}

}  // namespace
}  // namespace proto
