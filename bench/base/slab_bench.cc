// What an object of a shard costs to make and drop, beside the same through malloc.

#include "base/slab.h"

#include <benchmark/benchmark.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace base {
namespace {

// About an idle connection.
struct Object {
  explicit Object(uint64_t n) : number(n) {}
  uint64_t number;
  char rest[392];
};

void BM_SlabNewDelete(benchmark::State& state) {
  Slab<Object> slab(1024);
  uint64_t n = 0;
  for (auto _ : state) {
    Object* object = slab.New(++n);
    benchmark::DoNotOptimize(object);
    slab.Delete(object);
  }
}
BENCHMARK(BM_SlabNewDelete);

void BM_HeapNewDelete(benchmark::State& state) {
  uint64_t n = 0;
  for (auto _ : state) {
    auto object = std::make_unique<Object>(++n);
    benchmark::DoNotOptimize(object.get());
  }
}
BENCHMARK(BM_HeapNewDelete);

// Many live at once, dropped in the order they came: a shard's connections under load.
void BM_SlabChurn(benchmark::State& state) {
  const auto live = size_t(state.range(0));
  Slab<Object> slab(uint32_t(live) + 1);
  std::vector<Object*> objects;
  for (size_t i = 0; i < live; ++i) objects.push_back(slab.New(i));
  size_t next = 0;
  for (auto _ : state) {
    slab.Delete(objects[next]);
    objects[next] = slab.New(next);
    if (++next == live) next = 0;
  }
  for (Object* object : objects) slab.Delete(object);
}
BENCHMARK(BM_SlabChurn)->Arg(100)->Arg(10000);

}  // namespace
}  // namespace base
