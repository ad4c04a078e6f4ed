#include "base/clock.h"

#include <time.h>

namespace base {

uint64_t MonotonicMicros() noexcept {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  // One second is added so that a machine that has just booted never shows 0, which means "no
  // deadline".
  return (uint64_t(now.tv_sec) + 1) * 1000000 + uint64_t(now.tv_nsec) / 1000;
}

uint64_t MonotonicNanos() noexcept {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t(now.tv_sec) + 1) * 1000000000 + uint64_t(now.tv_nsec);
}

uint64_t WallMicros() noexcept {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return uint64_t(now.tv_sec) * 1000000 + uint64_t(now.tv_nsec) / 1000;
}

uint64_t ThreadCpuMicros() noexcept {
  timespec used;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return uint64_t(used.tv_sec) * 1000000 + uint64_t(used.tv_nsec) / 1000;
}

}  // namespace base
