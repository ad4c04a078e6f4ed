// What one choice costs, by algorithm and by the number of servers: 4, 32 (all are scanned) and
// 1000 (leastconn keeps an order). A stream stays for as long as there are servers, so that loads
// move.

#include <benchmark/benchmark.h>

#include <numeric>

#include "engine/balance/balancer.h"
#include "engine/balance/hash.h"

namespace engine {
namespace {

class View final : public ServerView {
 public:
  explicit View(size_t servers) : loads_(servers) {}
  bool HasRoom(uint32_t) const override { return true; }
  bool TryTake(uint32_t server) const override {
    loads_[server].streams.fetch_add(1, std::memory_order_relaxed);
    return true;
  }
  uint32_t Load(uint32_t server) const override { return uint32_t(TotalLoad(server)); }
  bool IsQueueFull(uint32_t) const override { return false; }
  int64_t TotalLoad(uint32_t server) const override {
    return loads_[server].streams.load(std::memory_order_relaxed);
  }
  int64_t BackendLoad() const override { return int64_t(loads_.size()); }
  uint64_t LastUse(uint32_t server) const override {
    return loads_[server].use.load(std::memory_order_relaxed);
  }
  void NoteUse(uint32_t server, uint64_t ticket) const override {
    loads_[server].use.store(ticket, std::memory_order_relaxed);
  }
  void Drop(uint32_t server) const { loads_[server].streams.fetch_sub(1); }

 private:
  struct alignas(64) Shared {
    std::atomic<int64_t> streams{0};
    std::atomic<uint64_t> use{0};
  };
  mutable std::vector<Shared> loads_;
};

void Choose(benchmark::State& state, Balancer& balancer) {
  const size_t servers = size_t(state.range(0));
  const View view(servers);
  std::vector<int> open(servers, -1);
  uint64_t number = 0;
  for (auto _ : state) {
    int& oldest = open[number % servers];
    if (oldest >= 0) view.Drop(uint32_t(oldest));
    const uint32_t hash = Avalanche(uint32_t(number));
    oldest = balancer
                 .Pick(view, {.avoid = -1,
                              .random = number * 0x9e3779b97f4a7c15u,
                              .has_hash = true,
                              .hash = hash})
                 .server;
    ++number;
  }
}

std::vector<uint32_t> Ones(const benchmark::State& state) {
  return std::vector<uint32_t>(size_t(state.range(0)), 1);
}

void RoundRobin(benchmark::State& state) {
  std::atomic<uint64_t> ticket{0};
  Choose(state, *MakeRoundRobin(Ones(state), ticket));
}
void Random(benchmark::State& state) { Choose(state, *MakeRandom(Ones(state), 2)); }
void LeastConn(benchmark::State& state) {
  std::atomic<uint64_t> ticket{0};
  Choose(state, *MakeLeastConn(Ones(state), ticket));
}
void Hash(benchmark::State& state, HashMethod method, uint32_t balance_factor) {
  std::atomic<uint64_t> ticket{0};
  std::vector<uint32_t> keys(size_t(state.range(0)));
  std::iota(keys.begin(), keys.end(), 1u);
  HashRules rules;
  rules.method = method;
  rules.balance_factor = balance_factor;
  rules.points_per_weight = 16;
  Choose(state, *MakeHash(Ones(state), keys, rules, ticket));
}

BENCHMARK(RoundRobin)->Arg(4)->Arg(32)->Arg(1000);
BENCHMARK(Random)->Arg(4)->Arg(32)->Arg(1000);
BENCHMARK(LeastConn)->Arg(4)->Arg(32)->Arg(1000);
BENCHMARK_CAPTURE(Hash, map, HashMethod::kMapBased, 0)->Arg(4)->Arg(32)->Arg(1000);
BENCHMARK_CAPTURE(Hash, ring, HashMethod::kConsistent, 0)->Arg(4)->Arg(32)->Arg(1000);
BENCHMARK_CAPTURE(Hash, bounded_ring, HashMethod::kConsistent, 150)->Arg(4)->Arg(32)->Arg(1000);

}  // namespace
}  // namespace engine

BENCHMARK_MAIN();
