// Expect rules: what matches, what waits, and what is said of what does not.

#include "engine/check/expect.h"

#include <gtest/gtest.h>

namespace engine {
namespace {

using Match = ExpectRule::Match;
using namespace std::string_literals;

ExpectRule Rule(Match match, const std::string& pattern, bool negated = false) {
  ExpectRule rule;
  rule.match = match;
  rule.negated = negated;
  rule.pattern = pattern;
  std::string error;
  if (match == Match::kRegex || match == Match::kBinaryRegex || match == Match::kBodyRegex ||
      match == Match::kStatusRegex) {
    rule.regex = Regex::Compile(pattern, match == Match::kBinaryRegex, &error);
    EXPECT_EQ(error, "");
  }
  return rule;
}

struct BytesCase {
  const char* name;
  Match match;
  std::string pattern;
  bool negated;
  int32_t min_recv;
  std::string bytes;
  bool is_final;
  ExpectResult result;
  const char* text;
};

const BytesCase kBytes[] = {
    {"String", Match::kString, "+OK", false, -1, "x+OK", false, ExpectResult::kMatch, ""},
    {"StringToCome", Match::kString, "+OK", false, -1, "x+O", false, ExpectResult::kNeedMore, ""},
    {"StringMissing", Match::kString, "+OK", false, -1, "x+O", true, ExpectResult::kFailed,
     "TCPCHK did not match content '+OK'"},
    {"StringUnwanted", Match::kString, "ERR", true, -1, "-ERR", false, ExpectResult::kFailed,
     "TCPCHK matched unwanted content 'ERR'"},
    {"StringAbsentSoFar", Match::kString, "ERR", true, -1, "+OKAY", false, ExpectResult::kNeedMore,
     ""},
    {"StringAbsent", Match::kString, "ERR", true, -1, "+OKAY", true, ExpectResult::kMatch, ""},
    {"StringAbsentAtOnce", Match::kString, "ERR", true, 0, "+", false, ExpectResult::kMatch, ""},
    {"Nothing", Match::kString, "ERR", true, 0, "", false, ExpectResult::kNeedMore, ""},
    {"NothingAtAll", Match::kString, "ERR", true, 0, "", true, ExpectResult::kFailed,
     "TCPCHK got an empty response"},
    {"BinaryWithNul", Match::kBinary, "\0\1"s, false, -1, "a\0\1"s, false, ExpectResult::kMatch,
     ""},
    {"BinaryMissing", Match::kBinary, "\0\1"s, false, -1, "a\0"s, true, ExpectResult::kFailed,
     "TCPCHK did not match content (binary)"},
    {"Regex", Match::kRegex, "^2..", false, -1, "250 ok", false, ExpectResult::kMatch, ""},
    {"RegexMissing", Match::kRegex, "^2..", false, -1, "550 no", true, ExpectResult::kFailed,
     "TCPCHK did not match content (regex)"},
    {"RegexUnwanted", Match::kRegex, "^5", true, -1, "550 no", false, ExpectResult::kFailed,
     "TCPCHK matched unwanted content (regex)"},
    {"RegexTooEarly", Match::kRegex, "^5", true, 4, "5", false, ExpectResult::kNeedMore, ""},
    {"BinaryRegex", Match::kBinaryRegex, "^00ff", false, -1, "\0\xff"s, false, ExpectResult::kMatch,
     ""},
    {"BinaryRegexMissing", Match::kBinaryRegex, "^00ff", false, -1, "\1"s, true,
     ExpectResult::kFailed, "TCPCHK did not match content (binary regex)"},
};

class BytesTest : public testing::TestWithParam<BytesCase> {};

TEST_P(BytesTest, Result) {
  const BytesCase& param = GetParam();
  ExpectRule rule = Rule(param.match, param.pattern, param.negated);
  rule.min_recv = param.min_recv;
  ExpectNote note;
  EXPECT_EQ(EvaluateBytes(rule, param.bytes, param.is_final, &note), param.result);
  EXPECT_EQ(note.text, param.text);
}

INSTANTIATE_TEST_SUITE_P(Expect, BytesTest, testing::ValuesIn(kBytes),
                         [](const auto& info) { return info.param.name; });

constexpr char kAnswer[] =
    "HTTP/1.1 200 Fine\r\nContent-Length: 5\r\nX-List: a, bc\r\nX-Full: a, bc\r\n\r\nhello";

ExpectResult Evaluate(const ExpectRule& rule, ExpectNote* note) {
  HttpAnswer answer;
  answer.Begin("GET");
  const HttpAnswer::Progress progress = answer.Parse(kAnswer, false);
  return EvaluateAnswer(rule, answer, progress, false, note);
}

TEST(Expect, Status) {
  ExpectRule rule;
  rule.match = Match::kStatus;
  rule.error_status = CheckStatus::kL7Status;
  rule.codes = {{201, 299}, {300, 399}};
  ExpectNote note;
  EXPECT_EQ(Evaluate(rule, &note), ExpectResult::kFailed);
  EXPECT_EQ(note.status, CheckStatus::kL7Status);
  EXPECT_EQ(note.code, 200);
  EXPECT_EQ(note.text, "Fine");
  rule.codes.emplace_back(200, 200);
  EXPECT_EQ(Evaluate(rule, &note), ExpectResult::kMatch);
  rule.negated = true;
  EXPECT_EQ(Evaluate(rule, &note), ExpectResult::kFailed);
  EXPECT_EQ(Evaluate(Rule(Match::kStatusRegex, "^2"), &note), ExpectResult::kMatch);
  EXPECT_EQ(Evaluate(Rule(Match::kStatusRegex, "^5"), &note), ExpectResult::kFailed);
}

TEST(Expect, Body) {
  ExpectNote note;
  EXPECT_EQ(Evaluate(Rule(Match::kBody, "ell"), &note), ExpectResult::kMatch);
  EXPECT_EQ(Evaluate(Rule(Match::kBody, "world"), &note), ExpectResult::kFailed);
  EXPECT_EQ(note.text, "HTTP content check did not match");
  EXPECT_EQ(Evaluate(Rule(Match::kBodyRegex, "h.l", true), &note), ExpectResult::kFailed);
  EXPECT_EQ(note.text, "HTTP check matched unwanted content");
  // The head is not searched.
  EXPECT_EQ(Evaluate(Rule(Match::kBody, "X-List"), &note), ExpectResult::kFailed);
}

struct HeaderCase {
  const char* name;
  Match match;
  HeaderPattern::Match how;
  const char* field;
  HeaderPattern::Match how_value;
  const char* value;
  bool matches;
};

using How = HeaderPattern::Match;
constexpr HeaderCase kHeaders[] = {
    {"Present", Match::kHeader, How::kExact, "x-list", How::kAny, "", true},
    {"Missing", Match::kHeader, How::kExact, "x-none", How::kAny, "", false},
    {"AValueOfTheList", Match::kHeader, How::kExact, "X-List", How::kExact, "bc", true},
    {"NotTheWhole", Match::kHeader, How::kExact, "X-List", How::kExact, "a, bc", false},
    {"TheWhole", Match::kFullHeader, How::kExact, "X-Full", How::kExact, "a, bc", true},
    {"NotAPart", Match::kFullHeader, How::kExact, "X-Full", How::kExact, "bc", false},
    {"Begin", Match::kFullHeader, How::kBegin, "x-", How::kBegin, "a,", true},
    {"End", Match::kFullHeader, How::kEnd, "FULL", How::kEnd, "bc", true},
    {"Part", Match::kFullHeader, How::kPart, "-fu", How::kPart, ", b", true},
    {"ValuesHaveCase", Match::kHeader, How::kExact, "X-List", How::kExact, "BC", false},
};

class HeaderTest : public testing::TestWithParam<HeaderCase> {};

TEST_P(HeaderTest, Matches) {
  ExpectRule rule;
  rule.match = GetParam().match;
  rule.header_name = {GetParam().how, GetParam().field, nullptr};
  rule.header_value = {GetParam().how_value, GetParam().value, nullptr};
  ExpectNote note;
  EXPECT_EQ(Evaluate(rule, &note) == ExpectResult::kMatch, GetParam().matches);
}

INSTANTIATE_TEST_SUITE_P(Expect, HeaderTest, testing::ValuesIn(kHeaders),
                         [](const auto& info) { return info.param.name; });

TEST(Expect, ARegexThatExplodesIsGivenUp) {
  std::string error;
  const auto regex = Regex::Compile("^(a+)+$", false, &error);
  ASSERT_NE(regex, nullptr);
  EXPECT_FALSE(regex->Matches(std::string(40, 'a') + "b"));
}

}  // namespace
}  // namespace engine
