// session.h - one client connection: where it came in, and the streams it carries one after
// another.
//
// Owns:    its connection until a stream's endpoint has taken it over. Lives in the worker's slab.
// Threads: shard-local.
// Units:   microseconds for the time of accept.
// Errors:  a handshake that fails or never ends closes the connection with its reason.
// States:  handshaking -> carrying streams -> gone. A connection of mode tcp may get the mux of
//          HTTP in place of its own, once.

#pragma once

#include <cstdint>

#include "base/intrusive_list.h"
#include "engine/mux/mux_h1_back.h"
#include "engine/mux/mux_h1_front.h"
#include "engine/server/generation.h"
#include "engine/server/proxy_config.h"
#include "engine/session/variables.h"
#include "tls/info.h"

namespace engine {

class Stream;
class Worker;
enum class RuleStage : uint8_t;

class Session final : shard::ConnectionEvents, RequestAcceptor {
 public:
  Session(Worker& worker, const BindConfig& bind);

  // Takes the accepted descriptor. The session frees itself, at once if there is no room.
  void Begin(int fd);
  // The stream is over and has given its endpoint back.
  void OnStreamGone();
  // The client of `stream`, its first one, speaks HTTP from here on. False: no room for the mux,
  // and nothing has changed.
  bool SwitchToHttp(Stream& stream);
  // Its client's connection carries messages of HTTP.
  bool speaks_http() const { return frontend().mode == Mode::kHttp || front_ != nullptr; }
  // Unique in its shard.
  uint64_t id() const { return id_; }
  base::Handle client() const { return client_; }
  // Connections to servers that no other session may use: they go when the session goes.
  OwnConnections& own_connections() { return own_connections_; }
  uint32_t requests() const { return requests_; }
  // The server of the last request. Sticks: it asked for authentication, so the next one must go
  // there too.
  void SetLastServer(const ServerConfig& server) { last_server_ = &server; }
  const ServerConfig* last_server() const { return last_server_; }
  void SetSticks(bool sticks) { sticks_ = sticks; }
  bool sticks() const { return sticks_; }

  Worker& worker() const { return worker_; }
  // Of the configuration that it began its last request with.
  const BindConfig& bind() const { return *bind_; }
  const ProxyConfig& frontend() const { return *bind_->frontend; }
  // Between two requests: goes on with the configuration that its shard uses now. False: no
  // bind line in it takes the place of its own, so the next answer is the last.
  bool Renew() override;
  uint64_t accepted_us() const { return accepted_us_; }
  uint64_t handshaken_us() const { return handshaken_us_; }
  // The client's, as long as no mux has it; else null.
  shard::Connection* connection() const { return connection_; }
  // Who the client is and what it called: known from the end of the handshakes on, if a server of
  // the configuration is to be told (send-proxy) or the log says it, even when the client has gone.
  const shard::Address& client_address() const { return client_address_; }
  const shard::Address& client_destination() const { return client_destination_; }
  // Of the client's connection, from the end of the handshakes on.
  const tls::Info& tls() const { return tls_; }
  // Of scope `sess`. Whoever only looks at a session, such as a log line, may set some, too.
  VariableList& variables() const { return variables_; }
  // Ends a session that is still in its handshakes.
  void EndHandshake(shard::CloseReason reason);

  base::ListHook handshake_hook;  // in the worker's list, while handshakes run

 private:
  void OnConnected() noexcept override;
  void OnReadable() noexcept override {}
  void OnWritable() noexcept override {}
  void OnDeadline() noexcept override;
  void OnClosed(shard::CloseReason reason) noexcept override;
  void OnNewStream(shard::Endpoint* endpoint) noexcept override;
  void OnMuxGone(shard::CloseReason reason) noexcept override;
  void OnBadRequest(MuxH1Front& mux, uint16_t status, shard::CloseReason reason) noexcept override;
  void OnLeaving(MuxH1Front& mux) noexcept override;
  bool Draining() const noexcept override;
  // What the log says of the client.
  void NoteAddresses();
  void CountRequest();
  void CountBadRequest(uint16_t status);
  bool BeginHandshakes();
  void RenewIfIdle();
  bool PassesRules(RuleStage stage);
  void Refuse();
  void EndWhenOver();
  void End();

  Worker& worker_;
  const BindConfig* bind_;
  GenerationPin pin_;
  MuxH1Front* front_ = nullptr;              // of HTTP, until it is gone
  Stream* switched_ = nullptr;               // waits for a request to be read, to go on with it
  shard::Connection* connection_ = nullptr;  // only while no mux has it
  base::Handle client_;                      // names it, whoever has it
  uint64_t accepted_us_ = 0;
  uint64_t handshaken_us_ = 0;
  shard::Address client_address_;
  shard::Address client_destination_;
  tls::Info tls_;
  const uint64_t id_;
  OwnConnections own_connections_;
  const ServerConfig* last_server_ = nullptr;
  mutable VariableList variables_;
  uint32_t requests_ = 0;
  uint32_t streams_ = 0;
  bool mux_gone_ = false;
  bool sticks_ = false;
  bool refused_ = false;  // what became of a connection without a request was told
};

}  // namespace engine
