// batch_wait.h - when a wait for answers asks for several at once.
//
// Owns:    what the last waits have taught.
// Threads: shard-local.
// Units:   microseconds, answers, turns.
// Errors:  none.
// States:  trying -> (too few came) resting, for twice as many turns each time -> trying.
//
// To sleep and be woken costs more than to serve a small request, and a busy shard that sleeps
// until the first answer does so for one or two of them. So the kernel is asked to wake it when
// kAnswers are there or kMicros after it fell asleep, whichever is first; once that time is over,
// the first answer wakes it as ever. What comes to a shard that was idle is not delayed at all.
// Where waiting gathers nothing (one client, one request after the other) it is soon left alone.

#pragma once

#include <algorithm>
#include <cstdint>

namespace shard {

class BatchWait {
 public:
  static constexpr uint32_t kMicros = 20;
  static constexpr uint32_t kAnswers = 6;
  static constexpr uint32_t kWorthIt = 5;  // answers of one wait
  static constexpr uint32_t kRestMin = 4;
  static constexpr uint32_t kRestMax = 256;

  bool trying() const { return rest_ == 0; }
  // A wait has ended with `answers`.
  void Waited(uint32_t answers) {
    if (rest_ > 0) {
      --rest_;
    } else if (answers >= kWorthIt) {
      next_rest_ = kRestMin;
    } else {
      rest_ = next_rest_;
      next_rest_ = std::min(next_rest_ * 2, kRestMax);
    }
  }

 private:
  uint32_t rest_ = 0;  // turns until the next try
  uint32_t next_rest_ = kRestMin;
};

}  // namespace shard
