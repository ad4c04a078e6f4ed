// fake_clock.h - time that moves only when a test moves it.
//
// Owns:    nothing.
// Threads: shard-local.
// Units:   microseconds.
// Errors:  none.
// States:  none.
//
//   FakeClock clock;
//   clock.Advance(5000);

#pragma once

#include "base/check.h"
#include "base/clock.h"

namespace tests {

class FakeClock final : public base::Clock {
 public:
  explicit FakeClock(uint64_t start_us = 1000000000) { Set(start_us); }
  void Update() noexcept override {}
  void Advance(uint64_t us) { Set(now_us() + us); }
  void AdvanceTo(uint64_t to_us) {
    MUST(to_us >= now_us());
    Set(to_us);
  }
};

}  // namespace tests
