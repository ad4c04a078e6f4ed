#include "engine/server/backend.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "engine/server/server_state.h"
#include "shard/loop/event_loop.h"
#include "shard/loop/mailbox.h"
#include "tests/fake/fake_clock.h"
#include "tests/shard/loop/idle_ring.h"

namespace engine {
namespace {

using Choice = Backend::Choice;

class BackendTest : public ::testing::Test {
 protected:
  // Each server's words: weight, backup, maxconn.
  struct Words {
    uint32_t weight = 1;
    bool backup = false;
    uint32_t maxconn = 0;
    uint32_t id = 0;
    uint32_t slowstart_ms = 0;
  };
  void Open(BalanceAlgorithm algorithm, const std::vector<Words>& servers) {
    Configuration& configuration = *configuration_;
    auto proxy = std::make_unique<ProxyConfig>();
    proxy->name = "out";
    proxy->is_backend = true;
    proxy->balance = algorithm;
    for (const Words& words : servers) {
      auto server = std::make_unique<ServerConfig>();
      server->index = uint32_t(proxy->servers.size());
      server->name = "s" + std::to_string(server->index);
      server->id = words.id != 0 ? words.id : server->index + 1;
      server->weight = words.weight;
      server->backup = words.backup;
      server->maxconn = words.maxconn;
      server->slowstart_ms = words.slowstart_ms;
      server->backend = proxy.get();
      proxy->servers.push_back(std::move(server));
    }
    proxy_ = proxy.get();
    configuration.AddProxy(std::move(proxy));
    states_.Attach(configuration);
    for (uint32_t shard = 0; shard < kShards; ++shard) {
      proxy_->state->backend()->AttachShard(shard, &loop_, 1000);
    }
  }
  // The server's index, or why there is none.
  int Choose(uint32_t shard = 0) {
    uint32_t server = 0;
    switch (proxy_->state->backend()->Choose(shard, {}, &server)) {
      case Choice::kTaken:
        return int(server);
      case Choice::kFull:
        return -1;
      case Choice::kServerFull:  // a hash alone waits for one server
      case Choice::kNoServer:
        break;
    }
    return -2;
  }
  std::vector<int> Choices(int count) {
    std::vector<int> all;
    for (int i = 0; i < count; ++i) all.push_back(Choose(uint32_t(i) % kShards));
    return all;
  }
  using List = std::vector<int>;
  void Restart(uint32_t server, uint32_t shard = 0) {
    proxy_->state->SetServerAdmin(shard, server, AdminState::kMaint);
    proxy_->state->SetServerAdmin(shard, server, AdminState::kReady);
  }
  void RunFor(uint64_t ms) {
    for (uint64_t i = 0; i < ms; ++i) {
      clock_.Advance(1000);
      loop_.TurnOnce(0);
    }
  }
  // How many of `count` choices fell on that server.
  int Share(int server, int count) {
    const std::vector<int> all = Choices(count);
    return int(std::count(all.begin(), all.end(), server));
  }

  static constexpr uint32_t kShards = 3;
  int no_shard_place_ = 0;
  tests::FakeClock clock_;
  shard::Mailroom mailroom_{kShards};
  shard::EventLoop loop_{reinterpret_cast<shard::Shard&>(no_shard_place_), 0, mailroom_,
                         std::make_unique<shard::IdleRing>(), clock_};
  StateTable states_{kShards};
  std::unique_ptr<Configuration> configuration_ = std::make_unique<Configuration>();
  ProxyConfig* proxy_ = nullptr;
};

TEST_F(BackendTest, ADisabledServersShareGoesToAllOthers) {
  Open(BalanceAlgorithm::kRoundRobin, {{}, {}, {}});
  EXPECT_EQ(Choices(6), (List{0, 1, 2, 0, 1, 2}));
  proxy_->state->SetServerAdmin(0, 1, AdminState::kMaint);
  EXPECT_EQ(Choices(4), (List{0, 2, 0, 2}));
  proxy_->state->SetServerAdmin(0, 1, AdminState::kReady);
  EXPECT_EQ(Choices(3), (List{1, 2, 0}));  // the ticket went on
}

TEST_F(BackendTest, AWeightSetAtRunTimeCountsExceptForAStaticAlgorithm) {
  Open(BalanceAlgorithm::kRoundRobin, {{.weight = 1}, {.weight = 1}});
  proxy_->state->SetServerWeight(0, 0, 3);
  EXPECT_EQ(Choices(4), (List{0, 0, 1, 0}));
  proxy_->state->SetServerWeight(0, 0, 0);
  EXPECT_EQ(Choices(3), (List{1, 1, 1}));
}

TEST_F(BackendTest, AStaticAlgorithmKeepsItsWeights) {
  Open(BalanceAlgorithm::kStaticRoundRobin, {{.weight = 1}, {.weight = 1}});
  proxy_->state->SetServerWeight(0, 0, 3);
  EXPECT_EQ(Choices(4), (List{0, 1, 0, 1}));
}

TEST_F(BackendTest, TheFirstUsableBackupServesOnlyWhenNoOtherCan) {
  Open(BalanceAlgorithm::kRoundRobin, {{}, {.backup = true}, {.backup = true}});
  EXPECT_EQ(Choices(2), (List{0, 0}));
  proxy_->state->SetServerAdmin(0, 0, AdminState::kMaint);
  EXPECT_EQ(Choices(2), (List{1, 1}));
  proxy_->state->SetServerAdmin(0, 1, AdminState::kDrain);
  EXPECT_EQ(Choices(2), (List{2, 2}));
  proxy_->state->SetServerAdmin(0, 2, AdminState::kMaint);
  EXPECT_EQ(Choose(), -2);
}

TEST_F(BackendTest, ABackupDoesNotHelpServersThatAreOnlyFull) {
  Open(BalanceAlgorithm::kRoundRobin, {{.maxconn = 1}, {.backup = true}});
  EXPECT_EQ(Choices(2), (List{0, -1}));
}

TEST_F(BackendTest, FirstGoesByIdAndFillsEachToItsMaxconn) {
  Open(BalanceAlgorithm::kFirst, {{.maxconn = 2, .id = 20}, {.maxconn = 1, .id = 10}});
  EXPECT_EQ(Choices(4), (List{1, 0, 0, -1}));
}

TEST_F(BackendTest, AReleasedSlotMakesRoom) {
  Open(BalanceAlgorithm::kRoundRobin, {{.maxconn = 1}});
  ASSERT_EQ(Choose(), 0);
  ServerSlot slot(*proxy_->servers[0], 0);
  EXPECT_EQ(Choose(), -1);
  slot.Release();
  slot.Release();
  EXPECT_EQ(Choose(), 0);
  EXPECT_EQ(proxy_->state->servers()[0]->Current(), 0);
}

TEST_F(BackendTest, WithoutLimitsThereIsNoQueue) {
  Open(BalanceAlgorithm::kRoundRobin, {{}, {}});
  EXPECT_EQ(proxy_->state->queue(), nullptr);
  EXPECT_EQ(proxy_->state->Queued(), 0);
}

// One after the other, from whichever shard: each shard sees what the others have placed.
TEST_F(BackendTest, LeastConnCountsOverAllShards) {
  Open(BalanceAlgorithm::kLeastConn, {{}, {}, {}});
  std::vector<ServerSlot> slots;
  for (const int wanted : {0, 1, 2, 0, 1, 2}) {
    const uint32_t shard = uint32_t(slots.size()) % kShards;
    EXPECT_EQ(Choose(shard), wanted);
    slots.emplace_back(*proxy_->servers[size_t(wanted)], shard);
  }
  slots[1].Release();  // of server 1, which is the emptiest now
  EXPECT_EQ(Choose(1), 1);
  slots.clear();
  for (uint32_t server = 0; server < 3; ++server) {
    EXPECT_EQ(proxy_->servers[server]->state->shared_load()->streams, 0);
  }
}

TEST_F(BackendTest, NothingIsCountedWhereNothingComparesServers) {
  Open(BalanceAlgorithm::kRoundRobin, {{}, {}});
  EXPECT_EQ(proxy_->servers[0]->state->shared_load(), nullptr);
}

// Manual 5.2, slowstart.
TEST_F(BackendTest, AServerThatIsBackTakesMoreAndMore) {
  Open(BalanceAlgorithm::kRoundRobin, {{}, {.slowstart_ms = 10000}});
  EXPECT_EQ(Share(1, 100), 50) << "the start of the process is no slow start";
  Restart(1);
  EXPECT_EQ(proxy_->servers[1]->state->throttle(), 0u);
  EXPECT_LE(Share(1, 202), 2);
  RunFor(5000);
  EXPECT_EQ(proxy_->servers[1]->state->throttle(), 50u);
  EXPECT_EQ(Share(1, 300), 100) << "half a weight beside a whole one";
  RunFor(5000);
  EXPECT_EQ(proxy_->servers[1]->state->throttle(), 100u);
  EXPECT_EQ(Share(1, 100), 50);
}

TEST_F(BackendTest, ASlowStartGrowsInTwentySteps) {
  Open(BalanceAlgorithm::kRoundRobin, {{}, {.slowstart_ms = 1000}});
  Restart(1);
  std::vector<uint32_t> steps{0};
  for (int i = 0; i < 1100; ++i) {
    RunFor(1);
    const uint32_t now = proxy_->servers[1]->state->throttle();
    EXPECT_GE(now, steps.back());
    if (now != steps.back()) steps.push_back(now);
  }
  EXPECT_EQ(steps.size(), 21u);
  EXPECT_EQ(steps.back(), 100u);
  EXPECT_EQ(steps[10], 50u);
}

TEST_F(BackendTest, ASlowStartThrottlesMaxconn) {
  Open(BalanceAlgorithm::kRoundRobin, {{.maxconn = 100, .slowstart_ms = 10000}});
  Restart(0);
  EXPECT_EQ(proxy_->state->queue()->Limit(0), 1);
  RunFor(5000);
  EXPECT_EQ(proxy_->state->queue()->Limit(0), 50);
  RunFor(5000);
  EXPECT_EQ(proxy_->state->queue()->Limit(0), 100);
}

TEST_F(BackendTest, StaticWeightsKnowNoSlowStart) {
  Open(BalanceAlgorithm::kStaticRoundRobin, {{}, {.slowstart_ms = 10000}});
  Restart(1);
  EXPECT_EQ(Share(1, 100), 50);
}

TEST_F(BackendTest, OnlyAServerThatWasDownStartsSlowly) {
  Open(BalanceAlgorithm::kRoundRobin, {{}, {.slowstart_ms = 10000}});
  proxy_->state->SetServerAdmin(0, 1, AdminState::kDrain);
  proxy_->state->SetServerAdmin(0, 1, AdminState::kReady);
  EXPECT_EQ(proxy_->servers[1]->state->throttle(), 100u);
  Restart(0);
  EXPECT_EQ(proxy_->servers[0]->state->throttle(), 100u) << "it has none";
}

TEST_F(BackendTest, ASecondFailureBeginsTheSlowStartAnew) {
  Open(BalanceAlgorithm::kRoundRobin, {{}, {.slowstart_ms = 10000}});
  Restart(1);
  RunFor(6000);
  Restart(1, 2);
  EXPECT_EQ(proxy_->servers[1]->state->throttle(), 0u);
  RunFor(6000);
  EXPECT_EQ(proxy_->servers[1]->state->throttle(), 60u) << "counted from the first time";
  proxy_->state->SetServerAdmin(0, 1, AdminState::kMaint);
  RunFor(1000);
  EXPECT_EQ(Share(1, 10), 0);
  EXPECT_EQ(proxy_->servers[1]->state->throttle(), 100u) << "it is gone, not slow";
  RunFor(20000);
  EXPECT_EQ(Share(1, 10), 0) << "the slow start brought it back";
}

TEST_F(BackendTest, SlowStartHoldsForLeastConnAndRandom) {
  for (const BalanceAlgorithm algorithm :
       {BalanceAlgorithm::kLeastConn, BalanceAlgorithm::kRandom}) {
    configuration_ = std::make_unique<Configuration>();
    Open(algorithm, {{}, {.slowstart_ms = 10000}});
    Restart(1);
    RunFor(1000);
    std::vector<ServerSlot> slots;
    int slow = 0;
    for (int i = 0; i < 110; ++i) {
      uint32_t server = 0;
      ASSERT_EQ(proxy_->state->backend()->Choose(0, {.random = uint64_t(i) * 0x9e3779b97f4a7c15u},
                                                 &server),
                Choice::kTaken);
      slow += server == 1;
      slots.emplace_back(*proxy_->servers[server], 0);
    }
    EXPECT_NEAR(double(slow), 10.0, 6.0) << int(algorithm);
    slots.clear();
  }
}

// A key that is not the slow server's stays where it was.
TEST_F(BackendTest, ASlowStartMovesNoKeysBetweenOthers) {
  Open(BalanceAlgorithm::kHash, {{}, {}, {.slowstart_ms = 10000}});
  proxy_->hash.method = HashMethod::kConsistent;
  states_.Attach(*configuration_);
  proxy_->state->backend()->AttachShard(0, &loop_, 1000);
  const auto where = [&](uint32_t key) {
    uint32_t server = 0;
    EXPECT_EQ(
        proxy_->state->backend()->Choose(0, {.has_hash = true, .hash = key * 2654435761u}, &server),
        Choice::kTaken);
    return server;
  };
  std::vector<uint32_t> full, slow;
  for (uint32_t key = 0; key < 3000; ++key) full.push_back(where(key));
  Restart(2);
  RunFor(5000);
  for (uint32_t key = 0; key < 3000; ++key) slow.push_back(where(key));
  int kept = 0, left = 0;
  for (uint32_t key = 0; key < 3000; ++key) {
    if (full[key] != 2) {
      EXPECT_EQ(slow[key], full[key]) << "key " << key;
    } else {
      (slow[key] == 2 ? kept : left) += 1;
    }
  }
  EXPECT_GT(kept, 200);
  EXPECT_GT(left, 200);
}

}  // namespace
}  // namespace engine
