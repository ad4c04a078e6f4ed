#include "tests/simulation/checks.h"

#include "base/text.h"
#include "engine/session/stream.h"

namespace simulation {

using engine::ProxyConfig;
using engine::Rig;
using engine::ServerConfig;
using engine::Stream;

namespace {

// What the streams themselves say.
struct Counted {
  std::map<const ServerConfig*, int64_t> on_server;
  std::map<const ProxyConfig*, int64_t> in_backend;
  std::map<const ProxyConfig*, int64_t> waiting;
  int64_t sessions = 0;
};

Counted Count(Rig& rig) {
  Counted counted;
  for (uint32_t i = 0; i < rig.shards(); ++i) {
    counted.sessions += rig.worker(i).live_sessions();
    rig.worker(i).ForEachStream([&](Stream& stream) {
      if (stream.slot().server() != nullptr) ++counted.on_server[stream.slot().server()];
      if (stream.backend() == nullptr) return;
      if (stream.is_in_backend()) ++counted.in_backend[stream.backend()];
      if (stream.queued()) ++counted.waiting[stream.backend()];
    });
  }
  return counted;
}

template <typename Map, typename Key>
int64_t Of(const Map& map, Key key) {
  const auto found = map.find(key);
  return found == map.end() ? 0 : found->second;
}

std::string Differ(const std::string& what, int64_t book, int64_t counted) {
  return base::Format("%s: the books say %lld, there are %lld", what.c_str(), (long long)book,
                      (long long)counted);
}

std::string CheckServer(const ServerConfig& server, const Counted& counted) {
  engine::ServerState& state = *server.state;
  const int64_t streams = Of(counted.on_server, &server);
  const std::string on = " on server " + server.name;
  if (state.Current() != streams) return Differ("streams" + on, state.Current(), streams);
  if (state.shared_load() != nullptr && state.shared_load()->streams.load() != streams) {
    return Differ("shared load" + on, state.shared_load()->streams.load(), streams);
  }
  for (uint32_t shard = 0; shard < state.shards(); ++shard) {
    int64_t idle = 0;
    auto& list = state.part(shard).idle;
    for (auto* mux = list.front(); mux != nullptr; mux = list.Next(mux)) ++idle;
    if (state.part(shard).idle_count.Get() != idle) {
      return Differ("idle connections" + on, state.part(shard).idle_count.Get(), idle);
    }
  }
  if (!server.limited()) return {};
  engine::WaitQueue& queue = *server.backend->state->queue();
  const int64_t taken = queue.Taken(server.index);
  // Places that were granted and are on their way are taken, and no stream's yet.
  if (taken < streams) return Differ("places taken" + on, taken, streams);
  const int64_t limit = server.maxconn != 0 ? server.maxconn : server.minconn;
  if (taken > limit) {
    return base::Format("%lld places are taken%s, maxconn is %lld", (long long)taken, on.c_str(),
                        (long long)limit);
  }
  return {};
}

std::string CheckProxy(Rig& rig, const ProxyConfig& proxy, const Counted& counted) {
  if (proxy.is_backend) {
    const int64_t streams = Of(counted.in_backend, &proxy);
    if (proxy.state->BackCurrent() != streams) {
      return Differ("streams in backend " + proxy.name, proxy.state->BackCurrent(), streams);
    }
    if (engine::WaitQueue* queue = proxy.state->queue()) {
      int64_t waiting = 0;
      for (uint32_t line = 0; line <= proxy.servers.size(); ++line) waiting += queue->Waiting(line);
      const int64_t queued = Of(counted.waiting, &proxy);
      if (waiting != queued) return Differ("queued in backend " + proxy.name, waiting, queued);
    }
    for (const auto& server : proxy.servers) {
      if (std::string wrong = CheckServer(*server, counted); !wrong.empty()) return wrong;
    }
  }
  if (proxy.is_frontend && proxy.maxconn != 0 &&
      proxy.state->FrontCurrent() > int64_t(proxy.maxconn)) {
    return base::Format("%lld clients of frontend %s, maxconn is %u",
                        (long long)proxy.state->FrontCurrent(), proxy.name.c_str(), proxy.maxconn);
  }
  (void)rig;
  return {};
}

// In mode tcp everybody who was accepted has one reason to be gone.
std::string CheckReasons(Rig& rig, const ProxyConfig& frontend) {
  if (rig.Reasons(frontend, shard::CloseReason::kNone) != 0) {
    return "a stream of " + frontend.name + " ended for no reason";
  }
  const ProxyConfig* backend = frontend.default_backend;
  const bool is_upgraded = backend != nullptr && backend->mode != frontend.mode;
  if (frontend.mode != engine::Mode::kTcp || is_upgraded) return {};
  uint64_t accepted = 0;
  for (uint32_t i = 0; i < rig.shards(); ++i) {
    for (uint32_t l = 0; l < rig.shard(i).listeners(); ++l) {
      shard::Listener& listener = rig.shard(i).listener(l);
      if (static_cast<const engine::BindConfig*>(listener.bind())->frontend != &frontend) continue;
      accepted += listener.counters().accepted.Get();
    }
  }
  uint64_t ended = 0;
  for (size_t reason = 0; reason < size_t(shard::CloseReason::kCount); ++reason) {
    ended += rig.Reasons(frontend, shard::CloseReason(reason));
  }
  if (ended == accepted) return {};
  return base::Format("%llu clients of %s have %llu reasons", (unsigned long long)accepted,
                      frontend.name.c_str(), (unsigned long long)ended);
}

}  // namespace

std::string CheckBooks(Rig& rig) {
  if (rig.new_bugs() != 0) return "a BUG_IF has fired";
  const Counted counted = Count(rig);
  int64_t clients = 0;
  for (const auto& proxy : rig.configuration().proxies) {
    if (std::string wrong = CheckProxy(rig, *proxy, counted); !wrong.empty()) return wrong;
    clients += proxy->state->FrontCurrent();
  }
  if (clients != counted.sessions) return Differ("clients", clients, counted.sessions);
  int64_t load = 0;
  for (uint32_t i = 0; i < rig.shards(); ++i) load += rig.board().load(i);
  // A descriptor that is handed over is counted before anybody serves it.
  if (load < counted.sessions) return Differ("load of the shards", load, counted.sessions);
  if (rig.process().global_maxconn != nullptr &&
      counted.sessions > rig.process().global_maxconn->max()) {
    return Differ("clients of the process at most", rig.process().global_maxconn->max(),
                  counted.sessions);
  }
  return {};
}

std::string CheckEmpty(Rig& rig) {
  if (std::string left = rig.Leftovers(); !left.empty()) return "left over: " + left;
  size_t fds = 0;
  for (const auto& proxy : rig.configuration().proxies) fds += proxy->binds.size();
  for (uint32_t i = 0; i < rig.shards(); ++i) {
    if (rig.shard(i).pipes() != nullptr) fds += 2 * rig.shard(i).pipes()->open();
    if (rig.shard(i).loop().timers().NextDeadlineMs() != UINT64_MAX) {
      return base::Format("a timer is left in shard %u", i);
    }
    if (rig.ring(i).outstanding() > rig.shard(i).listeners()) {
      return base::Format("%zu operations are pending in shard %u", rig.ring(i).outstanding(), i);
    }
    if (rig.worker(i).idle_pool().leaving() != 0) return "a connection is still on its way";
  }
  if (rig.net().open_fds() != fds) {
    return base::Format("%zu descriptors are open, %zu are known", rig.net().open_fds(), fds);
  }
  for (const auto& proxy : rig.configuration().proxies) {
    if (engine::WaitQueue* queue = proxy->state->queue()) {
      for (uint32_t server = 0; server < proxy->servers.size(); ++server) {
        if (proxy->servers[server]->limited() && queue->Taken(server) != 0) {
          return Differ("places taken on " + proxy->servers[server]->name, queue->Taken(server), 0);
        }
      }
    }
    if (!proxy->is_frontend) continue;
    if (std::string wrong = CheckReasons(rig, *proxy); !wrong.empty()) return wrong;
  }
  return {};
}

}  // namespace simulation
