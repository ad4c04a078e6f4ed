#include "engine/run/reload_diff.h"

#include <algorithm>
#include <map>

#include "base/text.h"

namespace engine {
namespace {

std::string NeedsRestart(std::string_view keyword) {
  return "'" + std::string(keyword) + "' needs a restart to change: the value of the start is kept";
}

bool IsSamePlan(const LogRingPlan& one, const LogRingPlan& other) {
  return one.name == other.name && one.format == other.format &&
         one.size_bytes == other.size_bytes && one.line_bytes_max == other.line_bytes_max &&
         one.servers == other.servers && one.connect_ms == other.connect_ms &&
         one.server_ms == other.server_ms;
}

bool HasSameTargets(const LogPlan& now, const LogPlan& next) {
  if (!(now.targets == next.targets) || now.rings.size() != next.rings.size()) return false;
  for (size_t i = 0; i < now.rings.size(); ++i) {
    if (!IsSamePlan(now.rings[i], next.rings[i])) return false;
  }
  return true;
}

// What an operator knows a thing by, and what would make it another one.
using Things = std::map<std::string, std::string>;

std::string ProxyKey(const ProxyConfig& proxy) { return proxy.kind + " " + proxy.name; }

Things ThingsOf(const Configuration& configuration) {
  Things things;
  for (const auto& proxy : configuration.proxies) {
    if (!proxy->is_internal) things[ProxyKey(*proxy)] = std::to_string(proxy->text_hash);
    for (const auto& server : proxy->servers) {
      things["server " + proxy->name + "/" + server->name] =
          server->address.ToString() + " " + server->unix_path + " " +
          std::to_string(server->weight) + " " + std::to_string(server->maxconn) + " " +
          std::to_string(server->backup) + std::to_string(server->disabled) +
          std::to_string(server->check.enabled) + std::to_string(server->check.inter_ms) +
          std::to_string(server->tls.enabled);
    }
    for (const auto& bind : proxy->binds) {
      for (const BindAddress& address : bind->addresses) {
        const std::string name = address.inherited_fd >= 0
                                     ? "fd@" + std::to_string(address.inherited_fd)
                                     : address.Name();
        things["bind " + proxy->name + " " + name] = std::to_string(bind->maxconn) + " " +
                                                     std::to_string(bind->backlog) +
                                                     std::to_string(bind->tls_context != nullptr);
      }
    }
  }
  return things;
}

}  // namespace

std::vector<std::string> KeepStartValues(const Configuration& now_all, Configuration* next_all) {
  std::vector<std::string> notes;
  const GlobalConfig& now = now_all.global;
  GlobalConfig& next = next_all->global;
  const auto keep = [&](const char* keyword, auto GlobalConfig::*value) {
    if (now.*value == next.*value) return;
    notes.push_back(NeedsRestart(keyword));
    next.*value = now.*value;
  };
  keep("nbthread", &GlobalConfig::nbthread);
  keep("cpu-map", &GlobalConfig::thread_cpus);
  keep("maxconn", &GlobalConfig::maxconn);
  keep("ulimit-n", &GlobalConfig::ulimit_n);
  keep("fd-hard-limit", &GlobalConfig::fd_hard_limit);
  keep("noreuseport", &GlobalConfig::reuse_port);
  keep("pidfile", &GlobalConfig::pidfile);
  keep("user", &GlobalConfig::uid);
  keep("group", &GlobalConfig::gid);
  keep("chroot", &GlobalConfig::chroot);
  keep("setcap", &GlobalConfig::capabilities);
  keep("tune.bufsize", &GlobalConfig::bufsize);
  keep("tune.maxrewrite", &GlobalConfig::maxrewrite);
  keep("tune.pipesize", &GlobalConfig::pipe_bytes);
  keep("maxpipes", &GlobalConfig::maxpipes);
  keep("tune.ring", &GlobalConfig::ring_driver);
  keep("tune.sandbox", &GlobalConfig::sandbox);
  keep("daemon", &GlobalConfig::daemon);
  keep("stats maxconn", &GlobalConfig::stats_maxconn);
  if (now.tls.connections_max != next.tls.connections_max) {
    notes.push_back(NeedsRestart("maxsslconn"));
    next.tls.connections_max = now.tls.connections_max;
  }
  if (now_all.logs.tag != next_all->logs.tag) notes.push_back(NeedsRestart("log-tag"));
  if (now_all.logs.hostname != next_all->logs.hostname) {
    notes.push_back(NeedsRestart("log-send-hostname"));
  }
  return notes;
}

bool AreFinished(const Tree& tree, Diagnostics* diagnostics) {
  bool all = true;
  for (const auto& file : tree.files()) {
    const std::string& text = file->text;
    if (text.empty() || text.back() == '\n') continue;
    all = false;
    const size_t start = text.rfind('\n') + 1;  // 0 where there is none
    diagnostics->Error(
        {.file = file->path, .line = uint32_t(1 + std::count(text.begin(), text.end(), '\n'))},
        base::Format("Missing LF on last line, file might have been truncated at position %zu",
                     text.size() - start + 1),
        "a reload takes only files that are written to their end");
  }
  return all;
}

std::vector<std::string> FindObstacles(const Configuration& now, const Configuration& next) {
  std::vector<std::string> obstacles;
  if (!HasSameTargets(now.logs, next.logs)) {
    obstacles.push_back("other 'log' targets or rings need a restart: nothing was changed");
  }
  return obstacles;
}

std::string DiffText(const Configuration& now, const Configuration& next) {
  const Things before = ThingsOf(now);
  const Things after = ThingsOf(next);
  std::string text;
  for (const auto& [name, value] : after) {
    const auto found = before.find(name);
    if (found == before.end()) {
      text += "+ " + name + "\n";
    } else if (found->second != value) {
      text += "~ " + name + "\n";
    }
  }
  for (const auto& [name, value] : before) {
    if (!after.contains(name)) text += "- " + name + "\n";
  }
  return text;
}

}  // namespace engine
