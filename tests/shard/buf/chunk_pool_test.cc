#include "shard/buf/chunk_pool.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <set>
#include <vector>

namespace shard {
namespace {

TEST(ChunkPool, HandsOutEachChunkOnceUntilEmpty) {
  ChunkPool pool(256, 5);
  std::set<Chunk*> chunks;
  for (int i = 0; i < 5; ++i) {
    Chunk* chunk = pool.Take();
    ASSERT_NE(chunk, nullptr);
    EXPECT_EQ(chunk->references, 1U);
    EXPECT_EQ(chunk->capacity, 256U);
    std::memset(chunk->data, i, 256);
    chunks.insert(chunk);
  }
  EXPECT_EQ(chunks.size(), 5U);
  EXPECT_EQ(pool.Take(), nullptr);
  EXPECT_EQ(pool.in_use(), 5U);
  for (Chunk* chunk : chunks) ChunkPool::Drop(chunk);
  EXPECT_EQ(pool.in_use(), 0U);
}

TEST(ChunkPool, TheOneFreedLastComesFirst) {
  ChunkPool pool(256, 8);
  Chunk* a = pool.Take();
  Chunk* b = pool.Take();
  ChunkPool::Drop(a);
  ChunkPool::Drop(b);
  EXPECT_EQ(pool.Take(), b);
  EXPECT_EQ(pool.Take(), a);
  ChunkPool::Drop(a);
  ChunkPool::Drop(b);
}

TEST(ChunkPool, LastReferenceGivesBack) {
  ChunkPool pool(256, 1);
  Chunk* chunk = pool.Take();
  ChunkPool::Hold(chunk);
  ChunkPool::Drop(chunk);
  EXPECT_EQ(pool.in_use(), 1U);
  ChunkPool::Drop(chunk);
  EXPECT_EQ(pool.in_use(), 0U);
}

TEST(ChunkPool, ALoanEndsFilledOrGivenBack) {
  ChunkPool pool(256, 2);
  Chunk* lent = pool.TakeForKernel();
  EXPECT_EQ(lent->references, 0U);
  EXPECT_EQ(pool.in_use(), 1U);
  EXPECT_EQ(pool.Filled(lent->index), lent);
  EXPECT_EQ(lent->references, 1U);
  ChunkPool::Drop(lent);
  lent = pool.TakeForKernel();
  pool.GiveBack(lent);
  EXPECT_EQ(pool.in_use(), 0U);
}

class Waiter final : public BufferWaiter {
 public:
  void OnBufferAvailable() noexcept override { ++told; }
  int told = 0;
};

TEST(ChunkPool, WaitersAreToldInOrderAndOnlyWhileThereAreChunks) {
  ChunkPool pool(256, 2);
  Chunk* a = pool.Take();
  Chunk* b = pool.Take();
  Waiter first, second, third;
  for (Waiter* waiter : {&first, &second, &third}) pool.WaitForChunk(waiter);
  pool.WaitForChunk(&first);  // twice is once
  pool.WakeWaiters();
  EXPECT_EQ(first.told, 0);
  ChunkPool::Drop(a);
  pool.WakeWaiters();
  EXPECT_EQ(first.told, 1);
  EXPECT_EQ(second.told, 0);
  third.waiter_hook.Unlink();
  ChunkPool::Drop(b);
  pool.WakeWaiters();
  EXPECT_EQ(second.told, 1);
  EXPECT_EQ(third.told, 0);
  EXPECT_FALSE(pool.has_waiters());
}

TEST(ChunkPool, RandomUseAgreesWithAModel) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    std::mt19937_64 random(seed);
    ChunkPool pool(64, 30);
    std::vector<Chunk*> held;  // once per reference
    std::vector<Chunk*> lent;
    for (int step = 0; step < 5000; ++step) {
      switch (random() % 5) {
        case 0:
        case 1: {
          Chunk* chunk = random() % 2 == 0 ? pool.Take() : pool.TakeForKernel();
          if (chunk != nullptr) (chunk->references == 1 ? held : lent).push_back(chunk);
          break;
        }
        case 2:
          if (!held.empty()) {
            held.push_back(held[random() % held.size()]);
            ChunkPool::Hold(held.back());
          }
          break;
        case 3:
          if (!held.empty()) {
            std::swap(held[random() % held.size()], held.back());
            ChunkPool::Drop(held.back());
            held.pop_back();
          }
          break;
        case 4:
          if (!lent.empty()) {
            std::swap(lent[random() % lent.size()], lent.back());
            if (random() % 2 == 0) {
              pool.GiveBack(lent.back());
            } else {
              held.push_back(pool.Filled(lent.back()->index));
            }
            lent.pop_back();
          }
          break;
      }
      std::set<Chunk*> distinct(held.begin(), held.end());
      distinct.insert(lent.begin(), lent.end());
      ASSERT_EQ(pool.in_use(), distinct.size()) << "seed " << seed << " step " << step;
    }
    for (Chunk* chunk : held) ChunkPool::Drop(chunk);
    for (Chunk* chunk : lent) pool.GiveBack(chunk);
    EXPECT_EQ(pool.in_use(), 0U);
  }
}

}  // namespace
}  // namespace shard
