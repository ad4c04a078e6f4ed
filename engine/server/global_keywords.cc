#include "engine/server/global_keywords.h"

#include <climits>
#include <string>

#include "engine/server/bind_keywords.h"
#include "engine/server/build_context.h"
#include "engine/server/thread_set.h"

namespace engine {
namespace {

using scope::kGlobal;

// A word followed by one integer within bounds.
template <typename Field>
void AddNumber(BuildKeywords& keywords, const char* words, int64_t low, int64_t high,
               Field GlobalConfig::*field) {
  keywords.Add({words, kGlobal}, [=](BuildContext& context, KeywordUse& use) {
    return HasArguments(use, 1, 1, "an integer") &&
           TakeArgument(use, 0, ParseInteger(use.argument(0), low, high), Global(context).*field);
  });
}

void AddText(BuildKeywords& keywords, const char* words, std::string GlobalConfig::*field) {
  keywords.Add({words, kGlobal}, [=](BuildContext& context, KeywordUse& use) {
    if (!HasArguments(use, 1, 1)) return false;
    Global(context).*field = use.argument(0);
    return true;
  });
}

void AddFlag(BuildKeywords& keywords, const char* words, Prefixes prefixes,
             bool GlobalConfig::*field) {
  keywords.Add({words, kGlobal, Support::kWorks, prefixes},
               [=](BuildContext& context, KeywordUse& use) {
                 if (!HasArguments(use, 0, 0)) return false;
                 Global(context).*field = !use.is_no();
                 return true;
               });
}

// Words that need nothing done: executed while reading, or asking for what we do anyway.
void AddNothing(BuildKeywords& keywords, const char* words) {
  keywords.Add({words, kGlobal}, [](BuildContext&, KeywordUse&) { return true; });
}

bool TakeThreadGroups(BuildContext&, KeywordUse& use) {
  int64_t groups = 0;
  if (!HasArguments(use, 1, 1, "an integer") ||
      !TakeArgument(use, 0, ParseInteger(use.argument(0), 1, 64), groups)) {
    return false;
  }
  // Groups are HAProxy's way to keep threads out of each other's cache lines. Shards share none.
  if (groups > 1) {
    use.diagnostics.NoEffect("thread-groups", use.line.At(use.first_argument),
                             "'thread-groups' is accepted but there is one group of threads");
  }
  return true;
}

bool TakeUser(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 1, 1, "a user name")) return false;
  Global(context).user = use.argument(0);
  return TakeArgument(use, 0, FindUser(use.argument(0)), Global(context).uid);
}

bool TakeGroup(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 1, 1, "a group name")) return false;
  Global(context).group = use.argument(0);
  return TakeArgument(use, 0, FindGroup(use.argument(0)), Global(context).gid);
}

bool TakeSizes(const KeywordUse& use, uint64_t low, uint64_t high, uint32_t& out) {
  uint64_t bytes = 0;
  if (!HasArguments(use, 1, 1, "a size in bytes") ||
      !TakeArgument(use, 0, ParseSize(use.argument(0), high), bytes)) {
    return false;
  }
  if (bytes < low) {
    return Refuse(use, 0, "expects at least " + std::to_string(low) + " bytes");
  }
  out = uint32_t(bytes);
  return true;
}

// Every line is applied to what earlier ones left, which is kept between the lines.
bool TakeCpuMap(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 2, SIZE_MAX, "a thread set and a CPU set")) return false;
  std::vector<std::string_view> cpus;
  for (size_t i = 1; i < use.arguments(); ++i) cpus.push_back(use.argument(i));
  const std::string error = context.cpu_map.Apply(use.argument(0), cpus);
  if (!error.empty()) return Refuse(use, 0, error);
  Global(context).thread_cpus = context.cpu_map.by_thread();
  return true;
}

// Ours, not the manual's: which ring driver runs (DESIGN 3).
bool TakeSandbox(BuildContext& context, KeywordUse& use) {
  size_t is_on = 0;
  if (!HasArguments(use, 1, 1, "'on' or 'off'") ||
      !TakeArgument(use, 0, ParseOneOf(use.argument(0), {"off", "on"}), is_on)) {
    return false;
  }
  Global(context).sandbox = is_on != 0;
  context.sandbox_word = {&use.line, use.first_argument};
  return true;
}

bool TakeRing(BuildContext& context, KeywordUse& use) {
  size_t driver = 0;
  if (!HasArguments(use, 1, 1, "a driver") ||
      !TakeArgument(use, 0, ParseOneOf(use.argument(0), {"auto", "uring", "poll"}), driver)) {
    return false;
  }
  Global(context).ring_driver = use.argument(0);
  return true;
}

// All lines of all global sections share one hidden frontend, which the builder completes.
bool TakeStatsSocket(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 1, SIZE_MAX, "an address such as '/path' or 'ipv4@127.0.0.1:9999'")) {
    return false;
  }
  bool good = true;
  WordPlace id;
  ProxyConfig& proxy = StatsProxy(context, PlaceOf(use.line));
  proxy.binds.push_back(ReadBind(context, use, proxy, &id, &good));
  if (proxy.binds.back()->id == 0) proxy.binds.back()->id = uint32_t(proxy.binds.size());
  return good;
}

void RegisterStats(BuildKeywords& keywords) {
  keywords.Add({"stats socket", kGlobal}, TakeStatsSocket);
  AddNumber(keywords, "stats maxconn", 1, INT_MAX, &GlobalConfig::stats_maxconn);
  keywords.Add({"stats timeout", kGlobal}, [](BuildContext& context, KeywordUse& use) {
    return HasArguments(use, 1, 1, "a time") &&
           TakeArgument(use, 0, ParseTimeMs(use.argument(0)), Global(context).stats_timeout_ms);
  });
}

void RegisterProcess(BuildKeywords& keywords) {
  AddNumber(keywords, "nbthread", 1, kThreadsMax, &GlobalConfig::nbthread);
  AddNumber(keywords, "ulimit-n", 0, INT_MAX, &GlobalConfig::ulimit_n);
  AddNumber(keywords, "maxconn", 0, INT_MAX, &GlobalConfig::maxconn);
  AddNumber(keywords, "maxconnrate", 0, INT_MAX, &GlobalConfig::connections_per_second);
  AddNumber(keywords, "maxsessrate", 0, INT_MAX, &GlobalConfig::sessions_per_second);
  AddNumber(keywords, "uid", 0, UINT_MAX, &GlobalConfig::uid);
  AddNumber(keywords, "gid", 0, UINT_MAX, &GlobalConfig::gid);
  AddText(keywords, "pidfile", &GlobalConfig::pidfile);
  AddFlag(keywords, "daemon", kAllowsNo, &GlobalConfig::daemon);
  AddFlag(keywords, "quiet", kAllowsNo, &GlobalConfig::quiet);
  AddFlag(keywords, "strict-limits", kAllowsNo, &GlobalConfig::strict_limits);
  AddFlag(keywords, "pp2-never-send-local", kAllowsNo, &GlobalConfig::never_send_local);
  AddFlag(keywords, "zero-warning", kNoPrefix, &GlobalConfig::zero_warning);
  keywords.Add({"user", kGlobal}, TakeUser);
  keywords.Add({"group", kGlobal}, TakeGroup);
  keywords.Add({"thread-groups", kGlobal}, TakeThreadGroups);
  keywords.Add({"cpu-map", kGlobal}, TakeCpuMap);
  keywords.Add({"description", kGlobal}, [](BuildContext& context, KeywordUse& use) {
    return TakeDescription(use, Global(context).description);
  });
  keywords.Add({"thread-hard-limit", kGlobal}, [](BuildContext& context, KeywordUse& use) {
    return HasArguments(use, 1, 1, "an integer") &&
           TakeArgument(use, 0, ParseInteger(use.argument(0), 1, INT_MAX),
                        context.thread_hard_limit);
  });
}

}  // namespace

ProxyConfig& StatsProxy(BuildContext& context, const SourcePlace& place) {
  if (context.stats_proxy == nullptr) {
    context.stats_proxy = std::make_unique<ProxyConfig>();
    context.stats_proxy->name = "GLOBAL";
    context.stats_proxy->kind = "frontend";
    context.stats_proxy->place = place;
    context.stats_proxy->is_frontend = true;
    context.stats_proxy->is_internal = true;
  }
  return *context.stats_proxy;
}

// What checks by programs need is what the sandbox forbids.
void FinishSandbox(BuildContext& context) {
  const GlobalConfig& global = context.configuration.global;
  if (!global.sandbox || !global.external_checks) return;
  context.diagnostics.Error(context.sandbox_word.At(),
                            "'tune.sandbox on' forbids this process to start programs, and "
                            "'external-check' asks for it: one of the two has to go");
}

void RegisterGlobalKeywords(BuildKeywords& keywords) {
  RegisterProcess(keywords);
  RegisterStats(keywords);
  keywords.Add({"tune.bufsize", kGlobal}, [](BuildContext& context, KeywordUse& use) {
    return TakeSizes(use, 1024, size_t{256} << 20, Global(context).bufsize);
  });
  keywords.Add({"tune.maxrewrite", kGlobal}, [](BuildContext& context, KeywordUse& use) {
    return TakeSizes(use, 0, size_t{128} << 20, Global(context).maxrewrite);
  });
  keywords.Add({"tune.pipesize", kGlobal}, [](BuildContext& context, KeywordUse& use) {
    return TakeSizes(use, 4096, size_t{1} << 30, Global(context).pipe_bytes);
  });
  keywords.Add({"maxpipes", kGlobal}, [](BuildContext& context, KeywordUse& use) {
    uint32_t pipes = 0;
    if (!HasArguments(use, 1, 1) ||
        !TakeArgument(use, 0, ParseInteger(use.argument(0), 0, INT32_MAX), pipes)) {
      return false;
    }
    Global(context).maxpipes = pipes;
    return true;
  });
  keywords.Add({"nosplice", kGlobal}, [](BuildContext& context, KeywordUse& use) {
    Global(context).splice = false;
    return HasArguments(use, 0, 0);
  });
  keywords.Add({"expose-experimental-directives", kGlobal},
               [](BuildContext& context, KeywordUse& use) {
                 Global(context).experimental = true;
                 return HasArguments(use, 0, 0);
               });
  keywords.Add({"tune.ring", kGlobal}, TakeRing);
  keywords.Add({"tune.sandbox", kGlobal}, TakeSandbox);
  for (const char* words :
       {"setenv", "presetenv", "unsetenv", "resetenv", "expose-deprecated-directives"}) {
    AddNothing(keywords, words);
  }
}

}  // namespace engine
