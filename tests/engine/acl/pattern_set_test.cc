#include "engine/acl/pattern_set.h"

#include <gtest/gtest.h>

namespace engine {
namespace {

struct Row {
  MatchMethod method;
  const char* pattern;
  PatternFlags flags;
  Sample sample;
  bool matches;
};

using enum MatchMethod;
constexpr PatternFlags kPlain;
constexpr PatternFlags kIgnoreCase{.ignore_case = true};
const Sample kLogo = Sample::String("/images/png/logo/32x32.png");
const Sample kUrl = Sample::String("http://www1.dc-eu.example.com:80/blah");

// Manual 7.1.1 to 7.1.5, its examples among them.
const Row kRows[] = {
    {kFound, "", kPlain, Sample::String(""), true},
    {kBool, "", kPlain, Sample::Integer(7), true},
    {kBool, "", kPlain, Sample::Boolean(false), false},
    {kInt, "80", kPlain, Sample::Integer(80), true},
    {kInt, "80", kPlain, Sample::String("80"), true},
    {kInt, "80", kPlain, Sample::String("80x"), true},  // the number it begins with
    {kInt, "80", kPlain, Sample::String("x80"), false},
    {kInt, "1024:65535", kPlain, Sample::Integer(1023), false},
    {kInt, "1024:", kPlain, Sample::Integer(99999), true},
    {kInt, ":1023", kPlain, Sample::Integer(1023), true},
    {kInt, "0", {.comparison = Comparison::kLt}, Sample::Integer(-1), true},
    {kInt, "0", {.comparison = Comparison::kLt}, Sample::Integer(0), false},
    {kInt, "5", {.comparison = Comparison::kGe}, Sample::Integer(5), true},
    {kInt, "5", {.comparison = Comparison::kGt}, Sample::Integer(5), false},
    {kInt, "5", {.comparison = Comparison::kLe}, Sample::Integer(5), true},
    {kInt, "3:3.1", {.versions = true}, Sample::Integer(3 << 16 | 1), true},
    {kInt, "3:3.1", {.versions = true}, Sample::Integer(3 << 16 | 2), false},
    {kInt, "3.0:3.1", {.versions = true}, Sample::Integer(3 << 16 | 1), true},
    {kLen, "3", kPlain, Sample::String("abc"), true},
    {kIp, "10.0.0.0/8", kPlain, Sample::String("10.1.1.1"), true},
    {kIp, "10.0.0.0/8", kPlain, Sample::String("ten"), false},
    {kBin, "48656c6C6f0a", kPlain, Sample::Binary("Hello\n"), true},
    {kBin, "48656c6C6f", kPlain, Sample::Binary("Hello\n"), false},
    {kStr, "abc", kPlain, Sample::String("abc"), true},
    {kStr, "abc", kPlain, Sample::String("ABC"), false},
    {kStr, "aBc", kIgnoreCase, Sample::String("AbC"), true},
    {kStr, "abc", kPlain, Sample::String("abcd"), false},
    {kStr, "127.0.0.1", kPlain, Sample::Address(shard::Address::V4(0x7f000001, 0)), true},
    {kSub, "png", kPlain, kLogo, true},
    {kSub, "PNG/L", kIgnoreCase, kLogo, true},
    {kSub, "gif", kPlain, kLogo, false},
    {kReg, "^/images/.*\\.png$", kPlain, kLogo, true},
    {kReg, "^/IMAGES", kPlain, kLogo, false},
    {kReg, "^/IMAGES", kIgnoreCase, kLogo, true},
    {kBeg, "/images", kPlain, kLogo, true},
    {kBeg, "images", kPlain, kLogo, false},
    {kBeg, "/IMAGES", kIgnoreCase, kLogo, true},
    {kEnd, ".png", kPlain, kLogo, true},
    {kEnd, ".PNG", kIgnoreCase, kLogo, true},
    {kEnd, ".pn", kPlain, kLogo, false},
    {kDir, "/images", kPlain, kLogo, true},
    {kDir, "/images/png", kPlain, kLogo, true},
    {kDir, "images/png", kPlain, kLogo, true},
    {kDir, "/png/logo", kPlain, kLogo, true},
    {kDir, "logo/32x32.png", kPlain, kLogo, true},
    {kDir, "32x32.png", kPlain, kLogo, true},
    {kDir, "32x32", kPlain, kLogo, false},
    {kDom, "http", kPlain, kUrl, true},
    {kDom, "www1", kPlain, kUrl, true},
    {kDom, ".www1", kPlain, kUrl, true},
    {kDom, "dc-eu", kPlain, kUrl, true},
    {kDom, "com", kPlain, kUrl, true},
    {kDom, "80", kPlain, kUrl, true},
    {kDom, "dc-eu.example", kPlain, kUrl, true},
    {kDom, "blah", kPlain, kUrl, true},
    {kDom, ":www1:", kPlain, kUrl, true},
    {kDom, "dc-eu.example:80", kPlain, kUrl, false},
    {kDom, "DC-EU", kIgnoreCase, kUrl, true},
    {kDom, "eu", kPlain, kUrl, false},
    {kDom, "dc", kPlain, kUrl, false},
};

TEST(PatternSet, MatchesAsTheManualSays) {
  char memory[4096];
  for (const Row& row : kRows) {
    Scratch scratch(memory, sizeof(memory));
    PatternSet set(row.method);
    std::string why;
    ASSERT_TRUE(set.Add(row.pattern, row.flags, &why)) << why;
    set.Freeze();
    EXPECT_EQ(set.Matches(row.sample, scratch), row.matches)
        << MethodName(row.method) << " " << row.pattern << " " << row.sample.text << " "
        << row.sample.number;
  }
}

TEST(PatternSet, BothCaseRulesStandSideBySide) {
  char memory[4096];
  for (const MatchMethod method : {MatchMethod::kStr, MatchMethod::kBeg, MatchMethod::kSub}) {
    Scratch scratch(memory, sizeof(memory));
    PatternSet set(method);
    std::string why;
    ASSERT_TRUE(set.Add("one", {}, &why));
    ASSERT_TRUE(set.Add("TWO", {.ignore_case = true}, &why));
    set.Freeze();
    EXPECT_TRUE(set.Matches(Sample::String("one"), scratch));
    EXPECT_FALSE(set.Matches(Sample::String("ONE"), scratch));
    EXPECT_TRUE(set.Matches(Sample::String("two"), scratch));
    EXPECT_TRUE(set.Matches(Sample::String("Two"), scratch));
  }
}

// The patterns of one case rule are gone when those of the other are made ready.
TEST(PatternSet, ManyWithoutCaseKeepTheirTexts) {
  char memory[4096];
  for (const MatchMethod method : {MatchMethod::kBeg, MatchMethod::kEnd}) {
    Scratch scratch(memory, sizeof(memory));
    PatternSet set(method);
    std::string why;
    ASSERT_TRUE(set.Add("/wp-admin", {.ignore_case = true}, &why));
    ASSERT_TRUE(set.Add("/WP-login.php", {.ignore_case = true}, &why));
    size_t line = 0;
    ASSERT_TRUE(set.AddLines("/a/rather/long/path/to/be/kept\n/x\n", {.ignore_case = true}, false,
                             &line, &why));
    set.Freeze();
    for (const char* text :
         {"/WP-ADMIN", "/wp-login.php", "/A/rather/long/path/to/be/kept", "/X"}) {
      EXPECT_TRUE(set.Matches(Sample::String(text), scratch)) << text;
    }
    EXPECT_FALSE(set.Matches(Sample::String("/wp-lo"), scratch));
  }
}

TEST(PatternSet, LinesAreCutAsTheManualSays) {
  char memory[4096];
  Scratch scratch(memory, sizeof(memory));
  PatternSet set(MatchMethod::kStr);
  std::string why;
  size_t line = 0;
  ASSERT_TRUE(set.AddLines("# no pattern\n\n  a b \r\n\t#c\nlast", {}, false, &line, &why));
  set.Freeze();
  EXPECT_EQ(set.size(), 3u);
  for (const char* text : {"a b", "#c", "last"}) {
    EXPECT_TRUE(set.Matches(Sample::String(text), scratch)) << text;
  }
  EXPECT_FALSE(set.Matches(Sample::String("# no pattern"), scratch));
  PatternSet map(MatchMethod::kStr);
  ASSERT_TRUE(map.AddLines("key value\n", {}, true, &line, &why));
  map.Freeze();
  EXPECT_TRUE(map.Matches(Sample::String("key"), scratch));
}

TEST(PatternSet, WrongPatternsNameTheirLine) {
  PatternSet set(MatchMethod::kInt);
  std::string why;
  size_t line = 0;
  EXPECT_FALSE(set.AddLines("1\n2\nthree\n", {}, false, &line, &why));
  EXPECT_EQ(line, 3u);
  EXPECT_EQ(why, "'three' is neither an integer nor a range such as '1024:65535'");
  for (const auto& [method, pattern] :
       std::vector<std::pair<MatchMethod, const char*>>{{MatchMethod::kInt, "5:4"},
                                                        {MatchMethod::kInt, ":"},
                                                        {MatchMethod::kBin, "abc"},
                                                        {MatchMethod::kBin, "zz"},
                                                        {MatchMethod::kReg, "("},
                                                        {MatchMethod::kIp, "host"}}) {
    PatternSet one(method);
    EXPECT_FALSE(one.Add(pattern, {}, &why)) << pattern;
  }
}

}  // namespace
}  // namespace engine
