#include "engine/session/cacheable_cookie.h"

#include <gtest/gtest.h>

#include "base/arena.h"

namespace engine {
namespace {

struct Row {
  const char* name;
  const char* cache_control;  // null: none
  bool held_back;
  uint16_t status = 200;
  proto::Method method = proto::Method::kGet;
  bool pragma = false;
};

// Manual 4.2, option checkcache, row by row.
const Row kRows[] = {
    {"Plain", nullptr, true},
    {"OtherStatus", nullptr, false, 302},
    {"OtherStatusPublic", "public", true, 302},
    {"Post", nullptr, false, 200, proto::Method::kPost},
    {"PostPublic", "max-age=3, Public", true, 200, proto::Method::kPost},
    {"Head", nullptr, true, 404, proto::Method::kHead},
    {"Pragma", "public", false, 200, proto::Method::kGet, true},
    {"Private", "private", false},
    {"NoStore", "max-age=5, no-store", false},
    {"MaxAge", "max-age=0", false},
    {"MaxAgeLater", "max-age=10", true},
    {"SharedMaxAge", "s-maxage=0", false},
    {"NoCache", "No-Cache", false},
    {"NoCacheOfCookie", "no-cache=\"set-cookie\"", false},
    {"NoCacheOfCookieAndMore", "no-cache=\"set-cookie, x\"", false},
    {"NoCacheOfOther", "no-cache=\"set-cookie-x\"", true},
    {"NoCacheOfOtherFirst", "no-cache=\"x\"", true},
};

class CacheableCookieTest : public testing::TestWithParam<Row> {};

TEST_P(CacheableCookieTest, AsTheManualSays) {
  const Row& row = GetParam();
  base::Arena arena;
  proto::ResponseHead head(arena);
  head.status = row.status;
  if (row.cache_control != nullptr) {
    ASSERT_TRUE(head.fields.Add("Cache-Control", row.cache_control));
  }
  if (row.pragma) {
    ASSERT_TRUE(head.fields.Add("Pragma", "no-cache"));
  }
  EXPECT_FALSE(HasCacheableCookie(row.method, head));  // it sets none
  ASSERT_TRUE(head.fields.Add("Set-Cookie", "a=b"));
  EXPECT_EQ(HasCacheableCookie(row.method, head), row.held_back);
}

INSTANTIATE_TEST_SUITE_P(CacheableCookie, CacheableCookieTest, testing::ValuesIn(kRows),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace engine
