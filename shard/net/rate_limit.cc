#include "shard/net/rate_limit.h"

#include <algorithm>

namespace shard {
namespace {

constexpr uint32_t kCountBits = 19;
constexpr uint32_t kStartBits = 26;
constexpr uint32_t kStartMask = (1u << kStartBits) - 1;
constexpr uint32_t kCountMask = (1u << kCountBits) - 1;
constexpr uint32_t kSecond = 1024;  // in ticks

// Those of the second before that are still less than a second ago.
uint32_t StillCounted(uint32_t before, uint32_t elapsed) {
  return uint32_t(uint64_t(before) * (kSecond - elapsed) / kSecond);
}

}  // namespace

RateLimit::Window RateLimit::Unpack(uint64_t packed) {
  return {uint32_t(packed >> (2 * kCountBits)), uint32_t(packed >> kCountBits) & kCountMask,
          uint32_t(packed) & kCountMask};
}

uint64_t RateLimit::Pack(const Window& window) {
  return uint64_t(window.start) << (2 * kCountBits) | uint64_t(window.before) << kCountBits |
         window.now;
}

uint32_t RateLimit::TickOf(uint64_t now_us) {
  return uint32_t(now_us * 128 / 125000) & kStartMask;  // 1024 / 1000000
}

// The window that holds at `tick`, and how far into it that is.
RateLimit::Window RateLimit::At(uint64_t packed, uint32_t tick, uint32_t* elapsed) {
  Window window = Unpack(packed);
  uint32_t age = (tick - window.start) & kStartMask;
  // Clocks of shards are read at different moments: a little before the start is at the start.
  if (age > kStartMask - kSecond) age = 0;
  if (age >= 2 * kSecond || (age >= kSecond && window.now == 0)) {
    window = {tick, 0, 0};
    age = 0;
  } else if (age >= kSecond) {
    window = {(window.start + kSecond) & kStartMask, window.now, 0};
    age -= kSecond;
  }
  *elapsed = age;
  return window;
}

bool RateLimit::TryTake(uint64_t now_us) {
  const uint32_t limit = max();
  if (limit == 0 || limit > kCountedMax) return true;
  const uint32_t tick = TickOf(now_us);
  uint64_t packed = window_.load(std::memory_order_relaxed);
  for (;;) {
    uint32_t elapsed;
    Window window = At(packed, tick, &elapsed);
    if (window.now + StillCounted(window.before, elapsed) >= limit) return false;
    ++window.now;
    if (window_.compare_exchange_weak(packed, Pack(window), std::memory_order_relaxed)) return true;
  }
}

void RateLimit::GiveBack() {
  const uint32_t limit = max();
  if (limit == 0 || limit > kCountedMax) return;
  uint64_t packed = window_.load(std::memory_order_relaxed);
  for (;;) {
    Window window = Unpack(packed);
    if (window.now > 0) {
      --window.now;
    } else if (window.before > 0) {
      --window.before;
    }
    if (window_.compare_exchange_weak(packed, Pack(window), std::memory_order_relaxed)) return;
  }
}

uint32_t RateLimit::RetryAfterMs(uint64_t now_us) const {
  const uint32_t limit = max();
  if (limit == 0 || limit > kCountedMax) return 1;
  uint32_t elapsed;
  const Window window = At(window_.load(std::memory_order_relaxed), TickOf(now_us), &elapsed);
  uint32_t until;  // ticks from the start of the window
  if (window.now < limit) {
    // before * (second - until) / second < limit - now, rounded down on the left.
    const uint64_t allowed = limit - window.now;
    const uint64_t left = window.before == 0 ? kSecond : (allowed * kSecond - 1) / window.before;
    until = kSecond - uint32_t(std::min<uint64_t>(left, kSecond));
  } else {
    // What has come in this second is the one before then.
    const uint64_t left = (uint64_t(limit) * kSecond - 1) / window.now;
    until = kSecond + kSecond - uint32_t(std::min<uint64_t>(left, kSecond));
  }
  const uint32_t ticks = until > elapsed ? until - elapsed : 0;
  return std::max(1u, (ticks * 1000 + kSecond - 1) / kSecond);
}

}  // namespace shard
