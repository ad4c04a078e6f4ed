#include "tests/simulation/world.h"

#include <cerrno>

#include "base/text.h"
#include "engine/mux/http_endpoint.h"
#include "engine/session/stream.h"

namespace simulation {

using engine::AdminState;
using engine::BalanceAlgorithm;
using engine::HealthEvent;
using engine::ProxyConfig;
using engine::Rig;
using engine::ServerConfig;
using tests::ConnectOutcome;
using tests::ConnectScript;

namespace {

constexpr uint16_t kTcpPort = 80;
constexpr uint16_t kHttpPort = 81;
constexpr uint16_t kTcpServers = 9000;
constexpr uint16_t kHttpServers = 9100;
// Bytes name the peers of mode tcp, the last few are the probe's.
constexpr size_t kTcpPeersMax = 240;
constexpr size_t kClientsMax = 60;

// Errors of a connect; the connection is never made.
constexpr int kConnectErrors[] = {ETIMEDOUT, ENETUNREACH, EADDRNOTAVAIL, EACCES, ECONNRESET};

}  // namespace

void Reached::Add(const Reached& other) {
  const auto* from = reinterpret_cast<const uint64_t*>(&other);
  auto* to = reinterpret_cast<uint64_t*>(this);
  for (size_t i = 0; i < sizeof(Reached) / sizeof(uint64_t); ++i) to[i] += from[i];
}

std::string Reached::Text() const {
  std::string text = base::Format(
      "%llu events, %llu streams; handed over %llu, idle taken over %llu, reused %llu, queued "
      "%llu, "
      "retries %llu, redispatched %llu, seeds that spliced %llu, taken at once %llu B, sent at "
      "once "
      "%llu B, waits for a buffer %llu, accepts without a descriptor %llu, answers %llu, refusals "
      "%llu; ended:",
      (unsigned long long)events, (unsigned long long)streams, (unsigned long long)handed_over,
      (unsigned long long)taken_over, (unsigned long long)reused, (unsigned long long)queued,
      (unsigned long long)retries, (unsigned long long)redispatches, (unsigned long long)spliced,
      (unsigned long long)taken_now, (unsigned long long)sent_now, (unsigned long long)buffer_waits,
      (unsigned long long)no_descriptors, (unsigned long long)answered,
      (unsigned long long)refused);
  for (size_t reason = 0; reason < size_t(shard::CloseReason::kCount); ++reason) {
    if (by_reason[reason] == 0) continue;
    text += base::Format(" %s %llu", shard::Info(shard::CloseReason(reason)).counter,
                         (unsigned long long)by_reason[reason]);
  }
  return text;
}

// ---- the proxy --------------------------------------------------------------------------------

World::World(const Script& script, Journal& journal)
    : script_(script), journal_(journal), dice_(script.seed * 2 + 0x5EED) {
  rig_ = std::make_unique<Rig>(OptionsOf());
  starved_.resize(rig_->shards());
  Build();
  rig_->Start();
  for (const Place& place : places_) {
    place.server->state->health.Configure({.rise = 1, .fall = 2, .is_checked = true});
  }
}

World::~World() {
  if (journal_.failed()) rig_->net().set_leaks_allowed(true);
  for (uint32_t shard = 0; shard < rig_->shards(); ++shard) Feed(shard);
}

uint32_t World::PickSender(uint32_t, uint32_t senders) noexcept {
  return uint32_t(dice_.Below(senders + (dice_.OneIn(4) ? 1 : 0)));
}

engine::RigOptions World::OptionsOf() {
  Dice dice(dice_.Next());
  engine::RigOptions options;
  options.seed = script_.seed;
  if (!dice.OneIn(8)) options.modes = tests::FakeModes::Mischief();
  // It takes a second or two to find each, which nobody orderly waits for.
  if (!script_.orderly) options.modes.end_is_lost = dice.Of({0.0, 0.3, 1.0});
  options.shards = dice.Of({1u, 2u, 2u, 2u, 3u, 3u, 4u});
  options.maxconn = dice.OneIn(4) ? uint32_t(dice.Between(1, 4)) : 0;
  options.small_chunk_bytes = dice.Of({4096u, 8192u});
  options.large_chunk_bytes = options.small_chunk_bytes * dice.Of({2u, 4u});
  options.pipes_max = dice.OneIn(2) ? uint32_t(dice.Between(1, 4)) : 0;
  options.messages_max = dice.Of({4u, 16u, 64u});
  options.mail_order = this;
  options.streams_max = 64;
  options.connections_max = 128;
  options.small_chunks = 512;
  options.large_chunks = 128;
  if (!script_.orderly && dice.OneIn(4)) {
    options.small_chunks = uint32_t(dice.Between(8, 40));
    options.large_chunks = uint32_t(dice.Between(2, 10));
  }
  if (!script_.orderly && dice.OneIn(6)) {
    options.streams_max = uint32_t(dice.Between(1, 6));
    options.connections_max = uint32_t(dice.Between(8, 14));  // enough for the probe
  }
  return options;
}

void World::Build() {
  Dice dice(dice_.Next());
  traffic_.orderly = traffic_.is_exact = script_.orderly;
  traffic_.gets_only = dice.OneIn(4);
  traffic_.large = dice.OneIn(8);
  const uint64_t modes = dice.Below(5);
  if (modes <= 1 || modes == 4) BuildTcp();
  if (modes >= 2) BuildHttp();
}

void World::Configure(ProxyConfig& proxy) {
  Dice dice(dice_.Next());
  if (script_.orderly) {
    proxy.timeouts = {
        .connect_ms = 20000, .client_ms = 100000, .server_ms = 100000, .queue_ms = 100000};
  } else {
    proxy.timeouts = {.connect_ms = dice.Of({50u, 500u, 2000u}),
                      .client_ms = dice.Of({100u, 1000u, 5000u}),
                      .server_ms = dice.Of({100u, 1000u, 5000u}),
                      .tunnel_ms = dice.Of({0u, 0u, 2000u}),
                      .client_hs_ms = dice.Of({0u, 300u}),
                      .client_fin_ms = dice.Of({0u, 0u, 300u}),
                      .server_fin_ms = dice.Of({0u, 0u, 300u}),
                      .queue_ms = dice.Of({0u, 100u, 1000u})};
    proxy.retries = dice.Of({0u, 1u, 3u});
  }
  proxy.redispatch = dice.OneIn(2);
  proxy.redispatch_interval = dice.Of({-1, 1, 2});
  proxy.nolinger = dice.OneIn(4);
  if (dice.OneIn(2)) proxy.splice_auto = true;
  proxy.balance =
      dice.Of({BalanceAlgorithm::kRandom, BalanceAlgorithm::kRoundRobin,
               BalanceAlgorithm::kRoundRobin, BalanceAlgorithm::kStaticRoundRobin,
               BalanceAlgorithm::kLeastConn, BalanceAlgorithm::kFirst, BalanceAlgorithm::kHash});
  if (dice.OneIn(2)) proxy.hash.method = engine::HashMethod::kConsistent;
  if (dice.OneIn(3)) proxy.hash.balance_factor = 120;
  proxy.fullconn = dice.Of({0u, 3u, 20u});
  proxy.all_backups = dice.OneIn(2);
  if (proxy.is_frontend && dice.OneIn(5)) proxy.maxconn = uint32_t(dice.Between(1, 4));
  for (auto& bind : proxy.binds) {
    if (dice.OneIn(6)) bind->maxconn = uint32_t(dice.Between(1, 4));
    bind->accept_proxy = dice.OneIn(4);
  }
}

void World::ConfigureHttp(ProxyConfig& proxy) {
  Dice dice(dice_.Next());
  proxy.mode = engine::Mode::kHttp;
  engine::HttpConfig& http = proxy.http;
  http.connection_mode =
      dice.Of({engine::ConnectionMode::kKeepAlive, engine::ConnectionMode::kKeepAlive,
               engine::ConnectionMode::kServerClose, engine::ConnectionMode::kClose});
  http.reuse = dice.Of({engine::ReusePolicy::kNever, engine::ReusePolicy::kSafe,
                        engine::ReusePolicy::kAggressive, engine::ReusePolicy::kAlways,
                        engine::ReusePolicy::kAlways});
  if (!script_.orderly) {
    http.request_ms = dice.Of({0u, 500u});
    http.keep_alive_ms = dice.Of({0u, 200u});
    if (dice.OneIn(4)) {
      http.retry_on |=
          dice.Of({uint32_t(engine::kRetryEmptyResponse), uint32_t(engine::kRetryJunkResponse),
                   uint32_t(engine::kRetryResponseTimeout), uint32_t(engine::kRetry503)});
      if (proxy.is_backend) traffic_.sends_once = false;
    }
  }
  http.prefer_last_server = dice.OneIn(3);
  http.max_keep_alive_queue = dice.Of({-1, 0, 2});
  http.buffer_request = dice.OneIn(5);
  http.abort_on_close = !dice.OneIn(3);
  http.pretend_keepalive = dice.OneIn(5);
  if (dice.OneIn(5)) http.send_name_header = "X-Server";
  auto profile = std::make_shared<engine::HttpProfile>();
  profile->response = proto::ResponseOptions();
  for (proto::ParserOptions* options : {&profile->request, &profile->response}) {
    options->head_bytes_max = 3072;
  }
  profile->request_ms = http.request_ms;
  profile->keep_alive_ms = http.keep_alive_ms;
  profile->client_ms = proxy.timeouts.client_ms;
  profile->buffer_request = http.buffer_request;
  proxy.http_profile = profile;
}

void World::AddServers(ProxyConfig& backend, uint16_t first_port, bool is_http) {
  Dice dice(dice_.Next());
  const uint64_t count = dice.Between(1, 3);
  const bool limited = dice.OneIn(2);
  const int announced_by = dice.OneIn(4) ? int(dice.Between(1, 2)) : 0;
  for (uint64_t i = 0; i < count; ++i) {
    const uint16_t port = uint16_t(first_port + i);
    ServerConfig& server = rig_->AddServer(backend, port);
    server.weight = uint32_t(dice.Between(1, 4));
    if (limited && !dice.OneIn(4)) {
      server.maxconn = uint32_t(dice.Between(1, 3));
      if (dice.OneIn(4)) server.minconn = uint32_t(dice.Between(1, 2));
      if (!script_.orderly && dice.OneIn(3)) server.maxqueue = uint32_t(dice.Between(1, 3));
    }
    server.check.shuts_sessions_down = dice.OneIn(2);
    server.check.shuts_backup_sessions_down = dice.OneIn(2);
    server.backup = i > 0 && dice.OneIn(4);
    server.announce.version = uint8_t(announced_by);
    server.pool_max_conn = dice.Of({-1, -1, 0, 1, 2});
    server.pool_low_conn = dice.Of({0u, 0u, 2u});
    server.pool_purge_delay_ms = dice.Of({100u, 5000u});
    server.max_reuse = dice.Of({-1, -1, 0, 2});
    places_.push_back({&server, port, is_http});
    BringUp(places_.back(), dice);
  }
}

void World::BuildTcp() {
  ProxyConfig& proxy = rig_->AddListen("tcp", kTcpPort);
  Configure(proxy);
  doors_.push_back({&proxy, kTcpPort, false});
  AddServers(proxy, kTcpServers, false);
}

// One listen section, or two frontends that share a backend.
void World::BuildHttp() {
  if (dice_.OneIn(2)) {
    ProxyConfig& proxy = rig_->AddListen("web", kHttpPort);
    Configure(proxy);
    ConfigureHttp(proxy);
    doors_.push_back({&proxy, kHttpPort, true});
    AddServers(proxy, kHttpServers, true);
    return;
  }
  ProxyConfig& backend = rig_->AddBackend("pool");
  Configure(backend);
  ConfigureHttp(backend);
  for (uint16_t i = 0; i < 2; ++i) {
    const uint16_t port = uint16_t(kHttpPort + i);
    ProxyConfig& front = rig_->AddFrontend("front" + std::to_string(i), port);
    Configure(front);
    ConfigureHttp(front);
    front.default_backend = &backend;
    // Its connections become HTTP for their backend's sake.
    if (dice_.OneIn(3)) front.mode = engine::Mode::kTcp;
    doors_.push_back({&front, port, true});
  }
  AddServers(backend, kHttpServers, true);
}

// ---- what events do ---------------------------------------------------------------------------

void World::Execute(const Event& event) {
  Dice dice(event.argument);
  const auto shard = uint32_t(dice.Below(rig_->shards()));
  switch (event.kind) {
    case EventKind::kTurn:
      rig_->Turn(shard);
      // Others, or the same again.
      for (uint64_t more = dice.Below(rig_->shards()); more > 0; --more) {
        rig_->Turn(uint32_t(dice.Below(rig_->shards())));
      }
      return TakeServers();
    case EventKind::kClient:
      for (uint64_t more = dice.Between(1, 3); more > 0; --more) Act(clients_, dice);
      return;
    case EventKind::kServer:
      for (uint64_t more = dice.Between(1, 3); more > 0; --more) Act(servers_, dice);
      return;
    case EventKind::kDial:
      if (clients_.size() >= kClientsMax || tcp_peers_.size() >= kTcpPeersMax) return;
      return Dial(doors_[dice.Below(doors_.size())], dice, MannerOf(script_.orderly, dice));
    case EventKind::kClock:
      return rig_->clock().Advance(dice.Below(dice.OneIn(4) ? 20000 : 500));
    case EventKind::kRun:
      rig_->RunFor(dice.Below(!script_.orderly && dice.OneIn(6) ? 1500 : 5));
      return TakeServers();
    case EventKind::kRounds:
      for (uint64_t more = dice.Between(1, 12); more > 0; --more) ActAll(dice, 1);
      return;
    case EventKind::kAdmin:
      return Administer(dice);
    case EventKind::kWeight:
      return SetWeight(dice);
    case EventKind::kHealth:
      return ChangeHealth(dice);
    case EventKind::kServerDown:
      return TakeDown(places_[dice.Below(places_.size())], dice);
    case EventKind::kServerUp:
      return BringUp(places_[dice.Below(places_.size())], dice);
    case EventKind::kServerKill: {
      const size_t place = dice.Below(places_.size());
      return EndServers(place, dice.OneIn(2));
    }
    case EventKind::kFaults:
      return SetFaults(dice);
    case EventKind::kFds:
      return SetFds(dice);
    case EventKind::kStarve:
      return Starve(dice);
    case EventKind::kFeed:
      return Feed(shard);
    case EventKind::kKill:
      return KillOne(dice);
    case EventKind::kPause:
      return Pause(dice, true);
    case EventKind::kResume:
      return Pause(dice, false);
    case EventKind::kCount:
      break;
  }
}

size_t World::TcpBytes(Dice& dice) const {
  if (traffic_.large && dice.OneIn(2)) return dice.Below(200000);
  return dice.Below(dice.OneIn(20) ? 20000 : 3000);
}

void World::Dial(const Door& door, Dice& dice, Manner manner) {
  const bool announces = door.frontend->binds[0]->accept_proxy;
  const int version = int(dice.Between(1, 2));
  if (door.is_http) {
    const uint32_t number = ++http_clients_;
    const uint16_t port = HttpClient::PortOf(number);
    journal_.Note("  http client %u dials %s", number, door.frontend->name.c_str());
    clients_.push_back({std::make_unique<HttpClient>(
        journal_, traffic_, number, rig_->Dial(door.port, port), manner,
        announces ? ProxyHeaderOf(version, port) : std::string(), dice)});
    return;
  }
  TcpPeer::Plan plan;
  plan.is_client = true;
  plan.bytes = TcpBytes(dice);
  plan.room_min = traffic_.room_min();
  const uint16_t port = TcpPeer::PortOf(uint16_t(tcp_peers_.size() + 1));
  if (announces) plan.header = ProxyHeaderOf(version, port);
  journal_.Note("  client %zu dials %s", tcp_peers_.size() + 1, door.frontend->name.c_str());
  clients_.push_back({std::make_unique<TcpPeer>(journal_, tcp_peers_, rig_->Dial(door.port, port),
                                                manner, std::move(plan), dice)});
}

// Whoever the proxy has connected to gets somebody at the other end.
void World::TakeServers() {
  for (size_t i = 0; i < places_.size(); ++i) {
    const Place& place = places_[i];
    while (auto wire = rig_->TakeServer(place.port)) {
      Dice dice(dice_.Next());
      const bool orderly = script_.orderly || is_probing_;
      const int announced_by = place.server->announce.version;
      const Manner manner = MannerOf(orderly, dice);
      if (place.is_http) {
        journal_.Note("  http server %u is connected, as %s", http_servers_ + 1,
                      place.server->name.c_str());
        servers_.push_back(
            {std::make_unique<HttpServer>(journal_, traffic_, ++http_servers_, std::move(wire),
                                          manner, announced_by, dice),
             i});
        continue;
      }
      if (tcp_peers_.size() >= 250) continue;  // closes
      TcpPeer::Plan plan;
      plan.bytes = TcpBytes(dice);
      plan.room_min = traffic_.room_min();
      plan.announced_by = announced_by;
      journal_.Note("  server %zu is connected, as %s", tcp_peers_.size() + 1,
                    place.server->name.c_str());
      servers_.push_back({std::make_unique<TcpPeer>(journal_, tcp_peers_, std::move(wire), manner,
                                                    std::move(plan), dice),
                          i});
    }
  }
}

void World::Act(std::vector<Actor>& actors, Dice& dice) {
  if (actors.empty()) return;
  // The latest are the likeliest to have something to do.
  const size_t back =
      dice.OneIn(2) ? dice.Below(std::min<size_t>(actors.size(), 4)) : dice.Below(actors.size());
  actors[actors.size() - 1 - back].peer->Act(dice);
}

// Everybody acts once; then all shards turn until they rest, and time moves on.
void World::ActAll(Dice& dice, uint64_t ms) {
  for (std::vector<Actor>* actors : {&clients_, &servers_}) {
    for (Actor& actor : *actors) actor.peer->Act(dice);
  }
  rig_->RunFor(ms);
  TakeServers();
}

void World::Administer(Dice& dice) {
  const Place& place = places_[dice.Below(places_.size())];
  const auto state =
      dice.Of({AdminState::kReady, AdminState::kReady, AdminState::kDrain, AdminState::kMaint});
  journal_.Note("  server %s: state %d", place.server->name.c_str(), int(state));
  AnyEvents(dice).ChangeAdmin(*place.server, state);
}

void World::SetWeight(Dice& dice) {
  const Place& place = places_[dice.Below(places_.size())];
  const uint32_t weight = uint32_t(dice.Between(script_.orderly ? 1 : 0, 5));
  journal_.Note("  server %s: weight %u", place.server->name.c_str(), weight);
  AnyEvents(dice).ChangeWeight(*place.server, weight);
}

// Nobody checks here: what checks would say comes from the script.
void World::ChangeHealth(Dice& dice) {
  const Place& place = places_[dice.Below(places_.size())];
  const HealthEvent event = dice.Of(
      {HealthEvent::kPassed, HealthEvent::kPassed, HealthEvent::kFailed, HealthEvent::kFailed,
       HealthEvent::kConditional, HealthEvent::kSuddenDeath, HealthEvent::kMarkDown,
       HealthEvent::kForceUp, HealthEvent::kForceStopping, HealthEvent::kForceDown});
  journal_.Note("  server %s: health event %d", place.server->name.c_str(), int(event));
  AnyEvents(dice).ChangeHealth(*place.server, event, "");
}

// Of the shard that a check runs on, or an operator is connected to.
engine::ServerEvents& World::AnyEvents(Dice& dice) {
  return rig_->worker(uint32_t(dice.Below(rig_->shards()))).server_events();
}

void World::TakeDown(const Place& place, Dice& dice) {
  ConnectScript script;
  script.outcome = dice.Of({ConnectOutcome::kRefused, ConnectOutcome::kUnreachable,
                            ConnectOutcome::kNever, ConnectOutcome::kError});
  script.error = kConnectErrors[dice.Below(std::size(kConnectErrors))];
  script.delay_us = dice.OneIn(2) ? dice.Below(20000) : 0;
  journal_.Note("  server %s is down: %d", place.server->name.c_str(), int(script.outcome));
  rig_->ScriptConnect(place.port, script);
}

void World::BringUp(const Place& place, Dice& dice) {
  rig_->ScriptConnect(place.port, {.delay_us = dice.OneIn(3) ? dice.Below(50000) : 0});
}

void World::EndServers(size_t place, bool reset) {
  journal_.Note("  server %s ends", places_[place].server->name.c_str());
  for (Actor& actor : servers_) {
    if (actor.place == place) actor.peer->Hangup(reset);
  }
}

void World::SetFaults(Dice& dice) {
  tests::FakeModes& modes = rig_->net().modes();
  modes.fails = modes.call_fails = 0;
  if (dice.OneIn(2)) modes.fails = dice.Of({0.01, 0.1, 0.5});
  if (dice.OneIn(2)) modes.call_fails = dice.Of({0.01, 0.1, 0.5});
  if (dice.OneIn(4)) modes.no_buffers = dice.Of({0.05, 0.5});
  journal_.Note("  operations fail: %g, calls: %g", modes.fails, modes.call_fails);
}

void World::SetFds(Dice& dice) {
  const size_t max = dice.OneIn(3) ? SIZE_MAX : rig_->net().open_fds() + dice.Below(3);
  journal_.Note("  descriptors: %zd", ssize_t(max));
  rig_->net().set_fds_max(max);
}

void World::Starve(Dice& dice) {
  const auto index = uint32_t(dice.Below(rig_->shards()));
  for (shard::ChunkPool* pool : {&rig_->shard(index).small(), &rig_->shard(index).large()}) {
    if (dice.OneIn(3)) continue;
    uint64_t leave = dice.Below(4);
    for (uint64_t free = pool->capacity() - pool->in_use(); free > leave; --free) {
      starved_[index].push_back(pool->Take());
    }
  }
}

void World::Feed(uint32_t shard) {
  for (shard::Chunk* chunk : starved_[shard]) shard::ChunkPool::Drop(chunk);
  starved_[shard].clear();
}

void World::KillOne(Dice& dice) {
  engine::Worker& worker = rig_->worker(uint32_t(dice.Below(rig_->shards())));
  uint64_t pick = dice.Below(worker.live_streams());
  worker.ForEachStream([&](engine::Stream& stream) {
    if (pick-- == 0) stream.Kill(shard::CloseReason::kKilled);
  });
}

void World::Pause(Dice& dice, bool paused) {
  const size_t door = dice.Below(doors_.size());
  for (uint32_t shard = 0; shard < rig_->shards(); ++shard) {
    rig_->shard(shard).listener(uint32_t(door)).SetPaused(paused);
  }
}

// ---- the run ----------------------------------------------------------------------------------

void World::Run() {
  for (size_t i = 0; i < script_.events.size() && !journal_.failed(); ++i) {
    const Event& event = script_.events[i];
    journal_.Note("%zu: %s, %016llx, at %.3f ms", i, EventName(event.kind),
                  (unsigned long long)event.argument, double(rig_->clock().now_us() - 1e9) / 1000);
    Execute(event);
    if (const std::string wrong = CheckBooks(*rig_); !wrong.empty()) {
      journal_.Fail("after event %zu: %s", i, wrong.c_str());
    }
  }
  if (journal_.failed()) return;
  Collect();
  if (!script_.orderly && dice_.OneIn(12)) return HardStop();
  Finish();
  if (!journal_.failed()) Probe();
}

// The world is as it should be again; what was broken stays broken.
void World::Heal() {
  Dice dice(dice_.Next());
  tests::FakeModes& modes = rig_->net().modes();
  modes.fails = modes.call_fails = 0;
  modes.no_buffers = modes.end_is_lost = 0;
  rig_->net().set_fds_max(SIZE_MAX);
  for (uint32_t shard = 0; shard < rig_->shards(); ++shard) Feed(shard);
  for (size_t door = 0; door < doors_.size(); ++door) {
    for (uint32_t shard = 0; shard < rig_->shards(); ++shard) {
      rig_->shard(shard).listener(uint32_t(door)).SetPaused(false);
    }
  }
  for (const Place& place : places_) {
    BringUp(place, dice);
    AnyEvents(dice).ChangeAdmin(*place.server, AdminState::kReady);
    AnyEvents(dice).ChangeHealth(*place.server, HealthEvent::kForceUp, "");
    AnyEvents(dice).ChangeWeight(*place.server, place.server->weight);
  }
}

bool World::AllGone() const {
  const auto gone = [](const Actor& actor) { return actor.peer->gone(); };
  return std::all_of(clients_.begin(), clients_.end(), gone);
}

// Everybody goes on acting until all clients have what they came for.
void World::PlayOut(bool slowly) {
  for (int round = 0; round < 3000 && !journal_.failed() && !AllGone(); ++round) {
    Dice dice(dice_.Next());
    ActAll(dice, slowly && dice.OneIn(8) ? 60 : 1);
  }
}

// Nothing is missing of what orderly peers sent.
void World::CheckArrived() {
  for (Actor& actor : clients_) {
    const auto* tcp = dynamic_cast<TcpPeer*>(actor.peer.get());
    if (tcp != nullptr && tcp->gone() && !(tcp->finished() && tcp->GotAll())) {
      journal_.Fail("%s did not get everything", tcp->name().c_str());
    }
  }
}

void World::Finish() {
  journal_.Note("the script is over");
  if (script_.orderly || !dice_.OneIn(4)) Heal();
  if (script_.orderly) {
    PlayOut(true);
    if (!AllGone()) journal_.Fail("a client waits for ever");
    CheckArrived();
  } else if (dice_.OneIn(3)) {
    // Nobody says a word any more: the timeouts must end it all.
    journal_.Note("nobody acts any more");
  } else {
    const bool reset = dice_.OneIn(2);
    for (int round = 0; round < 20; ++round) {
      Dice dice(dice_.Next());
      Act(clients_, dice);
      Act(servers_, dice);
      rig_->RunFor(1);
    }
    for (Actor& actor : clients_) actor.peer->Hangup(reset);
  }
  if (!journal_.failed()) Drain();
}

// Time passes until nothing is left, which must be soon.
void World::Drain() {
  Heal();
  std::string left;
  for (int round = 0; round < 60; ++round) {
    rig_->RunFor(5000);
    TakeServers();
    if (script_.orderly) {
      for (Actor& actor : servers_) actor.peer->Hangup(false);
    }
    left = CheckEmpty(*rig_);
    if (left.empty()) break;
  }
  if (!left.empty()) journal_.Fail("%s", left.c_str());
  if (const std::string wrong = CheckBooks(*rig_); !wrong.empty()) {
    journal_.Fail("at the end: %s", wrong.c_str());
  }
}

// A new client of each frontend is served as if nothing had been.
void World::Probe() {
  is_probing_ = true;
  // A handful of buffers is not enough for every answer to a slow client.
  const bool has_buffers = rig_->shard(0).small().capacity() > 100;
  traffic_.orderly = true;
  traffic_.is_exact = has_buffers;
  traffic_.gets_only = traffic_.large = false;
  for (const Door& door : doors_) {
    for (const Place& place : places_) rig_->ScriptConnect(place.port, {});
    journal_.Note("a new client comes to %s", door.frontend->name.c_str());
    // The texts of those before are asked for no more, but their numbers stay.
    for (std::vector<Actor>* actors : {&clients_, &servers_}) {
      for (Actor& actor : *actors) actor.peer->Hangup(false);
      std::move(actors->begin(), actors->end(), std::back_inserter(buried_));
      actors->clear();
    }
    Dice dice(dice_.Next());
    Dial(door, dice, Manner::kOrderly);
    PlayOut(false);
    if (!AllGone()) journal_.Fail("a new client of %s waits for ever", door.frontend->name.c_str());
    if (has_buffers) CheckArrived();
    if (journal_.failed()) return;
    Drain();
  }
}

void World::HardStop() {
  journal_.Note("the process stops");
  rig_->Stop();
  for (uint32_t shard = 0; shard < rig_->shards(); ++shard) Feed(shard);
  std::string left;
  if (rig_->new_bugs() != 0) left += "a BUG_IF has fired; ";
  for (uint32_t i = 0; i < rig_->shards(); ++i) {
    if (rig_->shard(i).connections().live() != 0) left += "connections are left; ";
    if (rig_->worker(i).live_sessions() != 0) left += "sessions are left; ";
    if (rig_->shard(i).small().in_use() != 0) left += "small chunks are held; ";
    if (rig_->shard(i).large().in_use() != 0) left += "large chunks are held; ";
  }
  if (!left.empty()) journal_.Fail("stopped: %s", left.c_str());
}

uint64_t World::ServedBy(uint32_t shard) {
  uint64_t served = 0;
  for (const Door& door : doors_) served += door.frontend->state->part(shard).front_total.Get();
  return served;
}

void World::Collect() {
  reached_.events = script_.events.size();
  reached_.answered = traffic_.answered;
  reached_.refused = traffic_.refused;
  for (const auto& proxy : rig_->configuration().proxies) {
    engine::BackendState& state = *proxy->state;
    reached_.retries += state.Sum(&engine::ProxyShardPart::retries);
    reached_.redispatches += state.Sum(&engine::ProxyShardPart::redispatches);
    for (const auto& server : proxy->servers) {
      reached_.taken_over += server->state->Sum(&engine::ServerShardPart::taken_over);
      reached_.reused += server->state->Sum(&engine::ServerShardPart::reused);
      reached_.queued += uint64_t(state.ServerQueuedMax(server->index));
    }
    reached_.queued += uint64_t(state.QueuedMax());
    for (uint32_t shard = 0; shard < rig_->shards(); ++shard) {
      for (size_t reason = 0; reason < size_t(shard::CloseReason::kCount); ++reason) {
        const uint64_t ended = state.part(shard).by_reason[reason].Get();
        reached_.by_reason[reason] += ended;
        reached_.streams += ended;
      }
    }
  }
  for (uint32_t i = 0; i < rig_->shards(); ++i) {
    shard::Shard& shard = rig_->shard(i);
    uint64_t accepted = 0;
    for (uint32_t l = 0; l < shard.listeners(); ++l) {
      accepted += shard.listener(l).counters().accepted.Get();
    }
    const uint64_t served = ServedBy(i);
    if (served > accepted) reached_.handed_over += served - accepted;
    reached_.buffer_waits += shard.loop().counters().buffer_waits.Get();
    if (shard.pipes() != nullptr && shard.pipes()->open() > 0) reached_.spliced = 1;
    const auto& ring = static_cast<const tests::FakeRing&>(shard.loop().ring());
    reached_.taken_now += ring.taken_now();
    reached_.sent_now += ring.sent_now();
    for (uint32_t l = 0; l < shard.listeners(); ++l) {
      reached_.no_descriptors += shard.listener(l).counters().no_descriptors.Get();
    }
  }
}

uint64_t World::Fingerprint() {
  uint64_t print = rig_->clock().now_us();
  const auto mix = [&print](uint64_t value) { print = Dice(print ^ value).Next(); };
  for (uint32_t i = 0; i < rig_->shards(); ++i) {
    const shard::LoopCounters& counters = rig_->shard(i).loop().counters();
    mix(counters.turns.Get());
    mix(counters.completions.Get());
    mix(counters.tasks_run.Get());
    mix(counters.messages.Get());
    mix(rig_->shard(i).connections().counters().bytes_in.Get());
    mix(rig_->shard(i).connections().counters().bytes_out.Get());
  }
  return print;
}

}  // namespace simulation
