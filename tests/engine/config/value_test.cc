#include "engine/config/value.h"

#include <gtest/gtest.h>

#include <random>

namespace engine {
namespace {

constexpr uint64_t kBad = ~uint64_t{0};

TEST(Value, TimesInMilliseconds) {
  const struct {
    const char* name;
    const char* text;
    uint64_t ms;
  } kCases[] = {
      {"bare number", "5", 5},
      {"zero", "0", 0},
      {"leading zeros", "00005", 5},
      {"milliseconds", "5ms", 5},
      {"seconds", "5s", 5000},
      {"minutes", "5m", 300000},
      {"hours", "5h", 18000000},
      {"days", "5d", 432000000},
      {"microseconds round up", "1us", 1},
      {"microseconds exact", "2000us", 2},
      {"microseconds up again", "2001us", 3},
      {"zero microseconds", "0us", 0},
      {"largest", "2147483647", 2147483647},
      {"largest in days", "24d", 2073600000},
      {"one too many", "2147483648", kBad},
      {"25 days", "25d", kBad},
      {"overflow of 64 bits", "99999999999999999999", kBad},
      {"overflow by unit", "18446744073709551615d", kBad},
      {"empty", "", kBad},
      {"unit only", "s", kBad},
      {"negative", "-1", kBad},
      {"plus", "+5", kBad},
      {"decimal", "1.5s", kBad},
      {"upper case", "5S", kBad},
      {"unknown unit", "5x", kBad},
      {"garbage after the unit", "5sx", kBad},
      {"space", "5 s", kBad},
  };
  for (const auto& test : kCases) {
    SCOPED_TRACE(test.name);
    const Parsed<uint32_t> parsed = ParseTimeMs(test.text);
    EXPECT_EQ(bool(parsed), test.ms != kBad) << parsed.error;
    if (parsed) {
      EXPECT_EQ(parsed.value, test.ms);
    }
  }
}

TEST(Value, TimesInOtherUnits) {
  EXPECT_EQ(ParseTime("30", TimeUnit::kSecond, TimeUnit::kSecond).value, 30u);
  EXPECT_EQ(ParseTime("1500ms", TimeUnit::kSecond, TimeUnit::kSecond).value, 2u);
  EXPECT_EQ(ParseTime("2d", TimeUnit::kSecond, TimeUnit::kHour).value, 48u);
  EXPECT_FALSE(ParseTime("61", TimeUnit::kSecond, TimeUnit::kSecond, 60));
}

TEST(Value, Sizes) {
  const struct {
    const char* name;
    const char* text;
    uint64_t bytes;
  } kCases[] = {
      {"bytes", "16384", 16384},
      {"zero", "0", 0},
      {"kilobytes", "16k", 16384},
      {"upper case", "16K", 16384},
      {"megabytes", "1m", 1 << 20},
      {"gigabytes", "3g", uint64_t{3} << 30},
      {"largest", "4g", uint64_t{4} << 30},
      {"too large", "5g", kBad},
      {"far too large", "99999999999999999999g", kBad},
      {"two letters", "16kb", kBad},
      {"decimal", "1.5k", kBad},
      {"negative", "-1", kBad},
      {"unit only", "k", kBad},
      {"word", "abc", kBad},
      {"empty", "", kBad},
  };
  for (const auto& test : kCases) {
    SCOPED_TRACE(test.name);
    const Parsed<uint64_t> parsed = ParseSize(test.text, uint64_t{4} << 30);
    EXPECT_EQ(bool(parsed), test.bytes != kBad) << parsed.error;
    if (parsed) {
      EXPECT_EQ(parsed.value, test.bytes);
    }
  }
}

TEST(Value, Integers) {
  const struct {
    const char* name;
    const char* text;
    int64_t low, high, value;
    bool good;
  } kCases[] = {
      {"in range", "7", 1, 10, 7, true},
      {"lowest", "1", 1, 10, 1, true},
      {"highest", "10", 1, 10, 10, true},
      {"below", "0", 1, 10, 0, false},
      {"above", "11", 1, 10, 0, false},
      {"negative", "-5", -10, 10, -5, true},
      {"smallest of all", "-9223372036854775808", INT64_MIN, INT64_MAX, INT64_MIN, true},
      {"largest of all", "9223372036854775807", INT64_MIN, INT64_MAX, INT64_MAX, true},
      {"one more", "9223372036854775808", INT64_MIN, INT64_MAX, 0, false},
      {"2^64 is not 0", "18446744073709551616", 0, 10, 0, false},
      {"garbage", "7x", 0, 10, 0, false},
      {"empty", "", 0, 10, 0, false},
      {"minus only", "-", 0, 10, 0, false},
      {"hexadecimal", "0x5", 0, 10, 0, false},
  };
  for (const auto& test : kCases) {
    SCOPED_TRACE(test.name);
    const Parsed<int64_t> parsed = ParseInteger(test.text, test.low, test.high);
    EXPECT_EQ(bool(parsed), test.good) << parsed.error;
    if (test.good) {
      EXPECT_EQ(parsed.value, test.value);
    }
  }
}

TEST(Value, SwitchesAndNames) {
  EXPECT_TRUE(ParseOnOff("on").value);
  EXPECT_FALSE(ParseOnOff("off").value);
  EXPECT_TRUE(bool(ParseOnOff("off")));
  EXPECT_FALSE(ParseOnOff("On"));
  EXPECT_FALSE(ParseOnOff(""));
  EXPECT_EQ(ParseOneOf("http", {"tcp", "http"}).value, 1u);
  EXPECT_EQ(ParseOneOf("htp", {"tcp", "http"}).error,
            "expects 'tcp' or 'http', not 'htp'; did you mean 'http'?");
}

TEST(Value, TakeReportsUnderTheWord) {
  Line line;
  line.raw = " timeout client 5x";
  LexProblem problem;
  ASSERT_TRUE(LexLine({}, line, problem));
  Diagnostics diagnostics;
  uint32_t timeout_ms = 9;
  EXPECT_FALSE(Take(line, 2, ParseTimeMs(line.text(2)), timeout_ms, diagnostics));
  EXPECT_EQ(timeout_ms, 9u);
  ASSERT_EQ(diagnostics.errors(), 1u);
  EXPECT_EQ(diagnostics.all()[0].column, 17u);
  EXPECT_TRUE(diagnostics.all()[0].message.starts_with("'timeout client': unexpected 'x'"));
  EXPECT_TRUE(Take(line, 2, ParseTimeMs("5s"), timeout_ms, diagnostics));
  EXPECT_EQ(timeout_ms, 5000u);
}

TEST(Value, SurvivesAnyBytes) {
  std::mt19937 random(3);
  static constexpr std::string_view kSpice = "0123456789999999usmhdkKgG-+. ";
  for (int round = 0; round < 60000; ++round) {
    std::string text(random() % 24, '\0');
    for (char& c : text) c = random() % 9 == 0 ? char(random()) : kSpice[random() % kSpice.size()];
    if (const auto time = ParseTimeMs(text)) {
      ASSERT_LE(time.value, kTimeMsMax) << text;
    }
    if (const auto size = ParseSize(text, 1000)) {
      ASSERT_LE(size.value, 1000u) << text;
    }
    if (const auto number = ParseInteger(text, -5, 5)) {
      ASSERT_LE(std::abs(number.value), 5) << text;
    }
    (void)ParseOnOff(text);
    (void)ParseOneOf(text, {"tcp", "http"});
  }
}

}  // namespace
}  // namespace engine
