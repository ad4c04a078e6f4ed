#include "engine/server/server_health.h"

#include <algorithm>

namespace engine {
namespace {

constexpr uint64_t kChecks = uint64_t(1) << 32;
constexpr uint64_t kAgentChecks = uint64_t(1) << 33;
constexpr uint64_t kAgentUp = uint64_t(1) << 34;
constexpr uint64_t kStoppingBit = uint64_t(1) << 35;

}  // namespace

uint64_t ServerHealth::Pack(const HealthValue& value) {
  return value.count | (value.checks ? kChecks : 0) | (value.agent_checks ? kAgentChecks : 0) |
         (value.agent_up ? kAgentUp : 0) | (value.stopping ? kStoppingBit : 0);
}

HealthValue ServerHealth::Unpack(uint64_t word) {
  return {.count = uint32_t(word),
          .checks = (word & kChecks) != 0,
          .agent_checks = (word & kAgentChecks) != 0,
          .agent_up = (word & kAgentUp) != 0,
          .stopping = (word & kStoppingBit) != 0};
}

uint32_t ServerHealth::InitialCount() const {
  switch (rules_.init) {
    case InitState::kFullyUp:
      return count_max();
    case InitState::kDown:
      return rules_.rise - 1;
    case InitState::kFullyDown:
      return 0;
    case InitState::kNone:
    case InitState::kUp:
      break;
  }
  return rules_.rise;  // the first failed check is enough
}

void ServerHealth::Configure(const HealthRules& rules) {
  rules_ = rules;
  word_.store(Pack({.count = InitialCount(),
                    .checks = rules.is_checked,
                    .agent_checks = rules.has_agent,
                    .agent_up = true,
                    .stopping = false}),
              std::memory_order_release);
}

void ServerHealth::TakeOver(const ServerHealth& before) {
  const HealthValue known = before.Get();
  HealthValue value = Get();
  if (rules_.is_checked && before.rules_.is_checked) {
    const bool was_up = known.count >= before.rules_.rise;
    value.count = was_up ? (known.count == before.count_max() ? count_max() : rules_.rise)
                         : std::min(known.count, rules_.rise - 1);
    value.checks = known.checks;
    value.stopping = known.stopping;
  }
  if (rules_.has_agent && before.rules_.has_agent) {
    value.agent_checks = known.agent_checks;
    value.agent_up = known.agent_up;
  }
  word_.store(Pack(value), std::memory_order_release);
}

Operational ServerHealth::OperationalOf(const HealthValue& value) const {
  if (value.count < rules_.rise || !value.agent_up) return Operational::kStopped;
  return value.stopping ? Operational::kStopping : Operational::kRunning;
}

HealthValue ServerHealth::Next(HealthValue value, HealthEvent event) const {
  const bool is_up = value.count >= rules_.rise;
  switch (event) {
    case HealthEvent::kConditional:
      if (!is_up) return Next(value, HealthEvent::kFailed);
      value.count = count_max();
      value.stopping = true;
      break;
    case HealthEvent::kPassed:
      if (value.count < count_max()) ++value.count;
      if (value.count >= rules_.rise) {
        value.count = count_max();
        value.stopping = false;
      }
      break;
    case HealthEvent::kSuddenDeath:
      if (value.count > rules_.rise) value.count = rules_.rise + 1;
      [[fallthrough]];  // a failed check itself
    case HealthEvent::kFailed:
      value.count = value.count > rules_.rise ? value.count - 1 : 0;
      if (value.count == 0) value.stopping = false;
      break;
    case HealthEvent::kMarkDown:
    case HealthEvent::kForceDown:
      value.count = 0;
      value.stopping = false;
      break;
    case HealthEvent::kAgentUp:
      value.agent_up = true;
      break;
    case HealthEvent::kAgentDown:
      value.agent_up = false;
      break;
    case HealthEvent::kForceUp:
      value.count = count_max();
      value.stopping = false;
      break;
    case HealthEvent::kForceStopping:
      value.count = count_max();
      value.stopping = true;
      break;
    case HealthEvent::kEnableCheck:
      value.checks = true;
      break;
    case HealthEvent::kDisableCheck:
      // Unchecked and considered up (management 9.3, disable health).
      value.checks = false;
      value.count = count_max();
      value.stopping = false;
      break;
    case HealthEvent::kEnableAgent:
      value.agent_checks = true;
      break;
    case HealthEvent::kDisableAgent:
      value.agent_checks = false;
      break;
    case HealthEvent::kRestart:
      value.count = InitialCount();
      value.stopping = false;
      break;
    case HealthEvent::kCount:
      break;
  }
  return value;
}

HealthChange ServerHealth::Apply(HealthEvent event) {
  uint64_t word = word_.load(std::memory_order_acquire);
  HealthChange change;
  do {
    change.value_before = Unpack(word);
    change.value_after = Next(change.value_before, event);
  } while (!word_.compare_exchange_weak(word, Pack(change.value_after), std::memory_order_acq_rel,
                                        std::memory_order_acquire));
  change.before = OperationalOf(change.value_before);
  change.after = OperationalOf(change.value_after);
  return change;
}

}  // namespace engine
