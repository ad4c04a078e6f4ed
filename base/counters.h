// counters.h - numbers with a single writer that any thread may read.
//
// Owns:    its value.
// Threads: Add and Set by one fixed thread; Get by any-thread (the reader sums over shards).
// Units:   the user's.
// Errors:  none: counters wrap at 2^64.
// States:  none.

#pragma once

#include <atomic>
#include <cstdint>

namespace base {

// A plain load and store: no locked instruction, no shared write but the owner's own line.
template <typename T>
class SingleWriter {
 public:
  void Add(T n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void Sub(T n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) - n, std::memory_order_relaxed);
  }
  void Set(T n) { value_.store(n, std::memory_order_relaxed); }
  void RaiseTo(T n) {
    if (n > Get()) Set(n);
  }
  T Get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<T> value_{};
};

using Counter = SingleWriter<uint64_t>;
using Gauge = SingleWriter<int64_t>;

}  // namespace base
