#include "base/background_thread.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>

#include <thread>

#include "base/clock.h"

namespace base {
namespace {

// How often this thread has slept.
long Sleeps() {
  rusage usage = {};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nvcsw;
}

// Times it has slept in `steps` steps of a microsecond or more each.
long SleepsWithin(int steps) {
  const long before = Sleeps();
  for (int step = 0; step < steps; ++step) {
    const uint64_t begun_us = ThreadCpuMicros();
    while (ThreadCpuMicros() == begun_us) {
    }
    GiveWay();
  }
  return Sleeps() - before;
}

TEST(BackgroundThread, InterruptsNobodyAndNeitherDoThoseItMakes) {
  int before = -1, after = -1, made = -1;
  std::thread([&] {
    before = sched_getscheduler(0);
    BecomeBackgroundThread();
    after = sched_getscheduler(0);
    std::thread([&] { made = sched_getscheduler(0); }).join();
  }).join();
  if (before != SCHED_OTHER) GTEST_SKIP() << "this thread has a policy of its own";
  EXPECT_EQ(after, SCHED_BATCH);
  EXPECT_EQ(made, SCHED_BATCH);
  EXPECT_EQ(sched_getscheduler(0), before) << "of another thread";
}

TEST(BackgroundThread, GivesWayAfterEachPieceOfWork) {
  long slept = 0;
  std::thread([&] {
    BecomeBackgroundThread();
    EXPECT_TRUE(IsBackgroundThread());
    slept = SleepsWithin(5000);
  }).join();
  // 50 pieces of 100 microseconds, or fewer and longer ones where the CPU is never idle.
  EXPECT_GE(slept, 3);
  EXPECT_LE(slept, 5000 / 2);
}

TEST(BackgroundThread, OneThatWasMadeByAnotherGivesWayWhenItSaysSo) {
  long before = -1, after = 0;
  std::thread([&] {
    EXPECT_FALSE(IsBackgroundThread());
    before = SleepsWithin(2000);
    StayInBackground();
    after = SleepsWithin(5000);
  }).join();
  EXPECT_EQ(before, 0) << "an ordinary thread goes on";
  EXPECT_GE(after, 3);
}

}  // namespace
}  // namespace base
