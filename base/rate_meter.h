// rate_meter.h - how often something happened in the last second, with a single writer.
//
// Owns:    the count of this second and of the one before, in one word.
// Threads: Add by one fixed thread; MicroRate by any-thread (the reader sums over shards).
// Units:   microseconds of the monotonic clock; events per second, in millionths so that the
//          rounding of several meters does not add up. At most 2^20 - 1 per second are counted.
// Errors:  none.
// States:  none.

#pragma once

#include <atomic>
#include <cstdint>

namespace base {

class RateMeter {
 public:
  void Add(uint64_t now_us) {
    const uint64_t second = Second(now_us);
    const uint64_t word = word_.load(std::memory_order_relaxed);
    const uint64_t of_word = word >> (2 * kBits);
    const uint64_t count = word & kMask;
    if (of_word == second) {
      if (count < kMask) word_.store(word + 1, std::memory_order_relaxed);
      return;
    }
    const uint64_t before = ((of_word + 1) & kSecondMask) == second ? count : 0;
    word_.store(second << (2 * kBits) | before << kBits | 1, std::memory_order_relaxed);
  }
  // Those of this second, and what of the one before is less than a second ago if they came evenly.
  uint64_t MicroRate(uint64_t now_us) const {
    const uint64_t second = Second(now_us);
    const uint64_t word = word_.load(std::memory_order_relaxed);
    const uint64_t of_word = word >> (2 * kBits);
    uint64_t count = word & kMask;
    uint64_t before = word >> kBits & kMask;
    if (((of_word + 1) & kSecondMask) == second) {
      before = count;
      count = 0;
    } else if (of_word != second) {
      // The writer's clock may be a turn ahead of the reader's.
      if (of_word != ((second + 1) & kSecondMask)) return 0;
      return before * kMicros;
    }
    return count * kMicros + before * (kMicros - now_us % kMicros);
  }
  uint64_t Rate(uint64_t now_us) const { return MicroRate(now_us) / kMicros; }

  static constexpr uint64_t kMicros = 1000000;

 private:
  static constexpr uint32_t kBits = 20;
  static constexpr uint64_t kMask = (1u << kBits) - 1;
  static constexpr uint64_t kSecondMask = (1u << (64 - 2 * kBits)) - 1;
  static uint64_t Second(uint64_t now_us) { return now_us / kMicros & kSecondMask; }

  std::atomic<uint64_t> word_{0};
};

}  // namespace base
