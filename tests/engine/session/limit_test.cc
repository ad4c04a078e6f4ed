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

size_t WaitingHere(Rig& rig) {
  size_t waiting = 0;
  for (uint32_t shard = 0; shard < rig.shards(); ++shard) {
    for (uint32_t i = 0; i < rig.shard(shard).listeners(); ++i) {
      waiting += rig.shard(shard).listener(i).waiting();
    }
  }
  return waiting;
}

// Where descriptors are few, whoever finds no place waits in the kernel: here one at most for each
// listener of each shard.
TEST(BurstTest, ACrowdWaitsInTheKernelWhereDescriptorsAreFew) {
  Rig rig({.shards = 2, .maxconn = 20});
  rig.process().burst_guard = std::make_unique<shard::BurstGuard>(0, 15);
  ProxyConfig& busy = rig.AddListen("busy", 80);
  ProxyConfig& quiet = rig.AddListen("quiet", 81);
  rig.AddServer(busy, 9000);
  rig.AddServer(quiet, 9001);
  rig.Start();
  std::vector<std::unique_ptr<tests::FakePeer>> clients;
  for (uint32_t i = 0; i < 10; ++i) clients.push_back(rig.Dial(80));
  rig.RunFor(1);
  ASSERT_EQ(rig.live_sessions(), 10u);
  // Nobody has come here yet; what was armed for many, while there was room, was given back.
  for (uint32_t i = 0; i < 100; ++i) clients.push_back(rig.Dial(81));
  rig.RunFor(1);
  EXPECT_EQ(rig.live_sessions(), 20u);
  EXPECT_LE(WaitingHere(rig), 2u);
  for (uint32_t i = 0; i < 100; ++i) clients.push_back(rig.Dial(80));
  rig.RunFor(1);
  EXPECT_EQ(rig.live_sessions(), 20u);
  EXPECT_LE(WaitingHere(rig), 4u);
  for (const auto& client : clients) EXPECT_FALSE(client->AtEnd()) << "nobody is refused";
  clients.clear();
  for (int i = 0; i < 50 && rig.Streams(busy) + rig.Streams(quiet) < 210; ++i) {
    for (uint16_t port : {9000, 9001}) {
      while (rig.TakeServer(port) != nullptr) {
      }
    }
    rig.RunFor(1);
  }
  EXPECT_EQ(rig.Streams(busy) + rig.Streams(quiet), 210u);
}

// A limit of fewer than the process lets clients wait beside the places that are left.
TEST(BurstTest, ALimitOfItsOwnLetsNobodyWaitHereEither) {
  for (const bool by_rate : {false, true}) {
    SCOPED_TRACE(by_rate);
    Rig rig({.shards = 1, .maxconn = 50});
    rig.process().burst_guard = std::make_unique<shard::BurstGuard>(0, 40);
    ProxyConfig& proxy = rig.AddListen("web", 80);
    rig.AddServer(proxy, 9000);
    if (!by_rate) proxy.maxconn = 5;
    rig.Start();
    if (by_rate) rig.worker(0).shared().session_limit.SetMax(5);
    rig.worker(0).OnLimitsChanged();
    rig.Settle();
    std::vector<std::unique_ptr<tests::FakePeer>> clients;
    for (uint32_t i = 0; i < 30; ++i) clients.push_back(rig.Dial(80));
    rig.Settle();
    EXPECT_EQ(rig.live_sessions(), 5u);
    EXPECT_LE(WaitingHere(rig), 1u);
  }
}

// A client may stay for a while behind its last answer. Its descriptor is its own until then: where
// there is none to spare, so is its place.
TEST(BurstTest, WhoHasNotClosedKeepsAPlaceWhereDescriptorsAreFew) {
  for (const bool few : {false, true}) {
    SCOPED_TRACE(few);
    Rig rig({.maxconn = 1});
    if (few) rig.process().outlived_max = 0;
    ProxyConfig& proxy = rig.AddListen("web", 80);
    proxy.mode = Mode::kHttp;
    proxy.http_profile = std::make_shared<HttpProfile>();
    rig.AddServer(proxy, 9000);
    rig.Start();
    auto first = rig.Dial(80);
    first->Write("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n");
    rig.RunFor(1);
    EXPECT_EQ(rig.live_sessions(), 0u) << "it has its answer";
    EXPECT_EQ(rig.shard(0).connections().live(), 1u) << "and is still here";
    auto second = rig.Dial(80);
    rig.RunFor(1);
    EXPECT_EQ(rig.live_sessions(), few ? 0u : 1u);
    rig.RunFor(shard::Connection::kDrainMs);
    EXPECT_EQ(rig.live_sessions(), 1u);
    second.reset();
    first.reset();
    rig.RunFor(10);
    rig.ExpectEmpty();
    auto third = rig.Dial(80);
    rig.RunFor(1);
    EXPECT_EQ(rig.live_sessions(), 1u) << "no place was given back twice, and none was lost";
    auto fourth = rig.Dial(80);
    rig.RunFor(1);
    EXPECT_EQ(rig.live_sessions(), 1u);
  }
}

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
