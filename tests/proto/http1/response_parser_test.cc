#include "proto/http1/response_parser.h"

#include <gtest/gtest.h>

#include "tests/proto/http1/parse_all_ways.h"

namespace proto {
namespace {

using namespace std::string_view_literals;

constexpr auto kOk = HeadError::kNone;
constexpr size_t kAll = SIZE_MAX;

struct Row {
  const char* name;
  std::string_view text;
  HeadError strict;   // with ResponseOptions()
  HeadError relaxed;  // with UnsafeResponseOptions()
  size_t offset;
};

const Row kRows[] = {
    {"shortest", "HTTP/1.1 200 \r\n\r\n"sv, kOk, kOk, kAll},
    {"no blank behind the code", "HTTP/1.1 200\r\n\r\n"sv, kOk, kOk, kAll},
    {"reason", "HTTP/1.0 404 Not Found\r\n\r\n"sv, kOk, kOk, kAll},
    {"reason with tab and high bytes", "HTTP/1.0 404 \t\xe9\r\n\r\n"sv, kOk, kOk, kAll},
    {"fields", "HTTP/1.1 200 OK\r\nServer: a\r\nDate:b\r\n\r\n"sv, kOk, kOk, kAll},
    {"body behind", "HTTP/1.1 200 OK\r\n\r\nbody"sv, kOk, kOk, 19},
    {"folding is mended", "HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n"sv, kOk, kOk, kAll},
    {"unregistered code", "HTTP/1.1 999 x\r\n\r\n"sv, kOk, kOk, kAll},
    {"no status line", "<html>"sv, HeadError::kBadVersion, HeadError::kNone, 0},
    {"empty line before", "\r\nHTTP/1.1 200 OK\r\n\r\n"sv, HeadError::kBadVersion,
     HeadError::kBadVersion, 0},
    {"lower case", "http/1.1 200 OK\r\n\r\n"sv, HeadError::kBadVersion, kOk, 0},
    {"version 2", "HTTP/2.0 200 OK\r\n\r\n"sv, HeadError::kBadVersion, kOk, 5},
    {"version 1.10", "HTTP/1.10 200 OK\r\n\r\n"sv, HeadError::kBadVersion, kOk, 8},
    {"other protocol", "ICY/1.0 200 OK\r\n\r\n"sv, HeadError::kBadVersion, kOk, 0},
    {"two blanks", "HTTP/1.1  200 OK\r\n\r\n"sv, HeadError::kBadStatus, HeadError::kBadStatus, 9},
    {"two digits", "HTTP/1.1 20 OK\r\n\r\n"sv, HeadError::kBadStatus, HeadError::kBadStatus, 9},
    {"four digits", "HTTP/1.1 2000 OK\r\n\r\n"sv, HeadError::kBadStatus, kOk, 9},
    {"five digits", "HTTP/1.1 65535 OK\r\n\r\n"sv, HeadError::kBadStatus, kOk, 9},
    {"five digits too large", "HTTP/1.1 65536 OK\r\n\r\n"sv, HeadError::kBadStatus,
     HeadError::kBadStatus, 9},
    {"six digits", "HTTP/1.1 000200 OK\r\n\r\n"sv, HeadError::kBadStatus, HeadError::kBadStatus, 9},
    {"below 100", "HTTP/1.1 099 OK\r\n\r\n"sv, HeadError::kBadStatus, HeadError::kBadStatus, 9},
    {"letters", "HTTP/1.1 2x0 OK\r\n\r\n"sv, HeadError::kBadStatus, HeadError::kBadStatus, 10},
    {"negative", "HTTP/1.1 -20 OK\r\n\r\n"sv, HeadError::kBadStatus, HeadError::kBadStatus, 9},
    {"tab behind the code", "HTTP/1.1 200\tOK\r\n\r\n"sv, HeadError::kBadStatus,
     HeadError::kBadStatus, 12},
    {"no code", "HTTP/1.1\r\n\r\n"sv, HeadError::kBadVersion, HeadError::kBadVersion, 8},
    {"control in reason", "HTTP/1.1 200 O\x01K\r\n\r\n"sv, HeadError::kBadReason,
     HeadError::kBadReason, 14},
    {"NUL in reason", "HTTP/1.1 200 O\0K\r\n\r\n"sv, HeadError::kBadReason, HeadError::kBadReason,
     14},
    {"bare LF", "HTTP/1.1 200 OK\n\r\n"sv, HeadError::kBareLf, HeadError::kBareLf, 15},
    {"bare LF behind the code", "HTTP/1.1 200\n\r\n"sv, HeadError::kBareLf, HeadError::kBareLf, 12},
    {"bare CR", "HTTP/1.1 200 OK\rx\r\n\r\n"sv, HeadError::kBareCr, HeadError::kBareCr, 15},
    {"blank before colon", "HTTP/1.1 200 OK\r\na : b\r\n\r\n"sv, HeadError::kBlankBeforeColon, kOk,
     18},
    {"bad name", "HTTP/1.1 200 OK\r\na(: b\r\n\r\n"sv, HeadError::kBadNameByte, kOk, 18},
    {"NUL in value", "HTTP/1.1 200 OK\r\na: \0\r\n\r\n"sv, HeadError::kBadValueByte, kOk, 20},
    {"bare LF in fields", "HTTP/1.1 200 OK\r\na: b\nc: d\r\n\r\n"sv, HeadError::kBareLf,
     HeadError::kBareLf, 21},
};

TEST(ResponseParserTest, Table) {
  for (const Row& row : kRows) {
    SCOPED_TRACE(row.name);
    const Outcome strict = ParseAllWays<ResponseParser>(ResponseOptions(), row.text);
    EXPECT_EQ(HeadErrorText(strict.error), HeadErrorText(row.strict));
    EXPECT_EQ(strict.result, row.strict == kOk ? ParseResult::kDone : ParseResult::kBad);
    EXPECT_EQ(strict.offset, row.offset == kAll ? row.text.size() : row.offset);
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
