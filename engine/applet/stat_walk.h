// stat_walk.h - the lines of `show stat` one after the other: what is listed, in which order, and
// where to go on.
//
// Owns:    how far it has come.
// Threads: shard-local.
// Units:   none.
// Errors:  none.
// States:  under way -> over.
//
//   StatWalk walk(filter);
//   while (walk.Next(configuration, &item)) Say(RowOf(item, facts).ToCsv());   // stop anywhere

#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/applet/stat_row.h"
#include "engine/server/proxy_config.h"

namespace engine {

class Worker;
struct StatsConfig;

// Which objects are listed (management 9.3, show stat).
inline constexpr int64_t kStatFrontends = 1;
inline constexpr int64_t kStatBackends = 2;
inline constexpr int64_t kStatServers = 4;

struct StatFilter {
  int64_t proxy_id = -1;  // -1: all
  int64_t types = -1;
  int64_t server_id = -1;
  bool without_maintenance = false;
  bool only_up = false;
  // Of a page of statistics: its proxy, whose `stats scope` holds; null: none does.
  const ProxyConfig* page = nullptr;
};

struct StatItem {
  const ProxyConfig* proxy = nullptr;
  const ServerConfig* server = nullptr;  // null: a half of the proxy
  bool is_frontend = false;
};

class StatWalk {
 public:
  explicit StatWalk(const StatFilter& filter) : filter_(filter) {}
  // False: that was the last one. Another configuration may follow between two calls.
  bool Next(const Configuration& configuration, StatItem* item);

 private:
  enum class Part : uint8_t { kFrontend, kServers, kBackend };
  bool Shows(const ProxyConfig& proxy) const;
  bool Shows(const ServerConfig& server) const;
  bool Wants(int64_t type) const { return (filter_.types & type) != 0; }

  const StatFilter filter_;
  size_t proxy_ = 0;
  size_t server_ = 0;  // of proxy_
  Part part_ = Part::kFrontend;
};

StatFacts StatFactsOf(Worker& worker);
StatRow RowOf(const StatItem& item, const StatFacts& facts);

}  // namespace engine
