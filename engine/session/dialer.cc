#include "engine/session/dialer.h"

#include "engine/session/worker.h"
#include "shard/net/connector.h"

namespace engine {

using shard::CloseReason;

namespace {

shard::Endpoint* OpenMux(Worker& worker, const DialRequest& request,
                         shard::Connection& connection) {
  if (request.http) {
    return worker.OpenHttpServer(connection, request.server, request.backend, request.session_id,
                                 request.key);
  }
  MuxRaw* mux = worker.NewMuxRaw(connection);
  if (mux == nullptr) return nullptr;
  mux->SetNoLinger(request.backend.nolinger);
  return mux->OpenStream();
}

}  // namespace

shard::Endpoint* DialServer(Worker& worker, const DialRequest& request, CloseReason* reason) {
  ServerConfig& server = request.server;
  shard::Ring& ring = worker.context().ring();
  shard::OutgoingOptions options;
  options.family = server.address.family;
  options.keep_alive = request.backend.tcpka_server;
  if (server.has_source) {
    options.source = server.source;
    options.interface = server.source_interface;
  }
  const int fd = shard::OpenOutgoingSocket(ring, options);
  if (fd < 0) {
    *reason = CloseReason::kLocalPorts;
    return nullptr;
  }
  *reason = CloseReason::kNoMemory;
  shard::Connection* connection = worker.shard().connections().Adopt(fd, shard::Role::kDialled);
  if (connection == nullptr) {
    ring.Close(fd);
    return nullptr;
  }
  shard::Endpoint* endpoint = OpenMux(worker, request, *connection);
  if (endpoint == nullptr) {
    connection->Abort();
    return nullptr;
  }
  connection->SetTarget(shard::Target::Of(&server));
  connection->Dial(reinterpret_cast<const sockaddr*>(&server.socket_address),
                   server.socket_address_length);
  return endpoint;
}

}  // namespace engine
