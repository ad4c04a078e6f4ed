// server_text.h - the state of a server in words, as `show stat` and servers are told.
//
// Owns:    nothing.
// Threads: any-thread.
// Units:   none.
// Errors:  none.
// States:  none.

#pragma once

#include <string>

#include "engine/server/proxy_config.h"

namespace engine {

// "UP 1/3", "DOWN", "NOLB", "MAINT (via b/s)", "no check" (management 9.1, status).
std::string StatusText(const ServerConfig& server);
// The value of the X-Haproxy-Server-State field (manual 4.2, http-check send-state). `node`: how
// this process is called.
std::string StateField(const ServerConfig& server, const shard::Address& address,
                       const std::string& node);

}  // namespace engine
