// spsc_queue.h - bounded queue between exactly one producer thread and one consumer thread.
//
// Owns:    its cells; elements are trivially copyable values.
// Threads: any-thread, but fixed ones: one producer calls TryPush, one consumer TryPop; empty() by
//          anybody.
// Units:   capacity in elements, rounded up to a power of two.
// Errors:  a full queue refuses (false): the producer keeps the value and tries again after its
//          next turn.
// States:  none.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>

namespace base {

template <typename T>
class SpscQueue {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  explicit SpscQueue(uint32_t capacity) : mask_(RoundUp(capacity) - 1), cells_(new T[mask_ + 1]) {}
  SpscQueue(const SpscQueue&) = delete;
  SpscQueue& operator=(const SpscQueue&) = delete;

  [[nodiscard]] bool TryPush(const T& value) {
    const uint32_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_seen_ > mask_) {
      head_seen_ = head_.load(std::memory_order_acquire);
      if (tail - head_seen_ > mask_) return false;
    }
    cells_[tail & mask_] = value;
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }
  [[nodiscard]] bool TryPop(T* value) {
    const uint32_t head = head_.load(std::memory_order_relaxed);
    if (head == tail_seen_) {
      tail_seen_ = tail_.load(std::memory_order_acquire);
      if (head == tail_seen_) return false;
    }
    *value = cells_[head & mask_];
    head_.store(head + 1, std::memory_order_release);
    return true;
  }
  // Nothing to pop right now.
  bool empty() const {
    return head_.load(std::memory_order_relaxed) == tail_.load(std::memory_order_acquire);
  }

 private:
  static uint32_t RoundUp(uint32_t n) {
    uint32_t power = 1;
    while (power < n) power <<= 1;
    return power;
  }

  const uint32_t mask_;
  const std::unique_ptr<T[]> cells_;
  alignas(64) std::atomic<uint32_t> tail_{0};  // written by the producer
  uint32_t head_seen_ = 0;                     // the producer's last look at head_
  alignas(64) std::atomic<uint32_t> head_{0};  // written by the consumer
  uint32_t tail_seen_ = 0;                     // the consumer's last look at tail_
};

}  // namespace base
