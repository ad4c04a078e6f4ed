// check_runner.h - the checks of those servers that have this shard as their home.
//
// Owns:    its ServerChecks.
// Threads: shard-local. Each server has one home, so nobody checks twice.
// Units:   milliseconds of the shard's clock.
// Errors:  none.
// States:  made -> Start()ed -> Stop()ped.
//
//   CheckRunner runner(host, configuration, shard, shards);
//   runner.Start(nullptr);   // the first checks are spread over the smallest interval of all

#pragma once

#include <memory>
#include <vector>

#include "engine/check/server_check.h"

namespace engine {

class CheckRunner {
 public:
  CheckRunner(CheckHost& host, const Configuration& configuration, uint32_t shard, uint32_t shards);
  // `before`, which has stopped, ran the checks of another configuration: those of a server that
  // is still checked in the same way come when they would have come. Null: there was none.
  void Start(const CheckRunner* before);
  void Stop();
  // Null: it has none, or not here.
  ServerCheck* Find(const ServerConfig& server, CheckOf of);

  static uint32_t HomeOf(const ServerConfig& server, uint32_t shards) {
    return server.check.ordinal % shards;
  }

 private:
  CheckHost& host_;
  CheckSettings settings_;
  uint32_t checks_of_all_ = 0;
  uint64_t spread_ms_ = UINT64_MAX;  // from the first check of the process to the last
  struct Own {
    std::unique_ptr<ServerCheck> check;
    uint32_t position = 0;  // among the checks of all shards
  };
  std::vector<Own> own_;
};

// How many checks may be under way at once.
uint32_t CountChecks(const Configuration& configuration);

}  // namespace engine
