// limit.h - an exact process-wide limit (maxconn): one padded atomic, leased in parts while it is
// far away.
//
// Owns:    the count. A LimitShare is one shard's part of it.
// Threads: SharedLimit is any-thread; a LimitShare is shard-local.
// Units:   what is limited: connections. kNone is no limit.
// Errors:  a full limit refuses (false). The share then stands as waiting and is told when
//          something is released.
// States:  none.
//
// Far from the limit a shard takes a sixteenth of what is free, divided by the shards, at once, so
// that it touches the shared line rarely; near it, one by one, so that the limit is reached exactly
// and never passed. What others have leased and do not use is asked back by who is refused:
//
//   if (!share.TryTake()) tell(share.Holders());   // each calls ReturnLease()

#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace shard {

class alignas(64) SharedLimit {
 public:
  SharedLimit(int64_t max, uint32_t shards) : max_(max), shards_(shards), free_(max) {}
  static constexpr int64_t kNone = int64_t(1) << 40;

  int64_t max() const { return max_.load(std::memory_order_relaxed); }
  // At least as many are not taken: what shards have leased is not among them. Below 0 where
  // SetMax() went below what is.
  int64_t free() const { return free_.load(std::memory_order_relaxed); }
  // On one thread at a time. Whoever waits must then be told, and what is leased be returned, by
  // every shard: what a shard has leased already may carry the count above a lower limit.
  void SetMax(int64_t max) {
    free_.fetch_add(max - max_.exchange(max, std::memory_order_seq_cst), std::memory_order_seq_cst);
  }

 private:
  friend class LimitShare;
  std::atomic<int64_t> max_;
  const uint32_t shards_;
  std::atomic<int64_t> free_;         // below 0: lowered below what is in use
  std::atomic<uint64_t> waiting_{0};  // one bit a shard (modulo 64) that was refused
  std::atomic<uint64_t> holding_{0};  // likewise, that may have leased more than it uses
};

class LimitShare {
 public:
  LimitShare(SharedLimit& limit, uint32_t shard)
      : limit_(limit), bit_(uint64_t(1) << (shard % 64)) {}
  ~LimitShare() { (void)GiveBack(0); }
  LimitShare(const LimitShare&) = delete;
  LimitShare& operator=(const LimitShare&) = delete;

  SharedLimit& limit() const { return limit_; }
  [[nodiscard]] bool TryTake() {
    if (leased_ > 0) {
      if (--leased_ == 0) HoldNothing();
      return true;
    }
    if (TryLease()) return true;
    // Stand in line first, then look again: a release in between sees either the bit or our second
    // look.
    limit_.waiting_.fetch_or(bit_, std::memory_order_seq_cst);
    return TryLease();
  }
  // Whether there is room or not: what is there already is counted from now on.
  void Force() {
    if (!TryTake()) limit_.free_.fetch_sub(1, std::memory_order_seq_cst);
  }
  // Gives one back. Returns the shards (a bit each) that wait and should be told; 0 nearly always.
  [[nodiscard]] uint64_t Release() {
    const int64_t free = limit_.free_.load(std::memory_order_relaxed);
    if (LeaseSize(free) > 1 && leased_ < LeaseSize(free) && MayKeep()) {
      ++leased_;
      return 0;
    }
    return GiveBack(1);
  }
  // After a refusal: the shards (a bit each) that may have some to spare.
  [[nodiscard]] uint64_t Holders() const {
    return limit_.holding_.load(std::memory_order_seq_cst) & ~bit_;
  }
  // Gives back what is leased and not used. Returns as Release() does.
  [[nodiscard]] uint64_t ReturnLease() { return GiveBack(0); }

 private:
  int64_t LeaseSize(int64_t free) const {
    return std::max<int64_t>(1, free / 16 / int64_t(limit_.shards_));
  }
  bool TryLease() {
    int64_t free = limit_.free_.load(std::memory_order_relaxed);
    while (free > 0) {
      const int64_t taken = LeaseSize(free);
      // Before the lease itself, so that whoever finds nothing left because of it sees who has it.
      if (taken > 1) limit_.holding_.fetch_or(bit_, std::memory_order_seq_cst);
      if (limit_.free_.compare_exchange_weak(free, free - taken, std::memory_order_seq_cst)) {
        leased_ += taken - 1;
        return true;
      }
    }
    return false;
  }

  // A first credit kept is announced; if somebody was refused before that, it is not kept.
  bool MayKeep() {
    if (leased_ > 0) return true;
    limit_.holding_.fetch_or(bit_, std::memory_order_seq_cst);
    return limit_.waiting_.load(std::memory_order_seq_cst) == 0;
  }
  void HoldNothing() { limit_.holding_.fetch_and(~bit_, std::memory_order_seq_cst); }
  uint64_t GiveBack(int64_t released) {
    const int64_t given = released + leased_;
    if ((limit_.holding_.load(std::memory_order_relaxed) & bit_) != 0) HoldNothing();
    leased_ = 0;
    if (given == 0) return 0;
    limit_.free_.fetch_add(given, std::memory_order_seq_cst);
    if (limit_.waiting_.load(std::memory_order_seq_cst) == 0) return 0;
    return limit_.waiting_.exchange(0, std::memory_order_seq_cst);
  }

  SharedLimit& limit_;
  const uint64_t bit_;
  int64_t leased_ = 0;
};

}  // namespace shard
