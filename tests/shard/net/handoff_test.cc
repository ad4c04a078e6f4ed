// Which shard serves a connection: all within 5 % of the mean, whoever accepts.

#include "shard/net/handoff.h"

#include <gtest/gtest.h>

#include <random>
#include <thread>
#include <vector>

namespace shard {
namespace {

void ExpectEven(const LoadBoard& board, int total, double within) {
  const double mean = double(total) / board.shards();
  for (uint32_t shard = 0; shard < board.shards(); ++shard) {
    EXPECT_NEAR(board.load(shard), mean, mean * within) << "shard " << shard;
  }
}

TEST(LoadBoardTest, OneAcceptorSpreadsOverAll) {
  LoadBoard board(4);
  for (int i = 0; i < 1000; ++i) board.PickAndRaise(0, 0);
  ExpectEven(board, 1000, 0.05);
}

TEST(LoadBoardTest, UnevenAcceptorsSpreadOverAll) {
  LoadBoard board(4);
  std::mt19937 random(1);
  for (int i = 0; i < 1000; ++i) board.PickAndRaise(random() % 10 < 8 ? 2 : random() % 4, 0);
  ExpectEven(board, 1000, 0.05);
}

TEST(LoadBoardTest, ComingAndGoingStaysEven) {
  LoadBoard board(4);
  std::mt19937 random(2);
  std::vector<uint32_t> live;
  for (int i = 0; i < 20000; ++i) {
    if (live.size() < 1000 || random() % 2 == 0) {
      live.push_back(board.PickAndRaise(random() % 4, 0));
    } else {
      const size_t at = random() % live.size();
      board.Lower(live[at]);
      live[at] = live.back();
      live.pop_back();
    }
  }
  ExpectEven(board, int(live.size()), 0.05);
}

TEST(LoadBoardTest, AcceptorKeepsWhatItMayWhileItIsHardlyHeavier) {
  LoadBoard board(4);
  EXPECT_EQ(board.PickAndRaise(3, 0), 3u);
  EXPECT_EQ(board.PickAndRaise(3, 0), 3u);
  EXPECT_NE(board.PickAndRaise(3, 0), 3u);
}

TEST(LoadBoardTest, OnlyAllowedShardsServe) {
  LoadBoard board(4);
  for (int i = 0; i < 100; ++i) {
    const uint32_t shard = board.PickAndRaise(0, 0b0110);
    EXPECT_TRUE(shard == 1 || shard == 2) << shard;
  }
  EXPECT_NEAR(board.load(1), 50, 2);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(board.PickAndRaise(2, 0b1000), 3u);
}

TEST(LoadBoardTest, OneShardServesAll) {
  LoadBoard board(1);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(board.PickAndRaise(0, 0), 0u);
  EXPECT_EQ(board.load(0), 10);
}

TEST(LoadBoardTest, ThreadsAcceptingAtOnceStayEven) {
  LoadBoard board(4);
  std::vector<std::thread> threads;
  for (uint32_t shard = 0; shard < 4; ++shard) {
    threads.emplace_back([&board, shard] {
      for (int i = 0; i < (shard == 0 ? 2500 : 500); ++i) board.PickAndRaise(shard, 0);
    });
  }
  for (std::thread& thread : threads) thread.join();
  ExpectEven(board, 4000, 0.05);
}

}  // namespace
}  // namespace shard
