// Bytes on their way through a channel: pushed by a receive, moved to the other side, sent,
// dropped.

#include "shard/buf/byte_queue.h"

#include <benchmark/benchmark.h>
#include <sys/uio.h>

#include <cstdint>
#include <string>

namespace shard {
namespace {

constexpr uint32_t kChunkBytes = 4096;

// One small message: what a keep-alive request costs in queues.
void BM_ByteQueuePushMoveConsume(benchmark::State& state) {
  ChunkPool pool(kChunkBytes, 64);
  SlicePool slices;
  ByteQueue in(slices), out(slices);
  iovec iovecs[16];
  for (auto _ : state) {
    in.Push({pool.Take(), 0, 512});
    out.MoveFrom(in);
    benchmark::DoNotOptimize(out.Fill(iovecs, 16));
    out.Consume(512);
  }
}
BENCHMARK(BM_ByteQueuePushMoveConsume);

// A window of `range` chunks that moves in pieces which fit no chunk.
void BM_ByteQueueMoveInPieces(benchmark::State& state) {
  const auto chunks = uint32_t(state.range(0));
  ChunkPool pool(kChunkBytes, chunks);
  SlicePool slices;
  ByteQueue in(slices), out(slices);
  for (auto _ : state) {
    for (uint32_t i = 0; i < chunks; ++i) in.Push({pool.Take(), 0, kChunkBytes});
    while (in.size() > 1000) out.MoveFrom(in, 1000);
    out.MoveFrom(in);
    while (out.size() > 1500) out.Consume(1500);
    out.Clear();
  }
  state.SetBytesProcessed(int64_t(state.iterations()) * chunks * kChunkBytes);
}
BENCHMARK(BM_ByteQueueMoveInPieces)->Arg(4)->Arg(64);

void BM_ByteQueueAppend(benchmark::State& state) {
  const std::string bytes(size_t(state.range(0)), 'x');
  ChunkPool pool(kChunkBytes, 64);
  SlicePool slices;
  ByteQueue queue(slices);
  for (auto _ : state) {
    benchmark::DoNotOptimize(queue.Append(bytes, pool));
    if (queue.size() > 100000) queue.Clear();
  }
  state.SetBytesProcessed(int64_t(state.iterations()) * state.range(0));
}
BENCHMARK(BM_ByteQueueAppend)->Arg(64)->Arg(2000);

}  // namespace
}  // namespace shard
