// run_queue.h - work for this shard's next pass: whoever has something to do stands in line once.
//
// Owns:    nothing: a Task is a base of what runs, and leaves the line when destroyed.
// Threads: shard-local.
// Units:   tasks.
// Errors:  none.
// States:  idle <-> queued. A task queued while tasks run is run in the next turn, so no turn is
//          endless.
//
//   queue.Add(stream);   // any number of times; Run() is called once

#pragma once

#include <cstdint>

#include "base/intrusive_list.h"

namespace shard {

class Task {
 public:
  // Leaves nothing of itself running; may queue itself again or destroy itself.
  virtual void Run() noexcept = 0;
  base::ListHook run_hook;

 protected:
  ~Task() { run_hook.Unlink(); }
};

class RunQueue {
 public:
  void Add(Task* task) {
    if (!task->run_hook.linked()) waiting_.PushBack(task);
  }
  bool empty() const { return waiting_.empty(); }
  // Runs what stands in line now, at most `max`. Returns how many ran.
  uint32_t RunOnce(uint32_t max) {
    base::IntrusiveList<Task, &Task::run_hook> now;
    now.Append(waiting_);
    uint32_t ran = 0;
    while (ran < max) {
      Task* task = now.PopFront();
      if (task == nullptr) break;
      ++ran;
      task->Run();
    }
    if (!now.empty()) {  // over the budget: first in the next turn
      now.Append(waiting_);
      waiting_.Append(now);
    }
    return ran;
  }

 private:
  base::IntrusiveList<Task, &Task::run_hook> waiting_;
};

}  // namespace shard
