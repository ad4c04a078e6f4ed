#include "engine/server/process_keywords.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <limits>

#include "base/errno_name.h"
#include "base/start_rights.h"
#include "base/text.h"
#include "engine/config/capability_names.h"
#include "engine/server/bind_keywords.h"
#include "engine/server/build_context.h"

namespace engine {
namespace {

using scope::kGlobal;

void AddSwitch(BuildKeywords& keywords, const char* words, Prefixes prefixes,
               bool GlobalConfig::*field, bool value = true) {
  keywords.Add({words, kGlobal, Support::kWorks, prefixes},
               [=](BuildContext& context, KeywordUse& use) {
                 if (!HasArguments(use, 0, 0)) return false;
                 Global(context).*field = use.is_no() ? !value : value;
                 return true;
               });
}

// Where relative files lie ------------------------------------------------------------------

bool TakeDefaultPath(BuildContext& context, KeywordUse& use) {
  size_t policy = 0;
  if (!HasArguments(use, 1, 2, "'current', 'config', 'parent' or 'origin'") ||
      !TakeArgument(use, 0, ParseOneOf(use.argument(0), {"current", "config", "parent", "origin"}),
                    policy)) {
    return false;
  }
  DefaultPath path;
  path.line = &use.line;
  path.policy = DefaultPath::Policy(policy);
  if (path.policy != DefaultPath::Policy::kOrigin) {
    if (use.arguments() > 1) return Refuse(use, 1, "unexpected " + InQuotes(use.argument(1)));
  } else {
    if (use.argument(1).empty()) return Refuse(use, 1, "'origin' expects a directory");
    path.origin = use.argument(1);
    const int error = -base::StartRights::Current().CanEnter(path.origin);
    if (error != 0) {
      return Refuse(
          use, 1,
          "cannot enter directory " + InQuotes(path.origin) + ": " + base::ErrnoText(error));
    }
  }
  context.default_paths.push_back(std::move(path));
  return true;
}

// What is measured --------------------------------------------------------------------------

// Later words take back earlier ones (manual 3.2).
bool TakeProfiling(BuildContext& context, KeywordUse& use) {
  constexpr const char* kWanted = "'auto', 'on', 'off', 'lock', 'no-lock', 'memory' or 'no-memory'";
  if (!HasArguments(use, 1, SIZE_MAX, kWanted)) return false;
  for (size_t i = 0; i < use.arguments(); ++i) {
    size_t word = 0;
    if (!TakeArgument(use, i,
                      ParseOneOf(use.argument(i),
                                 {"auto", "on", "off", "lock", "no-lock", "memory", "no-memory"}),
                      word)) {
      return false;
    }
    if (word <= 2) Global(context).profiling_tasks = TaskProfiling(word);
    if (word == 3 || word == 5) {
      use.diagnostics.NoEffect(
          "profiling.tasks lock", use.line.At(use.first_argument + i),
          "'profiling.tasks': " + InQuotes(use.argument(i)) +
              " has no effect: a shard waits for no lock, and takes its memory "
              "from pools that are there from the start");
    }
  }
  return true;
}

// Unix sockets ------------------------------------------------------------------------------

bool TakeUnixBind(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 2, SIZE_MAX,
                    "'prefix', 'mode', 'user', 'uid', 'group' or 'gid' and a value")) {
    return false;
  }
  GlobalConfig::UnixBind& unix_bind = Global(context).unix_bind;
  for (size_t i = 0; i < use.arguments(); i += 2) {
    size_t word = 0;
    if (!TakeArgument(
            use, i, ParseOneOf(use.argument(i), {"prefix", "mode", "user", "uid", "group", "gid"}),
            word)) {
      return false;
    }
    if (use.argument(i + 1).empty()) {
      return Refuse(use, i + 1, InQuotes(use.argument(i)) + " expects a value");
    }
    const std::string_view value = use.argument(i + 1);
    bool good = true;
    switch (word) {
      case 0:
        unix_bind.prefix = value;
        break;
      case 1:
        good = TakeArgument(use, i + 1, ParseFileMode(value), unix_bind.mode);
        break;
      case 2:
        good = TakeArgument(use, i + 1, FindUser(value), unix_bind.uid);
        break;
      case 3:
        good = TakeArgument(use, i + 1, ParseInteger(value, 0, UINT_MAX), unix_bind.uid);
        break;
      case 4:
        good = TakeArgument(use, i + 1, FindGroup(value), unix_bind.gid);
        break;
      case 5:
        good = TakeArgument(use, i + 1, ParseInteger(value, 0, UINT_MAX), unix_bind.gid);
        break;
    }
    if (!good) return false;
  }
  return true;
}

// Privileges --------------------------------------------------------------------------------

bool TakeSetcap(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 1, 1, "names among: " + CapabilityNames())) return false;
  std::vector<int>& capabilities = Global(context).capabilities;
  capabilities.clear();
  for (const std::string_view name : base::Split(use.argument(0), ',')) {
    const int number = FindCapability(name);
    if (number < 0) {
      return Refuse(use, 0,
                    "unknown capability " + InQuotes(name) + ", known are: " + CapabilityNames());
    }
    capabilities.push_back(number);
  }
  return true;
}

bool TakeSetDumpable(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 0, 1)) return false;
  size_t choice = 0;
  if (use.arguments() == 1 &&
      !TakeArgument(use, 0, ParseOneOf(use.argument(0), {"on", "off", "libs"}), choice)) {
    return false;
  }
  if (choice == 2) {
    use.diagnostics.NoEffect("set-dumpable libs", use.line.At(use.first_argument),
                             "'set-dumpable libs' is accepted as 'set-dumpable on': the libraries "
                             "are not copied into memory");
  }
  Global(context).dumpable = choice != 1 && !use.is_no();
  return true;
}

bool TakeChroot(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 1, 1, "a directory, or 'auto'")) return false;
  if (use.argument(0).empty()) return Refuse(use, 0, "expects a directory, or 'auto'");
  Global(context).chroot = use.argument(0);
  return true;
}

bool TakeNode(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 1, 1, "a name")) return false;
  const std::string_view name = use.argument(0);
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (letter || base::IsDigit(c) || c == '-' || c == '_') continue;
    return Refuse(
        use, 0, "valid node names are made of letters, digits, '-' and '_', not " + InQuotes(name));
  }
  if (name.empty()) return Refuse(use, 0, "expects a name");
  Global(context).node = name;
  return true;
}

// The end ------------------------------------------------------------------------------------

bool TakeCloseSpreadTime(BuildContext& context, KeywordUse& use) {
  if (!HasArguments(use, 1, 1, "a time, or 'infinite'")) return false;
  if (use.argument(0) == "infinite") {
    Global(context).close_spread_ms = GlobalConfig::kSpreadForEver;
    return true;
  }
  return TakeArgument(use, 0, ParseTimeMs(use.argument(0)), Global(context).close_spread_ms);
}

void RegisterEnd(BuildKeywords& keywords) {
  keywords.Add({"close-spread-time", kGlobal}, TakeCloseSpreadTime);
  keywords.Add({"grace", kGlobal}, [](BuildContext& context, KeywordUse& use) {
    return HasArguments(use, 1, 1, "a time") &&
           TakeArgument(use, 0, ParseTimeMs(use.argument(0)), Global(context).grace_ms);
  });
  keywords.Add({"hard-stop-after", kGlobal}, [](BuildContext& context, KeywordUse& use) {
    return HasArguments(use, 1, 1, "a time") &&
           TakeArgument(use, 0, ParseTimeMs(use.argument(0)), Global(context).hard_stop_after_ms);
  });
}

// -W by the file. `no` undoes an earlier one.
void RegisterMaster(BuildKeywords& keywords) {
  keywords.Add({"master-worker", kGlobal, Support::kWorks, kAllowsNo},
               [](BuildContext& context, KeywordUse& use) {
                 Global(context).master_worker = !use.is_no();
                 return HasArguments(use, 0, 0);
               });
  keywords.Add({"master-worker no-exit-on-failure", kGlobal},
               [](BuildContext& context, KeywordUse& use) {
                 Global(context).master_worker = Global(context).master_stays = true;
                 return HasArguments(use, 0, 0);
               });
  keywords.Add({"mworker-max-reloads", kGlobal}, [](BuildContext& context, KeywordUse& use) {
    return HasArguments(use, 1, 1, "an integer") &&
           TakeArgument(use, 0, ParseInteger(use.argument(0), 0, INT_MAX),
                        Global(context).mworker_reloads_max);
  });
}

// Where servers begin as an earlier process has left them (saved_states.h).
void RegisterSavedStates(BuildKeywords& keywords) {
  keywords.Add({"server-state-file", kGlobal}, [](BuildContext& context, KeywordUse& use) {
    Global(context).server_state_file = use.argument(0);
    return HasArguments(use, 1, 1, "a file");
  });
  keywords.Add({"server-state-base", kGlobal}, [](BuildContext& context, KeywordUse& use) {
    Global(context).server_state_base = use.argument(0);
    return HasArguments(use, 1, 1, "a directory");
  });
  keywords.Add({"stats-file", kGlobal}, [](BuildContext& context, KeywordUse& use) {
    Global(context).stats_file = use.argument(0);
    return HasArguments(use, 1, 1, "a file");
  });
  constexpr Scopes kWhere = scope::kDefaults | scope::kBackend | scope::kListen;
  keywords.Add({"load-server-state-from-file", kWhere}, [](BuildContext& context, KeywordUse& use) {
    size_t choice = 0;
    if (!HasArguments(use, 1, 1, "'none', 'global' or 'local'") ||
        !TakeArgument(use, 0, ParseOneOf(use.argument(0), {"none", "global", "local"}), choice)) {
      return false;
    }
    context.proxy->config->saved_states = SavedStatesFrom(choice);
    return true;
  });
  keywords.Add({"server-state-file-name", kWhere}, [](BuildContext& context, KeywordUse& use) {
    std::string& name = context.proxy->config->server_state_file_name;
    name = use.argument(0) == "use-backend-name" ? "" : use.argument(0);
    return HasArguments(use, 0, 1);
  });
}

void RegisterPrivileges(BuildKeywords& keywords) {
  keywords.Add({"chroot", kGlobal}, TakeChroot);
  keywords.Add({"profiling.tasks", kGlobal}, TakeProfiling);
  keywords.Add({"setcap", kGlobal}, TakeSetcap);
  keywords.Add({"set-dumpable", kGlobal, Support::kWorks, kAllowsNo}, TakeSetDumpable);
  AddSwitch(keywords, "insecure-setuid-wanted", kAllowsNo, &GlobalConfig::setuid_programs_work);
  keywords.Add({"harden.reject-privileged-ports.tcp", kGlobal},
               [](BuildContext& context, KeywordUse& use) {
                 return HasArguments(use, 1, 1, "'on' or 'off'") &&
                        TakeArgument(use, 0, ParseOnOff(use.argument(0)),
                                     Global(context).reject_privileged_ports);
               });
}

void RegisterLimits(BuildKeywords& keywords) {
  keywords.Add({"fd-hard-limit", kGlobal}, [](BuildContext& context, KeywordUse& use) {
    return HasArguments(use, 1, 1, "an integer") &&
           TakeArgument(use, 0, ParseInteger(use.argument(0), 1, INT_MAX),
                        Global(context).fd_hard_limit);
  });
  AddSwitch(keywords, "prealloc-fd", kNoPrefix, &GlobalConfig::prealloc_fd);
  AddSwitch(keywords, "noreuseport", kAllowsNo, &GlobalConfig::reuse_port, false);
  AddSwitch(keywords, "nogetaddrinfo", kNoPrefix, &GlobalConfig::getaddrinfo, false);
}

}  // namespace

std::string FilePath(const BuildContext& context, const Line& line, std::string_view name) {
  if (name.starts_with('/')) return std::string(name);
  const DefaultPath* path = nullptr;
  for (const DefaultPath& one : context.default_paths) {
    // A line of `defaults` is read again for later proxies, but stays where it is.
    if (context.tree.IsBefore(*one.line, line)) path = &one;
  }
  if (path == nullptr || path->policy == DefaultPath::Policy::kCurrent) return std::string(name);
  if (path->policy == DefaultPath::Policy::kOrigin) return path->origin + "/" + std::string(name);
  const std::string_view file = line.source->path;
  const size_t slash = file.rfind('/');
  std::string folder(slash == std::string_view::npos ? "" : file.substr(0, slash + 1));
  if (path->policy == DefaultPath::Policy::kParent) folder += "../";
  return folder + std::string(name);
}

void ApplyUnixBind(const BuildContext& context, BindConfig& bind) {
  const GlobalConfig::UnixBind& unix_bind = context.configuration.global.unix_bind;
  if (bind.mode < 0) bind.mode = unix_bind.mode;
  if (bind.uid < 0) bind.uid = unix_bind.uid;
  if (bind.gid < 0) bind.gid = unix_bind.gid;
}

void RegisterProcessKeywords(BuildKeywords& keywords) {
  RegisterSavedStates(keywords);
  RegisterEnd(keywords);
  RegisterPrivileges(keywords);
  RegisterLimits(keywords);
  RegisterMaster(keywords);
  keywords.Add({"default-path", kGlobal}, TakeDefaultPath);
  keywords.Add({"unix-bind", kGlobal}, TakeUnixBind);
  keywords.Add({"node", kGlobal}, TakeNode);
  keywords.Add({"localpeer", kGlobal}, [](BuildContext&, KeywordUse& use) {
    return HasArguments(use, 1, 1, "a name");  // executed while the tree was read
  });
  // Nothing keeps this process from forking, so there is nothing to lift.
  keywords.Add({"insecure-fork-wanted", kGlobal, Support::kWorks, kAllowsNo},
               [](BuildContext&, KeywordUse& use) { return HasArguments(use, 0, 0); });
}

}  // namespace engine
