#include "base/own_heap.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <utility>

namespace base {
namespace {

TEST(OwnHeap, TheLastWorkRunsWhereTheFirstDid) {
  std::thread::id first, last;
  std::shared_ptr<OwnHeap> heap = OwnHeap::Run([&] { first = std::this_thread::get_id(); });
  ASSERT_NE(heap, nullptr);
  EXPECT_NE(first, std::this_thread::get_id());
  OwnHeap::Finish(heap, [&] { last = std::this_thread::get_id(); });
  EXPECT_EQ(first, last);
  OwnHeap::Finish(std::move(heap), [&] { last = std::this_thread::get_id(); });
  EXPECT_EQ(last, std::this_thread::get_id()) << "it is over: done here";
}

TEST(OwnHeap, WithoutOneTheLastWorkIsDoneHere) {
  std::thread::id last;
  OwnHeap::Finish(nullptr, [&] { last = std::this_thread::get_id(); });
  EXPECT_EQ(last, std::this_thread::get_id());
}

TEST(OwnHeap, EndsWithoutALastWork) {
  int runs = 0;
  {
    const std::shared_ptr<OwnHeap> heap = OwnHeap::Run([&] { ++runs; });
  }
  EXPECT_EQ(runs, 1);
}

}  // namespace
}  // namespace base
