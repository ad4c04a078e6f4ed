// What a connection costs its table: adopted, found by each of its answers, freed.

#include "shard/conn/conn_table.h"

#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

namespace shard {
namespace {

// A kernel that answers nothing and forgets everything.
class NullRing final : public Ring {
 public:
  const char* name() const override { return "null"; }
  void Accept(OpId, int, bool) override {}
  void Connect(OpId, int, const sockaddr*, socklen_t) override {}
  void Recv(OpId, int, RecvMode, BufferSize) override {}
  void Send(OpId, int, std::span<const iovec>, SendMode) override {}
  void Poll(OpId, int, uint32_t, bool) override {}
  void Cancel(OpId) override {}
  void Close(int) override {}
  int Socket(int, int, int) override { return 3; }
  int SetOption(int, int, int, const void*, socklen_t) override { return 0; }
  int GetOption(int, int, int, int*) override { return 0; }
  int Bind(int, const sockaddr*, socklen_t) override { return 0; }
  int Shutdown(int, int) override { return 0; }
  int GetPeerName(int, sockaddr_storage*, socklen_t*) override { return -ENOTCONN; }
  int GetLocalName(int, sockaddr_storage*, socklen_t*) override { return -ENOTCONN; }
  int GetSocketError(int) override { return 0; }
  int PollNow(std::span<pollfd>) override { return 0; }
  int OpenPipe(int*, uint32_t*) override { return -ENOSYS; }
  void ClosePipe(int, int) override {}
  int Splice(int, int, size_t) override { return -ENOSYS; }
  int RecvNow(int, void*, size_t) override { return -ENOSYS; }
  int SendNow(int, std::span<const iovec>) override { return -ENOSYS; }
  std::span<const Completion> Turn(uint64_t) override { return {}; }
  void Wake(Ring*) override {}
  uint64_t enter_calls() const override { return 0; }
};

class World {
 public:
  explicit World(uint32_t capacity)
      : loop_(*reinterpret_cast<Shard*>(this), 0, mailroom_, std::make_unique<NullRing>(), clock_) {
    context_.loop = &loop_;
    context_.small = context_.large = &chunks_;
    context_.slices = &slices_;
    table_ = std::make_unique<ConnTable>(context_, capacity);
    context_.connections = table_.get();
  }
  ~World() {
    table_->ForEach([](Connection& connection) { connection.Abort(); });
  }
  ConnTable& table() { return *table_; }

 private:
  base::Clock clock_;
  Mailroom mailroom_{1};
  ChunkPool chunks_{4096, 16};
  SlicePool slices_;
  EventLoop loop_;
  ShardContext context_;
  std::unique_ptr<ConnTable> table_;
};

void BM_ConnTableAdoptFree(benchmark::State& state) {
  World world(1024);
  for (auto _ : state) world.table().Adopt(3, Role::kAccepted)->Abort();
}
BENCHMARK(BM_ConnTableAdoptFree);

// Finding one of `range` in an order that no cache foresees.
void BM_ConnTableFind(benchmark::State& state) {
  const auto count = uint32_t(state.range(0));
  World world(count);
  std::vector<base::Handle> handles;
  for (uint32_t i = 0; i < count; ++i) {
    handles.push_back(world.table().Adopt(3, Role::kAccepted)->handle());
  }
  uint32_t at = 0;
  for (auto _ : state) {
    at = (at * 1664525u + 1013904223u);
    benchmark::DoNotOptimize(world.table().Find(handles[at % count])->fd());
  }
}
BENCHMARK(BM_ConnTableFind)->Arg(100)->Arg(10000)->Arg(200000);

void BM_ConnTableFindStale(benchmark::State& state) {
  World world(16);
  Connection* connection = world.table().Adopt(3, Role::kAccepted);
  const base::Handle stale = connection->handle();
  connection->Abort();
  for (auto _ : state) benchmark::DoNotOptimize(world.table().Find(stale));
}
BENCHMARK(BM_ConnTableFindStale);

}  // namespace
}  // namespace shard
