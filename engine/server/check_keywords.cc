#include "engine/server/check_keywords.h"

#include <algorithm>
#include <climits>
#include <string>

#include "engine/config/address_words.h"
#include "engine/server/check_rule_keywords.h"

namespace engine {
namespace {

using scope::kDefBack;
using scope::kGlobal;
using scope::kServers;

CheckConfig& Check(BuildContext& context) { return context.server->check; }

// Options of a server line ----------------------------------------------------------------------

void AddFlag(BuildKeywords& keywords, const char* words, bool CheckConfig::*field, bool value) {
  keywords.Add({words, kServers}, [=](BuildContext& context, KeywordUse&) {
    Check(context).*field = value;
    return true;
  });
}

// An option with one argument that `parse` makes a value of.
template <typename Field, typename Parse>
void AddValue(BuildKeywords& keywords, const char* words, Field CheckConfig::*field,
              const char* expected, Parse parse) {
  keywords.Add({words, kServers}, [=](BuildContext& context, KeywordUse& use) {
    use.next = use.first_argument + 1;
    return HasArguments(use, 1, SIZE_MAX, expected) &&
           TakeArgument(use, 0, parse(use.argument(0)), Check(context).*field);
  });
}

void AddTime(BuildKeywords& keywords, const char* words, uint32_t CheckConfig::*field) {
  AddValue(keywords, words, field, "a time such as '2s' or '500ms'", [](std::string_view text) {
    Parsed<uint32_t> time = ParseTimeMs(text);
    if (time && time.value == 0) time.error = "expects a time above 0";
    return time;
  });
}

void AddCount(BuildKeywords& keywords, const char* words, uint32_t CheckConfig::*field) {
  AddValue(keywords, words, field, "a number of checks",
           [](std::string_view text) { return ParseInteger(text, 1, INT_MAX / 2); });
}

// One of `names`; the first one stands for `first`.
template <typename Field>
void AddChoice(BuildKeywords& keywords, const char* words, Field CheckConfig::*field,
               const char* expected, std::initializer_list<std::string_view> names, Field first) {
  keywords.Add({words, kServers}, [=, list = std::vector<std::string_view>(names)](
                                      BuildContext& context, KeywordUse& use) {
    use.next = use.first_argument + 1;
    if (!HasArguments(use, 1, SIZE_MAX, expected)) return false;
    std::string all;
    for (size_t i = 0; i < list.size(); ++i) {
      if (use.argument(0) == list[i]) {
        Check(context).*field = Field(size_t(first) + i);
        return true;
      }
      all += (i == 0 ? "'" : ", '") + std::string(list[i]) + "'";
    }
    return Refuse(use, 0, "expects one of " + all);
  });
}

bool TakePort(const KeywordUse& use, size_t argument, uint16_t& port) {
  return TakeArgument(use, argument, ParseInteger(use.argument(argument), 1, 65535), port);
}

void AddPort(BuildKeywords& keywords, const char* words, CheckTarget CheckConfig::*target) {
  keywords.Add({words, kServers}, [=](BuildContext& context, KeywordUse& use) {
    use.next = use.first_argument + 1;
    return HasArguments(use, 1, SIZE_MAX, "a port") &&
           TakePort(use, 0, (Check(context).*target).port);
  });
}

// A port in it is that of the checks, as with `port`.
void AddAddress(BuildKeywords& keywords, const char* words, CheckTarget CheckConfig::*target) {
  keywords.Add({words, kServers}, [=](BuildContext& context, KeywordUse& use) {
    use.next = use.first_argument + 1;
    if (!HasArguments(use, 1, SIZE_MAX, "an address")) return false;
    const Parsed<AddressWord> word = ParseAddress(use.argument(0), 0);
    if (!word) return Refuse(use, 0, word.error);
    if (word.value.kind != AddressKind::kHost) {
      return Refuse(use, 0, "expects an IP address or a host");
    }
    const Parsed<shard::Address> address = Resolve(context, word.value);
    if (!address) return Refuse(use, 0, address.error);
    CheckTarget& out = Check(context).*target;
    out.address = address.value;
    if (word.value.has_port) out.port = word.value.port_low;
    return true;
  });
}

bool TakeInitState(BuildContext& context, KeywordUse& use) {
  static constexpr std::pair<std::string_view, InitState> kNames[] = {
      {"fully-up", InitState::kFullyUp},     {"up", InitState::kUp},     {"down", InitState::kDown},
      {"fully-down", InitState::kFullyDown}, {"none", InitState::kNone},
  };
  use.next = use.first_argument + 1;
  const char* expected = "'fully-up', 'up', 'down', 'fully-down' or 'none'";
  if (!HasArguments(use, 1, SIZE_MAX, expected)) return false;
  for (const auto& [name, state] : kNames) {
    if (use.argument(0) != name) continue;
    Check(context).init = state;
    return true;
  }
  return Refuse(use, 0, std::string("expects ") + expected);
}

// `on-marked-down shutdown-sessions` and its like: the one action there is.
void AddAction(BuildKeywords& keywords, const char* words, const char* action,
               bool CheckConfig::*field) {
  keywords.Add({words, kServers}, [=](BuildContext& context, KeywordUse& use) {
    use.next = use.first_argument + 1;
    const std::string expected = "'" + std::string(action) + "'";
    if (!HasArguments(use, 1, SIZE_MAX, expected)) return false;
    if (use.argument(0) != action) return Refuse(use, 0, "expects " + expected);
    Check(context).*field = true;
    return true;
  });
}

void RegisterServerOptions(BuildKeywords& keywords) {
  AddFlag(keywords, "check", &CheckConfig::enabled, true);
  AddFlag(keywords, "no-check", &CheckConfig::enabled, false);
  AddFlag(keywords, "check-send-proxy", &CheckConfig::send_proxy, true);
  AddTime(keywords, "inter", &CheckConfig::inter_ms);
  AddTime(keywords, "fastinter", &CheckConfig::fastinter_ms);
  AddTime(keywords, "downinter", &CheckConfig::downinter_ms);
  AddCount(keywords, "rise", &CheckConfig::rise);
  AddCount(keywords, "fall", &CheckConfig::fall);
  AddPort(keywords, "port", &CheckConfig::target);
  AddAddress(keywords, "addr", &CheckConfig::target);
  keywords.Add({"init-state", kServers}, TakeInitState);
  AddFlag(keywords, "agent-check", &CheckConfig::agent_enabled, true);
  AddFlag(keywords, "no-agent-check", &CheckConfig::agent_enabled, false);
  AddTime(keywords, "agent-inter", &CheckConfig::agent_inter_ms);
  AddPort(keywords, "agent-port", &CheckConfig::agent_target);
  AddAddress(keywords, "agent-addr", &CheckConfig::agent_target);
  keywords.Add({"agent-send", kServers}, [](BuildContext& context, KeywordUse& use) {
    use.next = use.first_argument + 1;
    if (!HasArguments(use, 1, SIZE_MAX, "a text")) return false;
    Check(context).agent_send = use.argument(0);
    return true;
  });
  AddChoice(keywords, "observe", &CheckConfig::observe, "'layer4' or 'layer7'",
            {"layer4", "layer7"}, Observe::kLayer4);
  AddCount(keywords, "error-limit", &CheckConfig::error_limit);
  AddChoice(keywords, "on-error", &CheckConfig::on_error, "what to do",
            {"fastinter", "fail-check", "sudden-death", "mark-down"}, OnError::kFastInter);
  AddAction(keywords, "on-marked-down", "shutdown-sessions", &CheckConfig::shuts_sessions_down);
  AddAction(keywords, "on-marked-up", "shutdown-backup-sessions",
            &CheckConfig::shuts_backup_sessions_down);
  keywords.Add({"track", kServers}, [](BuildContext& context, KeywordUse& use) {
    use.next = use.first_argument + 1;
    if (!HasArguments(use, 1, SIZE_MAX, "[BACKEND/]SERVER")) return false;
    Check(context).track = use.argument(0);
    return true;
  });
}

// Lines of a backend and of the process ---------------------------------------------------------

void RegisterLines(BuildKeywords& keywords) {
  keywords.Add({"timeout check", kDefBack}, [](BuildContext& context, KeywordUse& use) {
    return HasArguments(use, 1, 1, "a time such as '10s' or '500ms'") &&
           TakeArgument(use, 0, ParseTimeMs(use.argument(0)),
                        context.proxy->config->timeouts.check_ms);
  });
  keywords.Add({"option log-health-checks", kDefBack, Support::kWorks, kAllowsBoth},
               [](BuildContext& context, KeywordUse& use) {
                 context.proxy->config->log_health_checks = use.prefix == kNoPrefix;
                 return HasArguments(use, 0, 0);
               });
  keywords.Add({"external-check", kGlobal}, [](BuildContext& context, KeywordUse& use) {
    GlobalConfig& global = context.configuration.global;
    if (!HasArguments(use, 0, 1)) return false;
    if (use.arguments() == 1 && use.argument(0) != "preserve-env") {
      return Refuse(use, 0, "'preserve-env' is all that may follow");
    }
    global.external_checks = true;
    global.external_checks_keep_environment = use.arguments() == 1;
    return true;
  });
  keywords.Add({"spread-checks", kGlobal}, [](BuildContext& context, KeywordUse& use) {
    return HasArguments(use, 1, 1, "a percentage from 0 to 50") &&
           TakeArgument(use, 0, ParseInteger(use.argument(0), 0, 50),
                        context.configuration.global.spread_checks_percent);
  });
  keywords.Add({"max-spread-checks", kGlobal}, [](BuildContext& context, KeywordUse& use) {
    return HasArguments(use, 1, 1, "a time such as '10s' or '500ms'") &&
           TakeArgument(use, 0, ParseTimeMs(use.argument(0)),
                        context.configuration.global.max_spread_checks_ms);
  });
}

// What can only be said at the end -------------------------------------------------------------

void Report(BuildContext& context, const ServerConfig& server, const std::string& message) {
  context.diagnostics.Error(At(server.place), "server '" + server.name + "': " + message);
}

// Each connect rule says which port it is for.
bool GivesPorts(const CheckRules& rules) {
  return std::all_of(rules.rules.begin(), rules.rules.end(), [](const CheckRule& rule) {
    return rule.kind != CheckRule::Kind::kConnect || rule.port != 0;
  });
}

// Where every check of a server goes to has to be known.
void CheckTargetOf(BuildContext& context, const ServerConfig& server) {
  const CheckTarget& target = server.check.target;
  const bool has_address = target.address.family != AF_UNSPEC || !server.follows_address;
  if (!has_address) {
    return Report(context, server, "'check' needs an address: give one with 'addr'");
  }
  const CheckRules* rules = server.backend->checks.get();
  const bool has_port = target.port != 0 || !server.follows_port || !server.address.is_ip() ||
                        (rules != nullptr && GivesPorts(*rules));
  if (!has_port) Report(context, server, "'check' needs a port: give one with 'port'");
}

// By default the header is sent where the connection is that of the traffic (manual 5.2,
// check-send-proxy).
void FinishAnnouncing(const GlobalConfig& global, ServerConfig& server) {
  CheckConfig& check = server.check;
  const bool is_elsewhere = check.target.port != 0 || check.target.address.family != AF_UNSPEC;
  if (!check.send_proxy && is_elsewhere) return;
  check.announce = server.announce;
  check.announce.never_local = global.never_send_local;
  if (check.send_proxy && !check.announce.enabled()) check.announce.version = 1;
}

// Who may run programs is said in the global section (manual 3.1, external-check).
void CheckProgram(BuildContext& context, const ServerConfig& server) {
  const CheckRules* rules = server.backend->checks.get();
  if (rules == nullptr || rules->kind != CheckKind::kExternal) return;
  if (!context.configuration.global.external_checks) {
    return Report(context, server,
                  "'option external-check' needs 'external-check' in the global section");
  }
  if (rules->command.empty()) {
    Report(context, server, "'option external-check' needs an 'external-check command'");
  }
}

void CheckObserving(BuildContext& context, const ServerConfig& server) {
  if (server.check.observe == Observe::kNothing) return;
  if (!server.check.enabled) return Report(context, server, "'observe' needs 'check'");
  if (server.check.observe == Observe::kLayer7 && server.backend->mode != Mode::kHttp) {
    Report(context, server, "'observe layer7' needs 'mode http'");
  }
}

ServerConfig* FindTracked(BuildContext& context, const ServerConfig& server) {
  const std::string& track = server.check.track;
  const size_t slash = track.find('/');
  const ProxyConfig* backend = slash == std::string::npos
                                   ? server.backend
                                   : context.configuration.FindBackend(track.substr(0, slash));
  if (backend == nullptr) {
    Report(context, server, "'track': there is no backend '" + track.substr(0, slash) + "'");
    return nullptr;
  }
  const std::string name = slash == std::string::npos ? track : track.substr(slash + 1);
  for (const auto& other : backend->servers) {
    if (other->name == name) return other.get();
  }
  Report(context, server, "'track': backend '" + backend->name + "' has no server '" + name + "'");
  return nullptr;
}

bool ShowsMissing(const ServerConfig& server) {
  return server.backend->checks != nullptr && server.backend->checks->disable_on_404;
}

// A chain must end, and end at a server that is checked.
void CheckChain(BuildContext& context, const ServerConfig& server) {
  const ServerConfig* slow = &server;
  const ServerConfig* fast = &server;
  while (fast->tracked != nullptr && fast->tracked->tracked != nullptr) {
    slow = slow->tracked;
    fast = fast->tracked->tracked;
    if (slow == fast) return Report(context, server, "'track': the servers track each other");
  }
  const ServerConfig* end = fast->tracked != nullptr ? fast->tracked : fast;
  if (!end->check.enabled && !end->check.agent_enabled) {
    return Report(context, server,
                  "'track': server '" + end->backend->name + "/" + end->name +
                      "' is not checked and does not track");
  }
  if (ShowsMissing(server) != ShowsMissing(*end)) {
    Report(context, server,
           "'track': 'disable-on-404' has to be said in both backends, or in none");
  }
}

}  // namespace

void RegisterCheckKeywords(BuildKeywords& keywords) {
  RegisterServerOptions(keywords);
  RegisterLines(keywords);
  RegisterCheckRuleKeywords(keywords);
}

void FinishChecks(BuildContext& context, ProxyDraft& draft) {
  draft.config->checks = FinishCheckRules(context, draft);
  for (const auto& server : draft.config->servers) {
    CheckConfig& check = server->check;
    if (check.enabled) CheckProgram(context, *server);
    if (!check.track.empty() && check.enabled) {
      Report(context, *server, "'track' cannot be combined with 'check'");
    }
    if (!check.track.empty() && check.init != InitState::kNone) {
      Report(context, *server, "'track' cannot be combined with 'init-state'");
    }
    if (check.enabled) CheckTargetOf(context, *server);
    if (check.agent_target.port == 0) check.agent_target.port = check.target.port;
    if (check.agent_enabled && check.agent_target.port == 0) {
      Report(context, *server, "'agent-check' needs a port: give one with 'agent-port'");
    }
    CheckObserving(context, *server);
    FinishAnnouncing(context.configuration.global, *server);
  }
}

void FinishTracking(BuildContext& context) {
  const auto for_each = [&](auto visit) {
    for (ProxyDraft& draft : context.drafts) {
      for (const auto& server : draft.config->servers) {
        if (!server->check.track.empty()) visit(*server);
      }
    }
  };
  for_each([&](ServerConfig& server) {
    server.tracked = FindTracked(context, server);
    if (server.tracked != nullptr) server.tracked->trackers.push_back(&server);
  });
  if (context.diagnostics.errors() != 0) return;
  for_each([&](const ServerConfig& server) { CheckChain(context, server); });
  uint32_t ordinal = 0;
  for (const ProxyDraft& draft : context.drafts) {
    for (const auto& server : draft.config->servers) {
      if (server->check.enabled || server->check.agent_enabled) server->check.ordinal = ordinal++;
    }
  }
}

}  // namespace engine
