#include "proto/http1/response_parser.h"

#include <gtest/gtest.h>

#include "tests/proto/http1/parse_all_ways.h"
#include "tests/proto/http1/response_rows.h"

namespace proto {
namespace {

constexpr auto kGood = HeadError::kNone;

TEST(ResponseParserTest, Table) {
  for (const ResponseRow& row : kResponseRows) {
    SCOPED_TRACE(row.name);
    const Outcome strict = ParseAllWays<ResponseParser>(ResponseOptions(), row.text);
    EXPECT_EQ(HeadErrorText(strict.error), HeadErrorText(row.strict));
    EXPECT_EQ(strict.result, row.strict == kGood ? ParseResult::kDone : ParseResult::kBad);
    EXPECT_EQ(strict.offset, row.offset == SIZE_MAX ? row.text.size() : row.offset);
    const Outcome relaxed = ParseAllWays<ResponseParser>(UnsafeResponseOptions(), row.text);
    EXPECT_EQ(HeadErrorText(relaxed.error), HeadErrorText(row.relaxed));
  }
}

TEST(ResponseParserTest, FillsTheHead) {
  base::Arena arena;
  ResponseHead head(arena);
  const ParserOptions options = ResponseOptions();
  ResponseParser parser(options, head);
  ASSERT_EQ(parser.Parse("HTTP/1.0 503 Try again\r\nRetry-After: 5\r\n\r\n"), ParseResult::kDone);
  EXPECT_EQ(head.status, 503);
  EXPECT_EQ(head.reason, "Try again");
  EXPECT_EQ(head.version, (Version{1, 0}));
  EXPECT_EQ(head.fields.ValueOf(FieldName::kRetryAfter), "5");
}

TEST(ResponseParserTest, BlankBeforeColonIsTakenAwayWhenRelaxed) {
  base::Arena arena;
  ResponseHead head(arena);
  const ParserOptions options = UnsafeResponseOptions();
  ResponseParser parser(options, head);
  ASSERT_EQ(parser.Parse("HTTP/1.1 200 OK\r\nContent-Length \t: 5\r\na b: c\r\n\r\n"),
            ParseResult::kDone);
  EXPECT_EQ(head.fields.ValueOf(FieldName::kContentLength), "5");
  EXPECT_EQ(head.fields.size(), 1u);
  EXPECT_EQ(parser.dropped_fields(), 1u);
}

TEST(ResponseParserTest, FoldedFramingFieldIsUnderstood) {
  base::Arena arena;
  ResponseHead head(arena);
  const ParserOptions options = ResponseOptions();
  ResponseParser parser(options, head);
  ASSERT_EQ(parser.Parse("HTTP/1.1 200 OK\r\nContent-Length:\r\n 5\r\n\r\n"), ParseResult::kDone);
  EXPECT_EQ(head.fields.ValueOf(FieldName::kContentLength), "5");
}

}  // namespace
}  // namespace proto
