#include "engine/session/event_log.h"

#include "base/text.h"
#include "engine/server/log_config.h"
#include "engine/session/worker.h"

namespace engine {
namespace {

bool IsUsable(const ServerConfig& server) {
  return !server.state->disabled() && server.state->weight() > 0;
}

unsigned CountUsable(const ProxyConfig& backend, bool backup) {
  unsigned count = 0;
  for (const auto& server : backend.servers) {
    if (server->backup == backup && IsUsable(*server)) ++count;
  }
  return count;
}

void Say(Worker& worker, const ProxyConfig& backend, LogLevel level, const std::string& text) {
  ShardLog& log = worker.log();
  log.Sync(worker.context().loop->clock().now_us());
  log.Say(backend.log->loggers, {.level = level, .tag = backend.log->tag, .structured_data = {}},
          text);
}

}  // namespace

bool HasUsableServer(const ProxyConfig& backend) {
  return CountUsable(backend, false) + CountUsable(backend, true) > 0;
}

void LogServerAdmin(Worker& worker, const ServerConfig& server, AdminState before,
                    AdminState after) {
  const ProxyConfig& backend = *server.backend;
  if (backend.log == nullptr || before == after) return;
  const std::string name = "Server " + backend.name + "/" + server.name;
  const unsigned active = CountUsable(backend, false);
  const unsigned backup = CountUsable(backend, true);
  const auto current = static_cast<long long>(server.state->Current());
  const auto queued = static_cast<long long>(backend.state->Queued());
  switch (after) {
    case AdminState::kMaint:
      return Say(worker, backend, LogLevel::kAlert,
                 name + base::Format(" is going DOWN for maintenance. %u active and %u backup "
                                     "servers left. %lld sessions active, 0 requeued, %lld "
                                     "remaining in queue.",
                                     active, backup, current, queued));
    case AdminState::kDrain:
      return Say(worker, backend, LogLevel::kNotice,
                 name + base::Format(" enters drain state. %u active and %u backup servers online. "
                                     "0 sessions requeued, %lld total in queue.",
                                     active, backup, queued));
    case AdminState::kReady:
      return Say(worker, backend, LogLevel::kNotice,
                 name + (before == AdminState::kMaint ? " is UP/READY (leaving forced maintenance)."
                                                      : " is UP (leaving forced drain)."));
  }
}

void LogIfNoServer(Worker& worker, const ProxyConfig& backend, bool had_server) {
  if (backend.log == nullptr || !had_server || HasUsableServer(backend)) return;
  const char* kind = backend.is_frontend ? "proxy " : "backend ";
  Say(worker, backend, LogLevel::kEmerg, kind + backend.name + " has no server available!");
}

}  // namespace engine
