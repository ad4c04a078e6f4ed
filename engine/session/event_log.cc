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

std::string NameOf(const ServerConfig& server) {
  return (server.backup ? "Backup Server " : "Server ") + server.backend->name + "/" + server.name;
}

// What is left of the backend, at the end of a line.
struct Rest {
  unsigned active;
  unsigned backup;
  long long current;
  long long queued;

  explicit Rest(const ServerConfig& server)
      : active(CountUsable(*server.backend, false)),
        backup(CountUsable(*server.backend, true)),
        current(server.state->Current()),
        queued(server.backend->state->Queued()) {}
  const char* running_on() const { return active == 0 && backup > 0 ? " Running on backup." : ""; }
  std::string Left() const {
    return base::Format(
        ". %u active and %u backup servers left.%s %lld sessions active, 0 "
        "requeued, %lld remaining in queue.",
        active, backup, running_on(), current, queued);
  }
  std::string Online() const {
    return base::Format(
        ". %u active and %u backup servers online.%s 0 sessions requeued, %lld "
        "total in queue.",
        active, backup, running_on(), queued);
  }
};

const char* UpOrDown(const Standing& standing) {
  return standing.operational() == Operational::kStopped ? "DOWN" : "UP";
}

void LogAdmin(Worker& worker, const ServerConfig& server, const ServerMove& move,
              const std::string& via) {
  const ProxyConfig& backend = *server.backend;
  const std::string name = NameOf(server);
  const AdminState before = move.before.admin;
  switch (move.after.admin) {
    case AdminState::kMaint:
      if (move.before.operational() == Operational::kStopped) {
        return Say(worker, backend, LogLevel::kNotice,
                   name + " was DOWN and now enters maintenance" + via + ".");
      }
      return Say(worker, backend, LogLevel::kAlert,
                 name + " is going DOWN for maintenance" + via + Rest(server).Left());
    case AdminState::kDrain:
      if (before == AdminState::kReady) {
        return Say(worker, backend, LogLevel::kNotice,
                   name + " enters drain state" + via + Rest(server).Online());
      }
      break;
    case AdminState::kReady:
      if (before == AdminState::kDrain) {
        return Say(worker, backend, LogLevel::kNotice,
                   name + " is " + UpOrDown(move.after) + " (leaving forced drain).");
      }
      break;
  }
  Say(worker, backend, LogLevel::kNotice,
      name + " is " + UpOrDown(move.after) +
          (move.after.admin == AdminState::kDrain ? "/DRAIN" : "/READY") +
          (move.via != nullptr ? " (leaving maintenance)." : " (leaving forced maintenance)."));
}

void LogHealth(Worker& worker, const ServerConfig& server, const ServerMove& move,
               const std::string& via) {
  const ProxyConfig& backend = *server.backend;
  const std::string name = NameOf(server);
  switch (move.after.health) {
    case Operational::kStopped:
      return Say(worker, backend, LogLevel::kAlert,
                 name + " is DOWN" + via + move.cause + Rest(server).Left());
    case Operational::kStopping:
      return Say(worker, backend, LogLevel::kNotice,
                 name + " is stopping" + via + move.cause + Rest(server).Online());
    case Operational::kStarting:
    case Operational::kRunning:
      return Say(worker, backend, LogLevel::kNotice,
                 name + " is UP" + via + move.cause + Rest(server).Online());
  }
}

}  // namespace

void LogServerMove(Worker& worker, const ServerConfig& server, const ServerMove& move) {
  if (server.backend->log == nullptr) return;
  const std::string via = move.via == nullptr
                              ? std::string()
                              : " via " + move.via->backend->name + "/" + move.via->name;
  if (move.before.admin != move.after.admin) return LogAdmin(worker, server, move, via);
  if (move.before.operational() == move.after.operational()) return;
  LogHealth(worker, server, move, via);
}

void LogNoServer(Worker& worker, const ProxyConfig& backend) {
  if (backend.log == nullptr) return;
  const char* kind = backend.is_frontend ? "proxy " : "backend ";
  Say(worker, backend, LogLevel::kEmerg, kind + backend.name + " has no server available!");
}

void LogCacheableCookie(Worker& worker, const ServerConfig& server) {
  const ProxyConfig& backend = *server.backend;
  if (backend.log == nullptr) return;
  Say(worker, backend, LogLevel::kAlert,
      "Blocking cacheable cookie in response from instance " + backend.name + ", server " +
          server.name + ".");
}

std::string ReasonText(const CheckReport& report) {
  std::string text = std::string(", reason: ") + Info(report.status).text;
  if (HasCode(report.status)) text += ", code: " + std::to_string(report.code);
  if (report.text_bytes != 0) text += ", info: \"" + std::string(report.text()) + "\"";
  if (report.status == CheckStatus::kObserved) return text;  // nobody has waited for it
  return text + ", check duration: " + std::to_string(report.duration_ms) + "ms";
}

void LogCheck(Worker& worker, const ServerConfig& server, CheckOf of, const CheckReport& report,
              const HealthValue& value) {
  if (server.backend->log == nullptr) return;
  const HealthRules& rules = server.state->health.rules();
  const CheckResult result = Info(report.status).result;
  std::string text = of == CheckOf::kAgent ? "Agent check for " : "Health check for ";
  text += server.backup ? "backup server " : "server ";
  text += server.backend->name + "/" + server.name;
  text += result == CheckResult::kPassed        ? " succeeded"
          : result == CheckResult::kConditional ? " conditionally succeeded"
                                                : " failed";
  text += ReasonText(report);
  if (of == CheckOf::kAgent) {
    text += value.agent_up ? ", status: 1/1 UP." : ", status: 0/1 DOWN.";
  } else if (value.count >= rules.rise) {
    text += base::Format(", status: %u/%u UP.", value.count - rules.rise + 1, rules.fall);
  } else {
    text += base::Format(", status: %u/%u DOWN.", value.count, rules.rise);
  }
  Say(worker, *server.backend, LogLevel::kNotice, text);
}

}  // namespace engine
