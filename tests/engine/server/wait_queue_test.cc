#include "engine/server/wait_queue.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "shard/loop/event_loop.h"
#include "shard/loop/mailbox.h"
#include "tests/fake/fake_clock.h"
#include "tests/shard/loop/idle_ring.h"

namespace engine {
namespace {

constexpr uint32_t kAny = WaitQueue::kBackendLine;

class LimitedServers final : public SlotServers {
 public:
  explicit LimitedServers(size_t count) : eligible(count), usable(count) {
    for (size_t i = 0; i < count; ++i) eligible[i] = usable[i] = true;
  }
  bool IsEligible(uint32_t, uint32_t server) override { return eligible[server]; }
  bool IsUsable(uint32_t, uint32_t server) override { return usable[server]; }
  bool ServesLine(uint32_t, uint32_t server) override { return may_force || usable[server]; }
  bool MustAskAgain(uint32_t) override {
    return std::none_of(eligible.begin(), eligible.end(), [](const auto& e) { return e.load(); });
  }
  uint32_t ThrottlePercent(uint32_t) override { return throttle; }
  int64_t BackendLoad() override { return load; }

  bool may_force = false;
  std::atomic<uint32_t> throttle{100};
  std::deque<std::atomic<bool>> eligible;
  std::deque<std::atomic<bool>> usable;
  std::atomic<int64_t> load{0};
};

struct Waiter final : SlotWaiter {
  void OnSlotGranted(uint32_t which) noexcept override {
    server = int(which);
    if (order != nullptr) order->push_back(this);
  }
  void OnAskAgain() noexcept override { ++asked; }

  int server = -1;
  int asked = 0;
  int name = 0;
  std::vector<Waiter*>* order = nullptr;
};

// Several shards, each turned by hand.
class WaitQueueTest : public ::testing::Test {
 protected:
  void Open(uint32_t shards, std::vector<SlotLimit> limits, uint32_t fullconn = 0) {
    servers_ = std::make_unique<LimitedServers>(limits.size());
    mailroom_ = std::make_unique<shard::Mailroom>(shards);
    queue_ = std::make_unique<WaitQueue>(*servers_, limits, shards);
    for (uint32_t shard = 0; shard < shards; ++shard) {
      loops_.push_back(std::make_unique<shard::EventLoop>(
          no_shard_, shard, *mailroom_, std::make_unique<shard::IdleRing>(), clock_));
      queue_->AttachShard(shard, loops_.back().get(), fullconn);
    }
  }
  void Take(uint32_t server, int count) {
    for (int i = 0; i < count; ++i) ASSERT_TRUE(queue_->TryTake(0, server));
  }
  Waiter* Enter(uint32_t shard, uint32_t line = kAny) {
    Waiter* waiter = &waiters_.emplace_back();
    waiter->name = int(waiters_.size());
    waiter->order = &order_;
    EXPECT_TRUE(queue_->Enter(shard, line, waiter));
    return waiter;
  }
  void Settle() {
    for (int turn = 0; turn < 200; ++turn) {
      for (auto& loop : loops_) loop->TurnOnce(0);
    }
  }
  std::vector<int> Order() const {
    std::vector<int> names;
    for (const Waiter* waiter : order_) names.push_back(waiter->name);
    return names;
  }
  using Names = std::vector<int>;

  tests::FakeClock clock_;
  int no_shard_place_ = 0;  // the handlers of a WaitQueue never look at the Shard
  shard::Shard& no_shard_ = reinterpret_cast<shard::Shard&>(no_shard_place_);
  std::unique_ptr<LimitedServers> servers_;
  std::unique_ptr<shard::Mailroom> mailroom_;
  std::vector<std::unique_ptr<shard::EventLoop>> loops_;
  std::unique_ptr<WaitQueue> queue_;
  std::vector<Waiter*> order_;
  std::deque<Waiter> waiters_;
};

TEST_F(WaitQueueTest, TakesUpToTheLimitFromAllShardsTogether) {
  Open(3, {{.maxconn = 3}});
  EXPECT_TRUE(queue_->TryTake(0, 0));
  EXPECT_TRUE(queue_->TryTake(1, 0));
  EXPECT_TRUE(queue_->TryTake(2, 0));
  EXPECT_FALSE(queue_->HasRoom(0));
  EXPECT_FALSE(queue_->TryTake(0, 0));
  queue_->Release(1, 0);
  EXPECT_TRUE(queue_->TryTake(0, 0));
  EXPECT_EQ(queue_->Taken(0), 3);
}

TEST_F(WaitQueueTest, EnteringFindsThePlaceThatBecameFreeMeanwhile) {
  Open(2, {{.maxconn = 1}});
  EXPECT_EQ(Enter(1)->server, 0);
  EXPECT_EQ(queue_->Waiting(kAny), 0);
  EXPECT_EQ(queue_->Taken(0), 1);
}

TEST_F(WaitQueueTest, AReleasedPlaceGoesToTheLowestTicketWhereverItWaits) {
  Open(4, {{.maxconn = 1}});
  Take(0, 1);
  Names expected;
  for (const uint32_t shard : {2, 2, 1, 3, 3, 3, 0, 2, 1, 0})
    expected.push_back(Enter(shard)->name);
  EXPECT_EQ(queue_->Waiting(kAny), 10);
  EXPECT_EQ(queue_->WaitingMax(kAny), 10);
  for (int i = 0; i < 10; ++i) {
    queue_->Release(uint32_t(i % 4), 0);
    Settle();
    EXPECT_EQ(order_.size(), size_t(i + 1));
  }
  EXPECT_EQ(Order(), expected);
  EXPECT_EQ(queue_->Waiting(kAny), 0);
  EXPECT_EQ(queue_->Taken(0), 1);
}

// The second release finds the lowest shard's head already claimed and must not go to a later one.
TEST_F(WaitQueueTest, ReleasesInOneTurnStillFollowTheOrder) {
  Open(3, {{.maxconn = 2}});
  Take(0, 2);
  Waiter* first = Enter(1);
  Waiter* second = Enter(1);
  Waiter* third = Enter(2);
  queue_->Release(0, 0);
  queue_->Release(0, 0);
  loops_[2]->TurnOnce(0);
  EXPECT_EQ(third->server, -1);
  Settle();
  EXPECT_EQ(first->server, 0);
  EXPECT_EQ(second->server, 0);
  EXPECT_EQ(third->server, -1);
  EXPECT_EQ(queue_->Taken(0), 2);
}

TEST_F(WaitQueueTest, ANewcomerDoesNotOvertake) {
  Open(2, {{.maxconn = 1}, {.maxconn = 1}});
  Take(0, 1);
  Take(1, 1);
  Waiter* first = Enter(1);
  queue_->Release(0, 0);
  EXPECT_FALSE(queue_->TryTake(0, 0));
  Waiter* second = Enter(0);
  Settle();
  EXPECT_EQ(first->server, 0);
  EXPECT_EQ(second->server, -1);
}

TEST_F(WaitQueueTest, WhoLeavesWithAGrantOnTheWayPassesItOn) {
  Open(3, {{.maxconn = 1}});
  Take(0, 1);
  Waiter* gone = Enter(1);
  Waiter* heir = Enter(2);
  queue_->Release(0, 0);
  gone->Leave();
  EXPECT_FALSE(gone->waiting());
  Settle();
  EXPECT_EQ(gone->server, -1);
  EXPECT_EQ(heir->server, 0);
  queue_->Release(2, 0);
  EXPECT_EQ(queue_->Taken(0), 0);
}

TEST_F(WaitQueueTest, WhoLeavesWithAGrantOnTheWayAndNobodyBehindGivesThePlaceBack) {
  Open(2, {{.maxconn = 1}});
  Take(0, 1);
  Waiter* gone = Enter(1);
  queue_->Release(0, 0);
  gone->Leave();
  Waiter* newcomer = Enter(1);  // its shard's head is still the claimed one
  Settle();
  EXPECT_EQ(newcomer->server, 0);
  EXPECT_EQ(queue_->Taken(0), 1);
}

TEST_F(WaitQueueTest, WhoLeavesFromTheHeadOrTheMiddleChangesNothingForOthers) {
  Open(1, {{.maxconn = 1}});
  Take(0, 1);
  std::vector<Waiter*> all;
  for (int i = 0; i < 9; ++i) all.push_back(Enter(0));
  for (const int gone : {0, 4, 8, 5}) all[size_t(gone)]->Leave();
  for (int i = 0; i < 5; ++i) queue_->Release(0, 0);
  EXPECT_EQ(Order(), (Names{2, 3, 4, 7, 8}));
  EXPECT_EQ(queue_->Waiting(kAny), 0);
}

TEST_F(WaitQueueTest, AFullMailboxKeepsTheGrantUntilThereIsRoom) {
  Open(2, {{.maxconn = 1}});
  Take(0, 1);
  Waiter* waiter = Enter(1);
  const shard::Message nothing{[](shard::Shard&, const shard::Message&) noexcept {}, {}};
  while (loops_[0]->TryPost(1, nothing)) continue;
  queue_->Release(0, 0);
  loops_[0]->TurnOnce(0);
  EXPECT_FALSE(loops_[0]->run_queue().empty());  // it does not sleep on it
  Settle();
  EXPECT_EQ(waiter->server, 0);
  EXPECT_TRUE(loops_[0]->run_queue().empty());
}

TEST_F(WaitQueueTest, AServersOwnLineAndTheBackendsAreOneOrder) {
  Open(2, {{.maxconn = 1}, {.maxconn = 1}});
  Take(0, 1);
  Take(1, 1);
  Waiter* any = Enter(0);
  Waiter* only_second = Enter(1, WaitQueue::LineOf(1));
  Waiter* any_later = Enter(1);
  queue_->Release(0, 1);
  Settle();
  EXPECT_EQ(any->server, 1);
  queue_->Release(0, 0);  // of no use to the second one
  Settle();
  EXPECT_EQ(any_later->server, 0);
  EXPECT_EQ(only_second->server, -1);
  queue_->Release(0, 1);
  Settle();
  EXPECT_EQ(only_second->server, 1);
}

TEST_F(WaitQueueTest, MaxqueueRefuses) {
  Open(2, {{.maxconn = 1, .maxqueue = 2}});
  Take(0, 1);
  Waiter* first = Enter(0, WaitQueue::LineOf(0));
  Enter(1, WaitQueue::LineOf(0));
  Waiter refused;
  EXPECT_FALSE(queue_->Enter(1, WaitQueue::LineOf(0), &refused));
  EXPECT_FALSE(refused.waiting());
  EXPECT_EQ(queue_->Waiting(WaitQueue::LineOf(0)), 2);
  first->Leave();
  EXPECT_TRUE(queue_->Enter(1, WaitQueue::LineOf(0), &refused));
}

TEST_F(WaitQueueTest, PriorityClassComesFirstThenTheOffset) {
  Open(2, {{.maxconn = 1}});
  Take(0, 1);
  struct {
    uint32_t shard;
    int32_t priority_class;
    int32_t offset_ms;
  } const rows[] = {{0, 0, 0},    {1, 5, -500000}, {1, 0, -100}, {0, -3, 0},
                    {1, -3, 100}, {0, -5000, 0},   {0, 0, 100}};
  for (const auto& row : rows) {
    Waiter* waiter = &waiters_.emplace_back();
    waiter->name = int(waiters_.size());
    waiter->order = &order_;
    waiter->SetPriority(row.priority_class, row.offset_ms);
    ASSERT_TRUE(queue_->Enter(row.shard, kAny, waiter));
    clock_.Advance(1000);
  }
  for (size_t i = 0; i < std::size(rows); ++i) {
    queue_->Release(0, 0);
    Settle();
  }
  EXPECT_EQ(Order(), (Names{6, 4, 5, 3, 1, 7, 2}));
}

TEST_F(WaitQueueTest, MinconnMakesTheLimitFollowTheLoad) {
  Open(1, {{.maxconn = 100, .minconn = 10}, {.maxconn = 7, .minconn = 9}, {.minconn = 4}}, 1000);
  struct {
    int64_t load;
    int64_t limit;
  } const rows[] = {{0, 10}, {100, 10}, {200, 20}, {999, 99}, {1000, 100}, {5000, 100}};
  for (const auto& row : rows) {
    servers_->load = row.load;
    EXPECT_EQ(queue_->Limit(0), row.limit) << row.load;
    EXPECT_EQ(queue_->Limit(1), 7);
    EXPECT_EQ(queue_->Limit(2), 4);
  }
}

TEST_F(WaitQueueTest, AThrottledServerTakesAPartOfItsLimitAtLeastOne) {
  Open(2, {{.maxconn = 10}});
  servers_->throttle = 0;
  EXPECT_EQ(queue_->Limit(0), 1);
  EXPECT_TRUE(queue_->TryTake(0, 0));
  Enter(1);
  Enter(0);
  Settle();
  EXPECT_EQ(Order(), Names{});
  servers_->throttle = 25;
  EXPECT_EQ(queue_->Limit(0), 2);
  queue_->AnnounceChange(0);
  Settle();
  EXPECT_EQ(Order(), Names{1});
  servers_->throttle = 100;
  queue_->AnnounceChange(0);
  Settle();
  EXPECT_EQ(Order(), (Names{1, 2}));
}

TEST_F(WaitQueueTest, AFallenLimitTakesPlacesInBeforeItGivesAny) {
  Open(2, {{.maxconn = 4, .minconn = 1}}, 4);
  servers_->load = 4;
  Take(0, 4);
  Waiter* waiter = Enter(1);
  servers_->load = 2;
  queue_->Release(0, 0);
  queue_->Release(0, 0);
  Settle();
  EXPECT_EQ(waiter->server, -1);
  EXPECT_EQ(queue_->Taken(0), 2);
  queue_->Release(0, 0);
  Settle();
  EXPECT_EQ(waiter->server, 0);
}

TEST_F(WaitQueueTest, ARaisedMaxconnServesThoseWhoWait) {
  Open(2, {{.maxconn = 1}});
  Take(0, 1);
  for (uint32_t i = 0; i < 3; ++i) Enter(i % 2);
  queue_->SetMaxconn(0, 3);
  queue_->AnnounceChange(1);
  Settle();
  // Two places at once: each shard gives one to its own, whichever runs first.
  Names served = Order();
  std::sort(served.begin(), served.end());
  EXPECT_EQ(served, (Names{1, 2}));
  EXPECT_EQ(queue_->Taken(0), 3);
  queue_->SetMaxconn(0, 0);
  EXPECT_EQ(queue_->maxconn(0), 0u);
  queue_->AnnounceChange(0);
  Settle();
  ASSERT_EQ(Order().size(), 3u);
  EXPECT_EQ(Order().back(), 3);
  Take(0, 100);
}

TEST_F(WaitQueueTest, ALoweredMaxconnTakesPlacesInBeforeItGivesAny) {
  Open(1, {{.maxconn = 3}});
  Take(0, 3);
  Enter(0);
  queue_->SetMaxconn(0, 1);
  queue_->AnnounceChange(0);
  queue_->Release(0, 0);
  queue_->Release(0, 0);
  Settle();
  EXPECT_EQ(Order(), Names{});
  queue_->Release(0, 0);
  Settle();
  EXPECT_EQ(Order(), Names{1});
  EXPECT_EQ(queue_->Taken(0), 1);
}

TEST_F(WaitQueueTest, ADisabledServerServesNobodyUntilItIsEnabled) {
  Open(2, {{.maxconn = 1}, {.maxconn = 1}});
  Take(0, 1);
  Take(1, 1);
  Waiter* first = Enter(0);
  Waiter* second = Enter(1);
  servers_->eligible[0] = servers_->usable[0] = false;
  queue_->AnnounceChange(1);
  queue_->Release(0, 0);
  Settle();
  EXPECT_EQ(first->server, -1);
  EXPECT_EQ(first->asked, 0);  // the other server will serve it
  EXPECT_EQ(queue_->Taken(0), 0);
  servers_->eligible[0] = servers_->usable[0] = true;
  queue_->AnnounceChange(1);
  Settle();
  EXPECT_EQ(first->server, 0);
  EXPECT_EQ(second->server, -1);
}

TEST_F(WaitQueueTest, ADisabledServerThatMayBeForcedServesWhoComesBack) {
  Open(2, {{.maxconn = 1}});
  Take(0, 1);
  servers_->may_force = true;
  Waiter* own = Enter(1, WaitQueue::LineOf(0));
  Waiter* any = Enter(1);
  servers_->eligible[0] = servers_->usable[0] = false;
  queue_->AnnounceChange(0);
  Settle();
  EXPECT_EQ(own->asked, 1);  // it may not want it so
  EXPECT_FALSE(own->waiting());
  ASSERT_TRUE(queue_->Enter(1, WaitQueue::LineOf(0), own));
  Waiter* later = Enter(0, WaitQueue::LineOf(0));
  queue_->Release(0, 0);
  Settle();
  EXPECT_EQ(own->server, 0);
  EXPECT_EQ(later->server, -1);
  EXPECT_EQ(any->server, -1);
  queue_->Release(1, 0);
  Settle();
  EXPECT_EQ(later->server, 0);
  EXPECT_EQ(queue_->Taken(0), 1);
}

TEST_F(WaitQueueTest, AGrantOfAServerDisabledMeanwhileIsNotTaken) {
  Open(2, {{.maxconn = 1}, {.maxconn = 1}});
  Take(0, 1);
  Take(1, 1);
  Waiter* first = Enter(1);
  Waiter* second = Enter(1);
  queue_->Release(0, 0);
  servers_->eligible[0] = false;
  Settle();
  EXPECT_EQ(first->server, -1);
  EXPECT_EQ(queue_->Taken(0), 0);
  queue_->Release(0, 1);
  Settle();
  EXPECT_EQ(first->server, 1);
  EXPECT_EQ(second->server, -1);
}

// Who may go nowhere else, with the place on its way to it when the server goes: whichever of the
// two messages comes first.
TEST_F(WaitQueueTest, AGrantOfAServersOwnLineIsNotTakenOnceTheServerIsDisabled) {
  for (const bool grant_first : {true, false}) {
    SCOPED_TRACE(grant_first);
    loops_.clear();
    Open(3, {{.maxconn = 1}, {.maxconn = 1}});
    Take(0, 1);
    Take(1, 1);
    Waiter* own = Enter(1, WaitQueue::LineOf(0));
    Waiter* any = Enter(1);
    if (grant_first) queue_->Release(2, 0);
    servers_->eligible[0] = servers_->usable[0] = false;
    queue_->AnnounceChange(2);
    if (!grant_first) queue_->Release(2, 0);
    Settle();
    EXPECT_EQ(own->server, -1);
    EXPECT_EQ(own->asked, 1);
    EXPECT_EQ(any->server, -1);
    EXPECT_EQ(any->asked, 0);
    EXPECT_EQ(queue_->Taken(0), 0);
    EXPECT_EQ(queue_->Waiting(WaitQueue::LineOf(0)), 0);
    own->Leave();
    any->Leave();
  }
}

// Drained, or of weight 0: those that must have this server still get it, others do not.
TEST_F(WaitQueueTest, ADrainedServerServesItsOwnLineAlone) {
  Open(2, {{.maxconn = 1}, {.maxconn = 1}});
  Take(0, 1);
  Take(1, 1);
  Waiter* any = Enter(0);
  Waiter* own = Enter(1, WaitQueue::LineOf(0));
  servers_->eligible[0] = false;
  queue_->AnnounceChange(1);
  queue_->Release(0, 0);
  Settle();
  EXPECT_EQ(own->server, 0);
  queue_->Release(1, 0);
  Settle();
  EXPECT_EQ(any->server, -1);
  EXPECT_EQ(queue_->Taken(0), 0);
}

// The bounced waiter is still the first: for the other server, and for this one once it is back.
TEST_F(WaitQueueTest, AServerThatIsBackServesWhoWasGivenItsPlaceBeforeItWent) {
  Open(3, {{.maxconn = 1}, {.maxconn = 1}});
  Take(0, 1);
  Take(1, 1);
  const Names expected = {Enter(2)->name, Enter(1)->name, Enter(2)->name};
  queue_->Release(0, 0);
  servers_->eligible[0] = servers_->usable[0] = false;
  queue_->AnnounceChange(0);
  Settle();
  EXPECT_TRUE(order_.empty());
  servers_->eligible[0] = servers_->usable[0] = true;
  queue_->AnnounceChange(0);
  Settle();
  queue_->Release(0, 1);
  Settle();
  queue_->Release(0, 0);
  Settle();
  EXPECT_EQ(Order(), expected);
}

TEST_F(WaitQueueTest, WhoMustAskAgainKeepsItsPlaceInTheOrder) {
  Open(2, {{.maxconn = 1}});
  Take(0, 1);
  Waiter* first = Enter(0);
  Waiter* second = Enter(1);
  servers_->eligible[0] = false;
  queue_->AnnounceChange(0);
  Settle();
  EXPECT_EQ(first->asked, 1);
  EXPECT_EQ(second->asked, 1);
  EXPECT_EQ(queue_->Waiting(kAny), 0);
  servers_->eligible[0] = true;
  ASSERT_TRUE(queue_->Enter(1, kAny, second));
  ASSERT_TRUE(queue_->Enter(0, kAny, first));
  queue_->Release(0, 0);
  Settle();
  EXPECT_EQ(first->server, 0);
  EXPECT_EQ(second->server, -1);
}

TEST_F(WaitQueueTest, AShardThatHasEndedGivesPlacesBackToTheCount) {
  Open(2, {{.maxconn = 1}});
  Take(0, 1);
  Waiter* waiter = Enter(1);
  queue_->DetachShard(0);
  queue_->Release(0, 0);
  Settle();
  EXPECT_EQ(waiter->server, -1);
  EXPECT_EQ(queue_->Taken(0), 0);
}

TEST_F(WaitQueueTest, ManyWaitersAreServedWithoutRecursion) {
  Open(2, {{.maxconn = 100000}});
  servers_->eligible[0] = false;
  for (int i = 0; i < 20000; ++i) Enter(1);
  servers_->eligible[0] = true;
  queue_->AnnounceChange(0);
  Settle();
  EXPECT_EQ(order_.size(), 20000u);
  EXPECT_TRUE(std::is_sorted(order_.begin(), order_.end(),
                             [](Waiter* a, Waiter* b) { return a->name < b->name; }));
}

// Random entering, leaving and turning; then several releases before anybody turns. Whatever
// happened before, exactly the lowest tickets get the places.
TEST_F(WaitQueueTest, BurstsFollowTheOrderFromAnyState) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  constexpr uint32_t kShards = 4;
  Open(kShards, {{.maxconn = 3}, {.maxconn = 2}});
  Take(0, 3);
  Take(1, 2);
  std::vector<Waiter*> waiting;
  for (int round = 0; round < 300; ++round) {
    for (int i = int(random() % 9); i > 0; --i) {
      if (waiting.empty() || random() % 3 != 0) {
        waiting.push_back(Enter(uint32_t(random() % kShards)));
      } else {
        const size_t gone = random() % waiting.size();
        waiting[gone]->Leave();
        waiting.erase(waiting.begin() + ptrdiff_t(gone));
      }
    }
    ASSERT_TRUE(order_.empty());
    std::vector<uint32_t> held;
    for (uint32_t server : {0, 0, 0, 1, 1}) {
      if (random() % 2 == 0) held.push_back(server);
    }
    for (uint32_t server : held) {
      queue_->Release(uint32_t(random() % kShards), server);
      if (random() % 3 == 0) loops_[random() % kShards]->TurnOnce(0);
    }
    Settle();
    const size_t served = std::min(held.size(), waiting.size());
    std::vector<Waiter*> expected(waiting.begin(), waiting.begin() + ptrdiff_t(served));
    std::sort(order_.begin(), order_.end(), [](Waiter* a, Waiter* b) { return a->name < b->name; });
    ASSERT_EQ(order_, expected) << "round " << round;
    waiting.erase(waiting.begin(), waiting.begin() + ptrdiff_t(served));
    order_.clear();
    ASSERT_EQ(queue_->Waiting(kAny), int64_t(waiting.size()));
    while (queue_->TryTake(0, 0) || queue_->TryTake(0, 1)) continue;
    ASSERT_EQ(queue_->Taken(0) + queue_->Taken(1), 5);
  }
}

// Threads that take, hold, release, wait and give up as fast as they can, while servers go away and
// come back. Never over the limit; in the end everybody was served or left, and nothing is held.
class Crowd {
 public:
  static constexpr int kStreams = 24;
  Crowd(uint32_t index, WaitQueue& queue, LimitedServers& servers, shard::EventLoop& loop,
        std::atomic<int64_t>* inside, uint64_t seed)
      : index_(index),
        queue_(queue),
        servers_(servers),
        loop_(loop),
        inside_(inside),
        random_(seed + index) {}

  void Run(int exchanges) {
    started_left_ = exchanges;
    while (started_left_ > 0 || live_ > 0) Turn();
  }
  void Turn() {
    if (index_ == 0 && random_() % 64 == 0) Toggle();
    for (Stream& stream : streams_) Step(stream);
    loop_.TurnOnce(0);
    if (random_() % 4 == 0) sched_yield();
  }
  bool over_limit() const { return over_limit_; }
  int served() const { return served_; }
  int left() const { return left_; }

 private:
  struct Stream final : SlotWaiter {
    void OnSlotGranted(uint32_t which) noexcept override { server = int(which); }
    void OnAskAgain() noexcept override { asked = true; }
    bool live = false;
    bool asked = false;
    bool counted = false;
    int server = -1;
  };
  void Toggle() {
    const bool up = !servers_.eligible[1];
    servers_.eligible[1] = servers_.usable[1] = up;
    queue_.AnnounceChange(index_);
  }
  void Start(Stream& stream) {
    for (uint32_t server = 0; server < 2; ++server) {
      if (!servers_.eligible[server] || !queue_.TryTake(index_, server)) continue;
      stream.server = int(server);
      return;
    }
    EXPECT_TRUE(queue_.Enter(index_, kAny, &stream));
  }
  void Step(Stream& stream) {
    if (!stream.live) {
      if (started_left_ == 0) return;
      --started_left_;
      ++live_;
      stream.live = true;
      return Start(stream);
    }
    if (stream.server >= 0) {
      if (!stream.counted) {
        stream.counted = true;
        const int64_t limit = stream.server == 0 ? 3 : 2;
        if (inside_[stream.server].fetch_add(1) >= limit) over_limit_ = true;
      }
      if (random_() % 3 != 0) return;
      inside_[stream.server].fetch_sub(1);
      const uint32_t server = uint32_t(stream.server);
      ++served_;
      End(stream);
      return queue_.Release(index_, server);
    }
    if (stream.asked) {
      stream.asked = false;
      return Start(stream);
    }
    if (random_() % 50 == 0) {
      stream.Leave();
      ++left_;
      End(stream);
    }
  }
  void End(Stream& stream) {
    stream.live = stream.counted = false;
    stream.server = -1;
    --live_;
  }

  const uint32_t index_;
  WaitQueue& queue_;
  LimitedServers& servers_;
  shard::EventLoop& loop_;
  std::atomic<int64_t>* inside_;
  std::mt19937_64 random_;
  Stream streams_[kStreams];
  int started_left_ = 0;
  int live_ = 0;
  int served_ = 0;
  int left_ = 0;
  bool over_limit_ = false;
};

TEST(WaitQueueStress, NeverOverTheLimitAndEverybodyIsServed) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  constexpr uint32_t kThreads = 4;
  constexpr int kExchanges = 4000;
  LimitedServers servers(2);
  shard::Mailroom mailroom(kThreads);
  std::vector<SlotLimit> limits{{.maxconn = 3}, {.maxconn = 2}};
  WaitQueue queue(servers, limits, kThreads);
  int nothing = 0;
  auto& no_shard = reinterpret_cast<shard::Shard&>(nothing);
  std::vector<std::unique_ptr<base::Clock>> clocks;
  std::vector<std::unique_ptr<shard::EventLoop>> loops;
  std::vector<std::unique_ptr<Crowd>> crowds;
  std::atomic<int64_t> inside[2] = {};
  for (uint32_t i = 0; i < kThreads; ++i) {
    clocks.push_back(std::make_unique<base::Clock>());
    loops.push_back(std::make_unique<shard::EventLoop>(
        no_shard, i, mailroom, std::make_unique<shard::IdleRing>(), *clocks.back()));
    queue.AttachShard(i, loops.back().get(), 0);
    crowds.push_back(std::make_unique<Crowd>(i, queue, servers, *loops.back(), inside, seed));
  }
  std::atomic<uint32_t> done{0};
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      crowds[i]->Run(kExchanges);
      ++done;
      // Grants for this shard still come, for streams that have left: they must be passed on.
      while (done < kThreads) crowds[i]->Turn();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int turn = 0; turn < 50; ++turn) {
    for (auto& loop : loops) loop->TurnOnce(0);
  }
  int ended = 0;
  for (const auto& crowd : crowds) {
    EXPECT_FALSE(crowd->over_limit());
    EXPECT_GT(crowd->served(), 0);
    ended += crowd->served() + crowd->left();
  }
  EXPECT_EQ(ended, int(kThreads) * kExchanges);
  EXPECT_EQ(queue.Taken(0), 0);
  EXPECT_EQ(queue.Taken(1), 0);
  EXPECT_EQ(queue.Waiting(kAny), 0);
}

// Without anybody giving up: a wake-up that is lost would stop this for ever.
TEST(WaitQueueStress, NoWakeUpIsLost) {
  constexpr uint32_t kThreads = 3;
  constexpr int kRounds = 10000;
  LimitedServers servers(1);
  shard::Mailroom mailroom(kThreads);
  WaitQueue queue(servers, {{.maxconn = 1}}, kThreads);
  int nothing = 0;
  auto& no_shard = reinterpret_cast<shard::Shard&>(nothing);
  std::atomic<int> inside{0};
  std::atomic<bool> over{false};
  std::atomic<int> waited{0};
  std::atomic<uint32_t> done{0};
  std::vector<std::unique_ptr<base::Clock>> clocks;
  std::vector<std::unique_ptr<shard::EventLoop>> loops;
  for (uint32_t i = 0; i < kThreads; ++i) {
    clocks.push_back(std::make_unique<base::Clock>());
    loops.push_back(std::make_unique<shard::EventLoop>(
        no_shard, i, mailroom, std::make_unique<shard::IdleRing>(), *clocks.back()));
    queue.AttachShard(i, loops.back().get(), 0);
  }
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < kRounds; ++round) {
        Waiter waiter;
        if (!queue.TryTake(i, 0)) {
          ++waited;
          EXPECT_TRUE(queue.Enter(i, kAny, &waiter));
          while (waiter.server < 0) {
            loops[i]->TurnOnce(0);
            sched_yield();
          }
        }
        if (inside.fetch_add(1) != 0) over = true;
        if (round % 2 == 0) sched_yield();  // so that others find it taken
        inside.fetch_sub(1);
        queue.Release(i, 0);
      }
      ++done;
      while (done < kThreads) loops[i]->TurnOnce(0), sched_yield();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(over);
  EXPECT_GT(waited, kRounds / 10);
  EXPECT_EQ(queue.Taken(0), 0);
  EXPECT_EQ(queue.Waiting(kAny), 0);
}

}  // namespace
}  // namespace engine
