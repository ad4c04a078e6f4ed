// The shared limit: reached, never passed, and nobody sleeps while there is room.

#include "shard/net/limit.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <random>
#include <thread>
#include <vector>

namespace shard {
namespace {

TEST(SharedLimitTest, RefusesAtTheLimitAndTellsWhoWaits) {
  SharedLimit limit(2, 3);
  LimitShare a(limit, 0), b(limit, 1), c(limit, 2);
  EXPECT_TRUE(a.TryTake());
  EXPECT_TRUE(b.TryTake());
  EXPECT_FALSE(c.TryTake());
  EXPECT_FALSE(b.TryTake());
  EXPECT_EQ(a.Release(), 0b110u);
  EXPECT_TRUE(c.TryTake());
  EXPECT_EQ(b.Release(), 0u) << "they were told once";
  EXPECT_EQ(c.Release(), 0u);
}

TEST(SharedLimitTest, OneShareMayReleaseWhatAnotherTook) {
  SharedLimit limit(1, 2);
  LimitShare a(limit, 0), b(limit, 1);
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(a.TryTake());
    ASSERT_FALSE(a.TryTake());
    ASSERT_EQ(b.Release(), 0b01u);
  }
}

TEST(SharedLimitTest, LeasesAreAskedBack) {
  for (int64_t max : {1, 31, 64, 100, 1000, 100000}) {
    SCOPED_TRACE(max);
    SharedLimit limit(max, 4);
    LimitShare a(limit, 0), b(limit, 1), c(limit, 2), d(limit, 3);
    LimitShare* others[] = {&b, &c, &d};
    for (int round = 0; round < 5; ++round) {  // so that each keeps something
      for (LimitShare* share : others) {
        if (share->TryTake()) (void)share->Release();
      }
    }
    int64_t taken = 0;
    while (true) {
      if (a.TryTake()) {
        ++taken;
        continue;
      }
      uint64_t woken = 0;
      const uint64_t holders = a.Holders();
      for (size_t i = 0; i < 3; ++i) {
        if ((holders & (2u << i)) != 0) woken |= others[i]->ReturnLease();
      }
      if (holders == 0) break;
      EXPECT_EQ(woken, 1u);
    }
    EXPECT_EQ(taken, max);
    EXPECT_EQ(a.Holders(), 0u);
  }
}

TEST(SharedLimitTest, DestroyedShareGivesItsLeaseBack) {
  SharedLimit limit(1000, 1);
  LimitShare rest(limit, 1);
  {
    LimitShare share(limit, 0);
    EXPECT_TRUE(share.TryTake());
    EXPECT_EQ(share.Release(), 0u);
  }
  int taken = 0;
  while (rest.TryTake()) ++taken;
  EXPECT_EQ(taken, 1000);
}

// Threads as shards: told ones try again, sleeping ones do nothing until they are told. A thread
// that slept for ever would hang the test.
void Stress(int64_t max, uint32_t threads_count, int takes) {
  SCOPED_TRACE(testing::Message() << max << " by " << threads_count);
  SharedLimit limit(max, threads_count);
  std::atomic<int64_t> inside{0};
  std::atomic<int64_t> most{0};
  struct Inbox {
    alignas(64) std::atomic<bool> resume{false};
    std::atomic<bool> recall{false};
  };
  std::vector<Inbox> inboxes(threads_count);
  std::atomic<uint32_t> finished{0};
  const auto tell = [&](uint64_t shards, bool recall) {
    for (uint32_t i = 0; i < threads_count; ++i) {
      if ((shards >> i & 1) == 0) continue;
      recall ? inboxes[i].recall = true : inboxes[i].resume = true;
    }
  };
  std::vector<std::thread> threads;
  for (uint32_t me = 0; me < threads_count; ++me) {
    threads.emplace_back([&, me] {
      LimitShare share(limit, me);
      std::mt19937 random(me);
      int64_t held = 0;
      int left = takes;
      bool asleep = false;
      while (left > 0 || held > 0) {
        if (inboxes[me].recall.exchange(false)) tell(share.ReturnLease(), false);
        if (inboxes[me].resume.exchange(false)) asleep = false;
        const bool want = left > 0 && !asleep && (held == 0 || random() % 2 == 0);
        if (want) {
          if (share.TryTake()) {
            ++held;
            --left;
            const int64_t now = inside.fetch_add(1) + 1;
            int64_t seen = most;
            while (now > seen && !most.compare_exchange_weak(seen, now)) {
            }
          } else {
            asleep = true;
            tell(share.Holders(), true);
          }
        } else if (held > 0 && (asleep || left == 0 || random() % 3 == 0)) {
          --held;
          inside.fetch_sub(1);
          tell(share.Release(), false);
        } else {
          std::this_thread::yield();
        }
      }
      // A shard that is done still answers.
      finished.fetch_add(1);
      while (finished < threads_count) {
        if (inboxes[me].recall.exchange(false)) tell(share.ReturnLease(), false);
        std::this_thread::yield();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most, max);
  EXPECT_EQ(inside, 0);
  LimitShare all(limit, 0);
  int64_t free = 0;
  while (all.TryTake()) ++free;
  EXPECT_EQ(free, max);
}

TEST(SharedLimitTest, ThreadsNeverPassItAndNobodySleepsForEver) {
  Stress(1, 4, 3000);
  Stress(3, 4, 10000);
  Stress(64, 2, 20000);
  Stress(200, 4, 20000);
}

TEST(SharedLimitTest, ThreadsThatOnlyTakeReachItExactly) {
  for (int round = 0; round < 200; ++round) {
    SharedLimit limit(300, 4);
    std::vector<std::unique_ptr<LimitShare>> shares;
    for (uint32_t i = 0; i < 4; ++i) shares.push_back(std::make_unique<LimitShare>(limit, i));
    std::atomic<int> taken{0};
    std::vector<std::thread> threads;
    for (uint32_t i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        for (uint32_t n = 0; n < 60 + i; ++n) taken += shares[i]->TryTake();
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(taken, 60 + 61 + 62 + 63);
    for (auto& share : shares) (void)share->ReturnLease();
    int rest = 0;
    while (shares[0]->TryTake()) ++rest;
    EXPECT_EQ(taken + rest, 300);
  }
}

}  // namespace
}  // namespace shard
