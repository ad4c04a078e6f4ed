#include <algorithm>
#include <optional>

#include "base/clock.h"
#include "base/text.h"
#include "engine/applet/cli.h"
#include "engine/applet/cli_commands.h"
#include "engine/server/server_state.h"
#include "engine/session/worker.h"

namespace engine {
namespace {

// Bits of srv_admin_state (management 9.3, show servers state).
constexpr uint32_t kForcedMaintenance = 0x01;
constexpr uint32_t kConfiguredMaintenance = 0x04;
constexpr uint32_t kForcedDrain = 0x08;
constexpr uint32_t kInheritedMaintenance = 0x02;
constexpr uint32_t kInheritedDrain = 0x10;
// Bits of srv_check_state and srv_agent_state.
constexpr uint32_t kCheckRunning = 0x01;
constexpr uint32_t kCheckConfigured = 0x02;
constexpr uint32_t kCheckEnabled = 0x04;
constexpr uint32_t kCheckPaused = 0x08;
constexpr uint32_t kCheckAgent = 0x10;
constexpr uint32_t kResolutionMaintenance = 0x20;
constexpr uint64_t kWeightMax = 256;

// The number in `#12`, or 0.
uint64_t IdIn(std::string_view name) {
  if (!name.starts_with('#')) return 0;
  return base::ParseUnsigned(name.substr(1)).value_or(0);
}

// Says a line for every server, or for those of one backend, over as many runs as it takes.
class ListServers final : public CliCommand {
 public:
  using Line = std::string (*)(const ServerConfig& server, uint32_t shard);
  ListServers(const ProxyConfig* only, Line line) : only_(only), line_(line) {}

  CliStep Run(Cli& cli) override {
    const auto& proxies = cli.worker().configuration().proxies;
    for (; proxy_ < proxies.size(); ++proxy_, server_ = 0) {
      const ProxyConfig& proxy = *proxies[proxy_];
      if (proxy.disabled || (only_ != nullptr && only_ != &proxy)) continue;
      for (; server_ < proxy.servers.size(); ++server_) {
        if (cli.output().size() >= kCliRunBytes) return CliStep::kAgain;
        cli.SayLine(line_(*proxy.servers[server_], cli.worker().index()));
      }
    }
    return CliStep::kDone;
  }

 private:
  const ProxyConfig* const only_;
  const Line line_;
  size_t proxy_ = 0;
  size_t server_ = 0;
};

// False: the named backend does not exist, and that has been said.
bool TakeBackend(Cli& cli, const CliCall& call, const ProxyConfig** backend) {
  *backend = nullptr;
  if (call.arguments() == 0) return true;
  *backend = FindProxyOf(cli.worker().configuration(), call.argument(0), true);
  if (*backend != nullptr) return true;
  cli.SayLine("Can't find backend.");
  return false;
}

std::string AddressOf(const ServerConfig& server, uint32_t shard) {
  const shard::Address& address = server.state->dial(shard).address;
  return address.is_ip() ? address.Ip() : "-";
}

std::string NameOf(const shard::Address& address) { return address.is_ip() ? address.Ip() : "-"; }

unsigned PortOf(const ServerConfig& server, uint32_t shard) {
  const shard::Address& address = server.state->dial(shard).address;
  return address.is_ip() || !server.state->has_address() ? address.port : 0;
}

// The mask of a check (management 9.3, srv_check_state).
uint32_t CheckMask(bool is_configured, bool is_enabled, const CheckView& view, bool is_paused) {
  uint32_t mask = is_paused ? kCheckPaused : 0;
  if (is_configured) mask |= kCheckConfigured;
  if (is_enabled) mask |= kCheckEnabled;
  if (view.is_running.load(std::memory_order_relaxed)) mask |= kCheckRunning;
  return mask;
}

std::string StateLine(const ServerConfig& server, uint32_t shard) {
  const ServerState& state = *server.state;
  const AdminState admin = state.admin_state();
  const AdminState effective = state.effective_admin();
  uint32_t mask = 0;
  if (admin == AdminState::kDrain) mask = kForcedDrain;
  if (admin == AdminState::kMaint) mask = kForcedMaintenance;
  // Whoever reads this back must know whether `ready` was said of a line with `disabled`.
  if (server.disabled) mask |= kConfiguredMaintenance;
  if (admin != effective) {
    mask |= effective == AdminState::kMaint ? kInheritedMaintenance : kInheritedDrain;
  }
  if (!state.has_address()) mask |= kResolutionMaintenance;
  const uint64_t changed_s = (base::MonotonicMicros() - state.changed_us()) / 1000000;
  const HealthValue health = state.health.Get();
  const CheckConfig& check = server.check;
  const CheckTarget target = state.check.target.Get();
  const CheckTarget agent_target = state.agent.target.Get();
  const CheckStatusInfo& status = Info(state.check.report.Get().status);
  // A server without checks rests in maintenance with no health at all.
  const bool is_paused = admin == AdminState::kMaint;
  const uint32_t count = is_paused && !check.enabled ? 0 : health.count;
  const uint32_t agent =
      !check.agent_enabled ? 0
                           : kCheckAgent | CheckMask(true, health.agent_checks, state.agent, false);
  return base::Format("%u %s %u %s %s %d %u %u %u %llu %u %d %u %u %u %d %d %s %u - %d %u %s %s %u",
                      server.backend->id, server.backend->name.c_str(), server.id,
                      server.name.c_str(), AddressOf(server, shard).c_str(),
                      int(state.operational()), mask, state.weight(), server.weight,
                      static_cast<unsigned long long>(changed_s), status.number, int(status.result),
                      count, CheckMask(check.enabled, health.checks, state.check, is_paused), agent,
                      server.backend->id_is_given, server.id_is_given,
                      server.host.empty() ? "-" : server.host.c_str(), PortOf(server, shard),
                      state.speaks_tls(server, shard), target.port, NameOf(target.address).c_str(),
                      NameOf(agent_target.address).c_str(), agent_target.port);
}

// No connection is private to a session, and every kept one has served an exchange, which is what
// "safe" means.
std::string ConnectionsLine(const ServerConfig& server, uint32_t shard_of_view) {
  ServerState& state = *server.state;
  const long long current = state.Current();
  const long long need = state.NeedEstimate(base::MonotonicMicros(), server.pool_purge_delay_ms);
  long long idle = 0;
  std::string idle_by_shard;
  for (uint32_t shard = 0; shard < state.shards(); ++shard) {
    const long long of_shard = state.part(shard).idle_count.Get();
    idle += of_shard;
    idle_by_shard += base::Format(" %lld", of_shard);
  }
  return base::Format("%s/%s %u/%u %s %u - %u %lld %lld %lld %lld 0 0 %lld %d %lld%s",
                      server.backend->name.c_str(), server.name.c_str(), server.backend->id,
                      server.id, AddressOf(server, shard_of_view).c_str(),
                      PortOf(server, shard_of_view), server.pool_purge_delay_ms, current, current,
                      static_cast<long long>(state.CurrentPeak()), need, idle, server.pool_max_conn,
                      idle, idle_by_shard.c_str());
}

void SetState(Cli& cli, std::string_view name, AdminState admin) {
  const ServerConfig* server = FindServerOf(cli, name);
  if (server == nullptr) return;
  server->state->NoteSpeaker(AgentWord::kAdmin, false);
  cli.worker().server_events().ChangeAdmin(*server, admin);
}

// `0` to `256`, or a percentage of the configured weight (management 9.3, set weight).
void SetWeight(Cli& cli, std::string_view name, std::string_view text) {
  const ServerConfig* server = FindServerOf(cli, name);
  if (server == nullptr) return;
  const bool is_relative = text.ends_with('%');
  const std::optional<uint64_t> number =
      base::ParseUnsigned(is_relative ? text.substr(0, text.size() - 1) : text);
  if (!number || *number > (is_relative ? UINT32_MAX : kWeightMax)) {
    return cli.SayLine("A weight is a number between 0 and 256, or a percentage.");
  }
  const uint64_t wanted = is_relative ? server->weight * *number / 100 : *number;
  const uint32_t weight = uint32_t(std::min<uint64_t>(wanted, kWeightMax));
  if (server->backend->has_static_weights() && weight != 0 && weight != server->weight) {
    return cli.SayLine("With a static algorithm a weight is 0, or the configured one.");
  }
  server->state->NoteSpeaker(AgentWord::kWeight, false);
  cli.worker().server_events().ChangeWeight(*server, weight);
}

}  // namespace

const ProxyConfig* FindProxyOf(const Configuration& configuration, std::string_view name,
                               bool is_backend) {
  const uint64_t id = IdIn(name);
  for (const auto& proxy : configuration.proxies) {
    if (proxy->is_internal || !(is_backend ? proxy->is_backend : proxy->is_frontend)) continue;
    if (id != 0 ? proxy->id == id : proxy->name == name) return proxy.get();
  }
  return nullptr;
}

const ServerConfig* FindServerOf(Cli& cli, std::string_view backend_and_server) {
  const size_t slash = backend_and_server.find('/');
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == backend_and_server.size()) {
    cli.SayLine("Require 'backend/server'.");
    return nullptr;
  }
  const ProxyConfig* backend =
      FindProxyOf(cli.worker().configuration(), backend_and_server.substr(0, slash), true);
  if (backend == nullptr) {
    cli.SayLine("No such backend.");
    return nullptr;
  }
  const std::string_view name = backend_and_server.substr(slash + 1);
  const uint64_t id = IdIn(name);
  for (const auto& server : backend->servers) {
    if (id != 0 ? server->id == id : server->name == name) return server.get();
  }
  cli.SayLine("No such server.");
  return nullptr;
}

std::unique_ptr<CliCommand> StartShowBackend(Cli& cli, const CliCall&) {
  cli.SayLine("# name");
  for (const auto& proxy : cli.worker().configuration().proxies) {
    if (proxy->is_backend && !proxy->disabled) cli.SayLine(proxy->name);
  }
  return nullptr;
}

std::unique_ptr<CliCommand> StartShowServersState(Cli& cli, const CliCall& call) {
  const ProxyConfig* backend = nullptr;
  if (!TakeBackend(cli, call, &backend)) return nullptr;
  cli.SayLine(
      "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight "
      "srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health "
      "srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord "
      "srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port");
  return std::make_unique<ListServers>(backend, &StateLine);
}

std::unique_ptr<CliCommand> StartShowServersConn(Cli& cli, const CliCall& call) {
  const ProxyConfig* backend = nullptr;
  if (!TakeBackend(cli, call, &backend)) return nullptr;
  cli.SayLine(
      base::Format("# bkname/svname bkid/svid addr port - purge_delay served used_cur "
                   "used_max need_est idle_sess unsafe_nb safe_nb idle_lim idle_cur "
                   "idle_per_thr[%u]",
                   cli.worker().shard().board().shards()));
  return std::make_unique<ListServers>(backend, &ConnectionsLine);
}

std::unique_ptr<CliCommand> StartGetWeight(Cli& cli, const CliCall& call) {
  if (const ServerConfig* server = FindServerOf(cli, call.argument(0))) {
    cli.SayLine(base::Format("%u (initial %u)", server->state->weight(), server->weight));
  }
  return nullptr;
}

std::unique_ptr<CliCommand> StartDisableServer(Cli& cli, const CliCall& call) {
  SetState(cli, call.argument(0), AdminState::kMaint);
  return nullptr;
}

std::unique_ptr<CliCommand> StartEnableServer(Cli& cli, const CliCall& call) {
  SetState(cli, call.argument(0), AdminState::kReady);
  return nullptr;
}

std::unique_ptr<CliCommand> StartSetServer(Cli& cli, const CliCall& call) {
  const std::string_view what = call.argument(1);
  const std::string_view value = call.argument(2);
  if (what == "weight") {
    SetWeight(cli, call.argument(0), value);
    return nullptr;
  }
  if (what == "addr") return StartSetServerAddress(cli, call);
  if (what == "ssl") return StartSetServerTls(cli, call);
  if (what == "fqdn") {
    cli.SayLine("set server <b>/<s> fqdn failed because no resolution is configured.");
    return nullptr;
  }
  std::unique_ptr<CliCommand> command;
  if (SetServerCheck(cli, call, &command)) return command;
  if (what != "state") {
    cli.SayLine(what.empty()
                    ? "'set server' expects a server, what to set, and a value."
                    : "'set server <server> " + std::string(what) + "' is not supported yet.");
    return nullptr;
  }
  if (value == "ready") {
    SetState(cli, call.argument(0), AdminState::kReady);
  } else if (value == "drain") {
    SetState(cli, call.argument(0), AdminState::kDrain);
  } else if (value == "maint") {
    SetState(cli, call.argument(0), AdminState::kMaint);
  } else {
    cli.SayLine("'set server <server> state' expects 'ready', 'drain' or 'maint'.");
  }
  return nullptr;
}

std::unique_ptr<CliCommand> StartSetWeight(Cli& cli, const CliCall& call) {
  SetWeight(cli, call.argument(0), call.argument(1));
  return nullptr;
}

}  // namespace engine
