#include "proto/http/chars.h"

#include <gtest/gtest.h>

#include <string>

namespace proto {
namespace {

TEST(CharsTest, TokenCharsAreTheRfcsSeventySeven) {
  const std::string_view others = "!#$%&'*+-.^_`|~";
  for (int c = 0; c < 256; ++c) {
    const bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    EXPECT_EQ(IsTokenChar(char(c)),
              alnum || (c != 0 && others.find(char(c)) != std::string_view::npos))
        << c;
  }
}

TEST(CharsTest, ValueCharsLackControlsOnly) {
  for (int c = 0; c < 256; ++c) {
    EXPECT_EQ(HasClass(char(c), kValueClass), c == '\t' || (c >= 0x20 && c != 0x7f)) << c;
  }
}

TEST(CharsTest, EmptyTextIsNoToken) {
  EXPECT_FALSE(IsToken(""));
  EXPECT_TRUE(IsToken("a"));
  EXPECT_FALSE(IsToken("a b"));
}

TEST(CharsTest, OnlySpaceAndTabAreTrimmed) {
  EXPECT_EQ(TrimBlanks(" \t a b\t "), "a b");
  EXPECT_EQ(TrimBlanks("\va\f"), "\va\f");
  EXPECT_EQ(TrimBlanks("  "), "");
}

TEST(ListTest, ItemsAreSplitAtCommasOutsideQuotes) {
  struct Row {
    const char* name;
    const char* text;
    const char* items;  // joined by '|'
  };
  const Row rows[] = {
      {"one", "a", "a"},
      {"two", "a,b", "a|b"},
      {"blanks", " a \t,  b ", "a|b"},
      {"empty elements", ",a,,b,", "|a||b|"},
      {"empty", "", ""},
      {"quoted comma", "a=\"x,y\", b", "a=\"x,y\"|b"},
      {"escaped quote", "\"x\\\",y\",b", "\"x\\\",y\"|b"},
      {"quote never closed", "\"a,b", "\"a,b"},
      {"backslash at the end", "\"a\\", "\"a\\"},
  };
  for (const Row& row : rows) {
    std::string joined;
    bool first = true;
    std::string_view rest = row.text, item;
    while (NextListItem(&rest, &item)) {
      if (!first) joined += '|';
      first = false;
      joined += item;
    }
    EXPECT_EQ(joined, row.items) << row.name;
  }
}

}  // namespace
}  // namespace proto
