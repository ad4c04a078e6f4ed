#include "engine/applet/process_info.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

#include "base/clock.h"
#include "base/text.h"
#include "engine/server/server_state.h"
#include "engine/session/worker.h"

namespace engine {
namespace {

std::string Number(uint64_t value) { return std::to_string(value); }

// Those of TLS, by the manual's places.
void AddTlsFields(const TlsCounts& tls, uint64_t now_us, std::vector<InfoField>* fields) {
  const TlsCounts::Sums sums = tls.Sum();
  const uint64_t sessions = tls.sessions.Rate(now_us);
  const uint64_t front_keys = tls.front_keys.Rate(now_us);
  const uint64_t back_keys = tls.back_keys.Rate(now_us);
  const uint64_t resumed = sessions - std::min(sessions, front_keys);
  const shard::SharedLimit* limit = tls.connection_limit();
  const auto highest = [](const Rates& rates, uint64_t now) {
    return Number(std::max(now, rates.Highest()));
  };
  const InfoField rows[] = {
      {20, "MaxSslConns", "CLPV", "u32", Number(limit == nullptr ? 0 : uint64_t(limit->max())),
       "Most connections with TLS at once, of both sides; 0: no limit"},
      {21, "CurrSslConns", "MGPV", "u32", Number(uint64_t(std::max<int64_t>(sums.current, 0))),
       "Connections with TLS now, of both sides"},
      {22, "CumSslConns", "MCPV", "u32", Number(sums.total),
       "Connections with TLS since the start, of both sides"},
      {32, "SslRate", "MRPV", "u32", Number(sessions), "Clients with TLS in the last second"},
      {33, "SslRateLimit", "CLPV", "u32", Number(tls.session_limit.max()),
       "Most clients with TLS per second; 0: no limit"},
      {34, "MaxSslRate", "MMPV", "u32", highest(tls.sessions, sessions), "Highest SslRate"},
      {35, "SslFrontendKeyRate", "MRPV", "u32", Number(front_keys),
       "Handshakes with clients in the last second that were not resumed"},
      {36, "SslFrontendMaxKeyRate", "MMPV", "u32", highest(tls.front_keys, front_keys),
       "Highest SslFrontendKeyRate"},
      {37, "SslFrontendSessionReuse_pct", "MRPV", "u32",
       Number(sessions == 0 ? 0 : 100 * resumed / sessions),
       "Percent of the clients with TLS that resumed a session"},
      {38, "SslBackendKeyRate", "MRPV", "u32", Number(back_keys),
       "Handshakes with servers in the last second that were not resumed"},
      {39, "SslBackendMaxKeyRate", "MMPV", "u32", highest(tls.back_keys, back_keys),
       "Highest SslBackendKeyRate"},
      {40, "SslCacheLookups", "MCPV", "u32", Number(sums.cache_lookups),
       "Sessions without ticket that clients asked for"},
      {41, "SslCacheMisses", "MCPV", "u32", Number(sums.cache_misses),
       "Those that this process did not know"},
  };
  fields->insert(fields->end(), std::begin(rows), std::end(rows));
}

// How fast clients come.
void AddRateFields(const ProcessShared& shared, uint64_t now_us, std::vector<InfoField>* fields) {
  const uint64_t per_second = shared.rates.Rate(now_us);
  const std::string rate = Number(per_second);
  const std::string rate_max = Number(std::max(per_second, shared.rates.Highest()));
  const InfoField rows[] = {
      {26, "ConnRate", "MRPV", "u32", rate, "Client connections in the last second"},
      {27, "ConnRateLimit", "CLPV", "u32", Number(shared.connection_limit.max()),
       "Most client connections per second; 0: no limit"},
      {28, "MaxConnRate", "MMPV", "u32", rate_max, "Highest ConnRate"},
      {29, "SessRate", "MRPV", "u32", rate, "Sessions begun in the last second"},
      {30, "SessRateLimit", "CLPV", "u32", Number(shared.session_limit.max()),
       "Most sessions per second; 0: no limit"},
      {31, "MaxSessRate", "MMPV", "u32", rate_max, "Highest SessRate"},
  };
  fields->insert(fields->end(), std::begin(rows), std::end(rows));
}

void AddShardFields(const ShardFacts& facts, std::vector<InfoField>* fields) {
  const std::string idle = Number(facts.shards == 0 ? 100 : facts.idle_percents / facts.shards);
  const InfoField rows[] = {
      {10, "PoolAlloc_MB", "MGPV", "u32", Number(facts.buffer_bytes >> 20),
       "Memory that the pools of buffers may take"},
      {11, "PoolUsed_MB", "MGPV", "u32", Number(facts.used_bytes >> 20),
       "Memory of buffers that are in use"},
      {47, "Tasks", "MGPV", "u32", Number(facts.tasks), "Sessions and streams now"},
      {49, "Idle_pct", "MRPV", "u32", idle,
       "Percent of the last second that the shards used no CPU"},
      {53, "Jobs", "MGPV", "u32", Number(facts.sessions), "Client connections that are served now"},
      {68, "PoolAlloc_bytes", "MGPV", "u64", Number(facts.buffer_bytes),
       "Memory that the pools of buffers may take"},
      {69, "PoolUsed_bytes", "MGPV", "u64", Number(facts.used_bytes),
       "Memory of buffers that are in use"},
      {19, "CumReq", "MCPV", "u32", Number(facts.streams), "Requests and TCP sessions so far"},
      {23, "Maxpipes", "CLPV", "u32", Number(facts.pipes_max), "Most pipes at once, for splicing"},
      {24, "PipesUsed", "MGPV", "u32", Number(facts.pipes_used), "Pipes that data goes through"},
      {25, "PipesFree", "MGPV", "u32", Number(facts.pipes_free), "Pipes that wait to be used"},
      {62, "TotalSplicedBytesOut", "MCPV", "u64", Number(facts.spliced_bytes),
       "Bytes that were sent through a pipe"},
  };
  fields->insert(fields->end(), std::begin(rows), std::end(rows));
}

// What this program has none of.
void AddAbsentFields(std::vector<InfoField>* fields) {
  const InfoField rows[] = {
      {54, "Unstoppable Jobs", "MGPV", "u32", "0", "What keeps a stopping process from its end"},
      {56, "ActivePeers", "MGPV", "u32", "0", "Peers that somebody tried to connect to"},
      {57, "ConnectedPeers", "MGPV", "u32", "0", "Peers that are connected"},
      {59, "BusyPolling", "CGSV", "u32", "0", "1: shards never sleep"},
      {60, "FailedResolutions", "MCPV", "u32", "0", "Names that no resolver knew"},
      {64, "DebugCommandsIssued", "MCPV", "u32", "0", "Commands for experts that were used"},
      {65, "CumRecvLogs", "MCPV", "u32", "0", "Log lines received"},
  };
  fields->insert(fields->end(), std::begin(rows), std::end(rows));
}

// Addresses that somebody may connect to now.
uint64_t CountListeners(const Configuration& configuration) {
  uint64_t count = 0;
  for (const auto& proxy : configuration.proxies) {
    if (!proxy->is_frontend || proxy->disabled) continue;
    if (proxy->state->listening() != Listening::kOpen) continue;
    for (const auto& bind : proxy->binds) count += bind->addresses.size();
  }
  return count;
}

}  // namespace

std::string NodeName(const GlobalConfig& global) {
  if (!global.node.empty()) return global.node;
  char name[256] = {};
  return gethostname(name, sizeof(name) - 1) == 0 ? name : "";
}

void ShardFacts::Add(Worker& worker) {
  streams += worker.streams_begun();
  sessions += worker.live_sessions();
  tasks += worker.live_sessions() + worker.live_streams();
  for (const shard::ChunkPool* pool : {&worker.shard().small(), &worker.shard().large()}) {
    buffer_bytes += uint64_t{pool->capacity()} * pool->chunk_bytes();
    used_bytes += uint64_t{pool->in_use()} * pool->chunk_bytes();
  }
  idle_percents += worker.shard().loop().counters().idle_percent.Get();
  ++shards;
  const shard::PipePool* pipes = worker.shard().pipes();
  if (pipes == nullptr) return;
  pipes_max += pipes->pipes_max();
  pipes_used += pipes->in_use();
  pipes_free += pipes->open() - pipes->in_use();
  spliced_bytes += pipes->bytes_out();
}

FactsRound::~FactsRound() {
  if (asked_ != nullptr) worker_.questions().Drop(asked_);
}

bool FactsRound::Done() {
  const uint32_t shards = worker_.shard().board().shards();
  while (shard_ < shards) {
    if (asked_ == nullptr) {
      auto question = std::make_unique<CollectFacts>();
      question->facts = facts_;
      asked_ = worker_.questions().Ask(std::move(question), shard_, asker_);
    }
    if (!asked_->answered()) return false;
    facts_ = asked_->facts;
    worker_.questions().Drop(asked_);
    asked_ = nullptr;
    ++shard_;
  }
  return true;
}

std::vector<InfoField> InfoFields(Worker& worker, const ShardFacts& facts) {
  const ProcessContext& process = worker.process();
  const GlobalConfig& global = worker.configuration().global;
  const uint64_t uptime_s = (base::MonotonicMicros() - process.started_us) / 1000000;
  int64_t current = 0;
  uint64_t cumulated = 0;
  uint64_t bytes_out = 0;
  for (const auto& proxy : worker.configuration().proxies) {
    if (!proxy->is_frontend) continue;
    if (!proxy->is_internal) current += proxy->state->FrontCurrent();
    cumulated += proxy->state->Sum(&ProxyShardPart::front_total);
    bytes_out += proxy->state->Sum(&ProxyShardPart::bytes_out);
  }
  rlimit files{};
  (void)getrlimit(RLIMIT_NOFILE, &files);
  const std::string maxconn = Number(uint64_t(process.global_maxconn->max()));
  const ProcessShared& shared = *process.shared;
  const std::string uptime =
      base::Format("%llud %lluh%02llum%02llus", static_cast<unsigned long long>(uptime_s / 86400),
                   static_cast<unsigned long long>(uptime_s / 3600 % 24),
                   static_cast<unsigned long long>(uptime_s / 60 % 60),
                   static_cast<unsigned long long>(uptime_s % 60));
  std::vector<InfoField> fields = {
      {0, "Name", "POSV", "str", "Ringway", "Name of the product"},
      {1, "Version", "POSV", "str", process.version, "Version of the product"},
      {3, "Nbthread", "CGSV", "u32", Number(worker.shard().board().shards()), "Shards that run"},
      {4, "Nbproc", "CGSV", "u32", "1", "Processes that serve"},
      {5, "Process_num", "KGPV", "u32", "1", "Number of this process among them"},
      {6, "Pid", "SGPV", "u32", Number(uint64_t(getpid())), "The system's number of this process"},
      {7, "Uptime", "MDPV", "str", uptime, "Time since the start"},
      {8, "Uptime_sec", "MDPV", "u32", Number(uptime_s), "Seconds since the start"},
      {9, "Memmax_MB", "CLPV", "u32", Number(process.memory_max_mb), "Memory it may allocate (-m)"},
      {13, "Ulimit-n", "CLPV", "u32", Number(files.rlim_cur), "Most descriptors at once"},
      {14, "Maxsock", "CLPV", "u32", Number(process.sockets_max), "Descriptors at Maxconn"},
      {15, "Maxconn", "CLPV", "u32", maxconn, "Most client connections at once"},
      {16, "Hard_maxconn", "CLPV", "u32", Number(process.hard_maxconn),
       "Most that Maxconn could be set to"},
      {17, "CurrConns", "MGPV", "u32", Number(uint64_t(current)), "Client connections now"},
      {18, "CumConns", "MCPV", "u32", Number(cumulated), "Client connections since the start"},
      {50, "node", "COSV", "str", NodeName(global), "Name of this node"},
  };
  AddRateFields(shared, base::MonotonicMicros(), &fields);
  AddTlsFields(shared.tls, base::MonotonicMicros(), &fields);
  AddShardFields(facts, &fields);
  AddAbsentFields(&fields);
  if (!global.description.empty()) {
    fields.push_back({51, "description", "COSV", "str", global.description, "What this node is"});
  }
  const uint64_t dropped_logs = process.logs == nullptr ? 0 : process.logs->Dropped();
  const uint64_t memory_max = uint64_t(process.memory_max_mb) << 20;
  const InfoField rows[] = {
      {52, "Stopping", "MGPV", "u32", worker.shared().stopping ? "1" : "0",
       "1 from the begin of a soft stop on"},
      {55, "Listeners", "MGPV", "u32", Number(CountListeners(worker.configuration())),
       "Addresses that are listened on"},
      {58, "DroppedLogs", "MGPV", "u32", Number(dropped_logs),
       "Log lines that their target did not take"},
      {61, "TotalBytesOut", "MCPV", "u64", Number(bytes_out),
       "Bytes to clients, of streams that have ended"},
      {66, "Build info", "POSV", "str", process.version, "What was built"},
      {67, "Memmax_bytes", "CLPV", "u64", Number(memory_max), "Memory it may allocate (-m)"},
      {70, "Start_time_sec", "MDPV", "u32", Number(base::WallMicros() / 1000000 - uptime_s),
       "When it was started, in seconds since 1970"},
  };
  fields.insert(fields.end(), std::begin(rows), std::end(rows));
  std::stable_sort(fields.begin(), fields.end(),
                   [](const InfoField& a, const InfoField& b) { return a.position < b.position; });
  return fields;
}

}  // namespace engine
