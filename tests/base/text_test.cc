#include "base/text.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace base {
namespace {

TEST(Text, ComparesWithoutCase) {
  EXPECT_TRUE(EqualsIgnoreCase("Content-Length", "content-LENGTH"));
  EXPECT_TRUE(EqualsIgnoreCase("", ""));
  EXPECT_FALSE(EqualsIgnoreCase("a", "ab"));
  EXPECT_FALSE(EqualsIgnoreCase("a", "b"));
  // '@' and '`' differ from each other by the case bit, '[' and '{' too: they are no letters.
  EXPECT_FALSE(EqualsIgnoreCase("@", "`"));
  EXPECT_FALSE(EqualsIgnoreCase("[", "{"));
  EXPECT_FALSE(EqualsIgnoreCase("\xc0", "\xe0"));
}

TEST(Text, FindsPrefixesWithoutCase) {
  EXPECT_TRUE(StartsWithIgnoreCase("IPv6@::1", "ipv6@"));
  EXPECT_TRUE(StartsWithIgnoreCase("x", ""));
  EXPECT_FALSE(StartsWithIgnoreCase("ip", "ipv6@"));
}

TEST(Text, BytesOfHexDigits) {
  EXPECT_EQ(BytesOfHex("0d0A7f"), std::string("\r\n\x7f"));
  EXPECT_EQ(BytesOfHex("00ff"), std::string("\0\xff", 2));
  EXPECT_EQ(BytesOfHex(""), std::string());
  for (const char* text : {"0", "0g", "g0", " 0", "0x"}) EXPECT_FALSE(BytesOfHex(text)) << text;
}

TEST(Text, Lowers) { EXPECT_EQ(Lower("Az-09_\xc4"), "az-09_\xc4"); }

TEST(Text, Trims) {
  EXPECT_EQ(Trim(" \t a b\r\n"), "a b");
  EXPECT_EQ(Trim(" \n"), "");
  EXPECT_EQ(Trim(""), "");
}

TEST(Text, SplitKeepsEmptyPieces) {
  using Pieces = std::vector<std::string_view>;
  EXPECT_EQ(Split("a,,b", ','), (Pieces{"a", "", "b"}));
  EXPECT_EQ(Split("", ','), (Pieces{""}));
  EXPECT_EQ(Split(",", ','), (Pieces{"", ""}));
  EXPECT_EQ(Split("alone", ','), (Pieces{"alone"}));
}

TEST(Text, ParsesUnsignedNumbersWhole) {
  const struct {
    const char* name;
    std::string_view text;
    std::optional<uint64_t> value;
  } rows[] = {
      {"zero", "0", 0},
      {"leading zeros", "007", 7},
      {"largest", "18446744073709551615", UINT64_MAX},
      {"one more does not fit", "18446744073709551616", std::nullopt},
      {"empty", "", std::nullopt},
      {"sign", "+1", std::nullopt},
      {"minus", "-1", std::nullopt},
      {"space before", " 1", std::nullopt},
      {"rest", "1s", std::nullopt},
      {"hexadecimal", "0x10", std::nullopt},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(ParseUnsigned(row.text), row.value);
  }
}

TEST(Text, ParsesSignedNumbersWhole) {
  EXPECT_EQ(ParseSigned("-9223372036854775808"), INT64_MIN);
  EXPECT_EQ(ParseSigned("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(ParseSigned("9223372036854775808"), std::nullopt);
  EXPECT_EQ(ParseSigned("-"), std::nullopt);
  EXPECT_EQ(ParseSigned("--1"), std::nullopt);
  EXPECT_EQ(ParseSigned(""), std::nullopt);
}

TEST(Text, Formats) {
  EXPECT_EQ(Format("%s:%d", "host", 80), "host:80");
  EXPECT_EQ(Format("%s", ""), "");
  const std::string wide(5000, 'x');
  EXPECT_EQ(Format("<%s>", wide.c_str()), "<" + wide + ">");
}

TEST(Text, MeasuresEditDistance) {
  const struct {
    const char* a;
    const char* b;
    uint32_t distance;
  } rows[] = {
      {"", "", 0},
      {"", "abc", 3},
      {"abc", "", 3},
      {"bind", "bind", 0},
      {"bind", "BIND", 0},
      {"timeuot", "timeout", 1},
      {"ctr", "crt", 1},
      {"badc", "abcd", 2},
      {"LGO", "log", 1},
      {"sever", "server", 1},
      {"backend", "frontend", 5},
      {"kitten", "sitting", 3},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(std::string(row.a) + " to " + row.b);
    EXPECT_EQ(EditDistance(row.a, row.b), row.distance);
    EXPECT_EQ(EditDistance(row.b, row.a), row.distance);
  }
}

}  // namespace
}  // namespace base
