// spsc_queue.h - bounded queue between exactly one producer thread and one consumer thread.
//
// Owns:    nothing: its cells are the caller's; elements are trivially copyable values.
// Threads: any-thread, but fixed ones: one producer calls TryPush, one consumer TryPop; empty() by
//          anybody.
// Units:   capacity in elements, rounded up to a power of two.
// Errors:  a full queue refuses (false): the producer keeps the value and tries again after its
//          next turn.
// States:  near: elements go round in the few near cells. When these are full the next ones go into
//          the far cells, from the first one on, which are as many as the capacity, until the
//          producer meets an empty queue.
//
// So a queue that never holds many elements touches no more memory than these need, however many go
// through it: there is one per pair of shards, and hardly any of them is ever long.
//
//   using Queue = SpscQueue<Message>;
//   RawCells<Message> near(Queue::NearFor(1024)), far(Queue::FarFor(1024));
//   Queue queue(near.data(), far.data(), 1024);

#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>

namespace base {

// Memory for elements that nobody has written to, nor will before they are there: large blocks come
// from the system as pages that take no memory yet.
template <typename T>
class RawCells {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  explicit RawCells(size_t count)
      : data_(static_cast<T*>(::operator new (count * sizeof(T), std::align_val_t{kAlign}))) {}

  T* data() const { return data_.get(); }

 private:
  static constexpr size_t kAlign = 64;
  struct Free {
    void operator()(T* data) const { ::operator delete (data, std::align_val_t{kAlign}); }
  };
  std::unique_ptr<T, Free> data_;
};

template <typename T>
class SpscQueue {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  // How many cells a queue of that capacity has of either kind.
  static uint32_t NearFor(uint32_t capacity) { return std::min(RoundUp(capacity), kNearMax); }
  static uint32_t FarFor(uint32_t capacity) {
    const uint32_t cells = RoundUp(capacity);
    return cells > kNearMax ? cells : 0;
  }

  // NearFor(capacity) cells at `near` and FarFor(capacity) at `far`: they outlive the queue and may
  // hold anything.
  SpscQueue(T* near, T* far, uint32_t capacity)
      : near_(near),
        far_(far),
        near_mask_(NearFor(capacity) - 1),
        mask_(RoundUp(capacity) - 1),
        look_at_(near_mask_ + 1) {}
  SpscQueue(const SpscQueue&) = delete;
  SpscQueue& operator=(const SpscQueue&) = delete;

  [[nodiscard]] bool TryPush(const T& value) {
    const uint64_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_seen_ >= look_at_ && !MakeRoom(tail)) return false;
    *Cell(tail, far_from_.load(std::memory_order_relaxed)) = value;
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }
  [[nodiscard]] bool TryPop(T* value) {
    const uint64_t head = head_.load(std::memory_order_relaxed);
    if (head == tail_seen_) {
      tail_seen_ = tail_.load(std::memory_order_acquire);
      if (head == tail_seen_) return false;
      // Of what has been seen it is right, though it may be newer: elements that are not taken yet
      // move nowhere, and the producer only comes back when there are none.
      far_seen_ = far_from_.load(std::memory_order_relaxed);
    }
    *value = *Cell(head, far_seen_);
    head_.store(head + 1, std::memory_order_release);
    return true;
  }
  // Nothing to pop right now.
  bool empty() const {
    return head_.load(std::memory_order_relaxed) == tail_.load(std::memory_order_acquire);
  }

 private:
  static constexpr uint32_t kNearMax = 16;
  static constexpr uint64_t kNever = UINT64_MAX;

  static uint32_t RoundUp(uint32_t n) {
    uint32_t power = 1;
    while (power < n) power <<= 1;
    return power;
  }
  T* Cell(uint64_t index, uint64_t far_from) const {
    return index < far_from ? near_ + (index & near_mask_) : far_ + ((index - far_from) & mask_);
  }
  // The producer's look at what has been taken. False: it is full.
  bool MakeRoom(uint64_t tail) {
    head_seen_ = head_.load(std::memory_order_acquire);
    const uint64_t waiting = tail - head_seen_;
    if (waiting > mask_) return false;
    const bool is_near = far_from_.load(std::memory_order_relaxed) == kNever;
    if (is_near && waiting <= near_mask_) return true;
    if (is_near) {
      far_from_.store(tail, std::memory_order_relaxed);
    } else if (waiting == 0) {
      far_from_.store(kNever, std::memory_order_relaxed);
      look_at_ = near_mask_ + 1;
      return true;
    }
    look_at_ = std::min<uint64_t>(waiting + near_mask_ + 1, uint64_t{mask_} + 1);
    return true;
  }

  T* const near_;
  T* const far_;
  const uint32_t near_mask_;
  const uint32_t mask_;
  alignas(64) std::atomic<uint64_t> tail_{0};  // written by the producer, as is
  std::atomic<uint64_t> far_from_{kNever};     // the element from which on they are in far cells
  uint64_t head_seen_ = 0;                     // the producer's last look at head_
  uint64_t look_at_;                           // so many beyond that it looks again
  alignas(64) std::atomic<uint64_t> head_{0};  // written by the consumer
  uint64_t tail_seen_ = 0;                     // the consumer's last look at tail_, and then
  uint64_t far_seen_ = kNever;                 // at far_from_
};

}  // namespace base
