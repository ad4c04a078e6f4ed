// A message from shard to shard: on one thread, and across two cores to a receiver that is awake.

#include "shard/loop/mailbox.h"

#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdint>
#include <thread>

namespace shard {
namespace {

// The mailroom hands its handlers a Shard& and never looks into it.
struct Receiver {
  uint64_t received = 0;
  Shard& AsShard() { return *reinterpret_cast<Shard*>(this); }
};
void Count(Shard& shard, const Message& message) noexcept {
  reinterpret_cast<Receiver&>(shard).received += message.words[0];
}

void BM_MailboxPostDrain(benchmark::State& state) {
  const auto batch = uint32_t(state.range(0));
  Mailroom mailroom(4);
  Receiver receiver;
  for (auto _ : state) {
    for (uint32_t i = 0; i < batch; ++i) {
      benchmark::DoNotOptimize(mailroom.TryPost(0, 1, {&Count, {1}}, nullptr));
    }
    mailroom.Drain(1, receiver.AsShard(), 256);
  }
  state.SetItemsProcessed(int64_t(state.iterations()) * batch);
}
BENCHMARK(BM_MailboxPostDrain)->Arg(1)->Arg(64);

// What every turn pays for looking, with nothing there.
void BM_MailboxDrainEmpty(benchmark::State& state) {
  Mailroom mailroom(uint32_t(state.range(0)));
  Receiver receiver;
  for (auto _ : state) benchmark::DoNotOptimize(mailroom.Drain(1, receiver.AsShard(), 256));
}
BENCHMARK(BM_MailboxDrainEmpty)->Arg(4)->Arg(64);

void BM_MailboxPrepareSleep(benchmark::State& state) {
  Mailroom mailroom(uint32_t(state.range(0)));
  for (auto _ : state) {
    benchmark::DoNotOptimize(mailroom.PrepareSleep(1));
    mailroom.Awake(1);
  }
}
BENCHMARK(BM_MailboxPrepareSleep)->Arg(4)->Arg(64);

// The sender's time per message while the other core drains without a pause.
void BM_MailboxAcrossThreads(benchmark::State& state) {
  Mailroom mailroom(2);
  std::atomic<bool> stop{false};
  std::thread thread([&] {
    Receiver receiver;
    while (!stop.load(std::memory_order_relaxed)) mailroom.Drain(1, receiver.AsShard(), 256);
  });
  uint64_t refused = 0;
  for (auto _ : state) {
    while (!mailroom.TryPost(0, 1, {&Count, {1}}, nullptr)) ++refused;
  }
  stop = true;
  thread.join();
  state.SetItemsProcessed(int64_t(state.iterations()));
  state.counters["refused"] =
      benchmark::Counter(double(refused), benchmark::Counter::kAvgIterations);
}
BENCHMARK(BM_MailboxAcrossThreads)->UseRealTime();

}  // namespace
}  // namespace shard
