#include "base/clock.h"

#include <gtest/gtest.h>
#include <time.h>

#include <thread>

namespace base {
namespace {

class ToldClock : public Clock {
 public:
  void Update() noexcept override { Set(next_us); }
  uint64_t next_us = 0;
};

TEST(Clock, MonotonicTimeNeverGoesBackAndIsNeverZero) {
  uint64_t last = MonotonicMicros();
  EXPECT_GT(last, 0u);
  for (int i = 0; i < 10000; ++i) {
    const uint64_t now = MonotonicMicros();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(Clock, StandsStillUntilUpdated) {
  Clock clock;
  const uint64_t before = clock.now_us();
  std::this_thread::sleep_for(std::chrono::milliseconds(3));
  EXPECT_EQ(clock.now_us(), before);
  clock.Update();
  EXPECT_GE(clock.now_us(), before + 3000);
  EXPECT_EQ(clock.now_ms(), clock.now_us() / 1000);
}

// Drivers turn deadlines of this clock into the kernel's: the distance is one second, always.
TEST(Clock, RunsOneSecondAheadOfTheKernels) {
  timespec before;
  clock_gettime(CLOCK_MONOTONIC, &before);
  const uint64_t now = MonotonicMicros();
  timespec after;
  clock_gettime(CLOCK_MONOTONIC, &after);
  const auto micros = [](const timespec& t) {
    return uint64_t(t.tv_sec) * 1000000 + uint64_t(t.tv_nsec) / 1000;
  };
  EXPECT_GE(now, micros(before) + 1000000);
  EXPECT_LE(now, micros(after) + 1000000);
}

TEST(Clock, WallTimeIsTheTimeOfDay) {
  EXPECT_NEAR(double(WallMicros()) / 1e6, double(time(nullptr)), 2.0);
}

TEST(Clock, AFakeOneMovesOnlyWhenTold) {
  ToldClock clock;
  clock.next_us = 1999;
  clock.Update();
  EXPECT_EQ(clock.now_us(), 1999u);
  EXPECT_EQ(clock.now_ms(), 1u);
}

}  // namespace
}  // namespace base
