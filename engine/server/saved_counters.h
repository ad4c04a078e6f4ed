// saved_counters.h - what an earlier process has counted goes on, by guid (manual 3.1, stats-file;
// management 9.5).
//
// Owns:    what it has read.
// Threads: reading and restoring at start-up; writing lines any-thread.
// Units:   those of the counters; times in microseconds.
// Errors:  a file that cannot be used, or only in part, is one warning; what it does not say
//          begins at 0.
// States:  none.
//
// The format is our own. A section per kind of object names its columns, so that a reader takes
// what it knows, and a counter that was added or dropped since does no harm:
//
//   # ringway stats-file 1
//   #fe guid,connections,sessions,...
//   web,12,12,...
//   #be guid,...
//   #srv guid,...
//   #end

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/server/proxy_config.h"

namespace engine {

// With their line feed.
std::string SavedCountersHead();
std::string FrontendCountersHead();
std::string BackendCountersHead();
std::string ServerCountersHead();
std::string FrontendCountersLine(const ProxyConfig& proxy);
std::string BackendCountersLine(const ProxyConfig& proxy);
std::string ServerCountersLine(const ServerConfig& server);
std::string SavedCountersEnd();

class SavedCounters {
 public:
  // The one that `stats-file` names; without, there is nothing to restore.
  static SavedCounters Read(const std::string& path, std::vector<std::string>* warnings);
  // False: nothing of it can be used, `*why` says why. True with a text: in part.
  bool Parse(std::string_view text, std::string* why);
  // Into counters of a process that does not serve yet.
  void Restore(const Configuration& configuration) const;

 private:
  // Column to value.
  using Row = std::map<std::string, uint64_t, std::less<>>;
  using Rows = std::map<std::string, Row, std::less<>>;  // by guid
  static const Row* Find(const Rows& rows, const std::string& guid);
  std::string ParseRow(const std::vector<std::string_view>& columns, std::string_view line,
                       Rows& rows);
  void RestoreBackend(const ProxyConfig& proxy) const;

  Rows frontends_;
  Rows backends_;
  Rows servers_;
};

}  // namespace engine
