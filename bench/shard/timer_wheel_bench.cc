// Timers as traffic uses them: set once per connection, pushed ahead by every byte, seldom fired.

#include "shard/loop/timer_wheel.h"

#include <benchmark/benchmark.h>

#include <cstdint>
#include <deque>
#include <memory>

namespace shard {
namespace {

struct Alarm : TimerClient {
  void OnTimer() noexcept override { ++fired; }
  Timer timer{this};
  uint64_t fired = 0;
};

// A connect timeout that never fires: set, then cleared.
void BM_TimerWheelSetClear(benchmark::State& state) {
  TimerWheel wheel(1000);
  Alarm alarm;
  uint64_t now = 1000;
  for (auto _ : state) {
    alarm.timer.Set(wheel, ++now + 5000);
    alarm.timer.Clear();
  }
}
BENCHMARK(BM_TimerWheelSetClear);

// An idle timeout pushed ahead by every request.
void BM_TimerWheelPushAhead(benchmark::State& state) {
  TimerWheel wheel(1000);
  Alarm alarm;
  uint64_t now = 1000;
  for (auto _ : state) alarm.timer.Set(wheel, ++now + 50000);
}
BENCHMARK(BM_TimerWheelPushAhead);

// The whole of it: `range` connections with an idle timeout of 50 s, pushed ahead one after the
// other, the wheel advanced by a millisecond for every 20 of them. Counted per push.
void BM_TimerWheelPushAheadAndAdvance(benchmark::State& state) {
  TimerWheel wheel(1000);
  std::deque<Alarm> alarms(size_t(state.range(0)));
  uint64_t now = 1000;
  size_t next = 0;
  int pushes = 0;
  for (auto _ : state) {
    alarms[next].timer.Set(wheel, now + 50000);
    if (++next == alarms.size()) next = 0;
    if (++pushes % 20 == 0) wheel.Advance(++now);
  }
}
BENCHMARK(BM_TimerWheelPushAheadAndAdvance)->Arg(100)->Arg(10000);

// Set, cascaded down from its level and fired.
void BM_TimerWheelSetFire(benchmark::State& state) {
  const auto distance_ms = uint64_t(state.range(0));
  constexpr size_t kTimers = 1000;
  TimerWheel wheel(1000);
  std::deque<Alarm> alarms(kTimers);
  uint64_t now = 1000;
  for (auto _ : state) {
    for (size_t i = 0; i < kTimers; ++i) alarms[i].timer.Set(wheel, now + distance_ms + i);
    now += distance_ms + kTimers;
    benchmark::DoNotOptimize(wheel.Advance(now));
  }
  state.SetItemsProcessed(int64_t(state.iterations()) * int64_t(kTimers));
}
BENCHMARK(BM_TimerWheelSetFire)->Arg(10)->Arg(5000)->Arg(300000);

void BM_TimerWheelNextDeadline(benchmark::State& state) {
  TimerWheel wheel(1000);
  std::deque<Alarm> alarms(1000);
  for (size_t i = 0; i < alarms.size(); ++i) alarms[i].timer.Set(wheel, 1010 + i * 97);
  for (auto _ : state) benchmark::DoNotOptimize(wheel.NextDeadlineMs());
}
BENCHMARK(BM_TimerWheelNextDeadline);

}  // namespace
}  // namespace shard
