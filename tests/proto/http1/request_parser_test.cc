#include "proto/http1/request_parser.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/proto/http1/parse_all_ways.h"

namespace proto {
namespace {

using namespace std::string_view_literals;

constexpr auto kOk = HeadError::kNone;

struct Row {
  const char* name;
  std::string_view text;
  HeadError strict;
  HeadError relaxed;  // with UnsafeRequestOptions()
  size_t offset;      // of the strict error; for a good head, its size
};

// Good heads end where the text does, unless the offset says otherwise.
constexpr size_t kAll = SIZE_MAX;

const Row kRows[] = {
    {"shortest", "GET / HTTP/1.0\r\n\r\n"sv, kOk, kOk, kAll},
    {"with Host", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"sv, kOk, kOk, kAll},
    {"empty lines before", "\r\n\r\nGET / HTTP/1.0\r\n\r\n"sv, kOk, kOk, kAll},
    {"too many empty lines", "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\nGET"sv,
     HeadError::kTooManyEmptyLines, HeadError::kTooManyEmptyLines, 16},
    {"something behind", "GET / HTTP/1.0\r\n\r\nGET"sv, kOk, kOk, 18},
    {"no blank behind colon", "GET / HTTP/1.0\r\na:b\r\n\r\n"sv, kOk, kOk, kAll},
    {"tabs around the value", "GET / HTTP/1.0\r\na:\t b c \t\r\n\r\n"sv, kOk, kOk, kAll},
    {"empty value", "GET / HTTP/1.0\r\na:\r\n\r\n"sv, kOk, kOk, kAll},
    {"blank value", "GET / HTTP/1.0\r\na:  \r\n\r\n"sv, kOk, kOk, kAll},
    {"high bytes in value", "GET / HTTP/1.0\r\na: \xe2\x82\xac\r\n\r\n"sv, kOk, kOk, kAll},
    {"colon in value", "GET / HTTP/1.0\r\na: b:c\r\n\r\n"sv, kOk, kOk, kAll},
    {"long method", "PROPFIND / HTTP/1.0\r\n\r\n"sv, kOk, kOk, kAll},
    {"odd method", "a!#$%&'*+-.^_`|~1 / HTTP/1.0\r\n\r\n"sv, kOk, kOk, kAll},
    {"odd name", "GET / HTTP/1.0\r\n!#$%&'*+-.^_`|~1: x\r\n\r\n"sv, kOk, kOk, kAll},
    {"odd target bytes", "GET /\"<>\\^`{|} HTTP/1.0\r\n\r\n"sv, kOk, kOk, kAll},
    {"minor version 2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n"sv, kOk, kOk, kAll},
    {"long value", "GET / HTTP/1.0\r\na: 0123456789abcdefghijklmnopqrstuvwxyz0123456789\r\n\r\n"sv,
     kOk, kOk, kAll},
    {"absolute", "GET http://h:80/a?b HTTP/1.1\r\nHost: h\r\n\r\n"sv, kOk, kOk, kAll},
    {"CONNECT", "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n"sv, kOk, kOk, kAll},
    {"asterisk", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"sv, kOk, kOk, kAll},
    {"browser",
     "GET /static/app.js?v=3 HTTP/1.1\r\nHost: www.example.com\r\nConnection: keep-alive\r\n"
     "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\nAccept: */*\r\n"
     "Accept-Encoding: gzip, deflate, br\r\nCookie: a=1; b=2\r\n\r\n"sv,
     kOk, kOk, kAll},

    {"TLS on a clear port", "\x16\x03\x01\x02"sv, HeadError::kBadMethod, HeadError::kBadMethod, 0},
    {"empty method", " / HTTP/1.0\r\n\r\n"sv, HeadError::kBadMethod, HeadError::kBadMethod, 0},
    {"method with colon", "GE:T / HTTP/1.0\r\n\r\n"sv, HeadError::kBadMethod, HeadError::kBadMethod,
     2},
    {"method with NUL", "GE\0T / HTTP/1.0\r\n\r\n"sv, HeadError::kBadMethod, HeadError::kBadMethod,
     2},
    {"method and tab", "GET\t/ HTTP/1.0\r\n\r\n"sv, HeadError::kBadMethod, HeadError::kBadMethod,
     3},
    {"method alone", "GET\r\n\r\n"sv, HeadError::kBadMethod, HeadError::kBadMethod, 3},
    {"two blanks", "GET  / HTTP/1.0\r\n\r\n"sv, HeadError::kBadTarget, HeadError::kBadTarget, 4},
    {"space in target", "GET /a b HTTP/1.0\r\n\r\n"sv, HeadError::kBadVersion,
     HeadError::kBadVersion, 7},
    {"tab in target", "GET /a\tb HTTP/1.0\r\n\r\n"sv, HeadError::kBadTargetByte,
     HeadError::kBadTargetByte, 6},
    {"NUL in target", "GET /a\0b HTTP/1.0\r\n\r\n"sv, HeadError::kBadTargetByte,
     HeadError::kBadTargetByte, 6},
    {"DEL in target",
     "GET /a\x7f"
     "b HTTP/1.0\r\n\r\n"sv,
     HeadError::kBadTargetByte, HeadError::kBadTargetByte, 6},
    {"high byte in target", "GET /\xc3\xa9 HTTP/1.0\r\n\r\n"sv, HeadError::kBadTargetByte, kOk, 5},
    {"fragment", "GET /a#b HTTP/1.0\r\n\r\n"sv, HeadError::kFragment, kOk, 6},
    {"no version", "GET /\r\n"sv, HeadError::kBadVersion, kOk, 5},
    {"no version, POST", "POST /\r\n"sv, HeadError::kBadVersion, HeadError::kBadVersion, 6},
    {"blank and no version", "GET / \r\n\r\n"sv, HeadError::kBadVersion, HeadError::kBadVersion, 6},
    {"other protocol", "GET / RTSP/1.0\r\n\r\n"sv, HeadError::kBadVersion, kOk, 6},
    {"lower case", "GET / http/1.0\r\n\r\n"sv, HeadError::kBadVersion, kOk, 6},
    {"version 2", "GET / HTTP/2.0\r\nHost: a\r\n\r\n"sv, HeadError::kBadVersion, kOk, 11},
    {"version 1.10", "GET / HTTP/1.10\r\nHost: a\r\n\r\n"sv, HeadError::kBadVersion, kOk, 14},
    {"version and blank", "GET / HTTP/1.0 \r\n\r\n"sv, HeadError::kBadVersion,
     HeadError::kBadVersion, 14},
    {"version and more", "GET / HTTP/1.0 x\r\n\r\n"sv, HeadError::kBadVersion,
     HeadError::kBadVersion, 14},
    {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"sv, HeadError::kHttp2Preface,
     HeadError::kHttp2Preface, 6},
    {"almost the preface", "PRI * HTTP/2.1\r\n\r\n"sv, HeadError::kBadVersion,
     HeadError::kBadTarget, 11},
    {"bare LF ends request line", "GET / HTTP/1.0\n\r\n"sv, HeadError::kBareLf, HeadError::kBareLf,
     14},
    {"bare CR ends request line", "GET / HTTP/1.0\r\r\n"sv, HeadError::kBareCr, HeadError::kBareCr,
     14},
    {"bare LF first", "\nGET / HTTP/1.0\r\n\r\n"sv, HeadError::kBareLf, HeadError::kBareLf, 0},
    {"bare CR first", "\rGET / HTTP/1.0\r\n\r\n"sv, HeadError::kBareCr, HeadError::kBareCr, 0},

    {"bare LF ends field", "GET / HTTP/1.0\r\na: b\nc: d\r\n\r\n"sv, HeadError::kBareLf,
     HeadError::kBareLf, 20},
    {"bare CR in value", "GET / HTTP/1.0\r\na: b\rc\r\n\r\n"sv, HeadError::kBareCr,
     HeadError::kBareCr, 20},
    {"two CRs", "GET / HTTP/1.0\r\na: b\r\r\n\r\n"sv, HeadError::kBareCr, HeadError::kBareCr, 20},
    {"LF ends head", "GET / HTTP/1.0\r\na: b\r\n\n"sv, HeadError::kBareLf, HeadError::kBareLf, 22},
    {"CR ends head", "GET / HTTP/1.0\r\na: b\r\n\rX"sv, HeadError::kBareCr, HeadError::kBareCr, 22},
    {"NUL in value", "GET / HTTP/1.0\r\na: b\0c\r\n\r\n"sv, HeadError::kBadValueByte, kOk, 20},
    {"control in value",
     "GET / HTTP/1.0\r\na: b\x01"
     "c\r\n\r\n"sv,
     HeadError::kBadValueByte, HeadError::kBadValueByte, 20},
    {"vertical tab in value",
     "GET / HTTP/1.0\r\na: \x0b"
     "b\r\n\r\n"sv,
     HeadError::kBadValueByte, HeadError::kBadValueByte, 19},
    {"DEL in value", "GET / HTTP/1.0\r\na: \x7f\r\n\r\n"sv, HeadError::kBadValueByte,
     HeadError::kBadValueByte, 19},
    {"NUL in name", "GET / HTTP/1.0\r\na\0b: c\r\n\r\n"sv, HeadError::kBadNameByte, kOk, 17},
    {"high byte in name", "GET / HTTP/1.0\r\na\xff: c\r\n\r\n"sv, HeadError::kBadNameByte, kOk, 17},
    {"paren in name", "GET / HTTP/1.0\r\n(a): c\r\n\r\n"sv, HeadError::kBadNameByte, kOk, 16},
    {"blank in name", "GET / HTTP/1.0\r\na b: c\r\n\r\n"sv, HeadError::kBlankBeforeColon, kOk, 17},
    {"blank before colon", "GET / HTTP/1.0\r\na : c\r\n\r\n"sv, HeadError::kBlankBeforeColon,
     HeadError::kBlankBeforeColon, 17},
    {"tab before colon", "GET / HTTP/1.0\r\na\t: c\r\n\r\n"sv, HeadError::kBlankBeforeColon,
     HeadError::kBlankBeforeColon, 17},
    {"empty name", "GET / HTTP/1.0\r\n: c\r\n\r\n"sv, HeadError::kEmptyName, HeadError::kEmptyName,
     16},
    {"no colon", "GET / HTTP/1.0\r\nabc\r\n\r\n"sv, HeadError::kMissingColon,
     HeadError::kMissingColon, 19},
    {"bad name without colon", "GET / HTTP/1.0\r\na(c\r\n\r\n"sv, HeadError::kBadNameByte,
     HeadError::kMissingColon, 17},
    {"blank line first", "GET / HTTP/1.0\r\n a: b\r\n\r\n"sv, HeadError::kBlankBeforeFirstField,
     HeadError::kBlankBeforeFirstField, 16},
    {"line folding", "GET / HTTP/1.0\r\na: b\r\n c\r\n\r\n"sv, HeadError::kObsFold, kOk, 22},
    {"folding with tab", "GET / HTTP/1.0\r\na: b\r\n\tc\r\n d\r\n\r\n"sv, HeadError::kObsFold, kOk,
     22},
    {"folding into nothing", "GET / HTTP/1.0\r\na: b\r\n \r\n\r\n"sv, HeadError::kObsFold, kOk, 22},
    {"folding of a bad name", "GET / HTTP/1.0\r\n(a: b\r\n c\r\nd: e\r\n\r\n"sv,
     HeadError::kBadNameByte, kOk, 16},

    {"missing Host", "GET / HTTP/1.1\r\na: b\r\n\r\n"sv, HeadError::kMissingHost,
     HeadError::kMissingHost, 4},
    {"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"sv, HeadError::kRepeatedHost,
     HeadError::kRepeatedHost, 25},
    {"two Hosts in 1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"sv, HeadError::kRepeatedHost,
     HeadError::kRepeatedHost, 25},
    {"bad Host", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"sv, HeadError::kBadHost, HeadError::kBadHost,
     16},
    {"another Host", "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n"sv, HeadError::kHostMismatch, kOk,
     24},
    {"CONNECT to a path", "CONNECT /a HTTP/1.1\r\nHost: b\r\n\r\n"sv, HeadError::kBadAuthority, kOk,
     8},
    {"bad authority", "GET http://a@b/ HTTP/1.1\r\nHost: b\r\n\r\n"sv, HeadError::kBadAuthority,
     HeadError::kBadAuthority, 4},
};

TEST(RequestParserTest, Table) {
  for (const Row& row : kRows) {
    SCOPED_TRACE(row.name);
    const Outcome strict = ParseAllWays<RequestParser>({}, row.text);
    EXPECT_EQ(HeadErrorText(strict.error), HeadErrorText(row.strict));
    EXPECT_EQ(strict.result, row.strict == kOk ? ParseResult::kDone : ParseResult::kBad);
    EXPECT_EQ(strict.offset, row.offset == kAll ? row.text.size() : row.offset);
    const Outcome relaxed = ParseAllWays<RequestParser>(UnsafeRequestOptions(), row.text);
    EXPECT_EQ(HeadErrorText(relaxed.error), HeadErrorText(row.relaxed));
    EXPECT_EQ(relaxed.result, row.relaxed == kOk ? ParseResult::kDone : ParseResult::kBad);
  }
}

TEST(RequestParserTest, EveryShorterPieceOfAGoodHeadNeedsMore) {
  for (const Row& row : kRows) {
    if (row.strict != kOk || row.offset != kAll) continue;
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
