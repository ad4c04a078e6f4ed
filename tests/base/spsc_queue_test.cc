#include "base/spsc_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

namespace base {
namespace {

// A queue with cells of its own, which begin as a pattern.
template <typename T>
class OwnQueue {
 public:
  using Queue = SpscQueue<T>;
  explicit OwnQueue(uint32_t capacity)
      : near_(Queue::NearFor(capacity)),
        far_(Queue::FarFor(capacity)),
        queue_(near_.data(), far_.data(), capacity) {
    Mark();
  }
  bool TryPush(const T& value) { return queue_.TryPush(value); }
  bool TryPop(T* value) { return queue_.TryPop(value); }
  bool empty() const { return queue_.empty(); }
  void Mark() {
    for (T& cell : far_) std::memset(&cell, kMark, sizeof(cell));
  }
  size_t far_bytes_written() const {
    size_t written = 0;
    for (const T& cell : far_) {
      const auto* bytes = reinterpret_cast<const unsigned char*>(&cell);
      written +=
          size_t(std::count_if(bytes, bytes + sizeof(cell), [](auto c) { return c != kMark; }));
    }
    return written;
  }

 private:
  static constexpr unsigned char kMark = 0xa5;
  std::vector<T> near_;
  std::vector<T> far_;
  Queue queue_;
};

TEST(SpscQueue, IsFirstInFirstOut) {
  OwnQueue<int> queue(4);
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
  OwnQueue<int> queue(2);
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
    OwnQueue<int> queue(row.asked);
    int held = 0;
    while (queue.TryPush(held)) ++held;
    EXPECT_EQ(held, row.held);
  }
}

struct Wide {
  uint64_t words[8];
};

// However many go through: what never holds many touches few cells.
TEST(SpscQueue, FarCellsAreTouchedByLongQueuesOnly) {
  OwnQueue<Wide> queue(1024);
  uint64_t pushed = 0, popped = 0;
  const auto push = [&] {
    const bool fits = queue.TryPush({{pushed, pushed}});
    pushed += fits ? 1 : 0;
    return fits;
  };
  const auto pop = [&] {
    Wide wide;
    if (!queue.TryPop(&wide)) return false;
    EXPECT_EQ(wide.words[0], popped);
    return wide.words[1] == popped++;
  };
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 5000; ++i) {
      for (int burst = 0; burst < 1 + i % 16; ++burst) ASSERT_TRUE(push());
      while (pop()) {
      }
    }
    EXPECT_EQ(queue.far_bytes_written(), 0u) << round;
    while (push()) {
    }
    EXPECT_EQ(pushed - popped, 1024u);
    EXPECT_GT(queue.far_bytes_written(), 1000 * sizeof(uint64_t));
    while (pop()) {
    }
    EXPECT_EQ(pushed, popped);
    // Back to few, it comes back within as many as the near cells hold.
    for (int i = 0; i < 1100; ++i) {
      ASSERT_TRUE(push());
      ASSERT_TRUE(pop());
    }
    queue.Mark();
  }
}

TEST(SpscQueue, AnyPaceKeepsTheOrder) {
  std::mt19937 random(1);
  for (const uint32_t capacity : {1u, 2u, 16u, 17u, 64u, 1024u}) {
    SCOPED_TRACE(capacity);
    OwnQueue<Wide> queue(capacity);
    uint64_t pushed = 0, popped = 0;
    for (int i = 0; i < 20000; ++i) {
      for (uint32_t n = random() % (random() % 8 == 0 ? 300 : 20); n > 0; --n) {
        pushed += queue.TryPush({{pushed}}) ? 1 : 0;
      }
      Wide wide;
      for (uint32_t n = random() % (random() % 4 == 0 ? 300 : 20); n > 0; --n) {
        if (!queue.TryPop(&wide)) break;
        ASSERT_EQ(wide.words[0], popped++);
      }
      ASSERT_EQ(queue.empty(), pushed == popped);
    }
  }
}

// Every element arrives once, in order and whole.
void RunTwoThreads(uint32_t capacity, uint64_t elements) {
  OwnQueue<Wide> queue(capacity);
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
TEST(SpscQueue, TwoThreadsThroughNearCells) { RunTwoThreads(16, 1000000); }
TEST(SpscQueue, TwoThreadsThroughFewFarCells) { RunTwoThreads(32, 1000000); }
TEST(SpscQueue, TwoThreadsThroughManyCells) { RunTwoThreads(1024, 3000000); }

}  // namespace
}  // namespace base
