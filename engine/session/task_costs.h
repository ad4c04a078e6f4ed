// task_costs.h - what the turns of one stream have cost, where that is measured (manual 3.2,
// profiling.tasks).
//
// Owns:    its sums.
// Threads: shard-local; part of the stream.
// Units:   nanoseconds of CLOCK_MONOTONIC, which the kernel answers without a system call: what
//          another thread takes from this one in the middle of a turn counts as the turn's.
// Errors:  none.
// States:  idle -> queued -> running -> idle. Measuring may begin and end at any time: a turn that
//          was queued before it began has no latency, and one that was cut off no costs.

#pragma once

#include <cstdint>

#include "base/clock.h"

namespace engine {

class TaskCosts {
 public:
  void OnQueued() { queued_ns_ = base::MonotonicNanos(); }
  // `since_ns`: when measuring began.
  void OnBegin(uint64_t since_ns) {
    began_ns_ = base::MonotonicNanos();
    if (queued_ns_ > since_ns) latency_ns_ += began_ns_ - queued_ns_;
    queued_ns_ = 0;
  }
  void OnEnd() {
    cpu_ns_ = cpu_ns();
    began_ns_ = 0;
  }
  bool running() const { return began_ns_ != 0; }

  // With the turn that is under way, up to now.
  uint64_t cpu_ns() const { return cpu_ns_ + (running() ? base::MonotonicNanos() - began_ns_ : 0); }
  uint64_t latency_ns() const { return latency_ns_; }

 private:
  uint64_t queued_ns_ = 0;  // 0: it is not queued, or nobody measures
  uint64_t began_ns_ = 0;   // 0: it does not run, or nobody measures
  uint64_t cpu_ns_ = 0;
  uint64_t latency_ns_ = 0;
};

}  // namespace engine
