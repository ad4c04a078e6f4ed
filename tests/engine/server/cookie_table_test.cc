#include "engine/server/cookie_table.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace engine {
namespace {

using std::string_view_literals::operator""sv;

std::vector<uint32_t> Servers(const CookieTable& table, std::string_view value) {
  const auto found = table.Find(value);
  return {found.begin(), found.end()};
}

TEST(CookieTable, FindsServersInTheirOrder) {
  const CookieTable table({"b", "", "a", "b", "ab", "b"});
  EXPECT_EQ(Servers(table, "a"), (std::vector<uint32_t>{2}));
  EXPECT_EQ(Servers(table, "b"), (std::vector<uint32_t>{0, 3, 5}));
  EXPECT_EQ(Servers(table, "ab"), (std::vector<uint32_t>{4}));
}

TEST(CookieTable, FindsNobodyForAnythingElse) {
  const CookieTable table({"b", "", "a"});
  for (const std::string_view value : {""sv, "B"sv, "c"sv, "a "sv, "a\0"sv, "\xff"sv, "aa"sv}) {
    EXPECT_TRUE(table.Find(value).empty()) << value;
  }
  EXPECT_TRUE(CookieTable({}).Find("a").empty());
  EXPECT_TRUE(CookieTable({"", ""}).Find("").empty()) << "a server without a cookie";
}

TEST(CookieTable, ValuesChange) {
  CookieTable table({"a", "b"});
  table.SetValue(0, "b");
  EXPECT_TRUE(table.Find("a").empty());
  EXPECT_EQ(Servers(table, "b"), (std::vector<uint32_t>{0, 1}));
  table.SetValue(1, "");
  EXPECT_EQ(Servers(table, "b"), (std::vector<uint32_t>{0}));
  EXPECT_EQ(table.ValueOf(0), "b");
}

// As an HAProxy beside it with the same key sets them.
TEST(CookieTable, DynamicCookiesAreThoseOfOthersWithTheKey) {
  EXPECT_EQ(DynamicCookie("secret", "\x7f\0\0\1"sv, 80), "83fb1331509c7322");
  EXPECT_EQ(DynamicCookie("secret", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"sv, 8080),
            "7068fe4e8403eb4c");
  EXPECT_NE(DynamicCookie("secret", "\x7f\0\0\1"sv, 81), "83fb1331509c7322");
  EXPECT_NE(DynamicCookie("secreT", "\x7f\0\0\1"sv, 80), "83fb1331509c7322");
}

}  // namespace
}  // namespace engine
