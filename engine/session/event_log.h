// event_log.h - lines about servers and proxies, not about traffic: an operator took one out.
//
// Owns:    nothing.
// Threads: shard-local.
// Units:   none.
// Errors:  none.
// States:  none.
//
// They go where the server's backend logs to (manual 4.2, log).

#pragma once

#include "engine/server/server_state.h"

namespace engine {

class Worker;

// `server` has gone from `before` to `after`, by an operator's word.
void LogServerAdmin(Worker& worker, const ServerConfig& server, AdminState before,
                    AdminState after);
// A backend has lost its last usable server, or has not: said if so.
void LogIfNoServer(Worker& worker, const ProxyConfig& backend, bool had_server);
// Some server of `backend` takes traffic.
bool HasUsableServer(const ProxyConfig& backend);

}  // namespace engine
