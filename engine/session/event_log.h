// event_log.h - lines about servers and proxies, not about traffic: a server went down or came up,
// an operator took one out.
//
// Owns:    nothing.
// Threads: shard-local.
// Units:   none.
// Errors:  none.
// States:  none.
//
// They go where the server's backend logs to (manual 4.2, log).

#pragma once

#include <string>

#include "engine/check/check_host.h"
#include "engine/server/server_state.h"

namespace engine {

class Worker;

// Where a server stands.
struct Standing {
  AdminState admin = AdminState::kReady;
  Operational health = Operational::kRunning;  // by checks
  Operational operational() const {
    return admin == AdminState::kMaint ? Operational::kStopped : health;
  }
  bool operator==(const Standing&) const = default;
};

struct ServerMove {
  Standing before;
  Standing after;
  const ServerConfig* via = nullptr;  // the tracked server that moved; null: it moved itself
  std::string cause;                  // ", reason: ...", ", changed from CLI"
};

void LogServerMove(Worker& worker, const ServerConfig& server, const ServerMove& move);
// The backend has lost its last usable server.
void LogNoServer(Worker& worker, const ProxyConfig& backend);
// An answer of the server was held back (option checkcache).
void LogCacheableCookie(Worker& worker, const ServerConfig& server);
// `option log-health-checks`: a check has come to something new.
void LogCheck(Worker& worker, const ServerConfig& server, CheckOf of, const CheckReport& report,
              const HealthValue& value);
// ", reason: Layer4 check passed, check duration: 2ms"
std::string ReasonText(const CheckReport& report);

}  // namespace engine
