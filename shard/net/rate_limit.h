// rate_limit.h - an exact process-wide limit on how often something happens (rate-limit sessions,
// maxconnrate): one padded atomic, touched once per connection, and only where it is configured.
//
// Owns:    the count of this second and of the one before.
// Threads: any-thread.
// Units:   events per second; microseconds of the monotonic clock, which all shards share.
// Errors:  over the limit refuses (false); the caller waits as long as RetryAfterMs() says.
// States:  none. 0, and whatever is above kCountedMax, is no limit.
//
// A second begins with the first event after a pause, or where the one before has ended. An event
// is let in while those of this second, and those of the last one that are less than a second ago
// if they came evenly, stay below the limit. So a limit of R lets R in at once after a pause, then
// nothing until that second is over, then R per second, evenly.

#pragma once

#include <atomic>
#include <cstdint>

namespace shard {

class alignas(64) RateLimit {
 public:
  static constexpr uint32_t kCountedMax = (1u << 19) - 1;

  explicit RateLimit(uint32_t per_second = 0) : max_(per_second) {}
  uint32_t max() const { return max_.load(std::memory_order_relaxed); }
  bool is_set() const { return max() != 0 && max() <= kCountedMax; }
  // Holds for whatever comes from now on.
  void SetMax(uint32_t per_second) { max_.store(per_second, std::memory_order_relaxed); }

  [[nodiscard]] bool TryTake(uint64_t now_us);
  // What was taken is not used after all.
  void GiveBack();
  // After a refusal: when there is room again, at least 1. Others may be faster.
  uint32_t RetryAfterMs(uint64_t now_us) const;

 private:
  // The start of this second in 26 bits of a 1024th, then two counts in 19 bits each. A start that
  // is 18 hours old looks like a new one once in a while: then somebody waits a second too long.
  struct Window {
    uint32_t start;
    uint32_t before;
    uint32_t now;
  };
  static Window Unpack(uint64_t packed);
  static uint64_t Pack(const Window& window);
  static Window At(uint64_t packed, uint32_t tick, uint32_t* elapsed);
  static uint32_t TickOf(uint64_t now_us);

  std::atomic<uint32_t> max_;
  std::atomic<uint64_t> window_{0};
};

}  // namespace shard
