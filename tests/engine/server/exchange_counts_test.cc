#include "engine/server/exchange_counts.h"

#include <gtest/gtest.h>

namespace engine {
namespace {

uint64_t MeanOf(const RecentMean& one) {
  MeanOfAll all;
  all.Add(one);
  return all.mean();
}

TEST(RecentMean, IsTheMeanWhileThereAreFew) {
  RecentMean mean;
  EXPECT_EQ(MeanOf(mean), 0u);
  for (const uint64_t value : {10, 20, 60}) mean.Add(value);
  EXPECT_EQ(MeanOf(mean), 30u);
  EXPECT_EQ(mean.highest(), 60u);
}

TEST(RecentMean, ForgetsSlowly) {
  RecentMean mean;
  for (uint64_t i = 0; i < RecentMean::kSpan; ++i) mean.Add(1000);
  EXPECT_EQ(MeanOf(mean), 1000u);
  for (uint64_t i = 0; i < RecentMean::kSpan; ++i) mean.Add(0);
  EXPECT_NEAR(double(MeanOf(mean)), 1000 / 2.718, 5);  // each takes a 1024th away
  for (uint64_t i = 0; i < 20 * RecentMean::kSpan; ++i) mean.Add(0);
  EXPECT_LE(MeanOf(mean), 1u);
  mean.ClearHighest();
  EXPECT_EQ(mean.highest(), 0u);
}

TEST(RecentMean, ShardsWeighByWhatTheyHaveSeen) {
  RecentMean busy, idle;
  for (int i = 0; i < 99; ++i) busy.Add(10);
  idle.Add(1010);
  MeanOfAll all;
  all.Add(busy);
  all.Add(idle);
  EXPECT_EQ(all.mean(), 20u);
  EXPECT_EQ(all.highest, 1010u);
}

TEST(StatusCounts, GoByTheFirstDigit) {
  StatusCounts counts;
  for (const uint32_t status : {0u, 99u, 101u, 200u, 299u, 304u, 404u, 503u, 600u, 999u}) {
    counts.Add(status);
  }
  const uint64_t expected[] = {4, 1, 2, 1, 1, 1};
  for (size_t i = 0; i < StatusCounts::kClasses; ++i) {
    EXPECT_EQ(counts.of_class[i].Get(), expected[i]) << i;
  }
}

}  // namespace
}  // namespace engine
