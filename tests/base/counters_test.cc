#include "base/counters.h"

#include <gtest/gtest.h>

#include <thread>

namespace base {
namespace {

TEST(Counters, StartAtZeroAndAddUp) {
  Counter counter;
  EXPECT_EQ(counter.Get(), 0u);
  counter.Add();
  counter.Add(41);
  EXPECT_EQ(counter.Get(), 42u);
  counter.Set(7);
  EXPECT_EQ(counter.Get(), 7u);
}

TEST(Counters, AGaugeMayGoBelowZero) {
  Gauge gauge;
  gauge.Sub(3);
  EXPECT_EQ(gauge.Get(), -3);
  gauge.Add();
  EXPECT_EQ(gauge.Get(), -2);
}

TEST(Counters, RaiseToKeepsTheHighest) {
  Counter counter;
  counter.RaiseTo(5);
  counter.RaiseTo(3);
  EXPECT_EQ(counter.Get(), 5u);
  counter.RaiseTo(9);
  EXPECT_EQ(counter.Get(), 9u);
}

TEST(Counters, WrapAtTheEnd) {
  Counter counter;
  counter.Set(UINT64_MAX);
  counter.Add();
  EXPECT_EQ(counter.Get(), 0u);
}

TEST(Counters, AnotherThreadReadsValuesThatOnlyGrow) {
  constexpr uint64_t kAdds = 1000000;
  Counter counter;
  std::thread writer([&] {
    for (uint64_t i = 0; i < kAdds; ++i) counter.Add();
  });
  uint64_t last = 0;
  while (last < kAdds) {
    const uint64_t seen = counter.Get();
    ASSERT_GE(seen, last);
    last = seen;
  }
  writer.join();
  EXPECT_EQ(counter.Get(), kAdds);
}

}  // namespace
}  // namespace base
