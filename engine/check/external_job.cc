#include "engine/check/external_job.h"

#include <unistd.h>

#include "engine/server/server_state.h"

namespace engine {
namespace {

struct Endpoint {
  std::string address;
  std::string port;
};

// Of the first socket of the proxy, if it has a frontend half.
Endpoint ProxyEndpoint(const ProxyConfig& proxy) {
  for (const auto& bind : proxy.binds) {
    for (const BindAddress& one : bind->addresses) {
      if (one.address.is_ip()) return {one.address.Ip(), std::to_string(one.address.port)};
      if (!one.unix_path.empty()) return {one.unix_path, {}};
    }
  }
  return {};
}

Endpoint ServerEndpoint(const ServerConfig& server, const CheckTarget& target) {
  const shard::Address& address =
      target.address.family != AF_UNSPEC ? target.address : server.address;
  if (!address.is_ip()) return {server.unix_path, {}};
  const uint16_t port = target.port != 0 ? target.port : server.address.port;
  return {address.Ip(), std::to_string(port)};
}

std::string OrNotUsed(const std::string& text) { return text.empty() ? "NOT_USED" : text; }

}  // namespace

std::unique_ptr<ExternalJob> MakeJob(const ServerConfig& server, const CheckTarget& target,
                                     const CheckRules& rules, const Environment* kept) {
  const ProxyConfig& backend = *server.backend;
  const Endpoint proxy = ProxyEndpoint(backend);
  const Endpoint own = ServerEndpoint(server, target);
  auto job = std::make_unique<ExternalJob>();
  job->argv = {rules.command, OrNotUsed(proxy.address), OrNotUsed(proxy.port),
               OrNotUsed(own.address), OrNotUsed(own.port)};
  job->environment = {
      "PATH=" + rules.command_path,
      "HAPROXY_PROXY_NAME=" + backend.name,
      "HAPROXY_PROXY_ID=" + std::to_string(backend.id),
      "HAPROXY_PROXY_ADDR=" + proxy.address,
      "HAPROXY_PROXY_PORT=" + proxy.port,
      "HAPROXY_SERVER_NAME=" + server.name,
      "HAPROXY_SERVER_ID=" + std::to_string(server.id),
      "HAPROXY_SERVER_ADDR=" + own.address,
      "HAPROXY_SERVER_PORT=" + own.port,
      "HAPROXY_SERVER_MAXCONN=" + std::to_string(server.maxconn),
      "HAPROXY_SERVER_CURCONN=" + std::to_string(server.state->Current()),
      "HAPROXY_SERVER_SSL=0",
      std::string("HAPROXY_SERVER_PROTO=") + (backend.mode == Mode::kHttp ? "h1" : "tcp"),
  };
  if (kept == nullptr) return job;
  for (std::string& text : kept->List()) {
    // What is said above wins.
    if (!text.starts_with("PATH=") && !text.starts_with("HAPROXY_"))
      job->environment.push_back(std::move(text));
  }
  return job;
}

}  // namespace engine
