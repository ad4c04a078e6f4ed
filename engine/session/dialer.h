// dialer.h - a new connection to a server: its socket, its mux, and the stream's endpoint on it.
//
// Owns:    nothing; the connection belongs to the shard's table, the endpoint to its mux.
// Threads: shard-local.
// Units:   none.
// Errors:  a CloseReason, when the attempt ends before it has begun.
// States:  none.

#pragma once

#include <cstdint>

#include "engine/mux/pool_key.h"
#include "engine/server/proxy_config.h"
#include "shard/conn/close_reason.h"
#include "shard/stream/endpoint.h"

namespace engine {

class Worker;

struct DialRequest {
  ServerConfig& server;
  const ProxyConfig& backend;
  bool http = false;  // the endpoint carries HTTP messages
  uint64_t session_id = 0;
  PoolKey key;
};

// The endpoint of a connection that is on its way; null with `*reason`.
shard::Endpoint* DialServer(Worker& worker, const DialRequest& request, shard::CloseReason* reason);

}  // namespace engine
