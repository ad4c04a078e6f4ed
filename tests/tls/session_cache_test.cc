// Which sessions a shard keeps, and for how long.

#include "tls/session_cache.h"

#include <gtest/gtest.h>

#include <array>

namespace tls {
namespace {

using SessionId = std::array<uint8_t, SessionCache::kIdBytes>;

Handle<SSL_SESSION> SessionOf(SSL_CTX* context, uint8_t first) {
  Handle<SSL_SESSION> session(SSL_SESSION_new(context));
  SessionId id{first};
  EXPECT_EQ(SSL_SESSION_set1_id(session.get(), id.data(), id.size()), 1);
  return session;
}

TEST(SessionCache, TheOldestGoesWhenItIsFull) {
  const Handle<SSL_CTX> context(SSL_CTX_new(TLS_method()));
  SessionCache cache(3);
  for (const uint8_t first : {1, 2, 3, 1, 4}) cache.Keep(SessionOf(context.get(), first));
  EXPECT_EQ(cache.size(), 3u);
  EXPECT_EQ(cache.Find(SessionId{1}), nullptr);
  for (const uint8_t first : {2, 3, 4}) EXPECT_NE(cache.Find(SessionId{first}), nullptr);
  EXPECT_EQ(cache.Find({}), nullptr);
  EXPECT_TRUE(cache.FindState(SessionId{2}).empty());
}

TEST(SessionCache, StateIsFoundByTheIdItGot) {
  SessionCache cache(2);
  std::array<SessionId, 3> ids{};
  const std::vector<uint8_t> state = {1, 2, 3};
  for (SessionId& id : ids) ASSERT_TRUE(cache.KeepState(state, id));
  EXPECT_TRUE(cache.FindState(ids[0]).empty());
  const auto found = cache.FindState(ids[2]);
  EXPECT_EQ(std::vector<uint8_t>(found.begin(), found.end()), state);
  EXPECT_EQ(cache.Find(ids[2]), nullptr);
}

TEST(SessionCache, SessionWithoutIdIsNotKept) {
  const Handle<SSL_CTX> context(SSL_CTX_new(TLS_method()));
  SessionCache cache(2);
  cache.Keep(Handle<SSL_SESSION>(SSL_SESSION_new(context.get())));
  EXPECT_EQ(cache.size(), 0u);
}

}  // namespace
}  // namespace tls
