// When a burst no longer fits, one of those who take places is told, once.

#include "shard/net/burst_guard.h"

#include <gtest/gtest.h>

namespace shard {
namespace {

TEST(BurstGuardTest, PlacesAndSpareDescriptorsTogetherHoldABurst) {
  BurstGuard guard(50, 100);
  EXPECT_TRUE(guard.Fits(50));
  EXPECT_FALSE(guard.Fits(49));
  EXPECT_FALSE(guard.Fits(-10)) << "a limit that was lowered below what is there";
  BurstGuard roomy(100, 100);
  EXPECT_TRUE(roomy.Fits(0));
  EXPECT_FALSE(roomy.NoteTaken(0));
}

TEST(BurstGuardTest, TellsOnceUntilThereIsRoomAgain) {
  BurstGuard guard(0, 80);
  EXPECT_FALSE(guard.NoteTaken(80));
  EXPECT_TRUE(guard.NoteTaken(79));
  EXPECT_FALSE(guard.NoteTaken(78)) << "told already";
  EXPECT_FALSE(guard.Fits(80)) << "a client more or less does not count";
  EXPECT_FALSE(guard.NoteTaken(79));
  EXPECT_TRUE(guard.Fits(90));
  EXPECT_TRUE(guard.Fits(80));
  EXPECT_TRUE(guard.NoteTaken(79));
}

}  // namespace
}  // namespace shard
