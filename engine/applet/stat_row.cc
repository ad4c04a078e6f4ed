#include "engine/applet/stat_row.h"

#include <algorithm>

#include "engine/applet/typed_field.h"
#include "engine/server/cookie_keywords.h"
#include "engine/server/server_state.h"
#include "engine/server/server_text.h"

namespace engine {
namespace {

using C = StatColumn;

// The column `type`.
enum StatType : uint64_t { kFrontend = 0, kBackend = 1, kServer = 2 };

// How the typed formats call what a row is about.
struct ObjectKind {
  char letter;
  const char* name;
};

ObjectKind KindOf(std::string_view type) {
  if (type == "0") return {'F', "Frontend"};
  return type == "1" ? ObjectKind{'B', "Backend"} : ObjectKind{'S', "Server"};
}

const char* ModeName(Mode mode) { return mode == Mode::kTcp ? "tcp" : "http"; }

std::string_view AlgorithmName(const ProxyConfig& proxy) {
  switch (proxy.balance) {
    case BalanceAlgorithm::kRandom:
      return "random";
    case BalanceAlgorithm::kRoundRobin:
      return "roundrobin";
    case BalanceAlgorithm::kStaticRoundRobin:
      return "static-rr";
    case BalanceAlgorithm::kLeastConn:
      return "leastconn";
    case BalanceAlgorithm::kFirst:
      return "first";
    case BalanceAlgorithm::kHash:
      break;
  }
  switch (proxy.hash.input) {
    case HashInput::kSource:
      return "source";
    case HashInput::kUri:
      return "uri";
    case HashInput::kUrlParam:
      return "url_param";
    case HashInput::kHeader:
      return "hdr";
    case HashInput::kExpression:
      return "hash";
  }
  return {};
}

// `sid` is 0 for the halves of a proxy.
StatRow BeginRow(const ProxyConfig& proxy, std::string_view name, uint32_t sid, StatType type,
                 const StatFacts& facts) {
  StatRow row(facts.only);
  row.Set(C::pxname, proxy.name);
  row.Set(C::svname, name);
  row.Set(C::pid, 1);
  row.Set(C::iid, proxy.id);
  row.Set(C::sid, sid);
  row.Set(C::type, type);
  row.Set(C::mode, ModeName(proxy.mode));
  return row;
}

// Gauges of several shards are read one after the other while they move, and a peak was forgotten
// by each shard on its own: neither a negative sum nor a peak below it is shown.
void SetSessions(StatRow& row, int64_t current, int64_t peak) {
  current = std::max<int64_t>(current, 0);
  row.Set(C::scur, uint64_t(current));
  row.Set(C::smax, uint64_t(std::max(peak, current)));
}

// Connection attempts that have ended: those that failed, and those that led to an exchange on a
// connection of its own.
uint64_t Attempts(uint64_t established, uint64_t reused, uint64_t errors) {
  return std::max(established, reused) - reused + errors;
}

uint64_t AttemptsOf(const ServerState& state) {
  return Attempts(state.Sum(&ServerShardPart::established), state.Sum(&ServerShardPart::reused),
                  state.Sum(&ServerShardPart::connect_errors));
}

void SetQueue(StatRow& row, int64_t waiting, int64_t most) {
  row.Set(C::qcur, uint64_t(std::max<int64_t>(waiting, 0)));
  row.Set(C::qmax, uint64_t(std::max({most, waiting, int64_t(0)})));
}

void SetRates(StatRow& row, const Rates& rates, const StatFacts& facts, C current, C highest) {
  if (!row.WantsAny(current, highest)) return;
  const uint64_t now = rates.Rate(facts.now_us);
  row.Set(current, now);
  row.Set(highest, std::max(now, rates.Highest()));
}

constexpr C kStatusColumns[StatusCounts::kClasses] = {C::hrsp_other, C::hrsp_1xx, C::hrsp_2xx,
                                                      C::hrsp_3xx,   C::hrsp_4xx, C::hrsp_5xx};

template <typename State, typename Part>
void SetStatuses(StatRow& row, State& state, StatusCounts Part::*counts) {
  for (size_t i = 0; i < StatusCounts::kClasses; ++i) {
    if (!row.Wants(kStatusColumns[i])) continue;
    uint64_t sum = 0;
    for (uint32_t shard = 0; shard < state.shards(); ++shard) {
      sum += (state.part(shard).*counts).of_class[i].Get();
    }
    row.Set(kStatusColumns[i], sum);
  }
}

template <typename State, typename Part>
void SetRules(StatRow& row, State& state, RuleCounts Part::*counts, bool of_server) {
  if (!row.WantsAny(C::dreq, C::dresp, C::wrew)) return;
  uint64_t requests = 0, responses = 0, rewrites = 0;
  for (uint32_t shard = 0; shard < state.shards(); ++shard) {
    const RuleCounts& one = state.part(shard).*counts;
    requests += one.denied_requests.Get();
    responses += one.denied_responses.Get();
    rewrites += one.rewrites_failed.Get();
  }
  if (!of_server) row.Set(C::dreq, requests);
  row.Set(C::dresp, responses);
  row.Set(C::wrew, rewrites);
}

template <typename State, typename Part>
void SetFailures(StatRow& row, State& state, FailureCounts Part::*counts) {
  if (!row.WantsAny(C::econ, C::cli_abrt, C::srv_abrt, C::eresp)) return;
  uint64_t unconnected = 0, client = 0, server = 0, bad = 0;
  for (uint32_t shard = 0; shard < state.shards(); ++shard) {
    const FailureCounts& one = state.part(shard).*counts;
    unconnected += one.unconnected.Get();
    client += one.by_client.Get();
    server += one.by_server.Get();
    bad += one.bad_responses.Get();
  }
  row.Set(C::econ, unconnected);
  row.Set(C::cli_abrt, client);
  row.Set(C::srv_abrt, server);
  row.Set(C::eresp, bad);
}

// As `show servers conn` has them: every kept connection has served an exchange, which is what
// "safe" means.
void SetConnections(StatRow& row, const ServerConfig& server, const StatFacts& facts) {
  if (!row.WantsAny(C::srv_icur, C::src_ilim, C::idle_conn_cur, C::safe_conn_cur, C::used_conn_cur,
                    C::need_conn_est)) {
    return;
  }
  ServerState& state = *server.state;
  const auto count = [](int64_t value) { return uint64_t(std::max<int64_t>(value, 0)); };
  int64_t idle = 0;
  for (uint32_t shard = 0; shard < state.shards(); ++shard) {
    idle += state.part(shard).idle_count.Get();
  }
  row.Set(C::srv_icur, count(idle));
  if (server.pool_max_conn >= 0) row.Set(C::src_ilim, uint64_t(server.pool_max_conn));
  row.Set(C::idle_conn_cur, 0);
  row.Set(C::safe_conn_cur, count(idle));
  row.Set(C::used_conn_cur, [&] { return count(state.Current()); });
  row.Set(C::need_conn_est,
          [&] { return count(state.NeedEstimate(facts.now_us, server.pool_purge_delay_ms)); });
}

// How long exchanges took, over all shards of one server, or of those of a backend.
struct TimesOfAll {
  MeanOfAll queue, connect, response, total;
  uint64_t last_used_us = 0;

  // Whether Show() would say anything.
  static bool Says(const StatRow& row) {
    return row.WantsAny(C::qtime, C::ctime, C::rtime, C::ttime, C::qtime_max, C::ctime_max,
                        C::rtime_max, C::ttime_max, C::lastsess);
  }
  void Add(ServerState& state) {
    for (uint32_t shard = 0; shard < state.shards(); ++shard) {
      const ServerShardPart& part = state.part(shard);
      queue.Add(part.times.queue);
      connect.Add(part.times.connect);
      response.Add(part.times.response);
      total.Add(part.times.total);
      last_used_us = std::max(last_used_us, part.last_used_us.Get());
    }
  }
  // Means are of those who are there; what was highest, or last, stays so.
  void AddGone(const ServerNumbers& numbers, uint32_t shards) {
    for (uint32_t shard = 0; shard < shards; ++shard) {
      const ServerShardPart& part = numbers.parts[shard];
      queue.RaiseHighest(part.times.queue);
      connect.RaiseHighest(part.times.connect);
      response.RaiseHighest(part.times.response);
      total.RaiseHighest(part.times.total);
      last_used_us = std::max(last_used_us, part.last_used_us.Get());
    }
  }
  void Show(const StatFacts& facts, StatRow& row) const {
    row.Set(C::qtime, queue.mean());
    row.Set(C::ctime, connect.mean());
    row.Set(C::rtime, response.mean());
    row.Set(C::ttime, total.mean());
    row.Set(C::qtime_max, queue.highest);
    row.Set(C::ctime_max, connect.highest);
    row.Set(C::rtime_max, response.highest);
    row.Set(C::ttime_max, total.highest);
    const uint64_t since_us = facts.now_us - std::min(last_used_us, facts.now_us);
    row.Set(C::lastsess,
            last_used_us == 0 ? std::string("-1") : std::to_string(since_us / 1000000));
  }
};

// What a backend has of its servers, those that are gone included.
void SetSumsOfServers(StatRow& row, const ProxyConfig& proxy, const StatFacts& facts) {
  BackendState& state = *proxy.state;
  if (TimesOfAll::Says(row)) {
    TimesOfAll times;
    for (const auto& numbers : state.gone()) times.AddGone(*numbers, state.shards());
    for (const auto& server : proxy.servers) times.Add(*server->state);
    times.Show(facts, row);
  }
  // In one part only, so there is no sum to make of what was carried over.
  const CarriedCounts& carried = state.part(0).carried;
  const auto sum = [&](const base::Counter& before, base::Counter ServerShardPart::*counter) {
    uint64_t all = before.Get() + state.SumOfGone(counter);
    for (const auto& server : proxy.servers) all += server->state->Sum(counter);
    return all;
  };
  row.Set(C::reuse, [&] { return sum(carried.reused, &ServerShardPart::reused); });
  row.Set(C::lbtot, [&] { return sum(carried.total, &ServerShardPart::total); });
  row.Set(C::connect, [&] {
    uint64_t connects =
        Attempts(carried.established.Get(), carried.reused.Get(), carried.connect_errors.Get()) +
        Attempts(state.SumOfGone(&ServerShardPart::established),
                 state.SumOfGone(&ServerShardPart::reused),
                 state.SumOfGone(&ServerShardPart::connect_errors));
    for (const auto& server : proxy.servers) connects += AttemptsOf(*server->state);
    return connects;
  });
  if (!row.WantsAny(C::act, C::bck, C::weight, C::uweight, C::status)) return;
  uint64_t active = 0, backups = 0, active_weight = 0, backup_weight = 0;
  for (const auto& server : proxy.servers) {
    ServerState& one = *server->state;
    if (one.disabled() || one.weight() == 0) continue;
    (server->backup ? backups : active) += 1;
    (server->backup ? backup_weight : active_weight) +=
        state.backend()->EffectiveWeight(server->index);
  }
  const uint64_t weight = active != 0 ? active_weight : backup_weight;
  row.Set(C::act, active);
  row.Set(C::bck, backups);
  row.Set(C::weight, weight);
  row.Set(C::uweight, weight);
  row.Set(C::status, active + backups > 0 || proxy.servers.empty() ? "UP" : "DOWN");
}

void Quote(std::string_view text, std::string& out) {
  if (text.find_first_of("\",") == std::string_view::npos) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

// Of one kind of check: how the last one ended, and what was needed.
struct CheckColumns {
  C status, code, duration, text, description, rise, fall, health;
};
constexpr CheckColumns kCheckColumns = {C::check_status, C::check_code,  C::check_duration,
                                        C::last_chk,     C::check_desc,  C::check_rise,
                                        C::check_fall,   C::check_health};
constexpr CheckColumns kAgentColumns = {C::agent_status, C::agent_code,  C::agent_duration,
                                        C::last_agt,     C::agent_desc,  C::agent_rise,
                                        C::agent_fall,   C::agent_health};

void SetCheck(StatRow& row, const CheckColumns& columns, const CheckView& view, uint64_t rise,
              uint64_t fall, uint64_t health) {
  if (!row.WantsAny(columns.status, columns.code, columns.duration, columns.text,
                    columns.description, columns.rise, columns.fall, columns.health)) {
    return;
  }
  const CheckReport report = view.report.Get();
  const CheckStatusInfo& info = Info(report.status);
  const bool is_running = view.is_running.load(std::memory_order_relaxed);
  row.Set(columns.status, (is_running ? "* " : "") + std::string(info.word));
  if (report.status != CheckStatus::kInitializing) {
    if (HasCode(report.status)) row.Set(columns.code, std::to_string(report.code));
    // What traffic has shown took no check's time.
    if (report.status != CheckStatus::kObserved) row.Set(columns.duration, report.duration_ms);
    row.Set(columns.text, report.text());
  }
  row.Set(columns.description, info.text);
  row.Set(columns.rise, rise);
  row.Set(columns.fall, fall);
  row.Set(columns.health, health);
}

void SetChecks(StatRow& row, const ServerConfig& server, const StatFacts& facts) {
  const ServerState& state = *server.state;
  if (server.tracked != nullptr) {
    row.Set(C::tracked, [&] { return server.tracked->backend->name + "/" + server.tracked->name; });
  }
  const HealthValue value = state.health.Get();
  const HealthRules& rules = state.health.rules();
  const bool is_shown = state.effective_admin() != AdminState::kMaint;
  if (value.checks) {
    row.Set(C::chkfail, state.counters.failed.load(std::memory_order_relaxed));
    row.Set(C::hanafail, state.counters.observed.load(std::memory_order_relaxed));
    row.Set(C::chkdown, state.counters.downs.load(std::memory_order_relaxed));
    row.Set(C::downtime, [&] { return state.DownMicros(facts.now_us) / 1000000; });
    if (is_shown) {
      SetCheck(row, kCheckColumns, state.check, rules.rise, rules.fall, value.count);
    }
  }
  if (value.agent_checks && is_shown) {
    SetCheck(row, kAgentColumns, state.agent, 1, 1, value.agent_up ? 1 : 0);
  }
}

}  // namespace

std::string StatRow::ToCsv() const {
  std::string line;
  for (const std::string& text : texts_) {
    Quote(text, line);
    line += ',';
  }
  return line + "-,\n";
}

template <typename F>
void StatRow::ForEachKnown(F visit) const {
  static constexpr TypedField kColumns[] = {
#define X(name, tags, type, purpose) {uint32_t(C::name), #name, tags, type, {}, purpose},
#include "engine/applet/stat_columns.def"
#undef X
  };
  for (TypedField field : kColumns) {
    field.value = texts_[field.position];
    if (!field.value.empty()) visit(field);
  }
}

std::string StatRow::ToTyped(bool with_purpose) const {
  const ObjectKind kind = KindOf(Get(C::type));
  const std::string object =
      std::string(1, kind.letter) + '.' + Get(C::iid) + '.' + Get(C::sid) + '.';
  std::string lines;
  ForEachKnown([&](const TypedField& field) { lines += TypedLine(object, field, with_purpose); });
  return lines;
}

std::string StatRow::ToJson() const {
  const std::string members = std::string("\"objType\":\"") + KindOf(Get(C::type)).name +
                              "\",\"proxyId\":" + Get(C::iid) + ",\"id\":" + Get(C::sid) + ',';
  std::string array;
  ForEachKnown([&](const TypedField& field) {
    array += array.empty() ? '[' : ',';
    array += JsonField(members, field);
  });
  return array + ']';
}

std::string StatHeader() {
  std::string line = "# ";
#define X(name, tags, type, purpose) line += #name ",";
#include "engine/applet/stat_columns.def"
#undef X
  return line + "-,\n";
}

StatRow FrontendRow(const ProxyConfig& proxy, const StatFacts& facts) {
  StatRow row = BeginRow(proxy, "FRONTEND", 0, kFrontend, facts);
  BackendState& state = *proxy.state;
  const auto sum = [&](base::Counter ProxyShardPart::*counter) {
    return [&state, counter] { return state.Sum(counter); };
  };
  if (row.WantsAny(C::scur, C::smax)) SetSessions(row, state.FrontCurrent(), state.FrontPeak());
  row.Set(C::slim, state.maxconn() >= 0 ? uint64_t(state.maxconn()) : facts.maxconn);
  row.Set(C::stot, sum(&ProxyShardPart::sessions));
  row.Set(C::bin, sum(&ProxyShardPart::bytes_in));
  row.Set(C::bout, sum(&ProxyShardPart::bytes_out));
  const Listening listening = state.listening();
  row.Set(C::status, facts.stopping || proxy.disabled || listening == Listening::kShutDown ? "STOP"
                     : listening == Listening::kPaused ? "PAUSED"
                                                       : "OPEN");
  SetRates(row, state.front_rates(), facts, C::rate, C::rate_max);
  row.Set(C::rate_lim, state.session_limit().max());
  SetRates(row, state.front_rates(), facts, C::conn_rate, C::conn_rate_max);
  row.Set(C::conn_tot, sum(&ProxyShardPart::front_total));
  row.Set(C::dcon, sum(&ProxyShardPart::denied_connections));
  row.Set(C::dses, sum(&ProxyShardPart::denied_sessions));
  SetRules(row, state, &ProxyShardPart::front_rules, false);
  row.Set(C::eint, [&] {
    uint64_t internal = 0;
    for (uint32_t shard = 0; shard < state.shards(); ++shard) {
      internal += state.part(shard).by_reason[size_t(shard::CloseReason::kInternal)].Get();
    }
    return internal;
  });
  // In mode tcp those of connections that were upgraded (manual 4).
  row.Set(C::ereq, sum(&ProxyShardPart::request_errors));
  row.Set(C::req_tot, sum(&ProxyShardPart::requests));
  row.Set(C::h1req, sum(&ProxyShardPart::requests));
  if (proxy.mode != Mode::kHttp) {
    row.Set(C::sess_other, sum(&ProxyShardPart::sessions));
    return row;
  }
  row.Set(C::h1_sess, sum(&ProxyShardPart::sessions));
  SetStatuses(row, state, &ProxyShardPart::front_statuses);
  row.Set(C::intercepted, sum(&ProxyShardPart::intercepted));
  SetRates(row, state.request_rates(), facts, C::req_rate, C::req_rate_max);
  return row;
}

StatRow ServerRow(const ServerConfig& server, const StatFacts& facts) {
  StatRow row = BeginRow(*server.backend, server.name, server.id, kServer, facts);
  ServerState& state = *server.state;
  const auto sum = [&](base::Counter ServerShardPart::*counter) {
    return [&state, counter] { return state.Sum(counter); };
  };
  if (row.WantsAny(C::scur, C::smax)) SetSessions(row, state.Current(), state.CurrentPeak());
  if (row.WantsAny(C::qcur, C::qmax)) {
    SetQueue(row, server.backend->state->ServerQueued(server.index),
             server.backend->state->ServerQueuedMax(server.index));
  }
  if (server.maxqueue != 0) row.Set(C::qlimit, server.maxqueue);
  if (server.limited()) {
    const uint32_t maxconn = server.backend->state->queue()->maxconn(server.index);
    if (maxconn != 0) row.Set(C::slim, maxconn);
  }
  row.Set(C::stot, [&] { return state.Attempts(); });
  row.Set(C::bin, sum(&ServerShardPart::bytes_in));
  row.Set(C::bout, sum(&ServerShardPart::bytes_out));
  row.Set(C::wretr, sum(&ServerShardPart::retries));
  row.Set(C::wredis, sum(&ServerShardPart::redispatches));
  row.Set(C::status, [&] { return StatusText(server); });
  SetChecks(row, server, facts);
  row.Set(C::weight, [&]() -> uint64_t {
    return server.backend->state->backend()->EffectiveWeight(server.index);
  });
  row.Set(C::act, server.backup ? 0 : 1);
  row.Set(C::bck, server.backup ? 1 : 0);
  row.Set(C::lastchg, (facts.now_us - std::min(state.changed_us(), facts.now_us)) / 1000000);
  if (state.throttle() < 100) row.Set(C::throttle, state.throttle());
  row.Set(C::lbtot, [&] { return state.Total(); });
  SetRates(row, state.rates(), facts, C::rate, C::rate_max);
  const shard::Address& address = state.dial(facts.shard).address;
  row.Set(C::addr, [&] {
    return address.is_ip()       ? address.ToString()
           : state.has_address() ? std::string("unix")
                                 : std::string();
  });
  if (server.backend->http.cookie.enabled()) {
    row.Set(C::cookie, [&] { return CookieOf(server, address); });
  }
  row.Set(C::connect, [&] { return AttemptsOf(state); });
  row.Set(C::uweight, state.weight());
  row.Set(C::reuse, sum(&ServerShardPart::reused));
  if (server.backend->mode == Mode::kHttp) SetStatuses(row, state, &ServerShardPart::statuses);
  SetFailures(row, state, &ServerShardPart::failures);
  SetRules(row, state, &ServerShardPart::rules, true);
  SetConnections(row, server, facts);
  if (!TimesOfAll::Says(row)) return row;
  TimesOfAll times;
  times.Add(state);
  times.Show(facts, row);
  return row;
}

StatRow BackendRow(const ProxyConfig& proxy, const StatFacts& facts) {
  StatRow row = BeginRow(proxy, "BACKEND", 0, kBackend, facts);
  BackendState& state = *proxy.state;
  SetSumsOfServers(row, proxy, facts);
  if (row.WantsAny(C::scur, C::smax)) SetSessions(row, state.BackCurrent(), state.BackPeak());
  if (row.WantsAny(C::qcur, C::qmax)) SetQueue(row, state.Queued(), state.QueuedMax());
  row.Set(C::slim, state.backend()->FullconnOf(facts.maxconn));
  row.Set(C::stot, state.Sum(&ProxyShardPart::back_total));
  row.Set(C::bin, state.Sum(&ProxyShardPart::back_bytes_in));
  row.Set(C::bout, state.Sum(&ProxyShardPart::back_bytes_out));
  row.Set(C::wretr, state.Sum(&ProxyShardPart::retries));
  row.Set(C::wredis, state.Sum(&ProxyShardPart::redispatches));
  row.Set(C::chkdown, state.downs());
  row.Set(C::lastchg, (facts.now_us - std::min(state.changed_us(), facts.now_us)) / 1000000);
  row.Set(C::downtime, state.DownMicros(facts.now_us) / 1000000);
  SetRates(row, state.back_rates(), facts, C::rate, C::rate_max);
  row.Set(C::cookie, proxy.http.cookie.name);
  row.Set(C::algo, AlgorithmName(proxy));
  if (proxy.mode == Mode::kHttp) {
    SetStatuses(row, state, &ProxyShardPart::back_statuses);
    row.Set(C::req_tot, state.Sum(&ProxyShardPart::back_requests));
  }
  SetFailures(row, state, &ProxyShardPart::back_failures);
  SetRules(row, state, &ProxyShardPart::back_rules, false);
  return row;
}

}  // namespace engine
