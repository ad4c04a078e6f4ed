#include "base/check.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace base {
namespace {

uint64_t HitsOf(const char* name) {
  struct Wanted {
    const char* name;
    uint64_t hits;
    int sites;
  } wanted{name, 0, 0};
  ForEachBug(
      [](const BugSite& site, void* context) {
        auto* w = static_cast<Wanted*>(context);
        if (std::strcmp(site.name, w->name) != 0) return;
        w->hits += site.hits.load();
        ++w->sites;
      },
      &wanted);
  EXPECT_LE(wanted.sites, 1) << "a site is listed once";
  return wanted.hits;
}

bool Contained(bool wrong) { return BUG_IF(wrong, "check_test_contained"); }

TEST(Check, MustLetsTheTruthPass) {
  int evaluated = 0;
  MUST(++evaluated == 1);
  EXPECT_EQ(evaluated, 1);
}

TEST(Check, MustIsOneStatement) {
  if (true)
    MUST(true);
  else
    FAIL();
}

TEST(Check, BugIfCountsEachHitAndListsThePlaceOnce) {
  const uint64_t before = BugCount();
  EXPECT_FALSE(Contained(false));
  EXPECT_EQ(BugCount(), before);
  testing::internal::CaptureStderr();
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(Contained(true));
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(BugCount(), before + 5);
  EXPECT_EQ(HitsOf("check_test_contained"), 5u);
  // Logged once, however often it happens.
  const size_t at = said.find("check_test_contained");
  ASSERT_NE(at, std::string::npos);
  EXPECT_EQ(said.find("check_test_contained", at + 1), std::string::npos);
}

TEST(Check, BugIfMayFireOnManyThreads) {
  constexpr int kThreads = 4;
  constexpr int kHits = 1000;
  const uint64_t before = BugCount();
  testing::internal::CaptureStderr();
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < kHits; ++i) (void)BUG_IF(true, "check_test_threads");
    });
  }
  for (std::thread& thread : threads) thread.join();
  testing::internal::GetCapturedStderr();
  EXPECT_EQ(BugCount(), before + kThreads * kHits);
  EXPECT_EQ(HitsOf("check_test_threads"), uint64_t(kThreads * kHits));
}

TEST(Check, DebugMustEvaluatesNothingUnlessCompiledIn) {
  int evaluated = 0;
  DEBUG_MUST(++evaluated == 1);
#ifdef RINGWAY_DEBUG_CHECKS
  EXPECT_EQ(evaluated, 1);
#else
  EXPECT_EQ(evaluated, 0);
#endif
}

TEST(CheckDeathTest, MustDiesAndSaysWhatAndWhere) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(MUST(1 + 1 == 3), "check failed at .*check_test\\.cc:[0-9]+: 1 \\+ 1 == 3");
}

#ifdef RINGWAY_DEBUG_CHECKS
TEST(CheckDeathTest, DebugMustDiesWhenCompiledIn) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(DEBUG_MUST(false), "check failed");
}
#endif

TEST(CheckDeathTest, TheReporterSpeaksOnceBeforeTheEnd) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  // A reporter that itself trips a check must not be called again for that.
  EXPECT_DEATH(
      {
        SetCrashReporter([]() noexcept {
          std::fprintf(stderr, "last words\n");
          MUST(false && "inside the reporter");
        });
        MUST(false && "outside");
      },
      "outside.*\n*last words\n.*inside the reporter");
}

}  // namespace
}  // namespace base
