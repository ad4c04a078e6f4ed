#include "engine/server/server_state.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "base/background_thread.h"
#include "engine/server/cookie_keywords.h"
#include "engine/server/rule_config.h"

namespace engine {
namespace {

// The clients that may come to each backend, for its default fullconn (manual 4.2, fullconn).
absl::flat_hash_map<const ProxyConfig*, FrontendSum> CountFrontends(
    const Configuration& configuration) {
  absl::flat_hash_map<const ProxyConfig*, FrontendSum> counts;
  for (const auto& frontend : configuration.proxies) {
    if (!frontend->is_frontend || frontend->disabled) continue;
    absl::flat_hash_set<const ProxyConfig*> backends = {frontend.get(), frontend->default_backend};
    if (frontend->rules != nullptr) {
      for (const BackendRule& rule : frontend->rules->use_backend) backends.insert(rule.backend);
    }
    for (const ProxyConfig* backend : backends) {
      FrontendSum& limits = counts[backend];
      limits.maxconn += frontend->maxconn;
      if (frontend->maxconn == 0) ++limits.without;
    }
    base::GiveWay();
  }
  return counts;
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
    case HashKey::kGuid:
      if (server.guid.empty()) break;
      return HashBytes(HashFunction::kCrc32, server.guid);
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

// Some stream may have to go to a server that is down.
bool MayForce(const ProxyConfig& backend) {
  if (backend.persist) return true;
  if (backend.rules == nullptr) return false;
  const auto& rules = backend.rules->persist;
  return std::any_of(rules.begin(), rules.end(), [](const auto& rule) { return rule.force; });
}

BackendRules RulesOf(const ProxyConfig& backend, const FrontendSum& frontends) {
  BackendRules rules;
  rules.algorithm = backend.balance;
  rules.random_draws = backend.balance_random_draws;
  rules.all_backups = backend.all_backups;
  rules.has_static_weights = backend.has_static_weights();
  rules.may_force = MayForce(backend);
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
  rules.frontends = frontends;
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
  if (dial.follows_port) add(&dial.port_offset, sizeof(dial.port_offset));
  sockaddr_storage source{};
  if (server.source.is_given) add(&source, server.source.address.ToSockaddr(&source));
  add(server.source.interface.data(), server.source.interface.size());
  const shard::ProxySendOptions& announce = server.announce;
  if (announce.enabled()) {
    const uint8_t kind[] = {announce.version, announce.crc32c};
    add(kind, sizeof(kind));
    add(announce.tlvs.data(), announce.tlvs.size());
  }
  if (server.tls.enabled && !dial.plain) {
    add(server.tls.sni.data(), server.tls.sni.size());
    add(server.tls.verify_host.data(), server.tls.verify_host.size());
    add(server.tls.certificate.data(), server.tls.certificate.size());
    for (const std::string& file : server.tls.ca_files) add(file.data(), file.size());
    add("ssl", 3);
  }
  return key;
}

ServerDial ConfiguredDial(const ServerConfig& server) {
  ServerDial dial{.address = server.address,
                  .socket = server.socket_address,
                  .socket_bytes = server.socket_address_length,
                  .follows_address = server.follows_address,
                  .follows_port = server.follows_port,
                  .port_offset = server.port_offset};
  dial.pool_key = PoolKeyOf(server, dial);
  return dial;
}

// Without what the file of saved states has said.
ServerDial DialOfText(const ServerConfig& server) {
  ServerDial dial = ConfiguredDial(server);
  if (!server.moved_from) return dial;
  dial.address = *server.moved_from;
  dial.socket = {};
  dial.socket_bytes = dial.address.ToSockaddr(&dial.socket);
  return dial;
}

// Whether both lead to the same place.
bool IsSamePlace(const ServerDial& one, const ServerDial& other) {
  return one.socket_bytes == other.socket_bytes &&
         std::memcmp(&one.socket, &other.socket, one.socket_bytes) == 0 &&
         one.address.port == other.address.port && one.follows_address == other.follows_address &&
         one.follows_port == other.follows_port && one.port_offset == other.port_offset;
}

// Where checks go: what was changed since goes on, as far as the configuration says the same.
CheckTarget FollowTarget(const CheckTarget& configured, const CheckTarget& configured_before,
                         const CheckTarget& before) {
  CheckTarget target = configured;
  if (configured.address == configured_before.address) target.address = before.address;
  if (configured.port == configured_before.port) target.port = before.port;
  return target;
}

}  // namespace

void ServerState::FollowDial(const ServerState& before, const ServerConfig& server,
                             uint32_t shard) {
  const ServerDial& from = before.dials_[shard];
  // No operator moves one that is a unix socket, and its path goes with its configuration.
  const bool may_have_moved = configured_dial_.address.family != AF_UNIX &&
                              IsSamePlace(before.configured_dial_, configured_dial_);
  ServerDial dial = may_have_moved ? from : dials_[shard];
  dial.plain = before.configured_tls_ == configured_tls_ && from.plain;
  dial.pool_key = PoolKeyOf(server, dial);
  dials_[shard] = dial;
}

void ServerState::MoveTo(const ServerConfig& server, uint32_t shard, shard::Address address,
                         const std::optional<ServerPort>& port) {
  ServerDial& dial = dials_[shard];
  address.port = dial.address.port;
  if (port) {
    dial.follows_port = port->follows;
    dial.port_offset = port->follows ? port->value : 0;
    address.port = port->follows ? 0 : uint16_t(port->value);
  }
  dial.follows_address = false;
  dial.address = address;
  dial.socket_bytes = address.ToSockaddr(&dial.socket);
  dial.pool_key = PoolKeyOf(server, dial);
}

void ServerState::SetTls(const ServerConfig& server, uint32_t shard, bool speaks_tls) {
  ServerDial& dial = dials_[shard];
  dial.plain = !speaks_tls;
  dial.pool_key = PoolKeyOf(server, dial);
}

void ServerNumbers::AddGone(const ServerNumbers& from, uint32_t shards) {
  for (uint32_t shard = 0; shard < shards; ++shard) {
    ServerShardPart& to = parts[shard];
    const ServerShardPart& one = from.parts[shard];
    to.total.Add(one.total.Get());
    to.established.Add(one.established.Get());
    to.connect_errors.Add(one.connect_errors.Get());
    to.reused.Add(one.reused.Get());
    to.last_used_us.RaiseTo(one.last_used_us.Get());
    to.times.RaiseHighest(one.times);
  }
}

uint64_t ServerState::Total() const { return Sum(&ServerShardPart::total); }

uint64_t ServerState::Attempts() const { return Total() + Sum(&ServerShardPart::repeats); }

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

int64_t ServerState::NeedEstimate(uint64_t now_us, uint32_t interval_ms) const {
  int64_t need = 0;
  for (uint32_t shard = 0; shard < shards_; ++shard) {
    const ServerShardPart& part = parts_[shard];
    need += part.recent_peak.Seen(part.current.Get(), now_us / 1000, interval_ms);
  }
  return need;
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
  return std::any_of(servers_.begin(), servers_.end(), [](const auto& server) {
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

uint64_t BackendState::SumOfGone(base::Counter ServerShardPart::*counter) const {
  uint64_t sum = 0;
  for (const auto& numbers : gone_) {
    for (uint32_t shard = 0; shard < shards_; ++shard) {
      sum += (numbers->parts[shard].*counter).Get();
    }
  }
  return sum;
}

// Those that no stream counts in any more become one, so that reloads without end keep no more than
// the configurations that are still in use.
void BackendState::KeepGone(const BackendState& before) {
  std::shared_ptr<ServerNumbers> over;
  for (const auto& numbers : before.gone_) {
    if (numbers->states != 0) {
      gone_.push_back(numbers);
      continue;
    }
    if (over == nullptr) over = std::make_shared<ServerNumbers>(shards_);
    over->AddGone(*numbers, shards_);
  }
  if (over != nullptr) gone_.push_back(std::move(over));
  for (const auto& server : before.servers_) {
    if (FindServer(server->name()) == nullptr) gone_.push_back(server->numbers());
  }
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

ServerState::ServerState(ServerState& before, const ServerConfig& server)
    : ServerState(server.name, before.shards_, before.numbers_) {
  Configure(server);
  // What was set at run time holds until the configuration says something new.
  const auto keeps = [&](AgentWord word, bool says_the_same) {
    if (!says_the_same || !KeepsWord(before, word)) return false;
    NoteSpeaker(word, before.IsAgents(word));
    return true;
  };
  if (keeps(AgentWord::kWeight, server.weight == before.configured_weight_)) {
    SetWeight(before.weight());
  }
  if (keeps(AgentWord::kAdmin, server.disabled == before.configured_disabled_)) {
    SetAdminState(before.admin_state());
  }
  changed_us_.store(before.changed_us(), std::memory_order_relaxed);
  check.target.Set(
      FollowTarget(configured_check_, before.configured_check_, before.check.target.Get()));
  agent.target.Set(
      FollowTarget(configured_agent_, before.configured_agent_, before.agent.target.Get()));
  if (configured_agent_send_ == before.configured_agent_send_) SetAgentSend(before.agent_send());
  if (!IsSamePlace(before.configured_dial_, configured_dial_)) return;  // another machine, perhaps
  if (server.has_address || before.has_address()) SetHasAddress(true);
  if (server.slowstart_ms != 0) {
    slow_start_us_.store(before.slow_start_us(), std::memory_order_relaxed);
    SetThrottle(before.throttle());
  }
  source_port_.store(before.source_port_.load(std::memory_order_relaxed),
                     std::memory_order_relaxed);
  health.TakeOver(before.health);
  check.report.Set(before.check.report.Get());
  agent.report.Set(before.agent.report.Get());
}

void ServerState::Configure(const ServerConfig& server) {
  configured_weight_ = server.weight;
  configured_disabled_ = server.disabled;
  configured_tls_ = server.tls.enabled;
  configured_dial_ = DialOfText(server);
  configured_check_ = server.check.target;
  configured_agent_ = server.check.agent_target;
  configured_agent_send_ = server.check.agent_send;
  if (server.check.agent_enabled) agent_send_ = std::make_unique<base::Published<AgentSend>>();
  for (uint32_t shard = 0; shard < shards_; ++shard) dials_[shard] = ConfiguredDial(server);
  SetHasAddress(server.has_address);
  SetDisabled(server.disabled);
  SetWeight(server.weight);
  health.Configure(server.check.health_rules());
  check.target.Set(server.check.target);
  agent.target.Set(server.check.agent_target);
}

BackendState::BackendState(BackendState& before)
    : BackendState(before.name_, before.shards_, before.numbers_) {
  changed_us_.store(before.changed_us(), std::memory_order_relaxed);
  downs_.store(before.downs(), std::memory_order_relaxed);
  down_us_.store(before.down_us_.load(std::memory_order_relaxed), std::memory_order_relaxed);
  is_up_.store(before.is_up(), std::memory_order_relaxed);
  SetListening(before.listening());
}

void BackendState::ConfigureFront(const ProxyConfig& proxy) {
  numbers_->session_limit.SetMax(proxy.sessions_per_second);
  if (std::exchange(numbers_->configured_maxconn, proxy.maxconn) != proxy.maxconn) {
    SetMaxconn(proxy.maxconn != 0 ? int64_t(proxy.maxconn) : -1);
  }
  for (const auto& bind : proxy.binds) {
    std::string key;
    for (const BindAddress& one : bind->addresses) {
      key += one.inherited_fd >= 0 ? "fd@" + std::to_string(one.inherited_fd) : one.Name();
      key += ',';
    }
    std::unique_ptr<BindShardPart[]>& parts = numbers_->bind_parts[key];
    if (parts == nullptr) parts.reset(new BindShardPart[shards_]);
    bind->parts = parts.get();
  }
}

ServerState* BackendState::FindServer(const std::string& name) {
  for (const auto& server : servers_) {
    if (server->name() == name) return server.get();
  }
  return nullptr;
}

namespace {

// A frontend and a backend may share a name; their states do not.
std::string KeyOf(const ProxyConfig& proxy) {
  return (proxy.is_internal ? "internal " : proxy.is_frontend ? "front " : "back ") + proxy.name;
}

void AddWords(std::string& out) { out += '\n'; }
template <typename Word, typename... Rest>
void AddWords(std::string& out, const Word& word, const Rest&... rest) {
  if constexpr (std::is_convertible_v<Word, std::string_view>) {
    out += word;
  } else {
    out += std::to_string(word);
  }
  out += '\0';
  AddWords(out, rest...);
}

void AddTarget(std::string& out, const CheckTarget& target) {
  const bool is_given = target.address.family != AF_UNSPEC;
  AddWords(out, is_given ? target.address.ToString() : std::string(), target.port);
}

// What the states of a backend and its servers are made from.
std::string DefinitionOf(const ProxyConfig& proxy, const FrontendSum& frontends) {
  std::string out;
  if (!proxy.is_backend) return out;
  AddWords(out, int(proxy.balance), proxy.balance_random_draws, proxy.all_backups,
           proxy.has_static_weights(), MayForce(proxy), int(proxy.hash.method),
           int(proxy.hash.affinity), BalanceFactorOf(proxy), PointsPerWeight(proxy), proxy.fullconn,
           frontends.maxconn, frontends.without, proxy.http.cookie.enabled());
  for (const auto& server : proxy.servers) {
    const HealthRules rules = server->check.health_rules();
    AddWords(out, server->name, server->id, server->weight, server->backup, server->disabled,
             server->maxconn, server->minconn, server->maxqueue, server->slowstart_ms,
             server->has_address, NodeKeyOf(*server), ConfiguredDial(*server).pool_key,
             server->follows_address, server->follows_port, rules.rise, rules.fall, int(rules.init),
             rules.is_checked, rules.has_agent,
             proxy.http.cookie.enabled() ? CookieOf(*server, server->address) : std::string());
    if (server->tracked != nullptr) {
      AddWords(out, server->tracked->backend->name, server->tracked->name);
    }
    AddTarget(out, server->check.target);
    AddTarget(out, server->check.agent_target);
  }
  return out;
}

// Servers that track each other point at each other's states: all of them are new, or none.
bool SpreadNew(std::map<const ProxyConfig*, bool*>& is_new) {
  bool has_spread = false;
  for (const auto& [proxy, is_own_new] : is_new) {
    for (const auto& server : proxy->servers) {
      if (server->tracked == nullptr) continue;
      bool* const is_other_new = is_new[server->tracked->backend];
      if (*is_own_new == *is_other_new) continue;
      *is_own_new = *is_other_new = has_spread = true;
    }
  }
  return has_spread;
}

// What an operator has set of them holds until the configuration says something new.
void FollowLimits(BackendState& before, BackendState& now) {
  if (before.queue() == nullptr || now.queue() == nullptr) return;
  for (uint32_t index = 0; index < now.servers().size(); ++index) {
    for (uint32_t old = 0; old < before.servers().size(); ++old) {
      const ServerState& from = *before.servers()[old];
      ServerState& to = *now.servers()[index];
      if (from.name() != to.name() || !to.KeepsWord(from, AgentWord::kMaxconn)) continue;
      to.NoteSpeaker(AgentWord::kMaxconn, from.IsAgents(AgentWord::kMaxconn));
      now.queue()->FollowMaxconn(index, *before.queue(), old);
    }
  }
}

}  // namespace

void FollowCookie(const ServerConfig& server, uint32_t shard) {
  if (!server.backend->http.cookie.enabled()) return;
  const shard::Address& address = server.state->dial(shard).address;
  server.backend->state->cookies(shard).SetValue(server.index, CookieOf(server, address));
}

std::vector<StateTable::Entry> StateTable::EntriesOf(Configuration& configuration) const {
  std::vector<Entry> entries;
  auto frontends = CountFrontends(configuration);
  for (const auto& proxy : configuration.proxies) {
    base::GiveWay();
    const FrontendSum& limits = frontends[proxy.get()];
    Entry entry{.proxy = proxy.get(),
                .key = KeyOf(*proxy),
                .frontends = limits,
                .definition = DefinitionOf(*proxy, limits)};
    const auto found = proxies_.find(entry.key);
    if (found != proxies_.end()) {
      entry.before = found->second.get();
      entry.is_new = entry.before->definition() != entry.definition;
    }
    entries.push_back(std::move(entry));
  }
  base::GiveWay();
  std::map<const ProxyConfig*, bool*> is_new;
  for (Entry& entry : entries) is_new[entry.proxy] = &entry.is_new;
  while (SpreadNew(is_new)) {
  }
  return entries;
}

std::shared_ptr<BackendState> StateTable::StateOf(const Entry& entry) {
  ProxyConfig& proxy = *entry.proxy;
  if (!entry.is_new) {
    std::shared_ptr<BackendState> state = proxies_[entry.key];
    for (size_t i = 0; i < proxy.servers.size(); ++i) {
      proxy.servers[i]->state = state->servers()[i].get();
    }
    return state;
  }
  auto state = entry.before == nullptr ? std::make_shared<BackendState>(proxy.name, shards_)
                                       : std::make_shared<BackendState>(*entry.before);
  state->SetDefinition(entry.definition);
  for (const auto& server : proxy.servers) {
    ServerState* before =
        entry.before == nullptr ? nullptr : entry.before->FindServer(server->name);
    auto made = before == nullptr ? std::make_unique<ServerState>(server->name, shards_)
                                  : std::make_unique<ServerState>(*before, *server);
    if (before == nullptr) made->Configure(*server);
    server->state = made.get();
    state->servers().push_back(std::move(made));
  }
  if (entry.before != nullptr) state->KeepGone(*entry.before);
  if (proxy.http.cookie.enabled()) {
    std::vector<std::string> cookies;
    for (const auto& server : proxy.servers) cookies.push_back(CookieOf(*server, server->address));
    state->SetCookies(std::move(cookies));
  }
  if (!proxy.is_backend) return state;
  state->SetBackend(RulesOf(proxy, entry.frontends));
  if (entry.before != nullptr) FollowLimits(*entry.before, *state);
  for (uint32_t index = 0; index < state->servers().size(); ++index) {
    ServerState& server = *state->servers()[index];
    server.SetVersion(state->backend()->version());
    server.SetSharedLoad(state->backend()->shared_load(index));
  }
  return state;
}

void StateTable::Attach(Configuration& configuration) {
  const std::vector<Entry> entries = EntriesOf(configuration);
  std::map<std::string, std::shared_ptr<BackendState>> states;
  for (const Entry& entry : entries) {
    base::GiveWay();
    std::shared_ptr<BackendState> state = StateOf(entry);
    entry.proxy->state = state.get();
    state->ConfigureFront(*entry.proxy);
    configuration.states.push_back(state);
    states[entry.key] = std::move(state);
  }
  proxies_ = std::move(states);
  for (const Entry& entry : entries) {
    if (!entry.is_new) continue;
    for (const auto& server : entry.proxy->servers) {
      if (server->tracked != nullptr) server->state->Track(server->tracked->state);
    }
  }
  for (const Entry& entry : entries) {
    if (!entry.is_new || !entry.proxy->is_backend) continue;
    if (entry.before == nullptr) {
      entry.proxy->state->BeginServers();
    } else {
      (void)entry.proxy->state->NoteServers();
    }
  }
}

}  // namespace engine
