#include "shard/loop/timer_wheel.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace shard {

void Timer::Set(TimerWheel& wheel, uint64_t deadline_ms) {
  if (deadline_ms == 0) return Clear();
  deadline_ms_ = deadline_ms;
  // Filed at or before the new deadline: its old place will put it off.
  if (hook_.linked() && filed_ms_ <= deadline_ms) return;
  hook_.Unlink();
  // The slot of the present millisecond has been run already.
  wheel.File(this, deadline_ms, wheel.now_ms_ + 1);
}

TimerWheel::TimerWheel(uint64_t now_ms) : now_ms_(now_ms) {}

TimerWheel::~TimerWheel() {
  for (auto& level : slots_) {
    for (List& slot : level) {
      while (Timer* timer = slot.PopFront()) timer->deadline_ms_ = 0;
    }
  }
}

void TimerWheel::File(Timer* timer, uint64_t deadline_ms, uint64_t earliest_ms) {
  timer->filed_ms_ = deadline_ms;
  uint64_t when = std::max(deadline_ms, earliest_ms);
  // The level is where `when` and now differ in their highest digit: within one rotation of that
  // level.
  int level = 0;
  const uint64_t difference = when ^ now_ms_;
  if (difference >= kSlots) level = (63 - std::countl_zero(difference)) / kSlotBits;
  if (level >= kLevels) {
    // They differ above the top level: a rotation of it ends in between, which may be soon. The
    // top level's own slots still tell the next 63 of its steps apart.
    level = kLevels - 1;
    const int shift = kSlotBits * level;
    // Farther than that: the slot that comes up last. Cascade files it again from there.
    if ((when >> shift) - (now_ms_ >> shift) >= kSlots) when = now_ms_ - (uint64_t(1) << shift);
  }
  const int slot = int((when >> (kSlotBits * level)) & (kSlots - 1));
  slots_[level][slot].PushBack(timer);
  occupied_[level] |= uint64_t(1) << slot;
}

void TimerWheel::Cascade(int level) {
  const int slot = int((now_ms_ >> (kSlotBits * level)) & (kSlots - 1));
  if (slot == 0 && level + 1 < kLevels) Cascade(level + 1);
  if ((occupied_[level] & (uint64_t(1) << slot)) == 0) return;
  occupied_[level] &= ~(uint64_t(1) << slot);
  List moved;
  moved.Append(slots_[level][slot]);
  // What is due in this very millisecond goes into the slot of level 0 that Advance() runs next.
  while (Timer* timer = moved.PopFront()) File(timer, timer->deadline_ms_, now_ms_);
}

uint32_t TimerWheel::Advance(uint64_t now_ms) {
  uint32_t fired = 0;
  while (now_ms_ < now_ms) {
    // Skip empty milliseconds: straight to the next occupied slot, or to the next rotation of a
    // level.
    const uint64_t next = std::min(now_ms, NextDeadlineMs());
    now_ms_ = std::max(next, now_ms_ + 1);
    const int slot = int(now_ms_ & (kSlots - 1));
    if (slot == 0) Cascade(1);
    const uint64_t bit = uint64_t(1) << slot;
    if ((occupied_[0] & bit) == 0) continue;
    occupied_[0] &= ~bit;
    List due;
    due.Append(slots_[0][slot]);
    while (Timer* timer = due.PopFront()) {
      if (timer->deadline_ms_ > now_ms_) {
        File(timer, timer->deadline_ms_, now_ms_ + 1);
        continue;
      }
      timer->deadline_ms_ = 0;
      ++fired;
      timer->client_->OnTimer();
    }
  }
  return fired;
}

uint64_t TimerWheel::NextDeadlineMs() const {
  uint64_t earliest = UINT64_MAX;
  for (int level = 0; level < kLevels; ++level) {
    const int shift = kSlotBits * level;
    const int current = int((now_ms_ >> shift) & (kSlots - 1));
    // Slots after the current one, in this rotation and then the next.
    for (uint64_t bits = std::rotr(occupied_[level], (current + 1) & (kSlots - 1)); bits != 0;) {
      const int ahead = std::countr_zero(bits) + 1;
      const int slot = (current + ahead) & (kSlots - 1);
      if (slots_[level][slot].empty()) {  // everything in it was cleared or moved since
        occupied_[level] &= ~(uint64_t(1) << slot);
        bits &= bits - 1;
        continue;
      }
      earliest = std::min(earliest, ((now_ms_ >> shift) + uint64_t(ahead)) << shift);
      break;
    }
  }
  return earliest;
}

}  // namespace shard
