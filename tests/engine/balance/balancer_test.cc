#include "engine/balance/balancer.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

namespace engine {
namespace {

class View final : public ServerView {
 public:
  explicit View(std::vector<int> room) : room_(std::move(room)), load_(room_.size()) {}
  bool HasRoom(uint32_t server) const override { return room_[server] > 0; }
  bool TryTake(uint32_t server) const override {
    if (room_[server] == 0) return false;
    --room_[server];
    ++load_[server];
    return true;
  }
  uint32_t Load(uint32_t server) const override { return load_[server]; }

 private:
  mutable std::vector<int> room_;
  mutable std::vector<uint32_t> load_;
};

constexpr int kMuch = 1 << 20;

std::vector<int> Picks(const Balancer& balancer, const View& view, int count, int avoid = -1) {
  std::vector<int> picks;
  for (int i = 0; i < count; ++i) {
    picks.push_back(balancer.Pick(view, {avoid, uint64_t(i) * 7919 + 1}));
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

}  // namespace
}  // namespace engine
