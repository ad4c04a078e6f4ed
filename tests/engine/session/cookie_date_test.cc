#include "engine/session/cookie_date.h"

#include <gtest/gtest.h>

#include <string>

namespace engine {
namespace {

std::string Text(uint32_t date) {
  char text[kCookieDateBytes];
  FormatCookieDate(date, text);
  return {text, sizeof(text)};
}

TEST(CookieDate, IsFiveDigitsOfFourSecondSteps) {
  // What HAProxy 2.6 put into a cookie at that second.
  EXPECT_EQ(Text(CookieDateOf(1795810676)), "awnld");
  EXPECT_EQ(Text(CookieDateOf(1795810679)), "awnld");
  EXPECT_EQ(Text(CookieDateOf(1795810680)), "awnle");
  EXPECT_EQ(Text(0), "AAAAA");
  EXPECT_EQ(Text((1u << 30) - 1), "/////");
}

TEST(CookieDate, ReadsWhatItWrites) {
  for (uint32_t date = 1; date < (1u << 30); date = date * 3 + 7) {
    const std::string value = "s1|" + Text(date) + "|" + Text(date / 2 + 1);
    const DatedCookie cookie = ParseDatedCookie(value);
    EXPECT_EQ(cookie.server, "s1");
    EXPECT_EQ(cookie.last, date);
    EXPECT_EQ(cookie.first, date / 2 + 1);
  }
}

TEST(CookieDate, WhatIsNoDateReadsAsNone) {
  struct Row {
    const char* value;
    const char* server;
    bool has_last;
    bool has_first;
  };
  const Row rows[] = {
      {"", "", false, false},
      {"s1", "s1", false, false},
      {"s1|", "s1", false, false},
      {"s1||", "s1", false, false},
      {"|", "", false, false},
      {"s1|awnl", "s1", false, false},
      {"s1|awnldd", "s1", false, false},
      {"s1|awn d", "s1", false, false},
      {"s1|awn_d", "s1", false, false},
      {"s1|awn\xff"
       "d",
       "s1", false, false},
      {"s1|awnld", "s1", true, false},
      {"s1||awnld", "s1", false, true},
      {"s1|x|awnld", "s1", false, true},
      {"s1|awnld|", "s1", true, false},
      {"s1|awnld|awnld|more", "s1", true, true},
  };
  for (const Row& row : rows) {
    const DatedCookie cookie = ParseDatedCookie(row.value);
    EXPECT_EQ(cookie.server, row.server) << row.value;
    EXPECT_EQ(cookie.last != 0, row.has_last) << row.value;
    EXPECT_EQ(cookie.first != 0, row.has_first) << row.value;
  }
}

TEST(CookieDate, OldAndFarFutureAreOutdated) {
  constexpr uint64_t kNow = 1795810676;
  const auto outdated = [](int64_t offset_s, uint32_t max_s) {
    return IsOutdated(CookieDateOf(uint64_t(int64_t(kNow) + offset_s)), kNow, max_s);
  };
  EXPECT_FALSE(outdated(0, 100));
  EXPECT_FALSE(outdated(-100, 100));
  EXPECT_TRUE(outdated(-104, 100));
  EXPECT_FALSE(outdated(4, 100));
  EXPECT_FALSE(outdated(86400, 100));
  EXPECT_TRUE(outdated(86404, 100));
}

}  // namespace
}  // namespace engine
