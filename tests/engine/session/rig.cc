#include "tests/engine/session/rig.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/check.h"

namespace engine {
namespace {

constexpr int kSettleTurnsMax = 20000;

// The ring factory is a plain function: what it needs of the rig being started stands here.
tests::FakeNet* starting_net = nullptr;
tests::FakeRing* started_ring = nullptr;
std::unique_ptr<shard::Ring> (*starting_wrap)(std::unique_ptr<shard::Ring>) = nullptr;

std::unique_ptr<shard::Ring> OpenFake(const shard::RingOptions& options, std::string*) {
  std::unique_ptr<tests::FakeRing> ring = starting_net->OpenRing(options);
  started_ring = ring.get();
  if (starting_wrap != nullptr) return starting_wrap(std::move(ring));
  return ring;
}

const sockaddr* Plain(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

}  // namespace

sockaddr_in AddressOfPort(uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

std::string RandomText(uint64_t seed, size_t bytes) {
  std::string text(bytes, 0);
  uint64_t state = seed * 0x9E3779B97F4A7C15u + 1;
  for (char& c : text) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    c = char(state >> 32);
  }
  return text;
}

Rig::Rig(const RigOptions& options)
    : options_(options),
      net_(clock_, options.seed, options.modes),
      states_(options.shards),
      mailroom_(options.shards, options.messages_max),
      board_(options.shards),
      bugs_before_(base::BugCount()) {
  net_.set_auto_advance(false);
  mailroom_.SetOrder(options.mail_order);
}

void Rig::Stop() {
  for (auto& shard : shards_) shard->Stop();
  const auto live = [this] {
    return std::any_of(shards_.begin(), shards_.end(), [](auto& shard) {
      return shard->connections().live() > 0 || !shard->loop().run_queue().empty();
    });
  };
  for (int turn = 0; turn < kSettleTurnsMax && (turn < 10 || live()); ++turn) {
    Turn();
    for (auto& shard : shards_) {
      shard->connections().ForEach([](shard::Connection& connection) {
        if (connection.state() == shard::Connection::State::kClosing) connection.Abort();
      });
    }
  }
}

Rig::~Rig() {
  Stop();
  EXPECT_EQ(base::BugCount(), bugs_before_) << "seed " << options_.seed;
  workers_.clear();
  shards_.clear();
  for (const Bound& bound : bound_) net_.CloseFd(bound.fd);
}

ProxyConfig& Rig::AddListen(const std::string& name, uint16_t port) {
  ProxyConfig& proxy = AddBackend(name);
  proxy.kind = "listen";
  Listen(proxy, port);
  return proxy;
}

ProxyConfig& Rig::AddFrontend(const std::string& name, uint16_t port) {
  ProxyConfig& proxy = AddBackend(name);
  proxy.kind = "frontend";
  proxy.is_backend = false;
  Listen(proxy, port);
  return proxy;
}

void Rig::Listen(ProxyConfig& proxy, uint16_t port) {
  proxy.is_frontend = true;
  auto bind = std::make_unique<BindConfig>();
  bind->frontend = &proxy;
  bind->id = 1;
  const sockaddr_in address = AddressOfPort(port);
  bound_.push_back({bind.get(), port, net_.Listen(Plain(address), sizeof(address))});
  proxy.binds.push_back(std::move(bind));
}

ProxyConfig& Rig::AddBackend(const std::string& name) {
  auto proxy = std::make_unique<ProxyConfig>();
  proxy->name = name;
  proxy->kind = "backend";
  proxy->is_backend = true;
  proxy->id = uint32_t(configuration_.proxies.size() + 1);
  proxy->balance = BalanceAlgorithm::kRoundRobin;
  configuration_.AddProxy(std::move(proxy));
  return *configuration_.proxies.back();
}

ServerConfig& Rig::AddServer(ProxyConfig& backend, uint16_t port) {
  auto server = std::make_unique<ServerConfig>();
  server->index = uint32_t(backend.servers.size());
  server->id = server->index + 1;
  server->name = "s" + std::to_string(port);
  server->backend = &backend;
  server->address = shard::Address::V4(INADDR_LOOPBACK, port);
  server->socket_address_length = server->address.ToSockaddr(&server->socket_address);
  backend.servers.push_back(std::move(server));
  ScriptConnect(port, {});
  return *backend.servers.back();
}

void Rig::Start() {
  states_.Attach(configuration_);
  process_.configuration = &configuration_;
  logs_ = std::make_unique<LogHub>(
      configuration_.logs, options_.shards,
      options_.datagrams != nullptr ? *options_.datagrams : KernelDatagrams());
  process_.logs = logs_.get();
  process_.debug_moves = std::getenv("RINGWAY_MOVES") != nullptr;
  process_.shared = std::make_unique<ProcessShared>(configuration_.global, options_.shards);
  if (options_.maxconn != 0) {
    process_.global_maxconn =
        std::make_unique<shard::SharedLimit>(options_.maxconn, options_.shards);
  }
  for (const Bound& bound : bound_) {
    if (bound.bind->maxconn == 0) continue;
    process_.limits.binds[bound.bind] =
        std::make_unique<shard::SharedLimit>(bound.bind->maxconn, options_.shards);
  }
  for (const auto& proxy : configuration_.proxies) {
    if (!proxy->is_frontend || proxy->maxconn == 0) continue;
    process_.limits.frontends[proxy.get()] =
        std::make_unique<shard::SharedLimit>(proxy->maxconn, options_.shards);
  }
  starting_net = &net_;
  starting_wrap = options_.wrap_ring;
  for (uint32_t index = 0; index < options_.shards; ++index) {
    shard::ShardOptions options;
    options.index = index;
    options.connections_max = options_.connections_max;
    options.small_chunk_bytes = options_.small_chunk_bytes;
    options.large_chunk_bytes = options_.large_chunk_bytes;
    options.small_chunks = options_.small_chunks;
    options.large_chunks = options_.large_chunks;
    options.pipes_max = options_.pipes_max;
    options.pipe_bytes = 32768;
    std::string why;
    auto shard = shard::Shard::Open(options, mailroom_, board_, clock_, &OpenFake, &why);
    MUST(shard != nullptr);
    rings_.push_back(started_ring);
    workers_.push_back(std::make_unique<Worker>(process_, options_.streams_max));
    shard->SetApp(workers_.back().get());
    for (const Bound& bound : bound_) shard->AddListener(bound.fd, bound.bind, 0);
    shards_.push_back(std::move(shard));
  }
  for (uint32_t index = 0; index < options_.shards; ++index) {
    workers_[index]->OnStart(*shards_[index]);
    for (uint32_t i = 0; i < shards_[index]->listeners(); ++i) shards_[index]->listener(i).Start();
  }
}

std::unique_ptr<tests::FakePeer> Rig::Dial(uint16_t port, uint16_t client_port) {
  const sockaddr_in address = AddressOfPort(port);
  auto peer = net_.Dial(Plain(address), sizeof(address), client_port);
  MUST(peer != nullptr);
  return peer;
}

void Rig::ScriptConnect(uint16_t server_port, tests::ConnectScript script) {
  const sockaddr_in address = AddressOfPort(server_port);
  net_.ScriptConnect(Plain(address), sizeof(address), script);
}

std::unique_ptr<tests::FakePeer> Rig::TakeServer(uint16_t server_port) {
  const sockaddr_in address = AddressOfPort(server_port);
  return net_.TakeServerPeer(Plain(address), sizeof(address));
}

std::unique_ptr<tests::FakePeer> Rig::WaitServer(uint16_t server_port, uint64_t limit_ms) {
  std::unique_ptr<tests::FakePeer> peer;
  RunUntil([&] { return (peer = TakeServer(server_port)) != nullptr; }, limit_ms);
  return peer;
}

void Rig::Turn() {
  for (auto& shard : shards_) shard->loop().TurnOnce();
}

uint64_t Rig::Work() const {
  uint64_t work = 0;
  for (const auto& shard : shards_) {
    const shard::LoopCounters& counters = shard->loop().counters();
    work += counters.completions.Get() + counters.timers_fired.Get() + counters.tasks_run.Get() +
            counters.messages.Get();
  }
  return work;
}

bool Rig::Resting() const {
  return std::all_of(shards_.begin(), shards_.end(), [this](auto& shard) {
    return shard->loop().run_queue().empty() && !mailroom_.HasMail(shard->index());
  });
}

void Rig::Settle() {
  int turns = 0;
  uint64_t before = 0;
  do {
    // A shard that has something to do for ever would take a whole core.
    if (++turns == kSettleTurnsMax) {
      std::fprintf(stderr, "seed %llu: never rests\n", (unsigned long long)options_.seed);
    }
    MUST(turns < kSettleTurnsMax);
    before = Work();
    Turn();
  } while (Work() != before || !Resting());
}

uint64_t Rig::NextEventMicros() const {
  uint64_t next_us = UINT64_MAX;
  for (size_t i = 0; i < shards_.size(); ++i) {
    next_us = std::min(next_us, rings_[i]->NextEventMicros());
    const uint64_t timer_ms = shards_[i]->loop().timers().NextDeadlineMs();
    if (timer_ms != UINT64_MAX) next_us = std::min(next_us, timer_ms * 1000);
    next_us = std::min(next_us, shards_[i]->loop().wake_by_us());
  }
  return next_us;
}

bool Rig::RunUntil(const std::function<bool()>& done, uint64_t limit_ms) {
  const uint64_t end_us = clock_.now_us() + limit_ms * 1000;
  while (true) {
    Settle();
    if (done()) return true;
    const uint64_t next_us = std::max(NextEventMicros(), clock_.now_us() + 1);
    if (next_us > end_us) break;
    clock_.AdvanceTo(next_us);
  }
  clock_.AdvanceTo(end_us);
  Settle();
  return done();
}

void Rig::RunFor(uint64_t ms) {
  RunUntil([] { return false; }, ms);
}

uint64_t Rig::Streams(const ProxyConfig& frontend) const {
  uint64_t streams = 0;
  for (uint32_t i = 0; i < options_.shards; ++i) {
    streams += frontend.state->part(i).front_total.Get();
  }
  return streams;
}

uint64_t Rig::Reasons(const ProxyConfig& frontend, shard::CloseReason reason) const {
  uint64_t ended = 0;
  for (uint32_t i = 0; i < options_.shards; ++i) {
    ended += frontend.state->part(i).by_reason[size_t(reason)].Get();
  }
  return ended;
}

std::string Rig::ReasonsText(const ProxyConfig& frontend) const {
  std::string text;
  for (size_t reason = 0; reason < size_t(shard::CloseReason::kCount); ++reason) {
    const uint64_t ended = Reasons(frontend, shard::CloseReason(reason));
    if (ended == 0) continue;
    text += (text.empty() ? "" : ", ") +
            std::string(shard::Info(shard::CloseReason(reason)).counter) + " " +
            std::to_string(ended);
  }
  return text;
}

uint32_t Rig::live_sessions() const {
  uint32_t live = 0;
  for (const auto& worker : workers_) live += worker->live_sessions();
  return live;
}

std::string Rig::Leftovers() {
  std::string left;
  const auto note = [&left](const std::string& what, int64_t count) {
    if (count != 0) left += what + ": " + std::to_string(count) + "; ";
  };
  note("bugs", int64_t(new_bugs()));
  for (uint32_t i = 0; i < options_.shards; ++i) {
    const std::string on = " of shard " + std::to_string(i);
    note("sessions" + on, workers_[i]->live_sessions());
    note("streams" + on, workers_[i]->live_streams());
    note("connections" + on, shards_[i]->connections().live());
    note("small chunks" + on, shards_[i]->small().in_use());
    note("large chunks" + on, shards_[i]->large().in_use());
    note("slices" + on, shards_[i]->slices().in_use());
    if (shards_[i]->pipes() != nullptr) note("pipes" + on, shards_[i]->pipes()->in_use());
    note("load" + on, board_.load(i));
    for (const auto& proxy : configuration_.proxies) {
      note("clients of " + proxy->name + on, proxy->state->part(i).front_current.Get());
      note("streams in " + proxy->name + on, proxy->state->part(i).back_current.Get());
      for (const auto& server : proxy->servers) {
        note("streams on " + server->name + on, server->state->part(i).current.Get());
        note("idle on " + server->name + on, server->state->part(i).idle_count.Get());
      }
    }
  }
  return left;
}

void Rig::ExpectEmpty() { EXPECT_EQ(Leftovers(), "") << "seed " << options_.seed; }

void Rig::ExpectSettled() {
  ExpectEmpty();
  SCOPED_TRACE("seed " + std::to_string(options_.seed));
  for (const auto& proxy : configuration_.proxies) {
    if (!proxy->is_frontend) continue;
    uint64_t ended = 0;
    for (size_t reason = 0; reason < size_t(shard::CloseReason::kCount); ++reason) {
      ended += Reasons(*proxy, shard::CloseReason(reason));
    }
    EXPECT_EQ(ended, Streams(*proxy)) << ReasonsText(*proxy);
    EXPECT_EQ(Reasons(*proxy, shard::CloseReason::kNone), 0u);
  }
}

}  // namespace engine
