// stats_config.h - what the `stats ...` lines of a proxy say of its statistics page (manual 4.2).
//
// Owns:    what the lines said.
// Threads: start-up while it is read, then immutable: any-thread.
// Units:   seconds.
// Errors:  reported by whoever reads the lines.
// States:  none. A proxy without any such line has none.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace engine {

class HttpService;

struct StatsConfig {
  const HttpService* service = nullptr;  // what answers
  std::string uri = "/haproxy?stats";    // what the address begins with
  std::string realm = "HAProxy Statistics";
  std::vector<std::pair<std::string, std::string>> users;  // name and password; empty: all may come
  std::vector<std::string> scope;                          // names of proxies; empty: all are shown
  uint32_t refresh_s = 0;                                  // 0: not by itself
  bool shows_version = false;  // (manual 4.2, stats show-version: not by default)
  bool shows_node = false;
  bool shows_description = false;
  bool shows_legends = false;
  bool shows_modules = false;
  std::string node;         // empty: the global one
  std::string description;  // empty: the global one

  // `own`: of the proxy whose page it is, which "." stands for.
  bool Shows(std::string_view proxy, std::string_view own) const {
    if (scope.empty()) return true;
    for (const std::string& name : scope) {
      if (proxy == (name == "." ? own : std::string_view(name))) return true;
    }
    return false;
  }
  bool Admits(std::string_view user, std::string_view password) const {
    for (const auto& [name, secret] : users) {
      if (name == user && secret == password) return true;
    }
    return false;
  }
};

}  // namespace engine
