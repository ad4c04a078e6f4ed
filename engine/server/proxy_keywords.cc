#include "engine/server/proxy_keywords.h"

#include <climits>
#include <string>

#include "engine/server/build_context.h"

namespace engine {
namespace {

using scope::kAll;
using scope::kBack;
using scope::kFront;

WordPlace ArgumentPlace(const KeywordUse& use, size_t argument) {
  return {&use.line, use.first_argument + argument};
}

void AddTimeout(BuildKeywords& keywords, const char* words, Scopes scopes,
                uint32_t Timeouts::*field) {
  keywords.Add({words, scope::kDefaults | scopes}, [=](BuildContext& context, KeywordUse& use) {
    return HasArguments(use, 1, 1, "a time such as '10s' or '500ms'") &&
           TakeArgument(use, 0, ParseTimeMs(use.argument(0)), Config(context).timeouts.*field);
  });
}

// An option that is on or off; "no" and "default" turn it off.
void AddOption(BuildKeywords& keywords, const char* words, Scopes scopes,
               bool ProxyConfig::*field) {
  keywords.Add({words, scope::kDefaults | scopes, Support::kWorks, kAllowsBoth},
               [=](BuildContext& context, KeywordUse& use) {
                 if (!HasArguments(use, 0, 0)) return false;
                 Config(context).*field = use.prefix == kNoPrefix;
                 return true;
               });
}

void AddNumber(BuildKeywords& keywords, const char* words, Scopes scopes, int64_t low,
               uint32_t ProxyConfig::*field) {
  keywords.Add({words, scopes}, [=](BuildContext& context, KeywordUse& use) {
    return HasArguments(use, 1, 1, "an integer") &&
           TakeArgument(use, 0, ParseInteger(use.argument(0), low, INT_MAX),
                        Config(context).*field);
  });
}

// Judged when the proxy is complete: `defaults` may say `mode http` and a proxy `mode tcp`.
bool TakeProxyMode(BuildContext& context, KeywordUse& use) {
  size_t index = 0;
  const Parsed<size_t> mode =
      ParseOneOf(use.argument(0), {"tcp", "http", "log", "spop", "haterm", "health"});
  if (!HasArguments(use, 1, 1, "a mode") || !TakeArgument(use, 0, mode, index)) return false;
  context.proxy->mode = index <= 1 ? WordPlace{} : ArgumentPlace(use, 0);
  Config(context).mode = index == 1 ? Mode::kHttp : Mode::kTcp;
  return true;
}

bool TakeRedispatch(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 0, 1)) return false;
  ProxyConfig& config = Config(context);
  config.redispatch = use.prefix == kNoPrefix;
  config.redispatch_interval = -1;
  if (use.arguments() == 0) return true;
  if (!TakeArgument(use, 0, ParseInteger(use.argument(0), INT_MIN, INT_MAX),
                    config.redispatch_interval)) {
    return false;
  }
  if (config.redispatch_interval == 0) config.redispatch = false;
  return true;
}

void RegisterTimeouts(BuildKeywords& keywords) {
  AddTimeout(keywords, "timeout client", kFront, &Timeouts::client_ms);
  AddTimeout(keywords, "timeout client-hs", kFront, &Timeouts::client_hs_ms);
  AddTimeout(keywords, "timeout client-fin", kFront, &Timeouts::client_fin_ms);
  AddTimeout(keywords, "timeout connect", kBack, &Timeouts::connect_ms);
  AddTimeout(keywords, "timeout server", kBack, &Timeouts::server_ms);
  AddTimeout(keywords, "timeout server-fin", kBack, &Timeouts::server_fin_ms);
  AddTimeout(keywords, "timeout tarpit", kFront | kBack, &Timeouts::tarpit_ms);
  AddTimeout(keywords, "timeout tunnel", kBack, &Timeouts::tunnel_ms);
  AddTimeout(keywords, "timeout queue", kBack, &Timeouts::queue_ms);
}

// What the kernel does not take is cut down to the most it does, as such lines have been accepted
// for long.
template <typename Parse>
void AddProbes(BuildKeywords& keywords, const std::string& words, Scopes scopes,
               shard::KeepAliveProbes ProxyConfig::*probes, uint16_t shard::KeepAliveProbes::*field,
               uint16_t value_max, Parse parse) {
  keywords.Add({words, scope::kDefaults | scopes}, [=](BuildContext& context, KeywordUse& use) {
    int64_t value = 0;
    if (!HasArguments(use, 1, 1) || !TakeArgument(use, 0, parse(use.argument(0)), value)) {
      return false;
    }
    if (value > value_max) {
      use.diagnostics.Warning(use.line.At(use.first_argument),
                              "'" + use.keyword->words + "': the most that the system takes is " +
                                  std::to_string(value_max) + ", which is used instead");
      value = value_max;
    }
    Config(context).*probes.*field = uint16_t(value);
    return true;
  });
}

void RegisterProbes(BuildKeywords& keywords) {
  using shard::KeepAliveProbes;
  const auto seconds = [](std::string_view text) {
    return ParseTime(text, TimeUnit::kSecond, TimeUnit::kSecond);
  };
  const auto number = [](std::string_view text) { return ParseInteger(text, 0, INT_MAX); };
  for (const bool client : {true, false}) {
    const std::string side = client ? "clitcpka-" : "srvtcpka-";
    const auto probes = client ? &ProxyConfig::client_probes : &ProxyConfig::server_probes;
    const Scopes scopes = client ? kFront : kBack;
    AddProbes(keywords, side + "idle", scopes, probes, &KeepAliveProbes::idle_s,
              KeepAliveProbes::kSecondsMax, seconds);
    AddProbes(keywords, side + "intvl", scopes, probes, &KeepAliveProbes::interval_s,
              KeepAliveProbes::kSecondsMax, seconds);
    AddProbes(keywords, side + "cnt", scopes, probes, &KeepAliveProbes::probes,
              KeepAliveProbes::kProbesMax, number);
  }
}

void RegisterOptions(BuildKeywords& keywords) {
  AddOption(keywords, "option clitcpka", kFront, &ProxyConfig::tcpka_client);
  AddOption(keywords, "option srvtcpka", kBack, &ProxyConfig::tcpka_server);
  AddOption(keywords, "option nolinger", scope::kProxies, &ProxyConfig::nolinger);
  AddOption(keywords, "option splice-auto", scope::kProxies, &ProxyConfig::splice_auto);
  AddOption(keywords, "option splice-request", scope::kProxies, &ProxyConfig::splice_request);
  AddOption(keywords, "option splice-response", scope::kProxies, &ProxyConfig::splice_response);
  AddOption(keywords, "option tcp-smart-connect", kBack, &ProxyConfig::smart_connect);
  keywords.Add({"option tcp-smart-accept", scope::kDefaults | kFront, Support::kWorks, kAllowsBoth},
               [](BuildContext& context, KeywordUse& use) {
                 std::optional<bool>& smart_accept = Config(context).smart_accept;
                 smart_accept.reset();  // what "default" asks for
                 if (use.prefix != kAllowsDefault) smart_accept = use.prefix == kNoPrefix;
                 return HasArguments(use, 0, 0);
               });
  keywords.Add({"option tcpka", kAll}, [](BuildContext& context, KeywordUse& use) {
    Config(context).tcpka_client = Config(context).tcpka_server = true;
    return HasArguments(use, 0, 0);
  });
  keywords.Add({"option redispatch", scope::kDefaults | kBack, Support::kWorks, kAllowsBoth},
               TakeRedispatch);
}

}  // namespace

void RegisterProxyKeywords(BuildKeywords& keywords) {
  RegisterTimeouts(keywords);
  RegisterOptions(keywords);
  RegisterProbes(keywords);
  AddNumber(keywords, "maxconn", scope::kDefaults | kFront, 0, &ProxyConfig::maxconn);
  AddNumber(keywords, "backlog", scope::kDefaults | kFront, 0, &ProxyConfig::backlog);
  AddNumber(keywords, "rate-limit sessions", scope::kDefaults | kFront, 0,
            &ProxyConfig::sessions_per_second);
  AddNumber(keywords, "fullconn", scope::kDefaults | kBack, 0, &ProxyConfig::fullconn);
  AddNumber(keywords, "retries", scope::kDefaults | kBack, 0, &ProxyConfig::retries);
  keywords.Add({"mode", kAll}, TakeProxyMode);
  keywords.Add({"default_backend", scope::kDefaults | kFront},
               [](BuildContext& context, KeywordUse& use) {
                 if (!HasArguments(use, 1, 1, "the name of a backend")) return false;
                 context.proxy->default_backend = ArgumentPlace(use, 0);
                 return true;
               });
  keywords.Add({"id", scope::kProxies}, [](BuildContext& context, KeywordUse& use) {
    context.proxy->id = ArgumentPlace(use, 0);
    return HasArguments(use, 1, 1, "an integer") &&
           TakeArgument(use, 0, ParseInteger(use.argument(0), 1, INT_MAX), Config(context).id);
  });
  keywords.Add({"description", scope::kProxies}, [](BuildContext& context, KeywordUse& use) {
    return TakeDescription(use, Config(context).description);
  });
  for (const bool disabled : {true, false}) {
    keywords.Add({disabled ? "disabled" : "enabled", kAll},
                 [=](BuildContext& context, KeywordUse& use) {
                   Config(context).disabled = disabled;
                   return HasArguments(use, 0, 0);
                 });
  }
}

}  // namespace engine
