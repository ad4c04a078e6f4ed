// event_loop.h - one turn of a shard: a fixed order of phases, the same on every driver.
//
// Owns:    the ring, the timer wheel and the run queue of one shard. Refers to the mailroom and the
//          clock.
// Threads: shard-local; Stop() by a message.
// Units:   one turn; budgets in tasks and messages; lengths of turns in microseconds.
// Errors:  a completion nobody claims is counted (stale_completions).
// States:  running -> stopping (Run returns after the turn).
//
// A turn: 1 submit and wait, 2 answers (who is answered records it and queues its task), 3
// messages, 4 timers, 5 tasks, then costly ones within a budget, 6 waiters for buffers. What tasks
// submit goes to the kernel with the next turn's wait.

#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "base/counters.h"
#include "shard/buf/chunk_pool.h"
#include "shard/loop/costly_lane.h"
#include "shard/loop/mailbox.h"
#include "shard/loop/run_queue.h"
#include "shard/loop/timer_wheel.h"
#include "shard/ring/ring.h"

namespace shard {

// Receives the answers of one kind of operation.
class CompletionSink {
 public:
  virtual void OnCompletion(const Completion& completion) noexcept = 0;

 protected:
  ~CompletionSink() = default;
};

// Called once per turn, after the tasks: for what is batched per turn.
class TurnHook {
 public:
  virtual void OnTurnEnd() noexcept = 0;

 protected:
  ~TurnHook() = default;
};

struct LoopCounters {
  base::Counter turns;
  base::Counter completions;
  base::Counter stale_completions;
  base::Counter timers_fired;
  base::Counter tasks_run;
  base::Counter costly_run;
  base::Counter costly_put_off;  // turns that ended with costly tasks in line
  base::Counter messages;
  base::Counter buffer_waits;
  base::Counter long_turns;    // over kLongTurnMicros
  base::Counter idle_percent;  // without CPU time, of the last second or more that was measured
};

class EventLoop {
 public:
  static constexpr uint32_t kTasksPerTurn = 1024;
  static constexpr uint32_t kMessagesPerTurn = 256;
  static constexpr uint64_t kLongTurnMicros = 10000;
  static constexpr uint64_t kIdleWindowMicros = 1000000;
  // For costly tasks of a turn. Whatever comes right behind its start waits for that and the last
  // of them; a turn costs a few microseconds of itself.
  static constexpr uint64_t kCostlyMicros = 100;

  // `shard` is handed to message handlers; `index` is its number in `mailroom`.
  EventLoop(Shard& shard, uint32_t index, Mailroom& mailroom, std::unique_ptr<Ring> ring,
            base::Clock& clock);

  void SetSink(OpKind kind, CompletionSink* sink) { sinks_[size_t(kind)] = sink; }
  void SetPools(ChunkPool* small, ChunkPool* large) {
    small_ = small;
    large_ = large;
  }
  void SetTurnHook(TurnHook* hook) { turn_hook_ = hook; }

  // Turns until Stop(). TurnOnce is for tests and the simulator: it never waits past
  // `wait_until_us`.
  void Run();
  void TurnOnce(uint64_t wait_until_us = UINT64_MAX);
  // The next wait ends by then at the latest, finer than the timers' millisecond. To be said again
  // in every turn.
  void WakeBy(uint64_t deadline_us) { wake_by_us_ = std::min(wake_by_us_, deadline_us); }
  uint64_t wake_by_us() const { return wake_by_us_; }
  void Stop() { stopping_ = true; }
  bool stopping() const { return stopping_; }

  Ring& ring() { return *ring_; }
  TimerWheel& timers() { return timers_; }
  RunQueue& run_queue() { return run_queue_; }
  CostlyLane& costly_lane() { return costly_lane_; }
  base::Clock& clock() { return clock_; }
  uint64_t now_ms() const { return clock_.now_ms(); }
  uint32_t index() const { return index_; }
  Mailroom& mailroom() { return mailroom_; }
  LoopCounters& counters() { return counters_; }
  // Microseconds of a turn, its wait left out: the mean of about the last 1024.
  uint64_t mean_turn_us() const { return turns_us_ / kMeanTurns; }
  [[nodiscard]] bool TryPost(uint32_t to, const Message& message) {
    return mailroom_.TryPost(index_, to, message, ring_.get());
  }

 private:
  uint64_t WaitDeadlineMicros(uint64_t wait_until_us);
  static constexpr uint64_t kMeanTurns = 1024;
  void RunTasks();
  void MeasureIdle(uint64_t now_us);
  static bool OwesBuffer(ChunkPool* pool);

  Shard& shard_;
  const uint32_t index_;
  Mailroom& mailroom_;
  std::unique_ptr<Ring> ring_;
  base::Clock& clock_;
  TimerWheel timers_;
  RunQueue run_queue_;
  CostlyLane costly_lane_;
  LoopCounters counters_;
  uint64_t window_us_;          // since when idle_percent is measured
  uint64_t window_cpu_us_ = 0;  // the thread's CPU time then
  uint64_t turns_us_ = 0;       // kMeanTurns times mean_turn_us()
  CompletionSink* sinks_[size_t(OpKind::kCount)] = {};
  ChunkPool* small_ = nullptr;
  ChunkPool* large_ = nullptr;
  TurnHook* turn_hook_ = nullptr;
  bool stopping_ = false;
  uint64_t wake_by_us_ = UINT64_MAX;
};

}  // namespace shard
