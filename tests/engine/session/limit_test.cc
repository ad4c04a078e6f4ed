// maxconn over whole shards: reached exactly, never passed, nobody refused, everybody served in the
// end.

#include <gtest/gtest.h>

#include "tests/engine/session/rig.h"

namespace engine {
namespace {

struct LimitCase {
  const char* name;
  uint32_t shards;
  uint32_t process_max;
  uint32_t frontend_max;
  uint32_t clients;
};

constexpr LimitCase kLimitCases[] = {
    {"OneOfOneShard", 1, 1, 0, 5},          {"OneOfTwoShards", 2, 1, 0, 6},
    {"ThreeOfFourShards", 4, 3, 0, 20},     {"Leased", 2, 70, 0, 100},
    {"LeasedOfFourShards", 4, 150, 0, 200}, {"OfAFrontend", 2, 0, 3, 10},
    {"FrontendBelowProcess", 3, 10, 4, 30}, {"ProcessBelowFrontend", 3, 4, 10, 30},
};

class LimitTest : public testing::TestWithParam<LimitCase> {};

TEST_P(LimitTest, IsReachedExactlyAndHandedOn) {
  const LimitCase& param = GetParam();
  Rig rig({.shards = param.shards, .maxconn = param.process_max});
  ProxyConfig& proxy = rig.AddListen("relay", 80);
  proxy.maxconn = param.frontend_max;
  rig.AddServer(proxy, 9000);
  rig.Start();
  uint32_t max = param.process_max != 0 ? param.process_max : param.frontend_max;
  if (param.frontend_max != 0) max = std::min(max, param.frontend_max);
  std::vector<std::unique_ptr<tests::FakePeer>> clients;
  for (uint32_t i = 0; i < param.clients; ++i) clients.push_back(rig.Dial(80));
  std::vector<std::unique_ptr<tests::FakePeer>> servers;
  size_t served = 0;
  while (served < param.clients) {
    rig.RunFor(1);
    ASSERT_EQ(rig.live_sessions(), std::min<size_t>(max, param.clients - served))
        << "after " << served;
    EXPECT_EQ(rig.Reasons(proxy, shard::CloseReason::kNoMemory), 0u);
    // One of those inside leaves. Which ones are inside is only known by being answered.
    while (auto server = rig.TakeServer(9000)) {
      server->Write("hello");
      servers.push_back(std::move(server));
    }
    rig.Settle();
    size_t leaving = served % 3 + 1;
    for (auto& client : clients) {
      if (leaving == 0) break;
      if (client == nullptr || client->Read().empty()) continue;
      client.reset();
      --leaving;
      ++served;
    }
    rig.Settle();
    ASSERT_LE(rig.live_sessions(), max);
    for (auto& server : servers) {
      if (server != nullptr && server->AtEnd()) server.reset();
    }
    for (auto& server : servers) {  // so that those inside are found again in the next round
      if (server != nullptr) server->Write("hello");
    }
    rig.Settle();
  }
  servers.clear();
  clients.clear();
  rig.RunFor(10);
  rig.ExpectSettled();
  EXPECT_EQ(rig.Streams(proxy), param.clients);
}

// A shard that once was busy and now is not gives back what it had leased.
TEST_P(LimitTest, IdleShardHoldsNothingBack) {
  const LimitCase& param = GetParam();
  Rig rig({.shards = param.shards, .maxconn = param.process_max});
  ProxyConfig& proxy = rig.AddListen("relay", 80);
  proxy.maxconn = param.frontend_max;
  rig.AddServer(proxy, 9000);
  rig.Start();
  uint32_t max = param.process_max != 0 ? param.process_max : param.frontend_max;
  if (param.frontend_max != 0) max = std::min(max, param.frontend_max);
  for (uint32_t round = 0; round < 20; ++round) {
    std::vector<std::unique_ptr<tests::FakePeer>> few;
    for (uint32_t i = 0; i < std::min(max, param.shards * 2); ++i) few.push_back(rig.Dial(80));
    rig.RunFor(1);
    few.clear();
    while (rig.TakeServer(9000) != nullptr) {
    }
    rig.RunFor(1);
    rig.ExpectSettled();
  }
  // From here on one shard accepts alone; the others hold what they leased, if anything.
  for (uint32_t i = 1; i < param.shards; ++i) rig.shard(i).listener(0).Stop();
  rig.Settle();
  std::vector<std::unique_ptr<tests::FakePeer>> clients;
  for (uint32_t i = 0; i < param.clients; ++i) clients.push_back(rig.Dial(80));
  rig.RunFor(10);
  EXPECT_EQ(rig.live_sessions(), std::min(max, param.clients));
}

INSTANTIATE_TEST_SUITE_P(All, LimitTest, testing::ValuesIn(kLimitCases),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(TableLimitTest, AClientWithoutAPlaceInTheTableHasAReason) {
  Rig rig({.connections_max = 1});
  ProxyConfig& proxy = rig.AddListen("relay", 80);
  rig.AddServer(proxy, 9000);
  rig.net().set_auto_advance(false);
  rig.ScriptConnect(9000, {.outcome = tests::ConnectOutcome::kNever});
  proxy.binds[0]->accept_proxy = true;  // so that the first holds its place
  rig.Start();
  auto first = rig.Dial(80);
  auto second = rig.Dial(80);
  rig.RunFor(1);
  EXPECT_TRUE(second->AtEnd());
  EXPECT_EQ(rig.Reasons(proxy, shard::CloseReason::kNoMemory), 1u);
  first.reset();
  rig.RunFor(1);
  EXPECT_EQ(rig.live_sessions(), 0u);
}

// Whoever is ended by a stop leaves a place; one who waited for it must not begin then.
TEST(StopTest, NobodyWhoWaitsIsServedWhileTheOthersAreEnded) {
  Rig rig({.maxconn = 1});
  ProxyConfig& proxy = rig.AddListen("web", 80);
  proxy.mode = Mode::kHttp;
  proxy.http_profile = std::make_shared<HttpProfile>();
  rig.AddServer(proxy, 9000);
  rig.Start();
  // The first is served, the second waits for its place, the third for a descriptor.
  rig.net().set_fds_max(rig.net().open_fds() + 2);
  auto first = rig.Dial(80);
  auto second = rig.Dial(80);
  auto third = rig.Dial(80);
  for (int turn = 0; turn < 5; ++turn) rig.Turn();
  ASSERT_EQ(rig.live_sessions(), 1u);
  rig.Stop();
  EXPECT_EQ(rig.live_sessions(), 0u);
  EXPECT_EQ(rig.shard(0).connections().live(), 0u);
}

}  // namespace
}  // namespace engine
