// costly_lane.h - work that takes long, such as a handshake's computations: a line of its own, run
// after all other tasks of a turn and only as long as the turn's budget lasts.
//
// Owns:    nothing, as RunQueue.
// Threads: shard-local.
// Units:   microseconds of the loop's clock; tasks.
// Errors:  none.
// States:  as RunQueue. What the budget leaves stands first in the next turn.
//
// So a flood of it makes a turn longer by a budget and one task, and no more: whatever else comes
// meanwhile is served in between. A task that must know where it runs asks running(); one that can
// be divided adds itself again.
//
//   lane.Add(connection, Urgency::kUsual);   // any number of times; Run() is called once

#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/intrusive_list.h"
#include "shard/loop/run_queue.h"

namespace shard {

class CostlyLane {
 public:
  // kFirst: somebody who was let in already waits for it.
  enum class Urgency : uint8_t { kUsual, kFirst };

  void Add(Task* task, Urgency urgency) {
    if (task->run_hook.linked()) return;
    (urgency == Urgency::kFirst ? first_ : usual_).PushBack(task);
  }
  bool empty() const { return first_.empty() && usual_.empty(); }
  bool running() const { return running_; }
  // How many stand in line; walks it.
  uint32_t waiting() { return Count(first_) + Count(usual_); }
  // At least one, then more until `budget_us` are over, `max` of them at most. Returns how many
  // ran.
  uint32_t Run(base::Clock& clock, uint64_t budget_us, uint32_t max) {
    const uint64_t started_us = clock.now_us();
    uint32_t ran = 0;
    running_ = true;
    while (ran < max) {
      Task* task = first_.PopFront();
      if (task == nullptr) task = usual_.PopFront();
      if (task == nullptr) break;
      ++ran;
      task->Run();
      clock.Update();
      if (clock.now_us() - started_us >= budget_us) break;
    }
    running_ = false;
    return ran;
  }

 private:
  using List = base::IntrusiveList<Task, &Task::run_hook>;
  static uint32_t Count(List& list) {
    uint32_t count = 0;
    for (Task* task = list.front(); task != nullptr; task = list.Next(task)) ++count;
    return count;
  }

  List first_;
  List usual_;
  bool running_ = false;
};

}  // namespace shard
