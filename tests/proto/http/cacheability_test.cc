#include "proto/http/cacheability.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace proto {
namespace {

using Fields = std::vector<std::pair<const char*, const char*>>;

struct Row {
  const char* name;
  Method method;
  uint16_t status;
  Fields fields;
  bool may_be_shared;
};

const Row kRows[] = {
    {"nothing said", Method::kGet, 200, {}, true},
    {"HEAD", Method::kHead, 200, {}, true},
    {"POST", Method::kPost, 200, {}, false},
    {"DELETE", Method::kDelete, 200, {}, false},
    {"found elsewhere", Method::kGet, 302, {}, false},
    {"moved for good", Method::kGet, 301, {}, true},
    {"permanent redirect", Method::kGet, 308, {}, true},
    {"not found", Method::kGet, 404, {}, true},
    {"server error", Method::kGet, 500, {}, false},
    {"not implemented", Method::kGet, 501, {}, true},
    {"validator", Method::kGet, 200, {{"etag", "\"a\""}}, true},
    {"no-store", Method::kGet, 200, {{"cache-control", "no-store"}}, false},
    {"private", Method::kGet, 200, {{"cache-control", "max-age=3, private"}}, false},
    {"private in upper case", Method::kGet, 200, {{"Cache-Control", "PRIVATE"}}, false},
    {"private of another field", Method::kGet, 200, {{"cache-control", "private=\"x, y\""}}, true},
    {"private of Set-Cookie", Method::kGet, 200, {{"cache-control", "private=set-cookie"}}, false},
    {"no-cache", Method::kGet, 200, {{"cache-control", "no-cache"}}, false},
    {"no-cache of Set-Cookie",
     Method::kGet,
     200,
     {{"cache-control", "no-cache=\"Set-Cookie\""}},
     false},
    {"no-cache of several",
     Method::kGet,
     200,
     {{"cache-control", "no-cache=\"x, set-cookie, y\", max-age=9"}},
     false},
    {"no-cache of another", Method::kGet, 200, {{"cache-control", "no-cache=\"x\""}}, true},
    {"zero", Method::kGet, 200, {{"cache-control", "max-age=0"}}, false},
    {"many zeros", Method::kGet, 200, {{"cache-control", "s-maxage=000"}}, false},
    {"not zero", Method::kGet, 200, {{"cache-control", "max-age=01"}}, true},
    {"no number", Method::kGet, 200, {{"cache-control", "max-age="}}, true},
    {"public", Method::kGet, 200, {{"cache-control", "public"}}, true},
    {"public answer to POST", Method::kPost, 302, {{"cache-control", "public"}}, true},
    {"public and private", Method::kGet, 200, {{"cache-control", "public, private"}}, false},
    {"in two fields",
     Method::kGet,
     200,
     {{"cache-control", "public"}, {"cache-control", "private"}},
     false},
    {"fresh 302", Method::kGet, 302, {{"cache-control", "max-age=3"}}, true},
    {"fresh POST", Method::kPost, 200, {{"cache-control", "max-age=3"}}, true},
    {"fresh PUT", Method::kPut, 200, {{"cache-control", "max-age=3"}}, false},
    {"expires", Method::kGet, 302, {{"expires", "Thu, 01 Jan 2037 00:00:01 GMT"}}, true},
    {"pragma", Method::kGet, 200, {{"pragma", "no-cache"}}, false},
    {"pragma in a list", Method::kGet, 200, {{"pragma", "x, No-Cache"}}, false},
    {"pragma beside cache-control",
     Method::kGet,
     200,
     {{"pragma", "no-cache"}, {"cache-control", "max-age=3"}},
     true},
    {"unknown directive", Method::kGet, 200, {{"cache-control", "x-private, no-storex"}}, true},
};

TEST(CacheabilityTest, FollowsRfc9111) {
  for (const Row& row : kRows) {
    base::Arena arena;
    ResponseHead head(arena);
    head.status = row.status;
    for (const auto& [name, value] : row.fields) {
      ASSERT_TRUE(head.fields.Add(std::string_view(name), std::string_view(value)));
    }
    EXPECT_EQ(MayBeShared(row.method, head), row.may_be_shared) << row.name;
  }
}

}  // namespace
}  // namespace proto
