#include "shard/net/rate_limit.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace shard {
namespace {

constexpr uint64_t kStart = 5'000'000'123;  // any moment

// How many of a flood are let in between two moments, asking every `step_us`.
uint32_t Flood(RateLimit& limit, uint64_t from_us, uint64_t to_us, uint64_t step_us = 500) {
  uint32_t taken = 0;
  for (uint64_t now = from_us; now < to_us; now += step_us) {
    while (limit.TryTake(now)) ++taken;
  }
  return taken;
}

TEST(RateLimit, LetsThatManyInAtOnceThenAsManyPerSecond) {
  for (const uint32_t rate : {1u, 2u, 7u, 10u, 100u, 999u, 20000u}) {
    RateLimit limit(rate);
    EXPECT_EQ(Flood(limit, kStart, kStart + 1), rate);
    EXPECT_EQ(Flood(limit, kStart, kStart + 990000), 0u) << "the first second is full";
    for (int second = 1; second <= 5; ++second) {
      const uint64_t from = kStart + uint64_t(second) * 1000000;
      EXPECT_NEAR(double(Flood(limit, from, from + 1000000)), double(rate), 1.0 + rate * 0.002)
          << rate;
    }
  }
}

TEST(RateLimit, SpreadsThemOverTheSecond) {
  RateLimit limit(1000);
  (void)Flood(limit, kStart, kStart + 1000000);
  for (int tenth = 0; tenth < 20; ++tenth) {
    const uint64_t from = kStart + 1000000 + uint64_t(tenth) * 100000;
    EXPECT_NEAR(double(Flood(limit, from, from + 100000)), 100.0, 3.0) << tenth;
  }
}

TEST(RateLimit, HoweverLongNothingHasCome) {
  constexpr uint64_t kHourUs = 3600ULL * 1000000;
  // A host that has been up for so long when the first one comes.
  for (uint64_t hours = 1; hours < 40; ++hours) {
    SCOPED_TRACE(hours);
    RateLimit limit(10);
    EXPECT_EQ(Flood(limit, hours * kHourUs, hours * kHourUs + 1), 10u);
    const uint64_t second = hours * kHourUs + 1000000;
    EXPECT_NEAR(double(Flood(limit, second, second + 2000000)), 20.0, 2.0);
  }
}

TEST(RateLimit, BelowTheRateNobodyWaits) {
  RateLimit limit(100);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(limit.TryTake(kStart + uint64_t(i) * 10500)) << i;
  }
}

TEST(RateLimit, APauseStartsAnew) {
  RateLimit limit(10);
  EXPECT_EQ(Flood(limit, kStart, kStart + 1), 10u);
  EXPECT_EQ(Flood(limit, kStart + 2100000, kStart + 2100001), 10u);
  EXPECT_EQ(Flood(limit, kStart + 90000000, kStart + 90000001), 10u);
}

TEST(RateLimit, SaysWhenToComeBack) {
  for (const uint32_t rate : {1u, 3u, 10u, 250u, 1000u, 5000u}) {
    RateLimit limit(rate);
    uint64_t now = kStart;
    uint32_t taken = 0, refused = 0;
    while (now < kStart + 5000000) {
      if (limit.TryTake(now)) {
        ++taken;
        continue;
      }
      ++refused;
      const uint32_t wait_ms = limit.RetryAfterMs(now);
      EXPECT_GE(wait_ms, 1u);
      EXPECT_LE(wait_ms, 1010u);
      now += uint64_t(wait_ms) * 1000;
    }
    EXPECT_NEAR(double(taken), 5.0 * rate, 0.02 * 5.0 * rate + 1.0) << rate;
    EXPECT_LE(refused, taken + 10) << "asked again before there was room";
  }
}

TEST(RateLimit, WhatIsGivenBackMayBeTaken) {
  RateLimit limit(2);
  EXPECT_TRUE(limit.TryTake(kStart));
  EXPECT_TRUE(limit.TryTake(kStart));
  EXPECT_FALSE(limit.TryTake(kStart));
  limit.GiveBack();
  EXPECT_TRUE(limit.TryTake(kStart));
  EXPECT_FALSE(limit.TryTake(kStart));
}

TEST(RateLimit, NoneIsNoLimit) {
  RateLimit limit;
  EXPECT_EQ(limit.max(), 0u);
  for (int i = 0; i < 100000; ++i) ASSERT_TRUE(limit.TryTake(kStart));
  limit.GiveBack();
  limit.SetMax(RateLimit::kCountedMax + 1);
  EXPECT_TRUE(limit.TryTake(kStart));
}

TEST(RateLimit, ChangesAtOnce) {
  RateLimit limit(5);
  EXPECT_EQ(Flood(limit, kStart, kStart + 1), 5u);
  limit.SetMax(8);
  EXPECT_EQ(Flood(limit, kStart, kStart + 1), 3u);
  limit.SetMax(2);
  EXPECT_FALSE(limit.TryTake(kStart));
}

// Clocks of shards differ by a turn of their loops.
TEST(RateLimit, AClockThatIsBehindIsNoPause) {
  RateLimit limit(10);
  EXPECT_EQ(Flood(limit, kStart, kStart + 1), 10u);
  EXPECT_EQ(Flood(limit, kStart - 20000, kStart - 19999), 0u);
  EXPECT_FALSE(limit.TryTake(kStart + 500000));
}

TEST(RateLimit, CountsExactlyAcrossThreads) {
  RateLimit limit(50000);
  std::atomic<uint32_t> taken{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 40000; ++j) {
        if (limit.TryTake(kStart)) taken.fetch_add(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken.load(), 50000u);
}

}  // namespace
}  // namespace shard
