#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "base/clock.h"
#include "engine/fetch/traffic.h"
#include "engine/fetch/units.h"
#include "engine/server/server_state.h"
#include "engine/session/session.h"
#include "engine/session/stream.h"
#include "engine/session/worker.h"

namespace engine {
namespace {

// Whom an argument names --------------------------------------------------------------------------

const ProxyConfig* FindProxy(const StreamContext& traffic, std::string_view name, bool frontend) {
  if (traffic.worker == nullptr) return nullptr;
  const Configuration& configuration = traffic.worker->configuration();
  return frontend ? configuration.FindFrontend(name) : configuration.FindBackend(name);
}

// A stream that has no backend yet is its frontend's.
const ProxyConfig* CurrentBackend(const StreamContext& traffic) {
  return traffic.backend != nullptr ? traffic.backend : traffic.frontend;
}

const ProxyConfig* BackendOf(const PreparedUnit& unit, EvalContext& context) {
  const StreamContext& traffic = Traffic(context);
  if (unit.arguments.has(0)) return FindProxy(traffic, unit.arguments.text(0), false);
  const ProxyConfig* current = CurrentBackend(traffic);
  return current != nullptr && current->is_backend ? current : nullptr;
}

const ProxyConfig* FrontendOf(const PreparedUnit& unit, EvalContext& context) {
  const StreamContext& traffic = Traffic(context);
  if (unit.arguments.has(0)) return FindProxy(traffic, unit.arguments.text(0), true);
  return traffic.frontend;
}

// "backend/server", or a server of the current backend.
const ServerConfig* FindServer(const StreamContext& traffic, std::string_view name) {
  const size_t slash = name.find('/');
  const ProxyConfig* backend = CurrentBackend(traffic);
  if (slash != name.npos) {
    backend = FindProxy(traffic, name.substr(0, slash), false);
    name = name.substr(slash + 1);
  }
  if (backend == nullptr) return nullptr;
  for (const auto& server : backend->servers) {
    if (server->name == name) return server.get();
  }
  return nullptr;
}

const ServerConfig* ServerOf(const PreparedUnit& unit, EvalContext& context) {
  return FindServer(Traffic(context), unit.arguments.text(0));
}

bool IsUp(const ServerConfig& server) { return !server.state->disabled(); }

// Proxies -----------------------------------------------------------------------------------------

bool BackendName(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const ProxyConfig* backend = CurrentBackend(Traffic(context));
  return backend != nullptr && GiveText(sample, backend->name);
}
bool BackendId(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const ProxyConfig* backend = CurrentBackend(Traffic(context));
  return backend != nullptr && GiveNumber(sample, backend->id);
}
bool FrontendName(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const ProxyConfig* frontend = Traffic(context).frontend;
  return frontend != nullptr && GiveText(sample, frontend->name);
}
bool FrontendId(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const ProxyConfig* frontend = Traffic(context).frontend;
  return frontend != nullptr && GiveNumber(sample, frontend->id);
}
bool DefaultBackend(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const ProxyConfig* frontend = Traffic(context).frontend;
  return frontend != nullptr && frontend->default_backend != nullptr &&
         GiveText(sample, frontend->default_backend->name);
}
bool SocketName(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const BindConfig* bind = Traffic(context).bind;
  return bind != nullptr && !bind->name.empty() && GiveText(sample, bind->name);
}
bool SocketId(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const BindConfig* bind = Traffic(context).bind;
  return bind != nullptr && GiveNumber(sample, bind->id);
}

bool SocketConnections(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const BindConfig* bind = Traffic(context).bind;
  if (bind == nullptr || bind->parts == nullptr) return false;
  int64_t count = 0;
  for (uint32_t shard = 0; shard < bind->frontend->state->shards(); ++shard) {
    count += bind->parts[shard].current.Get();
  }
  return GiveNumber(sample, count);
}

template <uint32_t Timeouts::*kTimeout>
bool BackendTimeout(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const ProxyConfig* backend = CurrentBackend(Traffic(context));
  return backend != nullptr && GiveNumber(sample, backend->timeouts.*kTimeout);
}

bool BackendQueueTimeout(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const ProxyConfig* backend = CurrentBackend(Traffic(context));
  if (backend == nullptr) return false;
  const Timeouts& timeouts = backend->timeouts;
  return GiveNumber(sample, timeouts.queue_ms != 0 ? timeouts.queue_ms : timeouts.connect_ms);
}

// Manual 4.2, timeout tarpit.
uint32_t TarpitOf(const Timeouts& timeouts) {
  return timeouts.tarpit_ms != 0 ? timeouts.tarpit_ms : timeouts.connect_ms;
}
bool BackendTarpit(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const ProxyConfig* backend = CurrentBackend(Traffic(context));
  return backend != nullptr && GiveNumber(sample, TarpitOf(backend->timeouts));
}
bool FrontendTarpit(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const ProxyConfig* frontend = Traffic(context).frontend;
  return frontend != nullptr && GiveNumber(sample, TarpitOf(frontend->timeouts));
}

// As a rule may have set it for this stream (manual 4.4, set-timeout).
template <TimeoutKind kKind>
bool CurrentTimeout(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const StreamContext& traffic = Traffic(context);
  if (traffic.stream == nullptr) return false;
  const ProxyConfig& proxy =
      kKind == TimeoutKind::kClient ? *traffic.frontend : *CurrentBackend(traffic);
  const Timeouts& timeouts = proxy.timeouts;
  uint32_t configured_ms = 0;
  switch (kKind) {
    case TimeoutKind::kClient:
      configured_ms = timeouts.client_ms;
      break;
    case TimeoutKind::kConnect:
      configured_ms = timeouts.connect_ms;
      break;
    case TimeoutKind::kQueue:
      configured_ms = timeouts.queue_ms != 0 ? timeouts.queue_ms : timeouts.connect_ms;
      break;
    case TimeoutKind::kServer:
      configured_ms = timeouts.server_ms;
      break;
    case TimeoutKind::kTarpit:
      configured_ms = TarpitOf(timeouts);
      break;
    case TimeoutKind::kTunnel:
      configured_ms = timeouts.tunnel_ms;
      break;
    case TimeoutKind::kCount:
      break;
  }
  return GiveNumber(sample, traffic.stream->TimeoutOf(kKind, configured_ms));
}

bool CurrentRetries(const PreparedUnit&, Sample& sample, EvalContext& context) {
  Stream* stream = Traffic(context).stream;
  const ProxyConfig* backend = CurrentBackend(Traffic(context));
  if (stream == nullptr || backend == nullptr) return false;
  // A stream without a backend has what its frontend says, unless a rule has spoken.
  return GiveNumber(sample,
                    stream->backend() != nullptr ? stream->retries_max() : backend->retries);
}

bool ClientTimeout(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const ProxyConfig* frontend = Traffic(context).frontend;
  return frontend != nullptr && GiveNumber(sample, frontend->timeouts.client_ms);
}

bool MaxRetries(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const ProxyConfig* backend = CurrentBackend(Traffic(context));
  return backend != nullptr && GiveNumber(sample, backend->retries);
}

uint64_t NowMicros(const StreamContext& traffic) {
  return traffic.worker->context().loop->clock().now_us();
}

bool BackendRate(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  const ProxyConfig* backend = BackendOf(unit, context);
  if (backend == nullptr) return false;
  return GiveNumber(sample,
                    int64_t(backend->state->back_rates().Rate(NowMicros(Traffic(context)))));
}
template <Rates& (BackendState::*kRates)()>
bool FrontendRate(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  const ProxyConfig* frontend = FrontendOf(unit, context);
  if (frontend == nullptr) return false;
  return GiveNumber(sample,
                    int64_t((frontend->state->*kRates)().Rate(NowMicros(Traffic(context)))));
}
bool ServerRate(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  const ServerConfig* server = ServerOf(unit, context);
  return server != nullptr &&
         GiveNumber(sample, int64_t(server->state->rates().Rate(NowMicros(Traffic(context)))));
}

bool BackendConnections(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  const ProxyConfig* backend = BackendOf(unit, context);
  return backend != nullptr && GiveNumber(sample, backend->state->BackCurrent());
}

bool FrontendConnections(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  const ProxyConfig* frontend = FrontendOf(unit, context);
  return frontend != nullptr && GiveNumber(sample, frontend->state->FrontCurrent());
}

// Those of all servers, too.
int64_t QueuedIn(const ProxyConfig& backend) {
  int64_t queued = backend.state->Queued();
  for (const auto& server : backend.servers) queued += backend.state->ServerQueued(server->index);
  return queued;
}

bool Queued(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  const ProxyConfig* backend = BackendOf(unit, context);
  return backend != nullptr && GiveNumber(sample, QueuedIn(*backend));
}

int64_t UsableServers(const ProxyConfig& backend) {
  int64_t active = 0;
  int64_t backup = 0;
  for (const auto& server : backend.servers) {
    if (IsUp(*server)) ++(server->backup ? backup : active);
  }
  if (active > 0) return active;
  return backend.all_backups ? backup : std::min<int64_t>(backup, 1);
}

bool UsableServerCount(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  const ProxyConfig* backend = BackendOf(unit, context);
  return backend != nullptr && GiveNumber(sample, UsableServers(*backend));
}

bool AverageQueue(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  const ProxyConfig* backend = BackendOf(unit, context);
  if (backend == nullptr) return false;
  const int64_t queued = QueuedIn(*backend);
  const int64_t servers = UsableServers(*backend);
  // Rounded up: whoever waits is worth more than nothing.
  return GiveNumber(sample, servers > 0 ? (queued + servers - 1) / servers : 2 * queued);
}

// Whether a server counts: backup servers only when nothing else is up.
bool Counts(const ProxyConfig& backend, const ServerConfig& server) {
  if (!IsUp(server)) return false;
  if (!server.backup) return true;
  return std::none_of(backend.servers.begin(), backend.servers.end(),
                      [](const auto& other) { return !other->backup && IsUp(*other); });
}

bool ConnectionSlots(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  const ProxyConfig* backend = BackendOf(unit, context);
  if (backend == nullptr) return false;
  int64_t slots = 0;
  for (const auto& server : backend->servers) {
    if (!IsUp(*server)) continue;
    if (server->maxconn == 0 || server->maxqueue == 0) return GiveNumber(sample, -1);
    slots += int64_t{server->maxconn} - server->state->Current() + server->maxqueue -
             backend->state->ServerQueued(server->index);
  }
  return GiveNumber(sample, slots);
}

bool FreeConnections(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  const ProxyConfig* backend = BackendOf(unit, context);
  if (backend == nullptr) return false;
  int64_t free = 0;
  for (const auto& server : backend->servers) {
    if (!Counts(*backend, *server)) continue;
    if (server->maxconn == 0) return GiveNumber(sample, -1);
    free += std::max<int64_t>(int64_t{server->maxconn} - server->state->Current(), 0);
  }
  return GiveNumber(sample, free);
}

// Servers -----------------------------------------------------------------------------------------

bool ServerName(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const ServerConfig* server = Traffic(context).server;
  return server != nullptr && GiveText(sample, server->name);
}
bool ServerId(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const ServerConfig* server = Traffic(context).server;
  return server != nullptr && GiveNumber(sample, server->id);
}

bool ServerConnections(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  const ServerConfig* server = ServerOf(unit, context);
  return server != nullptr && GiveNumber(sample, server->state->Current());
}

bool ServerConnectionsFree(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  const ServerConfig* server = ServerOf(unit, context);
  if (server == nullptr) return false;
  if (server->maxconn == 0) return GiveNumber(sample, -1);
  return GiveNumber(sample,
                    std::max<int64_t>(int64_t{server->maxconn} - server->state->Current(), 0));
}

bool ServerIsUp(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  const ServerConfig* server = ServerOf(unit, context);
  return server != nullptr && GiveBoolean(sample, IsUp(*server));
}

bool ServerQueued(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  const ServerConfig* server = ServerOf(unit, context);
  return server != nullptr &&
         GiveNumber(sample, server->backend->state->ServerQueued(server->index));
}

bool ServerWeight(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  const ServerConfig* server = ServerOf(unit, context);
  return server != nullptr && GiveNumber(sample, server->state->weight());
}

bool ServerInitialWeight(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  const ServerConfig* server = ServerOf(unit, context);
  return server != nullptr && GiveNumber(sample, server->weight);
}

// The process -------------------------------------------------------------------------------------

bool ProcessConnections(const PreparedUnit&, Sample& sample, EvalContext& context) {
  Worker* worker = Traffic(context).worker;
  if (worker == nullptr) return false;
  shard::LoadBoard& board = worker->shard().board();
  int64_t sum = 0;
  for (uint32_t shard = 0; shard < board.shards(); ++shard) sum += board.load(shard);
  return GiveNumber(sample, sum);
}

bool Hostname(const PreparedUnit& unit, Sample& sample, EvalContext&) {
  return GiveText(sample, *static_cast<const std::string*>(unit.object.get()));
}

bool PrepareHostname(PreparedUnit& unit, std::string*) {
  char name[256] = {};
  if (gethostname(name, sizeof(name) - 1) != 0) std::strcpy(name, "localhost");
  unit.object = std::make_shared<const std::string>(name);
  return true;
}

bool ProcessId(const PreparedUnit&, Sample& sample, EvalContext& context) {
  Worker* worker = Traffic(context).worker;
  return worker != nullptr && GiveNumber(sample, worker->log().pid());
}

bool One(const PreparedUnit&, Sample& sample, EvalContext&) { return GiveNumber(sample, 1); }

bool Zero(const PreparedUnit&, Sample& sample, EvalContext&) { return GiveNumber(sample, 0); }

bool Never(const PreparedUnit&, Sample& sample, EvalContext&) { return GiveBoolean(sample, false); }

bool Stopping(const PreparedUnit&, Sample& sample, EvalContext& context) {
  Worker* worker = Traffic(context).worker;
  return worker != nullptr && GiveBoolean(sample, worker->shared().stopping);
}

bool Thread(const PreparedUnit&, Sample& sample, EvalContext& context) {
  Worker* worker = Traffic(context).worker;
  return worker != nullptr && GiveNumber(sample, worker->index());
}

// What the last second or more of a shard has used of its processor; a shard is a thread, and all
// of them are one group.
int64_t UsagePercent(const shard::LoopCounters& loop) {
  return 100 - int64_t(loop.idle_percent.Get());
}

bool UsageOfThread(const PreparedUnit&, Sample& sample, EvalContext& context) {
  Worker* worker = Traffic(context).worker;
  return worker != nullptr && GiveNumber(sample, UsagePercent(worker->shard().loop().counters()));
}

bool UsageOfAll(const PreparedUnit&, Sample& sample, EvalContext& context) {
  Worker* worker = Traffic(context).worker;
  if (worker == nullptr) return false;
  int64_t sum = 0;
  int64_t count = 0;
  for (const auto& one : worker->shared().loops) {
    const shard::LoopCounters* loop = one.load(std::memory_order_acquire);
    if (loop == nullptr) continue;
    sum += UsagePercent(*loop);
    ++count;
  }
  return count > 0 && GiveNumber(sample, sum / count);
}

bool Uptime(const PreparedUnit&, Sample& sample, EvalContext& context) {
  Worker* worker = Traffic(context).worker;
  if (worker == nullptr) return false;
  const uint64_t up_us = base::MonotonicMicros() - worker->process().started_us;
  return GiveNumber(sample, int64_t(up_us / 1000000));
}

// RFC 9562: version 4 is chance alone, version 7 begins with the milliseconds since 1970.
bool Uuid(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  uint8_t bytes[16];
  const uint64_t halves[2] = {context.Random(), context.Random()};
  std::memcpy(bytes, halves, sizeof(bytes));
  if (unit.number == 7) {
    const uint64_t now_ms = context.WallMicros() / 1000;
    for (int i = 0; i < 6; ++i) bytes[i] = uint8_t(now_ms >> (40 - 8 * i));
  }
  bytes[6] = uint8_t((bytes[6] & 0x0f) | (unit.number << 4));
  bytes[8] = uint8_t((bytes[8] & 0x3f) | 0x80);
  constexpr size_t kUuidBytes = 36;
  char* text = context.scratch().Take(kUuidBytes);
  if (text == nullptr) return false;
  constexpr char kDigits[] = "0123456789abcdef";
  char* at = text;
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
    *at++ = kDigits[bytes[i] >> 4];
    *at++ = kDigits[bytes[i] & 15];
  }
  return GiveText(sample, {text, kUuidBytes});
}

bool PrepareUuid(PreparedUnit& unit, std::string* why) {
  unit.number = unit.arguments.number(0, 4);
  if (unit.number == 4 || unit.number == 7) return true;
  *why = "the versions are 4 and 7";
  return false;
}

// By names that are known at run time only -------------------------------------------------------

bool FrontendExists(const PreparedUnit&, Sample& sample, EvalContext& context) {
  return GiveBoolean(sample, FindProxy(Traffic(context), sample.text, true) != nullptr);
}

bool NamedUsableServers(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const ProxyConfig* backend = FindProxy(Traffic(context), sample.text, false);
  return backend != nullptr && GiveNumber(sample, UsableServers(*backend));
}

bool NamedServerIsUp(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const ServerConfig* server = FindServer(Traffic(context), sample.text);
  return server != nullptr && GiveBoolean(sample, IsUp(*server));
}

bool NamedServerQueued(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const ServerConfig* server = FindServer(Traffic(context), sample.text);
  return server != nullptr &&
         GiveNumber(sample, server->backend->state->ServerQueued(server->index));
}

constexpr ArgumentSpec kBackend[] = {{"backend", ArgumentType::kBackend, kOptional}};
constexpr ArgumentSpec kFrontend[] = {{"frontend", ArgumentType::kFrontend, kOptional}};
constexpr ArgumentSpec kServerName[] = {{"server", ArgumentType::kServer}};
constexpr ArgumentSpec kVersion[] = {{"version", ArgumentType::kInteger, kOptional}};

using kind::kBoolean;
using kind::kNumber;
using kind::kText;
constexpr Needs kAlways = needs::kServing;

constexpr FetchSpec kProxyFetches[] = {
    {"act_conn", kNumber, {}, kAlways, &ProcessConnections},
    {"avg_queue", kNumber, kBackend, kAlways, &AverageQueue},
    {"be_conn", kNumber, kBackend, kAlways, &BackendConnections},
    {"be_conn_free", kNumber, kBackend, kAlways, &FreeConnections},
    {"be_connect_timeout", kNumber, {}, kAlways, &BackendTimeout<&Timeouts::connect_ms>},
    {"be_id", kNumber, {}, kAlways, &BackendId},
    {"be_max_retries", kNumber, {}, kAlways, &MaxRetries},
    {"be_name", kText, {}, kAlways, &BackendName},
    {"be_queue_timeout", kNumber, {}, kAlways, &BackendQueueTimeout},
    {"be_server_timeout", kNumber, {}, kAlways, &BackendTimeout<&Timeouts::server_ms>},
    {"be_sess_rate", kNumber, kBackend, kAlways, &BackendRate},
    {"be_tarpit_timeout", kNumber, {}, kAlways, &BackendTarpit},
    {"be_tunnel_timeout", kNumber, {}, kAlways, &BackendTimeout<&Timeouts::tunnel_ms>},
    {"connslots", kNumber, kBackend, kAlways, &ConnectionSlots},
    {"cur_client_timeout", kNumber, {}, kAlways, &CurrentTimeout<TimeoutKind::kClient>},
    {"cur_connect_timeout", kNumber, {}, kAlways, &CurrentTimeout<TimeoutKind::kConnect>},
    {"cur_max_retries", kNumber, {}, kAlways, &CurrentRetries},
    {"cur_queue_timeout", kNumber, {}, kAlways, &CurrentTimeout<TimeoutKind::kQueue>},
    {"cur_server_timeout", kNumber, {}, kAlways, &CurrentTimeout<TimeoutKind::kServer>},
    {"cur_tarpit_timeout", kNumber, {}, kAlways, &CurrentTimeout<TimeoutKind::kTarpit>},
    {"cur_tunnel_timeout", kNumber, {}, kAlways, &CurrentTimeout<TimeoutKind::kTunnel>},
    {"dst_conn", kNumber, {}, kAlways | needs::kClient, &SocketConnections},
    {"fe_client_timeout", kNumber, {}, kAlways, &ClientTimeout},
    {"fe_conn", kNumber, kFrontend, kAlways, &FrontendConnections},
    {"fe_defbe", kText, {}, kAlways, &DefaultBackend},
    {"fe_id", kNumber, {}, kAlways, &FrontendId},
    {"fe_name", kText, {}, kAlways, &FrontendName},
    {"cpu_usage_grp", kNumber, {}, kAlways, &UsageOfAll},
    {"cpu_usage_proc", kNumber, {}, kAlways, &UsageOfAll},
    {"cpu_usage_thr", kNumber, {}, kAlways, &UsageOfThread},
    {"fe_req_rate", kNumber, kFrontend, kAlways, &FrontendRate<&BackendState::request_rates>},
    {"fe_sess_rate", kNumber, kFrontend, kAlways, &FrontendRate<&BackendState::front_rates>},
    {"fe_tarpit_timeout", kNumber, {}, kAlways, &FrontendTarpit},
    {"hostname", kText, {}, needs::kNothing, &Hostname, &PrepareHostname},
    {"nbsrv", kNumber, kBackend, kAlways, &UsableServerCount},
    {"pid", kNumber, {}, kAlways, &ProcessId},
    {"proc", kNumber, {}, needs::kNothing, &One},
    {"queue", kNumber, kBackend, kAlways, &Queued},
    {"quic_enabled", kBoolean, {}, needs::kNothing, &Never},
    {"so_id", kNumber, {}, kAlways, &SocketId},
    {"so_name", kText, {}, kAlways, &SocketName},
    {"srv_conn", kNumber, kServerName, kAlways, &ServerConnections},
    {"srv_conn_free", kNumber, kServerName, kAlways, &ServerConnectionsFree},
    {"srv_id", kNumber, {}, kAlways, &ServerId},
    {"srv_is_up", kBoolean, kServerName, kAlways, &ServerIsUp},
    {"srv_iweight", kNumber, kServerName, kAlways, &ServerInitialWeight},
    {"srv_name", kText, {}, kAlways, &ServerName},
    {"srv_queue", kNumber, kServerName, kAlways, &ServerQueued},
    {"srv_sess_rate", kNumber, kServerName, kAlways, &ServerRate},
    {"srv_uweight", kNumber, kServerName, kAlways, &ServerWeight},
    {"srv_weight", kNumber, kServerName, kAlways, &ServerWeight},
    {"stopping", kBoolean, {}, kAlways, &Stopping},
    {"tgroup", kNumber, {}, needs::kNothing, &Zero},
    {"thread", kNumber, {}, kAlways, &Thread},
    {"uptime", kNumber, {}, kAlways, &Uptime},
    {"uuid", kText, kVersion, needs::kNothing, &Uuid, &PrepareUuid},
};

constexpr ConverterSpec kProxyConverters[] = {
    {"fe_exists", kText, kBoolean, {}, &FrontendExists, nullptr, kAlways},
    {"nbsrv", kText, kNumber, {}, &NamedUsableServers, nullptr, kAlways},
    {"srv_is_up", kText, kBoolean, {}, &NamedServerIsUp, nullptr, kAlways},
    {"srv_queue", kText, kNumber, {}, &NamedServerQueued, nullptr, kAlways},
};

}  // namespace

std::span<const FetchSpec> ProxyFetches() { return kProxyFetches; }
std::span<const ConverterSpec> ProxyConverters() { return kProxyConverters; }

}  // namespace engine
