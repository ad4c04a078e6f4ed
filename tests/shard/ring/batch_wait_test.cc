#include "shard/ring/batch_wait.h"

#include <gtest/gtest.h>

namespace shard {
namespace {

uint32_t TurnsUntilNextTry(BatchWait& wait) {
  uint32_t turns = 0;
  for (; !wait.trying(); ++turns) wait.Waited(1);
  return turns;
}

TEST(BatchWait, GoesOnWhileItGathers) {
  BatchWait wait;
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(wait.trying()) << i;
    wait.Waited(BatchWait::kWorthIt);
  }
}

TEST(BatchWait, RestsLongerEachTimeItGathersNothing) {
  BatchWait wait;
  uint32_t expected = BatchWait::kRestMin;
  for (int i = 0; i < 12; ++i) {
    wait.Waited(BatchWait::kWorthIt - 1);
    ASSERT_EQ(TurnsUntilNextTry(wait), expected) << i;
    expected = std::min(expected * 2, BatchWait::kRestMax);
  }
  EXPECT_EQ(expected, BatchWait::kRestMax);
}

TEST(BatchWait, AnswersWhileItRestsChangeNothing) {
  BatchWait wait;
  wait.Waited(0);
  wait.Waited(100);
  EXPECT_FALSE(wait.trying());
  EXPECT_EQ(TurnsUntilNextTry(wait), BatchWait::kRestMin - 1);
}

TEST(BatchWait, ASuccessForgetsTheFailuresBefore) {
  BatchWait wait;
  for (int i = 0; i < 5; ++i) {
    wait.Waited(1);
    (void)TurnsUntilNextTry(wait);
  }
  wait.Waited(BatchWait::kWorthIt);
  ASSERT_TRUE(wait.trying());
  wait.Waited(1);
  EXPECT_EQ(TurnsUntilNextTry(wait), BatchWait::kRestMin);
}

}  // namespace
}  // namespace shard
