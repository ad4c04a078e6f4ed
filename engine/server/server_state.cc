#include "engine/server/server_state.h"

#include <algorithm>

#include "engine/server/cookie_keywords.h"
#include "engine/server/rule_config.h"

namespace engine {
namespace {

// The clients that may come to `backend`, for its default fullconn (manual 4.2, fullconn).
void CountFrontends(const Configuration& configuration, const ProxyConfig& backend,
                    BackendRules* rules) {
  for (const auto& frontend : configuration.proxies) {
    if (!frontend->is_frontend || frontend->disabled) continue;
    const bool branches = frontend.get() == &backend || frontend->default_backend == &backend ||
                          (frontend->rules != nullptr && frontend->rules->LeadsTo(backend));
    if (!branches) continue;
    rules->frontend_maxconn_sum += frontend->maxconn;
    if (frontend->maxconn == 0) ++rules->frontends_without_maxconn;
  }
}

// Where the points of a server on the ring come from (manual 5.2, hash-key). An address that is
// only known per client is none.
uint32_t NodeKeyOf(const ServerConfig& server) {
  const bool with_port = server.hash_key == HashKey::kAddressAndPort;
  shard::Address address = server.address;
  if (!with_port) address.port = 0;
  switch (server.hash_key) {
    case HashKey::kId:
      break;
    case HashKey::kId32:
      return server.id;
    case HashKey::kAddress:
    case HashKey::kAddressAndPort:
      if (server.follows_address || address.family == AF_UNSPEC) break;
      return HashBytes(HashFunction::kCrc32,
                       with_port || !address.is_ip() ? address.ToString() : address.Ip());
  }
  return server.id & 0x0fffffff;
}

// hash-balance-factor counts for a ring and for random draws.
uint32_t BalanceFactorOf(const ProxyConfig& backend) {
  const bool is_ring =
      backend.balance == BalanceAlgorithm::kHash && backend.hash.method == HashMethod::kConsistent;
  return is_ring || backend.balance == BalanceAlgorithm::kRandom ? backend.hash.balance_factor : 0;
}

// Enough points that servers of one weight get nearly the same, few enough that a ring is made
// anew in a millisecond. It hangs on what is configured alone: a server that goes must not move
// the points of the others.
uint32_t PointsPerWeight(const ProxyConfig& backend) {
  constexpr uint64_t kPoints = 16384;
  uint64_t weights = 0;
  for (const auto& server : backend.servers) weights += server->weight;
  return uint32_t(std::clamp<uint64_t>(weights == 0 ? 1 : kPoints / weights, 1, 160));
}

BackendRules RulesOf(const Configuration& configuration, const ProxyConfig& backend) {
  BackendRules rules;
  rules.algorithm = backend.balance;
  rules.random_draws = backend.balance_random_draws;
  rules.all_backups = backend.all_backups;
  rules.has_static_weights = backend.has_static_weights();
  rules.hash = {backend.hash.method, backend.hash.affinity, BalanceFactorOf(backend),
                PointsPerWeight(backend)};
  rules.fullconn = backend.fullconn;
  for (const auto& server : backend.servers) {
    rules.servers.push_back({server->state,
                             server->id,
                             server->weight,
                             server->backup,
                             {server->maxconn, server->minconn, server->maxqueue},
                             NodeKeyOf(*server),
                             server->slowstart_ms});
  }
  CountFrontends(configuration, backend, &rules);
  return rules;
}

// FNV-1a over what a connection to the server is made with.
uint64_t PoolKeyOf(const ServerConfig& server, const ServerDial& dial) {
  uint64_t key = 14695981039346656037u;
  const auto add = [&key](const void* bytes, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      key = (key ^ static_cast<const uint8_t*>(bytes)[i]) * 1099511628211u;
    }
  };
  add(&dial.socket, dial.socket_bytes);
  sockaddr_storage source{};
  if (server.source.is_given) add(&source, server.source.address.ToSockaddr(&source));
  add(server.source.interface.data(), server.source.interface.size());
  const shard::ProxySendOptions& announce = server.announce;
  if (announce.enabled()) {
    const uint8_t kind[] = {announce.version, announce.crc32c};
    add(kind, sizeof(kind));
    add(announce.tlvs.data(), announce.tlvs.size());
  }
  if (server.tls.enabled) {
    add(server.tls.sni.data(), server.tls.sni.size());
    add(server.tls.verify_host.data(), server.tls.verify_host.size());
    add(server.tls.certificate.data(), server.tls.certificate.size());
    for (const std::string& file : server.tls.ca_files) add(file.data(), file.size());
    add("ssl", 3);
  }
  return key;
}

}  // namespace

void ServerState::MoveTo(const ServerConfig& server, uint32_t shard, shard::Address address,
                         bool has_port) {
  ServerDial& dial = parts_[shard].dial;
  if (!has_port) address.port = dial.address.port;
  if (has_port) dial.follows_port = false;
  dial.follows_address = false;
  dial.address = address;
  dial.socket_bytes = address.ToSockaddr(&dial.socket);
  dial.pool_key = PoolKeyOf(server, dial);
}

uint64_t ServerState::Total() const { return Sum(&ServerShardPart::total); }

uint64_t ServerState::Sum(base::Counter ServerShardPart::*counter) const {
  uint64_t sum = 0;
  for (uint32_t shard = 0; shard < shards_; ++shard) sum += (parts_[shard].*counter).Get();
  return sum;
}

int64_t ServerState::CurrentPeak() const {
  int64_t peak = 0;
  for (uint32_t shard = 0; shard < shards_; ++shard) {
    peak = std::max(peak, parts_[shard].current_peak.seen());
  }
  return peak;
}

int64_t ServerState::Current() const {
  int64_t current = 0;
  for (uint32_t shard = 0; shard < shards_; ++shard) current += parts_[shard].current.Get();
  return current;
}

void ServerState::NoteMove(Operational before, Operational after) {
  const uint64_t now_us = base::MonotonicMicros();
  const bool stays_down = before == Operational::kStopped && after == before;
  const uint64_t since_us =
      stays_down ? changed_us() : changed_us_.exchange(now_us, std::memory_order_relaxed);
  if (before == Operational::kStopped && after != before && now_us > since_us) {
    counters.down_us.fetch_add(now_us - since_us, std::memory_order_relaxed);
  }
  if (after == Operational::kStopped && after != before)
    counters.downs.fetch_add(1, std::memory_order_relaxed);
  NoteChange();
}

uint64_t ServerState::DownMicros(uint64_t now_us) const {
  const uint64_t past_us = counters.down_us.load(std::memory_order_relaxed);
  const uint64_t since_us = changed_us();
  const bool is_down = operational() == Operational::kStopped;
  return is_down && now_us > since_us ? past_us + (now_us - since_us) : past_us;
}

bool BackendState::HasServer() const {
  return std::any_of(servers_.begin(), servers_.end(), [](const ServerState* server) {
    return !server->disabled() && server->weight() > 0;
  });
}

bool BackendState::NoteServers() {
  // Whoever comes last has seen the change of everybody before it: what it finds stays.
  bool has_changed = false;
  for (;;) {
    const bool now_up = HasServer();
    if (is_up_.exchange(now_up, std::memory_order_seq_cst) == now_up) return has_changed;
    has_changed = true;
    const uint64_t now_us = base::MonotonicMicros();
    const uint64_t since_us = changed_us_.exchange(now_us, std::memory_order_relaxed);
    if (now_up) {
      down_us_.fetch_add(now_us - std::min(since_us, now_us), std::memory_order_relaxed);
    } else {
      downs_.fetch_add(1, std::memory_order_relaxed);
    }
  }
}

uint64_t BackendState::DownMicros(uint64_t now_us) const {
  const uint64_t past_us = down_us_.load(std::memory_order_relaxed);
  return is_up() ? past_us : past_us + now_us - std::min(changed_us(), now_us);
}

uint64_t BackendState::Sum(base::Counter ProxyShardPart::*counter) const {
  uint64_t sum = 0;
  for (uint32_t shard = 0; shard < shards_; ++shard) sum += (parts_[shard].*counter).Get();
  return sum;
}

int64_t BackendState::FrontCurrent() const {
  int64_t current = 0;
  for (uint32_t shard = 0; shard < shards_; ++shard) current += parts_[shard].front_current.Get();
  return current;
}

int64_t BackendState::BackCurrent() const {
  int64_t current = 0;
  for (uint32_t shard = 0; shard < shards_; ++shard) current += parts_[shard].back_current.Get();
  return current;
}

int64_t BackendState::FrontPeak() const {
  int64_t peak = 0;
  for (uint32_t shard = 0; shard < shards_; ++shard) {
    peak = std::max(peak, parts_[shard].front_peak.seen());
  }
  return peak;
}

int64_t BackendState::BackPeak() const {
  int64_t peak = 0;
  for (uint32_t shard = 0; shard < shards_; ++shard) {
    peak = std::max(peak, parts_[shard].back_peak.seen());
  }
  return peak;
}

void StateTable::Attach(Configuration& configuration) {
  AttachEach(configuration);
  for (const auto& proxy : configuration.proxies) {
    for (const auto& server : proxy->servers) {
      server->state->Track(server->tracked == nullptr ? nullptr : server->tracked->state);
    }
  }
  for (const auto& proxy : configuration.proxies) {
    if (proxy->is_backend) proxy->state->BeginServers();
  }
}

void StateTable::AttachEach(Configuration& configuration) {
  for (const auto& proxy : configuration.proxies) {
    // A frontend and a backend may share a name; their states do not.
    auto& state = proxies_[(proxy->is_internal   ? "internal "
                            : proxy->is_frontend ? "front "
                                                 : "back ") +
                           proxy->name];
    if (state == nullptr) state = std::make_unique<BackendState>(proxy->name, shards_);
    proxy->state = state.get();
    state->session_limit().SetMax(proxy->sessions_per_second);
    state->SetMaxconn(proxy->maxconn != 0 ? int64_t(proxy->maxconn) : -1);
    state->servers().clear();
    for (const auto& server : proxy->servers) {
      auto& server_state = servers_[proxy->name + "/" + server->name];
      if (server_state == nullptr) {
        server_state = std::make_unique<ServerState>(server->name, shards_);
        server_state->SetDisabled(server->disabled);
        server_state->SetWeight(server->weight);
        server_state->health.Configure(server->check.health_rules());
        server_state->check.target.Set(server->check.target);
        server_state->agent.target.Set(server->check.agent_target);
        server_state->SetHasAddress(server->has_address);
        for (uint32_t shard = 0; shard < shards_; ++shard) {
          ServerDial& dial = server_state->part(shard).dial;
          dial = {server->address,         server->socket_address, server->socket_address_length,
                  server->follows_address, server->follows_port,   0};
          dial.pool_key = PoolKeyOf(*server, dial);
        }
      }
      server->state = server_state.get();
      server_state->ForgetTrackers();
      state->servers().push_back(server_state.get());
    }
    if (proxy->http.cookie.enabled()) {
      std::vector<std::string> cookies;
      for (const auto& server : proxy->servers) {
        cookies.push_back(CookieOf(*server, server->address));
      }
      state->SetCookies(std::move(cookies));
    }
    if (proxy->is_backend) {
      state->SetBackend(RulesOf(configuration, *proxy));
      for (uint32_t index = 0; index < state->servers().size(); ++index) {
        ServerState& server = *state->servers()[index];
        server.SetVersion(state->backend()->version());
        server.SetSharedLoad(state->backend()->shared_load(index));
      }
    }
  }
}

}  // namespace engine
