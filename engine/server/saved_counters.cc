#include "engine/server/saved_counters.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "base/clock.h"
#include "base/text.h"
#include "engine/server/server_state.h"
#include "engine/server/text_file.h"

namespace engine {
namespace {

constexpr std::string_view kFirstLine = "# ringway stats-file 1";
constexpr std::string_view kLastLine = "#end";

// One counter of an object: its name in the file, what it has come to, and how to add to it before
// anybody else counts.
template <typename State>
struct Column {
  const char* name;
  uint64_t (*get)(State& state);
  void (*add)(State& state, uint64_t value);
};

template <typename State>
using CounterAt = base::Counter& (*)(State& state, uint32_t shard);

template <typename State, CounterAt<State> at>
constexpr Column<State> Counted(const char* name) {
  return {name,
          [](State& state) {
            uint64_t sum = 0;
            for (uint32_t shard = 0; shard < state.shards(); ++shard) sum += at(state, shard).Get();
            return sum;
          },
          [](State& state, uint64_t value) { at(state, 0).Add(value); }};
}

// `member` of the part of a shard, such as `bytes_in` or `statuses.of_class[2]`.
#define COLUMN(State, name, member)                                   \
  Counted<State, [](State& state, uint32_t shard) -> base::Counter& { \
    return state.part(shard).member;                                  \
  }>(name)
#define STATUSES(State, member)                        \
  COLUMN(State, "status_other", member.of_class[0]),   \
      COLUMN(State, "status_1xx", member.of_class[1]), \
      COLUMN(State, "status_2xx", member.of_class[2]), \
      COLUMN(State, "status_3xx", member.of_class[3]), \
      COLUMN(State, "status_4xx", member.of_class[4]), \
      COLUMN(State, "status_5xx", member.of_class[5])
#define FAILURES(State, member)                           \
  COLUMN(State, "unconnected", member.unconnected),       \
      COLUMN(State, "ended_by_client", member.by_client), \
      COLUMN(State, "ended_by_server", member.by_server), \
      COLUMN(State, "bad_responses", member.bad_responses)
#define RULES(State, member)                                      \
  COLUMN(State, "denied_requests", member.denied_requests),       \
      COLUMN(State, "denied_responses", member.denied_responses), \
      COLUMN(State, "rewrites_failed", member.rewrites_failed)

constexpr Column<BackendState> kFrontendColumns[] = {
    COLUMN(BackendState, "connections", front_total),
    COLUMN(BackendState, "sessions", sessions),
    COLUMN(BackendState, "bytes_in", bytes_in),
    COLUMN(BackendState, "bytes_out", bytes_out),
    COLUMN(BackendState, "requests", requests),
    COLUMN(BackendState, "request_errors", request_errors),
    COLUMN(BackendState, "intercepted", intercepted),
    COLUMN(BackendState, "denied_connections", denied_connections),
    COLUMN(BackendState, "denied_sessions", denied_sessions),
    RULES(BackendState, front_rules),
    STATUSES(BackendState, front_statuses),
};

constexpr Column<BackendState> kBackendColumns[] = {
    COLUMN(BackendState, "sessions", back_total),
    COLUMN(BackendState, "bytes_in", back_bytes_in),
    COLUMN(BackendState, "bytes_out", back_bytes_out),
    COLUMN(BackendState, "requests", back_requests),
    COLUMN(BackendState, "retries", retries),
    COLUMN(BackendState, "redispatches", redispatches),
    RULES(BackendState, back_rules),
    STATUSES(BackendState, back_statuses),
    FAILURES(BackendState, back_failures),
    {"downs", [](BackendState& state) { return state.downs(); },
     [](BackendState& state, uint64_t value) { state.AddDowns(value, 0); }},
    {"down_us", [](BackendState& state) { return state.DownMicros(base::MonotonicMicros()); },
     [](BackendState& state, uint64_t value) { state.AddDowns(0, value); }},
};

constexpr Column<ServerState> kServerColumns[] = {
    COLUMN(ServerState, "bytes_in", bytes_in),
    COLUMN(ServerState, "bytes_out", bytes_out),
    COLUMN(ServerState, "repeats", repeats),
    COLUMN(ServerState, "retries", retries),
    COLUMN(ServerState, "redispatches", redispatches),
    RULES(ServerState, rules),
    STATUSES(ServerState, statuses),
    FAILURES(ServerState, failures),
    {"checks_failed", [](ServerState& state) { return state.counters.failed.load(); },
     [](ServerState& state, uint64_t value) { state.counters.failed += value; }},
    {"downs", [](ServerState& state) { return state.counters.downs.load(); },
     [](ServerState& state, uint64_t value) { state.counters.downs += value; }},
    {"down_us", [](ServerState& state) { return state.DownMicros(base::MonotonicMicros()); },
     [](ServerState& state, uint64_t value) { state.counters.down_us += value; }},
};

// What a backend shows of its servers. A server has it by itself; a backend remembers what came
// from servers that the file does not have, or that are gone.
constexpr Column<ServerState> kOfServerColumns[] = {
    COLUMN(ServerState, "total", total),
    COLUMN(ServerState, "established", established),
    COLUMN(ServerState, "connect_errors", connect_errors),
    COLUMN(ServerState, "reused", reused),
};
constexpr Column<BackendState> kCarried[] = {
    COLUMN(BackendState, "total", carried.total),
    COLUMN(BackendState, "established", carried.established),
    COLUMN(BackendState, "connect_errors", carried.connect_errors),
    COLUMN(BackendState, "reused", carried.reused),
};
constexpr base::Counter ServerShardPart::*kOfGone[] = {
    &ServerShardPart::total,
    &ServerShardPart::established,
    &ServerShardPart::connect_errors,
    &ServerShardPart::reused,
};
static_assert(std::size(kOfServerColumns) == std::size(kCarried));
static_assert(std::size(kOfServerColumns) == std::size(kOfGone));

#undef COLUMN
#undef STATUSES
#undef FAILURES
#undef RULES

template <typename Columns>
void AddNames(const Columns& columns, std::string& line) {
  for (const auto& column : columns) line += std::string(",") + column.name;
}

template <typename Columns, typename State>
void AddValues(const Columns& columns, State& state, std::string& line) {
  for (const auto& column : columns) line += "," + std::to_string(column.get(state));
}

template <typename Columns, typename Row, typename State>
void AddTo(const Columns& columns, const Row& row, State& state) {
  for (const auto& column : columns) {
    if (const auto value = row.find(column.name); value != row.end()) {
      column.add(state, value->second);
    }
  }
}

}  // namespace

std::string SavedCountersHead() { return std::string(kFirstLine) + "\n"; }

std::string SavedCountersEnd() { return std::string(kLastLine) + "\n"; }

std::string FrontendCountersHead() {
  std::string line = "#fe guid";
  AddNames(kFrontendColumns, line);
  return line + "\n";
}

std::string BackendCountersHead() {
  std::string line = "#be guid";
  AddNames(kBackendColumns, line);
  AddNames(kCarried, line);
  return line + "\n";
}

std::string ServerCountersHead() {
  std::string line = "#srv guid";
  AddNames(kServerColumns, line);
  AddNames(kOfServerColumns, line);
  return line + "\n";
}

std::string FrontendCountersLine(const ProxyConfig& proxy) {
  std::string line = proxy.guid;
  AddValues(kFrontendColumns, *proxy.state, line);
  return line + "\n";
}

std::string BackendCountersLine(const ProxyConfig& proxy) {
  std::string line = proxy.guid;
  AddValues(kBackendColumns, *proxy.state, line);
  for (size_t i = 0; i < std::size(kCarried); ++i) {
    uint64_t sum = kCarried[i].get(*proxy.state);
    sum += proxy.state->SumOfGone(kOfGone[i]);
    for (const auto& server : proxy.servers) sum += kOfServerColumns[i].get(*server->state);
    line += "," + std::to_string(sum);
  }
  return line + "\n";
}

std::string ServerCountersLine(const ServerConfig& server) {
  std::string line = server.guid;
  AddValues(kServerColumns, *server.state, line);
  AddValues(kOfServerColumns, *server.state, line);
  return line + "\n";
}

SavedCounters SavedCounters::Read(const std::string& path, std::vector<std::string>* warnings) {
  SavedCounters counters;
  if (path.empty()) return counters;
  std::string text;
  std::string why;
  if (!ReadTextFile(path, &text, &why) || !counters.Parse(text, &why)) {
    warnings->push_back("the stats-file '" + path + "' is not used: " + why);
    return SavedCounters();
  }
  if (!why.empty()) warnings->push_back("the stats-file '" + path + "' is used in part: " + why);
  return counters;
}

// Empty, or what is wrong with it.
std::string SavedCounters::ParseRow(const std::vector<std::string_view>& columns,
                                    std::string_view line, Rows& rows) {
  const std::vector<std::string_view> fields = base::Split(line, ',');
  if (fields.size() != columns.size()) return "as many values as the columns are expected";
  if (fields[0].empty()) return "a guid is expected";
  Row row;
  for (size_t i = 1; i < fields.size(); ++i) {
    const std::optional<uint64_t> value = base::ParseUnsigned(fields[i]);
    if (!value) return "'" + std::string(fields[i]) + "' is not a counter";
    row.emplace(columns[i], *value);
  }
  if (!rows.emplace(fields[0], std::move(row)).second) return "a guid stands here twice";
  return {};
}

bool SavedCounters::Parse(std::string_view text, std::string* why) {
  const std::vector<std::string_view> lines = base::Split(text, '\n');
  if (lines.empty() || lines[0] != kFirstLine) {
    *why = "it does not begin with '" + std::string(kFirstLine) + "'";
    return false;
  }
  Rows* rows = nullptr;  // of the section; null: of one that is not known
  std::vector<std::string_view> columns;
  uint32_t wrong_rows = 0;
  bool has_end = false;
  for (size_t i = 1; i < lines.size() && !has_end; ++i) {
    const std::string_view line = lines[i];
    std::string wrong;
    if (line == kLastLine) {
      has_end = true;
    } else if (line.starts_with('#')) {
      columns = base::Split(line, ',');
      rows = columns[0] == "#fe guid"    ? &frontends_
             : columns[0] == "#be guid"  ? &backends_
             : columns[0] == "#srv guid" ? &servers_
                                         : nullptr;
    } else if (i + 1 == lines.size()) {
      continue;  // what has no line feed may be half a number
    } else if (rows != nullptr && !line.empty()) {
      wrong = ParseRow(columns, line, *rows);
    }
    if (!wrong.empty() && ++wrong_rows == 1) {
      *why = base::Format("line %zu: ", i + 1) + wrong;
    }
  }
  if (wrong_rows > 1) *why += base::Format(", and %u more lines", wrong_rows - 1);
  if (!has_end) *why += std::string(why->empty() ? "" : "; ") + "it is cut off";
  return true;
}

const SavedCounters::Row* SavedCounters::Find(const Rows& rows, const std::string& guid) {
  const auto found = guid.empty() ? rows.end() : rows.find(guid);
  return found == rows.end() ? nullptr : &found->second;
}

// Behind its servers.
void SavedCounters::RestoreBackend(const ProxyConfig& proxy) const {
  const Row* row = Find(backends_, proxy.guid);
  if (row == nullptr) return;
  AddTo(kBackendColumns, *row, *proxy.state);
  for (size_t i = 0; i < std::size(kCarried); ++i) {
    const auto whole = row->find(kCarried[i].name);
    if (whole == row->end()) continue;
    uint64_t of_servers = 0;
    for (const auto& server : proxy.servers) of_servers += kOfServerColumns[i].get(*server->state);
    kCarried[i].add(*proxy.state, whole->second - std::min(whole->second, of_servers));
  }
}

void SavedCounters::Restore(const Configuration& configuration) const {
  for (const auto& proxy : configuration.proxies) {
    if (proxy->is_frontend) {
      if (const Row* row = Find(frontends_, proxy->guid))
        AddTo(kFrontendColumns, *row, *proxy->state);
    }
    if (!proxy->is_backend) continue;
    for (const auto& server : proxy->servers) {
      const Row* row = Find(servers_, server->guid);
      if (row == nullptr) continue;
      AddTo(kServerColumns, *row, *server->state);
      AddTo(kOfServerColumns, *row, *server->state);
    }
    RestoreBackend(*proxy);
  }
}

}  // namespace engine
