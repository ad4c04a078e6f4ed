#include "shard/loop/event_loop.h"

#include <algorithm>

#include "base/check.h"

namespace shard {

EventLoop::EventLoop(Shard& shard, uint32_t index, Mailroom& mailroom, std::unique_ptr<Ring> ring,
                     base::Clock& clock)
    : shard_(shard),
      index_(index),
      mailroom_(mailroom),
      ring_(std::move(ring)),
      clock_(clock),
      timers_(clock.now_ms()),
      window_us_(clock.now_us()) {
  counters_.idle_percent.Set(100);
  mailroom_.SetRing(index_, ring_.get());
}

void EventLoop::Run() {
  while (!stopping_) TurnOnce();
}

// Somebody waits for a buffer and there is one: the tasks of the last turn gave it back.
bool EventLoop::OwesBuffer(ChunkPool* pool) {
  return pool != nullptr && pool->has_waiters() && pool->in_use() < pool->capacity();
}

uint64_t EventLoop::WaitDeadlineMicros(uint64_t wait_until_us) {
  const bool work_left = !run_queue_.empty() || !costly_lane_.empty() || stopping_ ||
                         OwesBuffer(small_) || OwesBuffer(large_);
  if (work_left || !mailroom_.PrepareSleep(index_)) return 0;
  const uint64_t until_us = std::min(wait_until_us, wake_by_us_);
  const uint64_t next_ms = timers_.NextDeadlineMs();
  return next_ms == UINT64_MAX ? until_us : std::min(until_us, next_ms * 1000);
}

void EventLoop::RunTasks() {
  const uint32_t ran = run_queue_.RunOnce(kTasksPerTurn);
  counters_.tasks_run.Add(ran);
  if (costly_lane_.empty()) return;
  ring_->SubmitNow();  // what the tasks have to send does not wait for that
  counters_.costly_run.Add(costly_lane_.Run(clock_, kCostlyMicros, kTasksPerTurn));
  if (!costly_lane_.empty()) counters_.costly_put_off.Add();
}

void EventLoop::MeasureIdle(uint64_t now_us) {
  const uint64_t cpu_us = base::ThreadCpuMicros();
  const uint64_t passed_us = now_us - window_us_;
  const uint64_t used_us = std::min(cpu_us - window_cpu_us_, passed_us);
  counters_.idle_percent.Set(100 * (passed_us - used_us) / passed_us);
  window_us_ = now_us;
  window_cpu_us_ = cpu_us;
}

void EventLoop::TurnOnce(uint64_t wait_until_us) {
  const std::span<const Completion> answers = ring_->Turn(WaitDeadlineMicros(wait_until_us));
  mailroom_.Awake(index_);
  wake_by_us_ = UINT64_MAX;
  clock_.Update();
  const uint64_t started_us = clock_.now_us();
  if (started_us - window_us_ >= kIdleWindowMicros) MeasureIdle(started_us);
  counters_.turns.Add();
  counters_.completions.Add(answers.size());
  for (const Completion& answer : answers) {
    CompletionSink* sink = sinks_[size_t(answer.op.kind)];
    if (sink != nullptr) {
      sink->OnCompletion(answer);
    } else {
      // Wake-ups and answers nobody asked for have done their work by ending the wait.
      const bool expected = answer.op.kind == OpKind::kWake || answer.op.kind == OpKind::kIgnored;
      if (!expected) counters_.stale_completions.Add();
      if (answer.chunk != nullptr) ChunkPool::Drop(answer.chunk);
    }
  }
  counters_.messages.Add(mailroom_.Drain(index_, shard_, kMessagesPerTurn));
  counters_.timers_fired.Add(timers_.Advance(clock_.now_ms()));
  RunTasks();
  // After the tasks, which drop chunks: the driver lends whatever is free out again in its next
  // turn.
  if (small_ != nullptr && small_->has_waiters()) small_->WakeWaiters();
  if (large_ != nullptr && large_->has_waiters()) large_->WakeWaiters();
  if (turn_hook_ != nullptr) turn_hook_->OnTurnEnd();
  // Read for the statistics, and so that what the next turn files is not counted from a stale time.
  clock_.Update();
  const uint64_t turn_us = clock_.now_us() - started_us;
  turns_us_ += turn_us - turns_us_ / kMeanTurns;
  if (turn_us > kLongTurnMicros) counters_.long_turns.Add();
}

}  // namespace shard
