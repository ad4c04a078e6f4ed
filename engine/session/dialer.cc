#include "engine/session/dialer.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/errno_name.h"
#include "base/text.h"
#include "engine/log/console.h"
#include "engine/session/client_facts.h"
#include "engine/session/session.h"
#include "engine/session/stream_context.h"
#include "engine/session/worker.h"
#include "shard/conn/proxy_send.h"
#include "shard/net/connector.h"
#include "tls/info.h"
#include "tls/link.h"

namespace engine {

using shard::Address;
using shard::CloseReason;

namespace {

// "1.2.3.4", "1.2.3.4:80", "::1", "[::1]:80"; a port is left out.
Address ParseHeaderAddress(std::string_view text) {
  if (text.starts_with('[')) {
    text = text.substr(1, text.find(']') - 1);
  } else if (const size_t colon = text.find(':');
             colon != std::string_view::npos && text.find(':', colon + 1) == text.npos) {
    text = text.substr(0, colon);
  }
  return Address::FromText(text).Unmapped();
}

// The host that a request is for, as a name that SNI may carry.
std::string_view HostNameOf(const proto::RequestHead& head) {
  std::string_view host = head.authority;
  if (host.empty()) {
    const proto::Field* field = head.fields.Find(proto::FieldName::kHost);
    if (field != nullptr) host = field->value();
  }
  return tls::NameOfHost(host);
}

// Calls `visit(value)` for every value of the lists in all fields called `name`, until it returns
// false.
template <typename Visit>
void ForEachValue(const proto::FieldList& fields, std::string_view name, Visit visit) {
  for (const proto::Field* field = fields.Find(name); field != nullptr;
       field = fields.FindNext(field)) {
    std::string_view rest = field->value();
    for (;;) {
      const size_t comma = rest.find(',');
      if (!visit(base::Trim(rest.substr(0, comma)))) return;
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
}

CloseReason ReasonOf(int error) {
  switch (error) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EADDRINUSE:
      return CloseReason::kLocalPorts;
    default:
      return CloseReason::kSourceAddress;
  }
}

// Once per server: an operator must learn of it, and the request path must not wait for a terminal.
void TellOnce(const ServerConfig& server, int error) {
  if (!server.state->NoteSourceFailure()) return;
  Console().Warning("server " + server.backend->name + "/" + server.name +
                    ": no connection can be given its source address: " + base::ErrnoText(error) +
                    " (" + base::ErrnoName(error) + ")");
}

shard::OutgoingOptions OptionsOf(const DialRequest& request, uint16_t family) {
  ServerConfig& server = request.server;
  const SourceConfig& source = server.source;
  shard::OutgoingOptions options;
  options.family = family;
  options.keep_alive = request.backend.tcpka_server;
  options.keep_alive_probes = request.backend.server_probes;
  options.user_timeout_ms = server.tcp_user_timeout_ms;
  options.delays_first_ack = request.backend.smart_connect;
  options.mark = request.plan.marks.mark;
  options.tos = request.plan.marks.tos;
  if (!source.is_given) return options;
  options.interface = source.interface;
  options.transparent = source.is_transparent();
  if (source.depends_on_client()) {
    options.source = request.plan.source;
  } else if (source.usesrc == UseSource::kAddress) {
    options.source = source.presented;
  } else {
    options.source = source.address;
    options.ports = source.ports();
    if (options.ports != 0) options.first_port = server.state->NextSourcePort();
  }
  return options;
}

shard::Endpoint* OpenMux(Worker& worker, const DialRequest& request,
                         shard::Connection& connection) {
  if (request.http) {
    MuxH1Back* mux = worker.NewMuxH1Back(connection, request.server);
    if (mux == nullptr) return nullptr;
    mux->key = request.plan.key;
    mux->BelongTo(request.session.id(), request.session.own_connections());
    if (request.backend.http.reuse == ReusePolicy::kNever) mux->Reserve();
    return mux->OpenStream();
  }
  MuxRaw* mux = worker.NewMuxRaw(connection);
  if (mux == nullptr) return nullptr;
  mux->SetNoLinger(request.backend.nolinger);
  return mux->OpenStream();
}

}  // namespace

Address FindHeaderAddress(const proto::FieldList& fields, std::string_view name,
                          int32_t occurrence) {
  int64_t wanted = occurrence;
  if (wanted < 0) {
    int64_t count = 0;
    ForEachValue(fields, name, [&](std::string_view) { return ++count, true; });
    wanted += count + 1;
  }
  Address found;
  int64_t at = 0;
  ForEachValue(fields, name, [&](std::string_view value) {
    if (++at != wanted) return true;
    found = ParseHeaderAddress(value);
    return false;
  });
  return found;
}

CloseReason PlanDial(const ServerConfig& server, const ServerDial& dial,
                     const ClientAddresses& client, const proto::RequestHead* head,
                     DialPlan* plan) {
  if (dial.follows_client()) {
    const Address wanted = client.destination.Unmapped();
    if (!wanted.is_ip()) return CloseReason::kConnectFailed;
    plan->destination = dial.follows_address ? wanted : dial.address;
    const int32_t port =
        dial.follows_port ? wanted.port + dial.port_offset : int32_t(dial.address.port);
    if (port < 1 || port > 65535) return CloseReason::kConnectFailed;
    plan->destination.port = uint16_t(port);
    plan->key.Set(PoolKey::Part::kDestination, plan->destination);
  }
  switch (server.source.usesrc) {
    case UseSource::kNone:
    case UseSource::kAddress:
      return CloseReason::kNone;
    case UseSource::kClient:
    case UseSource::kClientIp:
      plan->source = client.source.Unmapped();
      // One of a unix socket has no address to show: the machine's own is used.
      if (!plan->source.is_ip()) plan->source = Address();
      if (server.source.usesrc == UseSource::kClientIp) plan->source.port = 0;
      break;
    case UseSource::kHeader:
      if (head == nullptr) return CloseReason::kNone;
      plan->source =
          FindHeaderAddress(head->fields, server.source.header, server.source.occurrence);
      break;
  }
  plan->key.Set(PoolKey::Part::kSource, plan->source);
  return CloseReason::kNone;
}

void PlanHeader(const Address& source, const Address& destination, DialPlan* plan) {
  plan->announced_source = source;
  plan->announced_destination = destination;
  plan->key.Set(PoolKey::Part::kAnnouncedSource, source);
  plan->key.Set(PoolKey::Part::kAnnouncedDestination, destination);
}

void PlanMarks(const ServerMarks& marks, DialPlan* plan) {
  plan->marks = marks;
  Address packed;
  packed.family = AF_INET6;
  uint8_t bytes[16] = {marks.mark ? uint8_t{1} : uint8_t{0}, marks.tos ? uint8_t{1} : uint8_t{0},
                       marks.tos.value_or(0)};
  const uint32_t mark = marks.mark.value_or(0);
  std::memcpy(bytes + 4, &mark, sizeof(mark));
  std::memcpy(packed.v6.s6_addr, bytes, sizeof(bytes));
  plan->key.Set(PoolKey::Part::kMarks, packed);
}

bool PlanClientFacts(const ServerConfig& server, const shard::Connection* client, Stream& stream,
                     char* memory, DialPlan* plan) {
  const ClientFacts& facts = server.client_facts;
  if (server.announce.version != 2) return true;
  if (facts.of_tls() && client == nullptr) return false;
  // Without options it is the protocol that TLS has agreed on, and most clients have none.
  if (!facts.any() && (client == nullptr || !tls::IsTls(*client))) return true;
  StreamContext context(stream);
  plan->client_facts = WriteClientFacts(facts, client, context, memory);
  if (plan->client_facts.empty()) return true;
  Address digest;
  digest.family = AF_INET6;
  tls::DigestName(plan->client_facts, digest.v6.s6_addr);
  plan->key.Set(PoolKey::Part::kClientFacts, digest);
  return true;
}

void PlanServerName(const ServerConfig& server, const proto::RequestHead* head, DialPlan* plan) {
  std::string_view name = server.tls.sni;
  if (name.empty() && server.tls.sni_auto && head != nullptr) name = HostNameOf(*head);
  plan->server_name = name;
  if (name.empty()) return;
  // A digest stands for the name: what a client can choose must not be found to be equal by chance.
  Address digest;
  digest.family = AF_INET6;
  tls::DigestName(name, digest.v6.s6_addr);
  plan->key.Set(PoolKey::Part::kServerName, digest);
}

shard::Endpoint* DialServer(Worker& worker, const DialRequest& request, CloseReason* reason) {
  ServerConfig& server = request.server;
  const ServerDial& dial = server.state->dial(worker.index());
  shard::Ring& ring = worker.context().ring();
  worker.idle_pool().MakeRoom();
  const Address& planned = request.plan.destination;
  const bool is_planned = planned.family != AF_UNSPEC;
  const int fd = shard::OpenOutgoingSocket(
      ring, OptionsOf(request, is_planned ? planned.family : dial.address.family));
  if ((fd == -EMFILE || fd == -ENFILE) && worker.idle_pool().FreeDescriptors(1)) {
    *reason = CloseReason::kNone;
    return nullptr;
  }
  if (fd < 0) {
    *reason = ReasonOf(-fd);
    if (*reason == CloseReason::kSourceAddress) TellOnce(server, -fd);
    return nullptr;
  }
  // What lies idle must not keep a request from a connection, wherever it takes the last place.
  const auto no_room = [&]() -> shard::Endpoint* {
    *reason = worker.idle_pool().CloseOldest() ? CloseReason::kNone : CloseReason::kNoMemory;
    return nullptr;
  };
  shard::Connection* connection = worker.shard().connections().Adopt(fd, shard::Role::kDialled);
  if (connection == nullptr) {
    ring.Close(fd);
    return no_room();
  }
  const bool is_ready =
      !server.announce.enabled() ||
      shard::AnnounceClient(*connection, server.announce, request.plan.announced_source,
                            request.plan.announced_destination, request.plan.client_facts);
  bool speaks = true;
  if (server.tls_context != nullptr && !dial.plain) {
    if (!worker.tls_counts().TryTake()) {
      worker.RecallTlsPlaces();
      connection->Abort();
      shard::Endpoint* none = no_room();
      if (*reason == CloseReason::kNoMemory) *reason = CloseReason::kTlsLimit;
      return none;
    }
    speaks = worker.tls().Connect(*connection, server.tls_context, request.plan.server_name, true);
    if (!speaks) worker.tls_counts().GiveBack();
  }
  shard::Endpoint* endpoint = is_ready && speaks ? OpenMux(worker, request, *connection) : nullptr;
  if (endpoint == nullptr) {
    connection->Abort();
    return no_room();
  }
  connection->SetTarget(shard::Target::Of(&server));
  if (is_planned) {
    connection->Dial(planned);
  } else {
    connection->Dial(reinterpret_cast<const sockaddr*>(&dial.socket), dial.socket_bytes);
  }
  return endpoint;
}

}  // namespace engine
