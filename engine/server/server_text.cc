#include "engine/server/server_text.h"

#include "base/text.h"
#include "engine/server/server_state.h"

namespace engine {
namespace {

// Whose checks decide, or whose agent.
const ServerState& CheckedOf(const ServerState& state) {
  const bool decides = state.tracked() == nullptr || state.own_health() == Operational::kStopped;
  return decides ? state : CheckedOf(*state.tracked());
}

// Behind "UP" and its like: how far a server is from being down, or from being up.
std::string Progress(const ServerHealth& health, const HealthValue& value) {
  const HealthRules& rules = health.rules();
  if (value.count >= rules.rise) {
    if (value.count == health.count_max()) return {};
    return base::Format(" %u/%u", value.count - rules.rise + 1, rules.fall);
  }
  return value.count == 0 ? std::string() : base::Format(" %u/%u", value.count, rules.rise);
}

}  // namespace

std::string StatusText(const ServerConfig& server) {
  const ServerState& state = *server.state;
  if (state.effective_admin() == AdminState::kMaint) {
    if (state.admin_state() == AdminState::kMaint) return "MAINT";
    return "MAINT (via " + server.tracked->backend->name + "/" + server.tracked->name + ")";
  }
  if (!state.has_address()) return "MAINT (resolution)";
  const ServerHealth& health = CheckedOf(state).health;
  const HealthValue value = health.Get();
  const Operational operational = health.OperationalOf(value);
  if (operational == Operational::kStopped) {
    return value.agent_up ? "DOWN" + Progress(health, value) : "DOWN (agent)";
  }
  if (state.effective_admin() == AdminState::kDrain) {
    if (value.agent_checks) return "DRAIN (agent)";
    return value.checks ? "DRAIN" + Progress(health, value) : "DRAIN";
  }
  if (operational == Operational::kStopping) return "NOLB" + Progress(health, value);
  return value.checks ? "UP" + Progress(health, value) : "no check";
}

std::string StateField(const ServerConfig& server, const shard::Address& address,
                       const std::string& node) {
  const ServerHealth& health = server.state->health;
  const HealthValue value = health.Get();
  const Operational operational = health.OperationalOf(value);
  std::string text = operational == Operational::kStopped    ? "DOWN"
                     : operational == Operational::kStopping ? "NOLB"
                                                             : "UP";
  text += Progress(health, value);
  uint64_t weight = 0;
  int64_t current = 0;
  for (const auto& other : server.backend->servers) {
    current += other->state->Current();
    if (!other->state->disabled() && other->backup == server.backup) {
      weight += other->state->weight();
    }
  }
  const bool is_ip = address.is_ip();
  text += "; address=" + (is_ip ? address.Ip() : "unix");
  text += "; port=" + (is_ip ? std::to_string(address.port) : "unix");
  text += "; name=" + server.backend->name + "/" + server.name + "; node=" + node;
  return text +
         base::Format("; weight=%u/%llu; scur=%lld/%lld; qcur=%lld", server.state->weight(),
                      static_cast<unsigned long long>(weight),
                      static_cast<long long>(server.state->Current()),
                      static_cast<long long>(current),
                      static_cast<long long>(server.backend->state->ServerQueued(server.index)));
}

}  // namespace engine
