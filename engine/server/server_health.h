// server_health.h - what checks, an agent and operators have found out about a server.
//
// Owns:    one word, changed as a whole.
// Threads: Configure() at start-up; Apply() and Get() by any-thread. Who changes it is told exactly
//          what it changed, so two that do so at once agree on who did what.
// Units:   results of checks.
// Errors:  none.
// States:  `count` goes from 0 to rise + fall - 1; from `rise` on the server is up. A failed check
//          of a server that is up takes one away, and the one that leaves less than `rise` leaves
//          nothing. A passed one adds one, and the one that reaches `rise` reaches the top (manual
//          5.2, rise and fall). So a server that goes up and down has to earn each of both anew.
//
//   const HealthChange change = health.Apply(HealthEvent::kFailed);
//   if (change.went_down()) ...

#pragma once

#include <atomic>
#include <cstdint>

namespace engine {

// The numbers of `show servers state` (management 9.3, srv_op_state).
enum class Operational : uint8_t {
  kStopped = 0,
  kStarting,  // up, but not yet at its full weight
  kRunning,
  kStopping,  // takes nothing new by load balancing (http-check disable-on-404)
};

// What is left of a server for which two say how it is.
constexpr Operational Worse(Operational one, Operational other) {
  for (const Operational bad : {Operational::kStopped, Operational::kStopping}) {
    if (one == bad || other == bad) return bad;
  }
  return one < other ? one : other;
}

// init-state (manual 5.2).
enum class InitState : uint8_t { kNone, kFullyUp, kUp, kDown, kFullyDown };

enum class HealthEvent : uint8_t {
  kPassed,
  kConditional,  // a server that is up does not want new sessions; of one that is down: failed
  kFailed,
  kSuddenDeath,  // the next failed check is the last (on-error sudden-death)
  kMarkDown,     // on-error mark-down
  kAgentUp,
  kAgentDown,
  // Of operators (management 9.3).
  kForceUp,
  kForceStopping,
  kForceDown,
  kEnableCheck,
  kDisableCheck,
  kEnableAgent,
  kDisableAgent,
  kRestart,  // left maintenance
  kCount
};

struct HealthRules {
  uint32_t rise = 2;
  uint32_t fall = 3;
  InitState init = InitState::kNone;
  bool is_checked = false;  // `check`
  bool has_agent = false;   // `agent-check`
};

struct HealthValue {
  uint32_t count = 0;
  bool checks = false;        // are done
  bool agent_checks = false;  // likewise
  bool agent_up = true;
  bool stopping = false;
  bool operator==(const HealthValue&) const = default;
};

struct HealthChange {
  HealthValue value_before;
  HealthValue value_after;
  Operational before = Operational::kRunning;
  Operational after = Operational::kRunning;

  bool changed() const { return before != after; }
  bool went_down() const { return before != after && after == Operational::kStopped; }
};

class ServerHealth {
 public:
  void Configure(const HealthRules& rules);
  // Start-up: as it was in an earlier process.
  void Restore(const HealthValue& value) { word_.store(Pack(value), std::memory_order_release); }
  const HealthRules& rules() const { return rules_; }
  // After Configure(): what was known under the rules of `before`, as far as these have it.
  void TakeOver(const ServerHealth& before);
  HealthValue Get() const { return Unpack(word_.load(std::memory_order_acquire)); }
  Operational operational() const { return OperationalOf(Get()); }
  HealthChange Apply(HealthEvent event);

  uint32_t count_max() const { return rules_.rise + rules_.fall - 1; }
  Operational OperationalOf(const HealthValue& value) const;
  // What `event` makes of `value`.
  HealthValue Next(HealthValue value, HealthEvent event) const;

 private:
  static uint64_t Pack(const HealthValue& value);
  static HealthValue Unpack(uint64_t word);
  uint32_t InitialCount() const;

  HealthRules rules_;
  std::atomic<uint64_t> word_{Pack({.count = 2})};
};

}  // namespace engine
