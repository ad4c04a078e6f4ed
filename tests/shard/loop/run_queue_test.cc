#include "shard/loop/run_queue.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <vector>

namespace shard {
namespace {

class CountedJob : public Task {
 public:
  explicit CountedJob(std::function<void()> work = {}) : work_(std::move(work)) {}
  virtual ~CountedJob() = default;
  void Run() noexcept override {
    ++runs;
    const std::function<void()> work = work_;  // it may destroy this CountedJob
    if (work) work();
  }
  int runs = 0;

 private:
  std::function<void()> work_;
};

TEST(RunQueue, RunsInTheOrderOfAdding) {
  std::vector<int> order;
  CountedJob a([&] { order.push_back(1); });
  CountedJob b([&] { order.push_back(2); });
  RunQueue queue;
  queue.Add(&b);
  queue.Add(&a);
  EXPECT_EQ(queue.RunOnce(100), 2u);
  EXPECT_EQ(order, (std::vector<int>{2, 1}));
  EXPECT_TRUE(queue.empty());
}

TEST(RunQueue, ATaskAddedTwiceRunsOnce) {
  CountedJob a;
  RunQueue queue;
  queue.Add(&a);
  queue.Add(&a);
  EXPECT_EQ(queue.RunOnce(100), 1u);
  EXPECT_EQ(a.runs, 1);
}

TEST(RunQueue, WhatIsAddedByATaskWaitsForTheNextTurn) {
  RunQueue queue;
  CountedJob other;
  CountedJob* self = nullptr;
  CountedJob again([&] {
    queue.Add(self);
    queue.Add(&other);
  });
  self = &again;
  queue.Add(&again);
  EXPECT_EQ(queue.RunOnce(100), 1u);
  EXPECT_EQ(other.runs, 0);
  EXPECT_FALSE(queue.empty());
  EXPECT_EQ(queue.RunOnce(100), 2u);
  EXPECT_EQ(again.runs, 2);
  EXPECT_EQ(other.runs, 1);
}

TEST(RunQueue, OverTheBudgetTheRestGoesFirstNextTurn) {
  RunQueue queue;
  std::vector<int> order;
  CountedJob late([&] { order.push_back(9); });
  CountedJob a([&] {
    order.push_back(1);
    queue.Add(&late);
  });
  CountedJob b([&] { order.push_back(2); });
  CountedJob c([&] { order.push_back(3); });
  for (CountedJob* job : {&a, &b, &c}) queue.Add(job);
  EXPECT_EQ(queue.RunOnce(1), 1u);
  EXPECT_EQ(queue.RunOnce(2), 2u);
  EXPECT_EQ(queue.RunOnce(2), 1u);
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 9}));
}

TEST(RunQueue, ABudgetOfNothingKeepsTheOrder) {
  RunQueue queue;
  std::vector<int> order;
  CountedJob a([&] { order.push_back(1); });
  CountedJob b([&] { order.push_back(2); });
  queue.Add(&a);
  queue.Add(&b);
  EXPECT_EQ(queue.RunOnce(0), 0u);
  EXPECT_EQ(queue.RunOnce(10), 2u);
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

TEST(RunQueue, ATaskMayDestroyItselfAndOthersInLine) {
  RunQueue queue;
  std::unique_ptr<CountedJob> self, next;
  CountedJob last;
  self = std::make_unique<CountedJob>([&] {
    self.reset();
    next.reset();
  });
  next = std::make_unique<CountedJob>();
  queue.Add(self.get());
  queue.Add(next.get());
  queue.Add(&last);
  EXPECT_EQ(queue.RunOnce(100), 2u);
  EXPECT_EQ(last.runs, 1);
  EXPECT_TRUE(queue.empty());
}

TEST(RunQueue, ATaskLeavesTheLineByBeingDestroyed) {
  RunQueue queue;
  {
    CountedJob a;
    queue.Add(&a);
  }
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.RunOnce(100), 0u);
}

}  // namespace
}  // namespace shard
