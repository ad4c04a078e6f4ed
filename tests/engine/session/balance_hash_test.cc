#include "engine/session/balance_hash.h"

#include <gtest/gtest.h>

#include "base/arena.h"
#include "proto/http/target.h"

namespace engine {
namespace {

struct HashedHead {
  HashedHead() : head(arena) {}
  explicit HashedHead(std::string_view target) : head(arena) {
    head.target = target;
    const size_t mark = target.find('?');
    head.path = target.substr(0, mark);
    if (mark != std::string_view::npos) head.query = target.substr(mark + 1);
  }
  base::Arena arena;
  proto::RequestHead head;
};

std::string_view Uri(const HashConfig& config, std::string_view target) {
  const HashedHead head(target);
  return UriKey(config, head.head);
}

TEST(BalanceHash, UriKeysEndWhereTheArgumentsSay) {
  EXPECT_EQ(Uri({}, "/a/b/c?x=1"), "/a/b/c");
  HashConfig whole;
  whole.whole = true;
  EXPECT_EQ(Uri(whole, "/a/b/c?x=1"), "/a/b/c?x=1");
  HashConfig length;
  length.length = 4;
  EXPECT_EQ(Uri(length, "/a/b/c?x=1"), "/a/b");
  HashConfig depth;
  depth.depth = 1;
  EXPECT_EQ(Uri(depth, "/a/b/c?x=1"), "/a");
  EXPECT_EQ(Uri(depth, "/a"), "/a");
  depth.depth = 2;
  EXPECT_EQ(Uri(depth, "/a/b/c"), "/a/b");
  depth.length = 3;
  EXPECT_EQ(Uri(depth, "/a/b/c"), "/a/");
  HashConfig path;
  EXPECT_EQ(Uri(path, "http://h:80/a?x"), "http://h:80/a");
  path.path_only = true;
  EXPECT_EQ(Uri(path, "http://h:80/a?x"), "/a");
  EXPECT_EQ(Uri(path, "/a?x"), "/a");
  EXPECT_EQ(Uri(path, "http://h:80"), "");
}

TEST(BalanceHash, ParametersAreFoundWholeAndWithAValue) {
  EXPECT_EQ(ParameterKey("id=7", "id"), "7");
  EXPECT_EQ(ParameterKey("a=1&id=7&b=2", "id"), "7");
  EXPECT_EQ(ParameterKey("a=1;id=7", "id"), "7");
  EXPECT_EQ(ParameterKey("xid=7&idx=8", "id"), "");
  EXPECT_EQ(ParameterKey("id=", "id"), "");
  EXPECT_EQ(ParameterKey("id", "id"), "");
  EXPECT_EQ(ParameterKey("", "id"), "");
}

TEST(BalanceHash, HeadersGiveTheirFirstValueOrItsMainDomain) {
  HashedHead head;
  HashConfig config;
  config.name = "Host";
  EXPECT_EQ(HeaderKey(config, head.head.fields), "");
  ASSERT_TRUE(head.head.fields.Add("host", "haproxy.1wt.eu:80, other"));
  EXPECT_EQ(HeaderKey(config, head.head.fields), "haproxy.1wt.eu:80");
  config.domain_only = true;
  EXPECT_EQ(HeaderKey(config, head.head.fields), "1wt");
  const std::pair<const char*, const char*> rows[] = {
      {"localhost", "localhost"}, {"a.b", "a"}, {".b", ".b"}, {"x.y.z.example.org", "example"}};
  for (const auto& [value, domain] : rows) {
    ASSERT_TRUE(head.head.fields.Set("host", value));
    EXPECT_EQ(HeaderKey(config, head.head.fields), domain);
  }
}

TEST(BalanceHash, WhatIsNotThereHasNoHash) {
  HashConfig config;
  EXPECT_FALSE(BalanceHashOf(config, {}, nullptr));
  EXPECT_TRUE(BalanceHashOf(config, shard::Address::V4(0x0a000001, 1), nullptr));
  // The port of the client is not looked at.
  EXPECT_EQ(BalanceHashOf(config, shard::Address::V4(0x0a000001, 1), nullptr),
            BalanceHashOf(config, shard::Address::V4(0x0a000001, 2), nullptr));
  config.input = HashInput::kUri;
  EXPECT_FALSE(BalanceHashOf(config, shard::Address::V4(0x0a000001, 1), nullptr));
}

}  // namespace
}  // namespace engine
