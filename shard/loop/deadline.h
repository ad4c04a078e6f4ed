// deadline.h - when a wait that begins now is over.
//
// Owns:    nothing.
// Threads: any-thread.
// Units:   milliseconds of the shard's clock.
// Errors:  none.
// States:  none.
//
// The clock's milliseconds are rounded down, and timers fire by them. So a deadline counted from
// now_ms() may be up to a millisecond early, and the log would tell of a phase that was shorter
// than the timeout that ended it. What counts from here is never early, and late by less than two.

#pragma once

#include <cstdint>

#include "base/clock.h"

namespace shard {

// The first whole millisecond that is not before now.
inline uint64_t WaitFromMs(const base::Clock& clock) { return (clock.now_us() + 999) / 1000; }

// 0: at once.
inline uint64_t DeadlineIn(const base::Clock& clock, uint64_t wait_ms) {
  return wait_ms == 0 ? clock.now_ms() : WaitFromMs(clock) + wait_ms;
}

}  // namespace shard
