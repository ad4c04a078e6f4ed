#include "engine/server/backend.h"

#include <gtest/gtest.h>

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
      server->backend = proxy.get();
      proxy->servers.push_back(std::move(server));
    }
    proxy_ = proxy.get();
    configuration.proxies.push_back(std::move(proxy));
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

}  // namespace
}  // namespace engine
