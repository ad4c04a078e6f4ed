// saved_states.h - what an earlier process has said about its servers (`show servers state`,
// management 9.3), read from files, so that servers begin where they were.
//
// Owns:    the rows of the files.
// Threads: start-up.
// Units:   seconds in the files, microseconds of the monotonic clock here.
// Errors:  all are texts to warn with: the process serves without. A file that cannot be read, or
//          is none of these, changes nothing; a row that makes no sense is left out.
// States:  read -> servers moved, before StateTable::Attach() -> states restored, after it.
//
//   SavedStates saved = SavedStates::Read(configuration, nullptr, &warnings);
//   saved.MoveServers(configuration);
//   Supervisor supervisor(configuration, ...);
//   saved.Restore(configuration, now_us, &notes, &warnings);

#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/server/proxy_config.h"
#include "engine/server/server_health.h"
#include "shard/net/address.h"

namespace engine {

// A line of the file: a server as it was. The words are those of the manual.
struct SavedServer {
  std::string backend;
  std::string name;
  shard::Address address;  // none: it had none that can be written
  Operational operational = Operational::kRunning;
  uint32_t admin_mask = 0;
  uint32_t weight = 0;
  uint32_t initial_weight = 0;
  uint64_t changed_s = 0;  // ago
  uint32_t check_status = 0;
  uint32_t check_health = 0;
  uint32_t check_mask = 0;
  uint32_t agent_mask = 0;
  std::string host;   // srv_fqdn; empty: none
  uint16_t port = 0;  // 0: the client's
};

class SavedStates {
 public:
  // False with `*why`: nothing is to be used. True with `*why`: lines are left out.
  [[nodiscard]] static bool Parse(std::string_view text, std::vector<SavedServer>* servers,
                                  std::string* why);
  // The files of all backends with `load-server-state-from-file`. Of the servers of `before`, which
  // is in use, the process knows more than any file: those are left out. Null: this is a start.
  static SavedStates Read(const Configuration& configuration, const Configuration* before,
                          std::vector<std::string>* warnings);

  // Addresses that names had (init-addr, last), and ports.
  void MoveServers(Configuration& configuration) const;
  // `notes` are for those that begin otherwise than the configuration says.
  void Restore(const Configuration& configuration, uint64_t now_us, std::vector<std::string>* notes,
               std::vector<std::string>* warnings) const;

 private:
  const SavedServer* Find(const ServerConfig& server) const;

  std::map<std::string, SavedServer> servers_;  // "backend/server"
  std::set<std::string> backends_before_;
};

}  // namespace engine
