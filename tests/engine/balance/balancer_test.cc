#include "engine/balance/balancer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "engine/balance/hash.h"

namespace engine {
namespace {

class View final : public ServerView {
 public:
  explicit View(std::vector<int> room)
      : room_(std::move(room)), load_(room_.size()), use_(room_.size()) {}
  bool HasRoom(uint32_t server) const override { return room_[server] > 0; }
  bool TryTake(uint32_t server) const override {
    if (room_[server] == 0) return false;
    --room_[server];
    ++load_[server];
    return true;
  }
  uint32_t Load(uint32_t server) const override { return load_[server]; }
  bool IsQueueFull(uint32_t server) const override { return queue_full_.count(server) != 0; }
  int64_t TotalLoad(uint32_t server) const override { return load_[server]; }
  // The stream that is being placed counts.
  int64_t BackendLoad() const override {
    return 1 + std::accumulate(load_.begin(), load_.end(), int64_t(0));
  }
  uint64_t LastUse(uint32_t server) const override { return use_[server]; }
  void NoteUse(uint32_t server, uint64_t ticket) const override { use_[server] = ticket; }

  void SetLoad(uint32_t server, uint32_t load) { load_[server] = load; }
  void Drop(uint32_t server) { --load_[server], ++room_[server]; }
  void FillQueue(uint32_t server) { queue_full_.insert(server); }

 private:
  mutable std::vector<int> room_;
  mutable std::vector<uint32_t> load_;
  mutable std::vector<uint64_t> use_;
  std::set<uint32_t> queue_full_;
};

constexpr int kMuch = 1 << 20;

std::vector<int> Picks(Balancer& balancer, const View& view, int count, int avoid = -1) {
  std::vector<int> picks;
  for (int i = 0; i < count; ++i) {
    const Picked picked = balancer.Pick(
        view, {.avoid = avoid, .random = uint64_t(i) * 7919 + 1, .has_hash = false, .hash = 0});
    picks.push_back(picked.taken ? picked.server : -1);
  }
  return picks;
}
using List = std::vector<int>;

TEST(RoundRobin, RotatesByWeightAndLeavesWeightZeroOut) {
  std::atomic<uint64_t> ticket{0};
  EXPECT_EQ(Picks(*MakeRoundRobin({1, 0, 1}, ticket), View({kMuch, kMuch, kMuch}), 4),
            (List{0, 2, 0, 2}));
  ticket = 0;
  EXPECT_EQ(Picks(*MakeRoundRobin({3, 1}, ticket), View({kMuch, kMuch}), 4), (List{0, 0, 1, 0}));
  EXPECT_EQ(Picks(*MakeRoundRobin({0, 0}, ticket), View({kMuch, kMuch}), 1), (List{-1}));
  EXPECT_EQ(Picks(*MakeRoundRobin({}, ticket), View({}), 1), (List{-1}));
}

TEST(RoundRobin, ANewScheduleCarriesTheTicketOn) {
  std::atomic<uint64_t> ticket{0};
  const View view({kMuch, kMuch, kMuch});
  EXPECT_EQ(Picks(*MakeRoundRobin({1, 1, 1}, ticket), view, 3), (List{0, 1, 2}));
  EXPECT_EQ(Picks(*MakeRoundRobin({1, 0, 1}, ticket), view, 2), (List{2, 0}));
  EXPECT_EQ(ticket, 5u);
}

TEST(RoundRobin, PassesOverFullServersUntilAllAreFull) {
  std::atomic<uint64_t> ticket{0};
  EXPECT_EQ(Picks(*MakeRoundRobin({1, 1, 1}, ticket), View({1, 2, 1}), 6),
            (List{0, 1, 2, 1, -1, -1}));
}

// A schedule of 257 steps names the small server once: it is found although far away.
TEST(RoundRobin, FindsTheOnlyServerWithRoomBehindALongSchedule) {
  std::atomic<uint64_t> ticket{0};
  EXPECT_EQ(Picks(*MakeRoundRobin({256, 1}, ticket), View({0, 3}), 4), (List{1, 1, 1, -1}));
}

TEST(RoundRobin, TakesTheOneToAvoidOnlyIfNoOtherHasRoom) {
  std::atomic<uint64_t> ticket{0};
  EXPECT_EQ(Picks(*MakeRoundRobin({1, 1}, ticket), View({2, 1}), 4, 0), (List{1, 0, 0, -1}));
}

TEST(First, FillsServersInTheGivenOrder) {
  EXPECT_EQ(Picks(*MakeFirst({2, 0, 1}), View({1, 1, 2}), 5), (List{2, 2, 0, 1, -1}));
  EXPECT_EQ(Picks(*MakeFirst({0, 1}), View({kMuch, kMuch}), 2, 0), (List{1, 1}));
  EXPECT_EQ(Picks(*MakeFirst({}), View({}), 1), (List{-1}));
}

TEST(Random, FollowsTheWeightsAndKeepsToServersWithRoom) {
  std::map<int, int> counts;
  for (int server : Picks(*MakeRandom({3, 0, 1}, 1), View({kMuch, kMuch, kMuch}), 4000)) {
    ++counts[server];
  }
  EXPECT_EQ(counts.count(1), 0u);
  EXPECT_NEAR(counts[0], 3000, 200);
  counts.clear();
  for (int server : Picks(*MakeRandom({1, 1, 1}, 2), View({1, 3, 2}), 8)) ++counts[server];
  EXPECT_EQ(counts, (std::map<int, int>{{0, 1}, {1, 3}, {2, 2}, {-1, 2}}));
}

TEST(Random, TakesTheOneToAvoidOnlyIfNoOtherHasRoom) {
  EXPECT_EQ(Picks(*MakeRandom({1, 1}, 2), View({2, 1}), 4, 0), (List{1, 0, 0, -1}));
}

TEST(Random, KeepsServersBelowTheirBound) {
  View view({kMuch, kMuch, kMuch});
  view.SetLoad(0, 12);
  const auto balancer = MakeRandom({1, 1, 1}, 1, 150);
  for (int i = 0; i < 6; ++i) EXPECT_NE(Picks(*balancer, view, 1)[0], 0);
}

TEST(LeastConn, RotatesAmongEquals) {
  std::atomic<uint64_t> ticket{0};
  View view({kMuch, kMuch, kMuch});
  const auto balancer = MakeLeastConn({1, 1, 1}, ticket);
  std::vector<int> picks;
  for (int i = 0; i < 6; ++i) {
    picks.push_back(Picks(*balancer, view, 1)[0]);
    view.Drop(uint32_t(picks.back()));  // over before the next one comes
  }
  EXPECT_EQ(picks, (List{0, 1, 2, 0, 1, 2}));
}

TEST(LeastConn, FillsTheEmptiestForItsWeight) {
  std::atomic<uint64_t> ticket{0};
  View view({kMuch, kMuch, kMuch});
  view.SetLoad(0, 4);
  view.SetLoad(1, 2);
  const auto balancer = MakeLeastConn({1, 1, 0}, ticket);
  EXPECT_EQ(Picks(*balancer, view, 2), (List{1, 1}));
  std::map<int, int> counts;
  View weighted({kMuch, kMuch});
  for (int server : Picks(*MakeLeastConn({3, 1}, ticket), weighted, 400)) ++counts[server];
  EXPECT_EQ(counts[0], 300);
}

TEST(LeastConn, PassesOverFullServersAndTheOneToAvoid) {
  std::atomic<uint64_t> ticket{0};
  EXPECT_EQ(Picks(*MakeLeastConn({1, 1}, ticket), View({1, 2}), 4), (List{0, 1, 1, -1}));
  EXPECT_EQ(Picks(*MakeLeastConn({1, 1}, ticket), View({2, 1}), 4, 0), (List{1, 0, 0, -1}));
  EXPECT_EQ(Picks(*MakeLeastConn({0, 0}, ticket), View({1, 1}), 1), (List{-1}));
}

// Beyond the number that is scanned, the order of the last values read stands in.
TEST(LeastConn, SpreadsOverManyServersAndFindsTheRelievedOnes) {
  constexpr uint32_t kServers = 1000;
  std::atomic<uint64_t> ticket{0};
  View view(std::vector<int>(kServers, kMuch));
  const auto balancer = MakeLeastConn(std::vector<uint32_t>(kServers, 1), ticket);
  Picks(*balancer, view, kServers * 3);
  for (uint32_t server = 0; server < kServers; ++server) EXPECT_EQ(view.Load(server), 3u) << server;
  // What other shards took away is noticed within one round of refreshing.
  view.SetLoad(777, 0);
  const List picks = Picks(*balancer, view, kServers / 2 + 8);
  EXPECT_GE(std::count(picks.begin(), picks.end(), 777), 3);
}

constexpr uint32_t kKeys = 20000;

// Where each of many keys goes.
std::vector<int> Placed(const std::vector<uint32_t>& weights, const HashRules& rules) {
  std::atomic<uint64_t> ticket{0};
  std::vector<uint32_t> keys(weights.size());
  std::iota(keys.begin(), keys.end(), 1u);
  const auto balancer = MakeHash(weights, keys, rules, ticket);
  const View view(std::vector<int>(weights.size(), kMuch));
  std::vector<int> placed;
  for (uint32_t key = 0; key < kKeys; ++key) {
    const uint32_t hash = Avalanche(HashBytes(HashFunction::kSdbm, "/page/" + std::to_string(key)));
    placed.push_back(
        balancer->Pick(view, {.avoid = -1, .random = 0, .has_hash = true, .hash = hash}).server);
  }
  EXPECT_EQ(ticket, 0u);  // no rotation was needed
  return placed;
}

HashRules Ring(uint32_t points = 100) {
  return {.method = HashMethod::kConsistent,
          .affinity = HashAffinity::kAlways,
          .balance_factor = 0,
          .points_per_weight = points};
}

TEST(Hash, ARingMovesOnlyTheKeysOfTheServerThatWent) {
  const List all = Placed({1, 1, 1, 1, 1}, Ring());
  const List without = Placed({1, 1, 0, 1, 1}, Ring());
  uint32_t moved = 0;
  std::map<int, int> heirs;
  for (uint32_t key = 0; key < kKeys; ++key) {
    if (all[key] != 2) {
      ASSERT_EQ(all[key], without[key]);
    } else {
      ++moved;
      ++heirs[without[key]];
    }
  }
  EXPECT_NEAR(moved, kKeys / 5.0, kKeys * 0.06);
  EXPECT_EQ(heirs.size(), 4u);  // all others take a part
  EXPECT_EQ(heirs.count(2), 0u);
}

TEST(Hash, AMapMovesNearlyAllKeysAndIsSmooth) {
  const List all = Placed({1, 1, 1, 1, 1}, {});
  const List without = Placed({1, 1, 0, 1, 1}, {});
  uint32_t kept = 0;
  for (uint32_t key = 0; key < kKeys; ++key) kept += all[key] == without[key] ? 1 : 0;
  EXPECT_LT(kept, kKeys * 0.35);
  for (int server = 0; server < 5; ++server) {
    EXPECT_NEAR(std::count(all.begin(), all.end(), server), kKeys / 5.0, kKeys * 0.02);
  }
}

TEST(Hash, BothRespectWeights) {
  for (const HashRules& rules : {HashRules{}, Ring()}) {
    const List placed = Placed({3, 0, 1}, rules);
    EXPECT_NEAR(std::count(placed.begin(), placed.end(), 0), kKeys * 0.75, kKeys * 0.05);
    EXPECT_EQ(std::count(placed.begin(), placed.end(), 1), 0);
  }
}

TEST(Hash, WithoutAKeyItIsRoundRobin) {
  std::atomic<uint64_t> ticket{0};
  const auto balancer = MakeHash({1, 1, 1}, {1, 2, 3}, Ring(), ticket);
  EXPECT_EQ(Picks(*balancer, View({kMuch, kMuch, kMuch}), 4), (List{0, 1, 2, 0}));
}

// A map of three: hash 0 means server 0.
PickRequest Zero(int avoid = -1) {
  return {.avoid = avoid, .random = 0, .has_hash = true, .hash = 0};
}

TEST(Hash, AffinityDecidesWhatHappensWhereTheServerIsFull) {
  std::atomic<uint64_t> ticket{0};
  const auto pick = [&](HashAffinity affinity, const View& view) {
    HashRules rules;
    rules.affinity = affinity;
    const Picked picked = MakeHash({1, 1, 1}, {1, 2, 3}, rules, ticket)->Pick(view, Zero());
    return std::to_string(picked.server) + (picked.taken ? " taken" : " waits");
  };
  View full({0, 5, 5});
  EXPECT_EQ(pick(HashAffinity::kAlways, full), "0 waits");
  EXPECT_EQ(pick(HashAffinity::kMaxconn, full), "1 taken");
  EXPECT_EQ(pick(HashAffinity::kMaxqueue, full), "0 waits");
  full.FillQueue(0);
  EXPECT_EQ(pick(HashAffinity::kMaxqueue, full), "1 taken");
  // All are saturated: the last one before the first choice.
  EXPECT_EQ(pick(HashAffinity::kMaxconn, View({0, 0, 0})), "2 waits");
}

TEST(Hash, TheOneToAvoidIsTakenOnlyIfThereIsNoOther) {
  std::atomic<uint64_t> ticket{0};
  const View view({kMuch, kMuch});
  EXPECT_EQ(MakeHash({1, 1}, {1, 2}, {}, ticket)->Pick(view, Zero(0)).server, 1);
  EXPECT_EQ(MakeHash({1, 0}, {1, 2}, {}, ticket)->Pick(view, Zero(0)).server, 0);
}

TEST(Hash, ABoundKeepsAHotKeyFromOneServer) {
  std::atomic<uint64_t> ticket{0};
  HashRules rules = Ring();
  rules.balance_factor = 150;
  View view({kMuch, kMuch, kMuch, kMuch});
  const auto balancer = MakeHash({1, 1, 1, 1}, {1, 2, 3, 4}, rules, ticket);
  for (int i = 0; i < 400; ++i) EXPECT_TRUE(balancer->Pick(view, Zero()).taken);
  for (uint32_t server = 0; server < 4; ++server) EXPECT_LE(view.Load(server), 150u);
}

TEST(HashBytes, GivesWhatTheFunctionsOfTheseNamesGive) {
  EXPECT_EQ(HashBytes(HashFunction::kCrc32, "123456789"), 0xcbf43926u);
  EXPECT_EQ(HashBytes(HashFunction::kDjb2, ""), 5381u);
  EXPECT_EQ(HashBytes(HashFunction::kDjb2, "a"), 177670u);
  EXPECT_EQ(HashBytes(HashFunction::kSdbm, "a"), 97u);
  EXPECT_EQ(HashBytes(HashFunction::kSdbm, "ab"), 97u * 65599u + 98u);
  EXPECT_EQ(HashBytes(HashFunction::kNone, "1234"), 1234u);
  EXPECT_NE(HashBytes(HashFunction::kWt6, "a"), HashBytes(HashFunction::kWt6, "b"));
}

}  // namespace
}  // namespace engine
