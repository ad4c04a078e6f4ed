#include "base/arena.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace base {
namespace {

bool Aligned(const void* p, size_t align) { return reinterpret_cast<uintptr_t>(p) % align == 0; }

TEST(Arena, UsesTheCallersBlockBeforeItsOwn) {
  alignas(16) char first[256];
  Arena arena(first, sizeof(first));
  for (int i = 0; i < 8; ++i) {
    char* p = static_cast<char*>(arena.Allocate(32));
    EXPECT_GE(p, first);
    EXPECT_LE(p + 32, first + sizeof(first));
  }
  EXPECT_EQ(arena.owned_bytes(), 0u);
  arena.Allocate(1);
  EXPECT_GE(arena.owned_bytes(), Arena::kBlockBytes);
}

TEST(Arena, TakesABlockOfItsOwnWithoutAFirstOne) {
  Arena arena;
  void* p = arena.Allocate(1);
  ASSERT_NE(p, nullptr);
  EXPECT_EQ(arena.owned_bytes(), Arena::kBlockBytes);
}

TEST(Arena, AnswersZeroBytesWithAPointer) {
  Arena arena;
  EXPECT_NE(arena.Allocate(0), nullptr);
}

TEST(Arena, KeepsTheCurrentBlockBehindALargeObject) {
  Arena arena;
  char* before = static_cast<char*>(arena.Allocate(16));
  void* large = arena.Allocate(3 * Arena::kBlockBytes);
  std::memset(large, 0x5a, 3 * Arena::kBlockBytes);
  char* after = static_cast<char*>(arena.Allocate(16));
  EXPECT_EQ(after, before + 16);
}

TEST(Arena, ResetGivesBackItsBlocksAndReusesTheCallers) {
  alignas(16) char first[64];
  Arena arena(first, sizeof(first));
  void* p = arena.Allocate(8);
  arena.Allocate(10000);
  arena.Reset();
  EXPECT_EQ(arena.owned_bytes(), 0u);
  EXPECT_EQ(arena.Allocate(8), p);
}

TEST(Arena, CopiesTextAndGivesNothingForNothing) {
  Arena arena;
  std::string source = "content-length";
  const std::string_view copy = arena.Copy(source);
  source.assign("overwritten bytes");
  EXPECT_EQ(copy, "content-length");
  EXPECT_TRUE(arena.Copy("").empty());
}

TEST(Arena, BuildsObjects) {
  struct Pair {
    int a;
    double b;
    Pair(int x, double y) : a(x), b(y) {}
  };
  Arena arena;
  arena.Allocate(1, 1);
  const Pair* pair = arena.New<Pair>(7, 1.5);
  EXPECT_TRUE(Aligned(pair, alignof(Pair)));
  EXPECT_EQ(pair->a, 7);
  EXPECT_EQ(pair->b, 1.5);
}

// Every byte handed out stays what its owner wrote until Reset: no two objects overlap.
TEST(Arena, NeverHandsTheSameByteOutTwice) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 20; ++round) {
    alignas(16) char first[512];
    Arena arena(first, round % 2 == 0 ? 0 : sizeof(first));
    std::vector<std::pair<unsigned char*, size_t>> pieces;
    for (int i = 0; i < 500; ++i) {
      const size_t align = size_t(1) << (random() % 5);
      const size_t bytes = random() % 50 == 0 ? random() % 20000 : random() % 200;
      auto* p = static_cast<unsigned char*>(arena.Allocate(bytes, align));
      ASSERT_TRUE(Aligned(p, align));
      std::memset(p, int(pieces.size() & 0xff), bytes);
      pieces.emplace_back(p, bytes);
    }
    for (size_t i = 0; i < pieces.size(); ++i) {
      for (size_t k = 0; k < pieces[i].second; ++k) ASSERT_EQ(pieces[i].first[k], i & 0xff);
    }
  }
}

TEST(ArenaDeathTest, DiesOnASizeThatIsNoSize) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  Arena arena;
  EXPECT_DEATH(arena.Allocate(size_t(1) << 40), "check failed");
}

// A length that went below zero must not wrap around the end of the block.
TEST(ArenaDeathTest, DiesOnALengthBelowZero) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  Arena arena;
  arena.Allocate(64);
  EXPECT_DEATH(arena.Allocate(size_t(0) - 8), "check failed");
}

}  // namespace
}  // namespace base
