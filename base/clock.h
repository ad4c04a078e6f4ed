// clock.h - monotonic time as the loop sees it: read once per turn, told to everybody.
//
// Owns:    nothing; a Clock is a value kept by its shard.
// Threads: shard-local.
// Units:   microseconds and milliseconds since an arbitrary start (CLOCK_MONOTONIC), never 0;
//          WallMicros() is microseconds since 1970.
// Errors:  none.
// States:  none.
//
//   clock.Update();                       // once per turn, and after a phase longer than 1 ms
//   deadline_ms = clock.now_ms() + 5000;

#pragma once

#include <cstdint>

namespace base {

uint64_t MonotonicMicros() noexcept;
uint64_t MonotonicNanos() noexcept;  // of the same clock, in nanoseconds
uint64_t WallMicros() noexcept;
uint64_t ThreadCpuMicros() noexcept;  // what the calling thread has used, in the kernel too

class Clock {
 public:
  Clock() { Update(); }
  virtual ~Clock() = default;
  // Reads the time source. The fake clock of the tests overrides this and moves only when told.
  virtual void Update() noexcept { Set(MonotonicMicros()); }
  uint64_t now_us() const { return now_us_; }
  uint64_t now_ms() const { return now_ms_; }

 protected:
  void Set(uint64_t now_us) noexcept {
    now_us_ = now_us;
    now_ms_ = now_us / 1000;
  }

 private:
  uint64_t now_us_ = 0;
  uint64_t now_ms_ = 0;
};

}  // namespace base
