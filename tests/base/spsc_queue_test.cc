#include "base/spsc_queue.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <thread>

namespace base {
namespace {

TEST(SpscQueue, IsFirstInFirstOut) {
  SpscQueue<int> queue(4);
  EXPECT_TRUE(queue.empty());
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(queue.TryPush(i));
  EXPECT_FALSE(queue.empty());
  int value = -1;
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(queue.TryPop(&value));
    EXPECT_EQ(value, i);
  }
  EXPECT_FALSE(queue.TryPop(&value));
  EXPECT_EQ(value, 3) << "an empty queue leaves the value alone";
}

TEST(SpscQueue, AFullOneRefusesAndTakesAgainAfterAPop) {
  SpscQueue<int> queue(2);
  EXPECT_TRUE(queue.TryPush(1));
  EXPECT_TRUE(queue.TryPush(2));
  EXPECT_FALSE(queue.TryPush(3));
  int value;
  ASSERT_TRUE(queue.TryPop(&value));
  EXPECT_TRUE(queue.TryPush(3));
  EXPECT_FALSE(queue.TryPush(4));
}

TEST(SpscQueue, CapacityIsRoundedUp) {
  const struct {
    uint32_t asked;
    int held;
  } rows[] = {{1, 1}, {2, 2}, {3, 4}, {5, 8}, {1000, 1024}};
  for (const auto& row : rows) {
    SCOPED_TRACE(row.asked);
    SpscQueue<int> queue(row.asked);
    int held = 0;
    while (queue.TryPush(held)) ++held;
    EXPECT_EQ(held, row.held);
  }
}

struct Wide {
  uint64_t words[8];
};

// Every element arrives once, in order and whole.
void RunTwoThreads(uint32_t capacity, uint64_t elements) {
  SpscQueue<Wide> queue(capacity);
  std::thread producer([&] {
    for (uint64_t i = 0; i < elements; ++i) {
      Wide wide;
      for (uint64_t& word : wide.words) word = i;
      while (!queue.TryPush(wide)) std::this_thread::yield();
    }
  });
  for (uint64_t i = 0; i < elements; ++i) {
    Wide wide;
    while (!queue.TryPop(&wide)) std::this_thread::yield();
    for (uint64_t word : wide.words) ASSERT_EQ(word, i);
  }
  producer.join();
  EXPECT_TRUE(queue.empty());
}

TEST(SpscQueue, TwoThreadsThroughASingleCell) { RunTwoThreads(1, 200000); }
TEST(SpscQueue, TwoThreadsThroughManyCells) { RunTwoThreads(1024, 3000000); }

}  // namespace
}  // namespace base
