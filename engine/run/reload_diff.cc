#include "engine/run/reload_diff.h"

#include <algorithm>
#include <map>
#include <optional>

#include "base/background_thread.h"
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

// What an operator knows a thing by, and what would make it another one. Thousands are freed in
// pieces.
struct Things : std::map<std::string, std::string> {
  Things() = default;
  Things(Things&&) = default;
  ~Things() {
    while (!empty()) {
      erase(begin());
      base::GiveWay();
    }
  }
};

std::string ProxyKey(const ProxyConfig& proxy) { return proxy.kind + " " + proxy.name; }

void AddNumber(std::string& out, std::optional<int64_t> number) {
  out += number.has_value() ? std::to_string(*number) : std::string("-");
  out += ' ';
}

// With its length, so that no two lists come out the same.
void AddText(std::string& out, const std::optional<std::string>& text) {
  AddNumber(out, text.has_value() ? std::optional<int64_t>(text->size()) : std::nullopt);
  out += text.value_or("");
}

template <typename Enum>
std::optional<int64_t> NumberOf(const std::optional<Enum>& value) {
  return value.has_value() ? std::optional<int64_t>(int64_t(*value)) : std::nullopt;
}

void AddTls(std::string& out, const BindTls& tls) {
  AddNumber(out, int64_t(tls.certificates.size()));
  for (const CertificateSource& source : tls.certificates) {
    AddNumber(out, int64_t(source.kind));
    AddText(out, source.path);
  }
  for (const auto* list : {&tls.ca_files, &tls.ca_verify_files, &tls.crl_files}) {
    AddNumber(out, int64_t(list->size()));
    for (const std::string& one : *list) AddText(out, one);
  }
  const TlsWords& words = tls.words;
  for (const auto* text : {&tls.alpn, &words.ciphers, &words.suites, &words.curves,
                           &words.signatures, &words.client_signatures}) {
    AddText(out, *text);
  }
  AddText(out, tls.ticket_keys_file);
  for (const bool off : words.versions_off) AddNumber(out, off);
  for (const auto number : {NumberOf(words.version_min), NumberOf(words.version_max),
                            NumberOf(words.verify), NumberOf(words.tickets),
                            NumberOf(words.strict_sni), NumberOf(words.prefers_client_ciphers)}) {
    AddNumber(out, number);
  }
  AddNumber(out, tls.sends_ca_names);
}

// All that its line says but the address. An `id` that was not given hangs on the lines before it.
std::string BindValue(const BindConfig& bind) {
  std::string out;
  AddText(out, bind.name);
  AddText(out, bind.guid_prefix);
  AddText(out, bind.interface);
  for (const int64_t number : {int64_t(bind.id_is_given ? bind.id : 0),
                               int64_t(bind.backlog),
                               int64_t(bind.maxconn),
                               int64_t(bind.v4v6),
                               int64_t(bind.v6only),
                               int64_t(bind.mode),
                               bind.uid,
                               bind.gid,
                               int64_t(bind.shards),
                               int64_t(bind.mss),
                               int64_t(bind.tcp_fast_open),
                               int64_t(bind.defer_accept),
                               int64_t(bind.transparent),
                               int64_t(bind.tcp_user_timeout_ms),
                               int64_t(bind.tcp_save_syn),
                               int64_t(bind.level),
                               int64_t(bind.expose_listeners),
                               int64_t(bind.accept_proxy),
                               int64_t(bind.accept_cip),
                               int64_t(bind.cip_magic),
                               int64_t(bind.tls_context != nullptr)}) {
    AddNumber(out, number);
  }
  AddNumber(out, int64_t(bind.text_hash));
  for (const uint32_t thread : bind.threads) AddNumber(out, thread);
  if (bind.tls.enabled) AddTls(out, bind.tls);
  return out;
}

Things ThingsOf(const Configuration& configuration) {
  Things things;
  for (const auto& [name, hash] : configuration.sections) things[name] = std::to_string(hash);
  for (const auto& [path, hash] : configuration.files) {
    base::GiveWay();
    things["file " + path] = std::to_string(hash);
  }
  for (const auto& proxy : configuration.proxies) {
    base::GiveWay();
    if (!proxy->is_internal) things[ProxyKey(*proxy)] = std::to_string(proxy->text_hash);
    for (const auto& server : proxy->servers) {
      // A name may have another address than before.
      things["server " + proxy->name + "/" + server->name] =
          server->configured_address().ToString() + " " + std::to_string(server->text_hash);
    }
    for (const auto& bind : proxy->binds) {
      for (const BindAddress& address : bind->addresses) {
        const std::string name = address.inherited_fd >= 0
                                     ? "fd@" + std::to_string(address.inherited_fd)
                                     : address.Name();
        things["bind " + proxy->name + " " + name] = BindValue(*bind);
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
  keep("master-worker", &GlobalConfig::master_worker);
  keep("set-dumpable", &GlobalConfig::dumpable);
  keep("insecure-setuid-wanted", &GlobalConfig::setuid_programs_work);
  keep("stats maxconn", &GlobalConfig::stats_maxconn);
  if (now.tls.connections_max != next.tls.connections_max) {
    notes.push_back(NeedsRestart("maxsslconn"));
    next.tls.connections_max = now.tls.connections_max;
  }
  const auto keep_log = [&](const char* keyword, std::string LogPlan::*value) {
    if (now_all.logs.*value == next_all->logs.*value) return;
    notes.push_back(NeedsRestart(keyword));
    next_all->logs.*value = now_all.logs.*value;
  };
  keep_log("log-tag", &LogPlan::tag);
  keep_log("log-send-hostname", &LogPlan::hostname);
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
    base::GiveWay();
    const auto found = before.find(name);
    if (found == before.end()) {
      text += "+ " + name + "\n";
    } else if (found->second != value) {
      text += "~ " + name + "\n";
    }
  }
  for (const auto& [name, value] : before) {
    base::GiveWay();
    if (!after.contains(name)) text += "- " + name + "\n";
  }
  return text;
}

}  // namespace engine
