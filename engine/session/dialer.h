// dialer.h - a new connection to a server: from where, to where, its socket, its mux and the
// stream's endpoint on it.
//
// Owns:    nothing; the connection belongs to the shard's table, the endpoint to its mux.
// Threads: shard-local.
// Units:   none.
// Errors:  a CloseReason, when the attempt ends before it has begun.
// States:  none.
//
//   DialPlan plan;
//   if (NeedsClient(server, dial)) *reason = PlanDial(server, dial, client, head, &plan);
//   ... a kept connection with plan.key, or:
//   endpoint = DialServer(worker, {server, backend, plan}, &reason);

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/mux/pool_key.h"
#include "engine/server/proxy_config.h"
#include "engine/server/server_state.h"
#include "proto/http/head.h"
#include "shard/conn/close_reason.h"
#include "shard/conn/connection.h"
#include "shard/stream/endpoint.h"

namespace engine {

class Session;
class Stream;
class Worker;

// What the kernel is to put on the packets of a connection (manual 4.4, set-bc-mark, set-bc-tos).
struct ServerMarks {
  std::optional<uint32_t> mark;
  std::optional<uint8_t> tos;
  bool any() const { return mark || tos; }
};

// Who the client is, and what it called.
struct ClientAddresses {
  const shard::Address& source;
  const shard::Address& destination;
};

// What of a connection the client decides. Empty for a server that does not depend on it.
struct DialPlan {
  shard::Address destination;  // empty: the server's own address
  shard::Address source;       // empty: what the configuration says, or the kernel's choice
  // What a server with send-proxy is told.
  shard::Address announced_source;
  shard::Address announced_destination;
  std::string_view client_facts;  // TLVs, in the caller's memory
  std::string_view server_name;   // for a server with `ssl`: SNI, and what its certificate must say
  ServerMarks marks;
  PoolKey key;
};

struct DialRequest {
  ServerConfig& server;
  const ProxyConfig& backend;
  const DialPlan& plan;
  bool http = false;  // the endpoint carries HTTP messages
  Session& session;   // which the connection is for
};

// What it takes to connect depends on who the client is.
inline bool NeedsClient(const ServerConfig& server, const ServerDial& dial) {
  return dial.follows_client() || server.source.depends_on_client();
}

// Of such a server. `head` is null in mode tcp. kNone, or why it cannot be
// connected to on behalf of this client.
shard::CloseReason PlanDial(const ServerConfig& server, const ServerDial& dial,
                            const ClientAddresses& client, const proto::RequestHead* head,
                            DialPlan* plan);

// A connection with other marks is not used again.
void PlanMarks(const ServerMarks& marks, DialPlan* plan);

// For a server that is told who the client is (send-proxy), even when the client has gone since.
void PlanHeader(const shard::Address& source, const shard::Address& destination, DialPlan* plan);

// For a server that is told more of the client, in version 2 of the header. `client` is null when
// it has gone. False: then nothing can be said of its TLS. `memory` has kClientFactsBytesMax bytes
// and outlives the plan.
[[nodiscard]] bool PlanClientFacts(const ServerConfig& server, const shard::Connection* client,
                                   Stream& stream, char* memory, DialPlan* plan);

// For a server with `ssl`: the name it is asked for. `head` is null in mode tcp. The name belongs
// to the head or to the configuration.
void PlanServerName(const ServerConfig& server, const proto::RequestHead* head, DialPlan* plan);

// The endpoint of a connection that is on its way; null with `*reason`. kNone: a descriptor has
// been given up for it, try again in the next turn.
shard::Endpoint* DialServer(Worker& worker, const DialRequest& request, shard::CloseReason* reason);

// An address as hdr_ip() takes it from a header (manual 4.2, source): the `occurrence`-th value of
// all fields called `name`, from the first (1, 2...) or from the last (-1, -2...). Empty when there
// is none, or when it is no address.
shard::Address FindHeaderAddress(const proto::FieldList& fields, std::string_view name,
                                 int32_t occurrence);

}  // namespace engine
