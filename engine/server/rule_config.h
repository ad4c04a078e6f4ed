// rule_config.h - the rules of a proxy, as immutable objects: conditions, actions, and what picks a
// backend or a server (manual 4.2, 4.3).
//
// Owns:    a ProxyRules its sets; a RuleAction what its words said.
// Threads: start-up while they are built, then immutable: any-thread.
// Units:   milliseconds.
// Errors:  reported by whoever reads the lines.
// States:  none. How far a stream has come is its RuleCursor (engine/session/rule_run.h).
//
// Actions are written in engine/rules, which sees streams; what reads the lines sees only the
// table of them that BuildOptions brings (as it brings fetches).

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/acl/acl.h"
#include "engine/config/words.h"
#include "engine/server/rule_text.h"

namespace engine {

struct ActionUse;
struct ProxyConfig;
struct RuleReply;
class RuleContext;

// What is to happen behind an action.
enum class Verdict : uint8_t {
  kContinue,  // the next rule
  kStop,      // no further rule of this set: accept, allow
  kSwitch,    // the same, and the stream, which is of mode tcp, goes on in mode http
  kYield,     // this action again, when something has happened
  kEnd,       // answered or refused: nothing further may look at the stream
};

class RuleAction {
 public:
  virtual ~RuleAction() = default;
  virtual Verdict Run(RuleContext& context) const = 0;
  // No rule behind it can be reached, if it has no condition.
  virtual bool ends() const { return false; }
  // It cannot be used where requests of HTTP are read.
  virtual bool only_tcp() const { return false; }
  // What follows may be HTTP, where it was not (switch-mode).
  virtual bool switches_mode() const { return false; }
  // What it answers, if that is what it does.
  virtual const RuleReply* reply() const { return nullptr; }
};

struct Rule {
  std::unique_ptr<const RuleAction> action;
  std::optional<AclCondition> condition;
  std::string file;  // where it stands
  uint32_t line = 0;
};

struct RuleSet {
  std::vector<Rule> rules;
  uint32_t inspect_delay_ms = 0;  // of tcp-request content and tcp-response content
  bool empty() const { return rules.empty(); }
};

// In the order of the manual (4.3).
enum class RuleStage : uint8_t {
  kTcpConnection,
  kTcpSession,
  kTcpContent,
  kHttpRequest,
  kRedirect,  // the lines `redirect`, behind those of http-request
  kStats,     // stats http-request: of requests for the page of statistics
  kTcpResponse,
  kHttpResponse,
  kHttpAfter,
  kCount
};

// use_backend: a backend, or a name that is made for each stream.
struct BackendRule {
  std::optional<AclCondition> condition;
  const ProxyConfig* backend = nullptr;
  RuleText name;  // only without a backend
};
// use-server.
struct ServerRule {
  std::optional<AclCondition> condition;
  uint32_t server = 0;  // its index, without a name
  bool has_name = false;
  RuleText name;
};

struct ProxyRules {
  RuleSet sets[size_t(RuleStage::kCount)];
  const RuleSet& set(RuleStage stage) const { return sets[size_t(stage)]; }
  RuleSet& set(RuleStage stage) { return sets[size_t(stage)]; }
  std::vector<BackendRule> use_backend;
  // In mode tcp something looks at the client's bytes before a server is looked for.
  bool reads_ahead = false;
  // Its HTTP rules may be asked, whatever its mode.
  bool SwitchesMode() const {
    for (const Rule& rule : set(RuleStage::kTcpContent).rules) {
      if (rule.action->switches_mode()) return true;
    }
    return false;
  }
  std::vector<ServerRule> use_server;
  std::vector<AclCondition> monitor_fail;
  std::vector<AclCondition> stats_admin;
  std::vector<AclCondition>
      force_switch;  // force-be-switch: a disabled backend is none the less used
  // force-persist and ignore-persist, in the order of the lines.
  struct PersistRule {
    bool force;
    AclCondition condition;
  };
  std::vector<PersistRule> persist;
};

// An action by its word.
struct ActionSpec {
  std::string_view name;
  Places places;  // of ruleset::
  // Reads the action's own words. Null: reported.
  std::unique_ptr<const RuleAction> (*make)(ActionUse& use);
  bool parentheses = false;            // an argument is glued to it: "set-var(txn.x)"
  std::string_view idle_because = {};  // it is accepted and does nothing; empty: it works
};

class ActionTable {
 public:
  void Add(std::span<const ActionSpec> actions);
  const ActionSpec* Find(std::string_view name, Places place) const;
  const std::vector<const ActionSpec*>& all() const { return actions_; }

 private:
  std::vector<const ActionSpec*> actions_;
};

}  // namespace engine
