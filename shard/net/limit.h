// limit.h - an exact process-wide limit (maxconn): one padded atomic, leased in parts while it is
// far away.
//
// Owns:    the count. A LimitShare is one shard's part of it.
// Threads: SharedLimit is any-thread; a LimitShare is shard-local.
// Units:   what is limited: connections.
// Errors:  a full limit refuses (false). The share then stands as waiting and is told when
// something is released. States:  none.
//
// Far from the limit a shard takes a sixteenth of what is free, divided by the shards, at once, so
// that it touches the shared line rarely; near it, one by one, so that the limit is reached exactly
// and never passed.

#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace shard {

class alignas(64) SharedLimit {
 public:
  SharedLimit(int64_t max, uint32_t shards) : max_(max), shards_(shards), free_(max) {}
  int64_t max() const { return max_; }

 private:
  friend class LimitShare;
  const int64_t max_;
  const uint32_t shards_;
  std::atomic<int64_t> free_;
  std::atomic<uint64_t> waiting_{0};  // one bit a shard (modulo 64) that was refused
};

class LimitShare {
 public:
  LimitShare(SharedLimit& limit, uint32_t shard)
      : limit_(limit), bit_(uint64_t(1) << (shard % 64)) {}
  ~LimitShare() { limit_.free_.fetch_add(leased_, std::memory_order_relaxed); }
  LimitShare(const LimitShare&) = delete;
  LimitShare& operator=(const LimitShare&) = delete;

  [[nodiscard]] bool TryTake() {
    if (leased_ > 0) {
      --leased_;
      return true;
    }
    if (TryLease()) return true;
    // Stand in line first, then look again: a release in between sees either the bit or our second
    // look.
    limit_.waiting_.fetch_or(bit_, std::memory_order_seq_cst);
    return TryLease();
  }
  // Gives one back. Returns the shards (a bit each) that wait and should be told; 0 nearly always.
  [[nodiscard]] uint64_t Release() {
    const int64_t free = limit_.free_.load(std::memory_order_relaxed);
    if (LeaseSize(free) > 1 && leased_ < LeaseSize(free)) {
      ++leased_;
      return 0;
    }
    limit_.free_.fetch_add(1 + leased_, std::memory_order_seq_cst);
    leased_ = 0;
    if (limit_.waiting_.load(std::memory_order_seq_cst) == 0) return 0;
    return limit_.waiting_.exchange(0, std::memory_order_seq_cst);
  }

 private:
  int64_t LeaseSize(int64_t free) const {
    return std::max<int64_t>(1, free / 16 / int64_t(limit_.shards_));
  }
  bool TryLease() {
    int64_t free = limit_.free_.load(std::memory_order_relaxed);
    while (free > 0) {
      const int64_t taken = LeaseSize(free);
      if (limit_.free_.compare_exchange_weak(free, free - taken, std::memory_order_seq_cst)) {
        leased_ += taken - 1;
        return true;
      }
    }
    return false;
  }

  SharedLimit& limit_;
  const uint64_t bit_;
  int64_t leased_ = 0;
};

}  // namespace shard
