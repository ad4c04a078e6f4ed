#include "engine/config/condition.h"

#include <gtest/gtest.h>

#include <random>

namespace engine {
namespace {

ConditionFacts TestFacts() {
  ConditionFacts facts;
  facts.features = {"OPENSSL", "EPOLL"};
  facts.enabled_options = {"SPLICE"};
  return facts;
}

Environment ConditionEnvironment() {
  Environment environment;
  environment.Set("A", "1");
  environment.Set(" B ", "1");
  return environment;
}

Condition Evaluate(std::string_view text) {
  return EvaluateCondition(text, ConditionEnvironment(), TestFacts());
}

constexpr auto kTrue = ConditionResult::kTrue;
constexpr auto kFalse = ConditionResult::kFalse;
constexpr auto kUnparsable = ConditionResult::kUnparsable;
constexpr struct {
  const char* text;
  ConditionResult result;
} kCases[] = {
    {"", kFalse},
    {"  ", kFalse},
    {"0", kFalse},
    {"00", kFalse},
    {"1", kTrue},
    {"007", kTrue},
    {"-1", kTrue},
    {"99999999999999999999", kTrue},
    {"!1", kFalse},
    {"!!1", kTrue},
    {"! 1", kFalse},
    {"! ! 1", kTrue},
    {"! \t!! 1", kFalse},
    {"1 && ! 0", kTrue},
    {"! (0)", kTrue},
    {"!( ! 1 )", kTrue},
    {"! streq(a,b)", kTrue},
    {"! defined(A)", kFalse},
    {"! ", kUnparsable},
    {"! && 1", kUnparsable},
    {"! ()", kUnparsable},
    {"!", kUnparsable},
    {"1a", kUnparsable},
    {"0x1", kUnparsable},
    {"true", kUnparsable},
    {"1 1", kUnparsable},
    {"(1)", kTrue},
    {"( 1 )", kTrue},
    {"!(1)", kFalse},
    {"()", kUnparsable},
    {"(1", kUnparsable},
    {"1)", kUnparsable},
    {"1&&0", kFalse},
    {"1 && 0 || 1", kTrue},
    {"1 || 1 && 0", kTrue},  // AND binds tighter
    {"(1 || 1) && 0", kFalse},
    {"0 || 0 || 1", kTrue},
    {"1 &&", kUnparsable},
    {"&& 1", kUnparsable},
    {"1 || foo", kUnparsable},  // all of it must parse
    {"0 && foo", kUnparsable},
    {"1 | 1", kUnparsable},
    {"defined(A)", kTrue},
    {"defined(NONE)", kFalse},
    {"defined( B )", kTrue},  // blanks belong to the argument
    {"defined(B)", kFalse},
    {"defined()", kFalse},
    {"defined", kFalse},
    {"defined (A)", kUnparsable},
    {"defined(A", kUnparsable},
    {"defined(A,B)", kUnparsable},
    {"!defined(NONE) && 1", kTrue},
    {"feature(OPENSSL)", kTrue},
    {"feature(openssl)", kFalse},
    {"feature(QUIC)", kFalse},
    {"fips_mode()", kFalse},
    {"fips_mode", kFalse},
    {"fips_mode(1)", kUnparsable},
    {"streq(a,a)", kTrue},
    {"streq(a,b)", kFalse},
    {"streq(a, a)", kFalse},
    {"streq(,)", kTrue},
    {"streq()", kUnparsable},
    {"streq", kUnparsable},
    {"streq(a)", kUnparsable},
    {"streq(a,b,c)", kUnparsable},
    {"streq(\"a,b\",'a,b')", kTrue},
    {"streq('a)',a\\))", kUnparsable},
    {"streq(a b,'a b')", kTrue},
    {"streq(a\\ b,a b)", kTrue},
    {"streq(\"a\\\"\",'a\"')", kTrue},
    {"streq(\"a,b)", kUnparsable},
    {"strneq(a,b)", kTrue},
    {"strneq(a,a)", kFalse},
    {"strstr(abc,b)", kTrue},
    {"strstr(abc,)", kTrue},
    {"strstr(abc,x)", kFalse},
    {"version_atleast(3.5)", kTrue},
    {"version_atleast(2.4-dev19)", kTrue},
    {"version_atleast(3.5-dev3)", kTrue},
    {"version_atleast(3.5.1)", kFalse},
    {"version_atleast(3.6)", kFalse},
    {"version_atleast(10.0)", kFalse},
    {"version_atleast()", kTrue},
    {"version_atleast( 3.5 )", kTrue},  // no blank belongs to a version
    {"version_atleast(x)", kUnparsable},
    {"version_before(3.6-dev0)", kTrue},
    {"version_before(3.5)", kFalse},
    {"openssl_version_atleast(1.1.1)", kTrue},
    {"openssl_version_atleast(3.0.0)", kTrue},
    {"openssl_version_atleast(3.0.1)", kFalse},
    {"openssl_version_atleast( 3.0.0)", kTrue},
    {"openssl_version_atleast(x)", kUnparsable},
    {"openssl_version_before(3.5.0)", kTrue},
    {"openssl_version_before(3.0.0)", kFalse},
    {"ssllib_name_startswith(OpenSSL)", kTrue},
    {"ssllib_name_startswith(wolfSSL)", kFalse},
    {"awslc_api_atleast(1)", kFalse},
    {"awslc_api_before(99)", kFalse},
    {"awslc_api_before(x)", kUnparsable},
    {"enabled(SPLICE)", kTrue},
    {"enabled(KQUEUE)", kFalse},
    {"enabled(SLICE)", kUnparsable},
    {"version_atleast(9.9) && enabled(NEW)", kFalse},  // never asked
    {"1 || enabled(NEW)", kTrue},
    {"feature(OPENSSL) && (streq(1,2) || streq(1,1))", kTrue},
};

TEST(Condition, Evaluates) {
  for (const auto& test : kCases) {
    const Condition condition = Evaluate(test.text);
    EXPECT_EQ(int(condition.result), int(test.result)) << test.text << ": " << condition.message;
    EXPECT_EQ(condition.result == kUnparsable, !condition.message.empty()) << test.text;
  }
}

TEST(Condition, SaysWhereAndSuggests) {
  const Condition unknown = Evaluate("1 && define(A)");
  EXPECT_EQ(unknown.position, 5u);
  EXPECT_EQ(unknown.hint, "did you mean 'defined'?");
  EXPECT_EQ(Evaluate("streq(a,a) x").position, 11u);
  EXPECT_EQ(Evaluate("enabled(SLICE)").hint, "did you mean 'SPLICE'?");
}

TEST(Condition, AwsLcApiIsCompared) {
  ConditionFacts facts;
  facts.awslc_api = 35;
  const Environment environment;
  EXPECT_EQ(EvaluateCondition("awslc_api_atleast(35)", environment, facts).result,
            ConditionResult::kTrue);
  EXPECT_EQ(EvaluateCondition("awslc_api_before(35)", environment, facts).result,
            ConditionResult::kFalse);
}

TEST(Condition, OrdersVersions) {
  const struct {
    const char* a;
    const char* b;
    int order;
  } kCases[] = {
      {"3.5", "3.5.0", 0},
      {"2.10", "2.9", 1},
      {"2.4-dev19", "2.4", -1},
      {"2.4-dev19", "2.4-dev2", 1},
      {"2.6.12-2", "2.6.12", 1},
      {"3", "3.0.0", 0},
      {"2.7-dev7-4827fb-69", "2.7-dev7", 1},
      {"2.6.12-1+deb12u4", "2.6.12-1", 0},
  };
  for (const auto& test : kCases) {
    EXPECT_EQ(CompareVersions(test.a, test.b), test.order) << test.a << " " << test.b;
    EXPECT_EQ(CompareVersions(test.b, test.a), -test.order) << test.a << " " << test.b;
  }
  EXPECT_EQ(CompareOpensslVersions("1.1.1w", "1.1.1a"), 1);
  EXPECT_EQ(CompareOpensslVersions("3.0.0-beta1", "3.0.0"), -1);
  EXPECT_EQ(CompareOpensslVersions("3.0.0-alpha9", "3.0.0-beta1"), -1);
  EXPECT_EQ(CompareVersions("3.5x", "3.5"), std::nullopt);
}

TEST(Condition, DepthIsBounded) {
  EXPECT_EQ(Evaluate(std::string(100, '(') + "1" + std::string(100, ')')).result,
            ConditionResult::kTrue);
  EXPECT_EQ(Evaluate(std::string(100000, '(') + "1").result, ConditionResult::kUnparsable);
  EXPECT_EQ(Evaluate(std::string(100000, '!') + "1").result, ConditionResult::kTrue);
}

TEST(Condition, SurvivesAnyBytes) {
  std::mt19937 random(4);
  static constexpr std::string_view kParts[] = {
      "1",        "0",       "!",     "&&",      "||",
      "(",        ")",       ",",     "\"",      "'",
      "\\",       " ",       "streq", "defined", "version_atleast",
      "enabled",  "feature", "a",     "3.5-dev", "-",
      "fips_mode"};
  for (int round = 0; round < 60000; ++round) {
    std::string text;
    for (size_t count = random() % 12; count > 0; --count) {
      if (random() % 10 == 0) {
        text += char(random());
      } else {
        text += kParts[random() % std::size(kParts)];
      }
    }
    const Condition condition = Evaluate(text);
    ASSERT_LE(condition.position, text.size()) << "round " << round;
    ASSERT_EQ(condition.result == ConditionResult::kUnparsable, !condition.message.empty()) << text;
  }
}

}  // namespace
}  // namespace engine
