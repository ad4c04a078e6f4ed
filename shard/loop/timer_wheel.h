// timer_wheel.h - deadlines of one shard: hierarchical wheel, one tick a millisecond.
//
// Owns:    nothing: a Timer is a member of what it wakes, and unlinks itself when destroyed.
// Threads: shard-local.
// Units:   milliseconds of the shard's clock; 0 is "no deadline".
// Errors:  none.
// States:  Timer unarmed <-> armed. A timer moved to a later deadline stays where it is in the
//          wheel and is put off again when its old place comes up, so that pushing an idle timeout
//          ahead costs one store.
//
//   timer.Set(wheel, clock.now_ms() + 5000);   // later than before: a store; earlier: moved
//   timer.Clear();
//   wheel.Advance(clock.now_ms());             // calls OnTimer() of what is due

#pragma once

#include <cstdint>

#include "base/intrusive_list.h"

namespace shard {

class TimerWheel;

class TimerClient {
 public:
  // The deadline has passed and the timer is unarmed. May set, clear or destroy any timer, its own
  // too.
  virtual void OnTimer() noexcept = 0;

 protected:
  ~TimerClient() = default;
};

class Timer {
 public:
  explicit Timer(TimerClient* client) : client_(client) {}
  ~Timer() { Clear(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // 0 clears.
  void Set(TimerWheel& wheel, uint64_t deadline_ms);
  void Clear() {
    hook_.Unlink();
    deadline_ms_ = 0;
  }
  uint64_t deadline_ms() const { return deadline_ms_; }

 private:
  friend class TimerWheel;
  TimerClient* client_;
  uint64_t deadline_ms_ = 0;
  uint64_t filed_ms_ = 0;  // the deadline by which the wheel has filed it; never after deadline_ms_
  base::ListHook hook_;
};

class TimerWheel {
 public:
  explicit TimerWheel(uint64_t now_ms);
  ~TimerWheel();
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Runs what is due at `now_ms`, in no promised order within a millisecond. Returns how many
  // fired.
  uint32_t Advance(uint64_t now_ms);
  // No timer fires before this; UINT64_MAX when there is none. May be earlier than the first
  // deadline (a timer put off, or filed coarsely), never later.
  uint64_t NextDeadlineMs() const;

 private:
  friend class Timer;
  static constexpr int kLevels =
      5;  // 64^5 ms: 12 days; farther ones wait in the last slot and are filed again
  static constexpr int kSlotBits = 6;
  static constexpr int kSlots = 1 << kSlotBits;
  using List = base::IntrusiveList<Timer, &Timer::hook_>;

  void File(Timer* timer, uint64_t deadline_ms, uint64_t earliest_ms);
  void Cascade(int level);

  uint64_t now_ms_;
  // Bit s of occupied_[l] is set when slot s may hold timers; cleared lazily.
  mutable uint64_t occupied_[kLevels] = {};
  mutable List slots_[kLevels][kSlots];
};

}  // namespace shard
