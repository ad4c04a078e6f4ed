// builder.h - from the Tree of a configuration to the objects that run it.
//
// Owns:    nothing. The Configuration it returns refers neither to the Tree nor to the Diagnostics.
// Threads: start-up, or the thread that prepares a reload. May block in the system's resolver.
// Units:   none.
// Errors:  every fault of every file goes to Diagnostics in one run; null when there was one, be it
//          from reading the tree.
// States:  none.
//
//   const BuildOptions options{.services = {{"echo", &echo}}};
//   std::unique_ptr<Configuration> next = Build(tree, diagnostics, options);
//   if (next == nullptr) { diagnostics.Print(stderr); return 1; }

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "engine/config/address_words.h"
#include "engine/config/diagnostics.h"
#include "engine/config/keywords.h"
#include "engine/config/tree.h"
#include "engine/server/proxy_config.h"

namespace engine {

class ActionTable;
class HttpService;
class Registry;

// What a thread number may be: one thread group, and its word size (manual 3.1, cpu-map).
inline constexpr uint32_t kThreadsPerGroup = 64;
// More would only multiply mailboxes, which are one per pair of shards.
inline constexpr uint32_t kThreadsMax = kThreadsPerGroup;

struct BuildOptions {
  // What `use-service` may name. The applet types outlive every Configuration.
  std::map<std::string, const shard::AppletType*, std::less<>> services;
  // The same of `http-request use-service`.
  std::map<std::string, const HttpService*, std::less<>> http_services;
  // What answers where a proxy has its page of statistics.
  const HttpService* stats_page = nullptr;
  // What answers on a `stats socket`. Not among the services: no rule may hand it to a client.
  const shard::AppletType* cli = nullptr;
  // The fetches and converters that expressions are made of; null: none.
  const Registry* units = nullptr;
  // What rules do; null: nothing.
  const ActionTable* actions = nullptr;
  // What an open range of threads ends at when nbthread is not set; 0: asks the kernel.
  uint32_t usable_cpus = 0;
  bool has_master = false;        // -W: a hidden bind for each level of its command line
  uint32_t proxy_maxconn = 0;     // -N: of frontends that set none; 0: the global one
  bool resolve_may_fail = false;  // -dr: a server without an address is disabled, no error
  bool no_getaddrinfo = false;    // -dG
  bool trusts_servers = false;    // -dV: as `ssl-server-verify none`, whatever the file says
  // Finds the address of a host name; null: ResolveAddress(), which asks the system.
  std::function<Parsed<shard::Address>(const AddressWord&)> resolve;
};

std::unique_ptr<Configuration> Build(const Tree& tree, Diagnostics& diagnostics,
                                     const BuildOptions& options);

// Every word of the language with what it does; for tests, for `-dKall` and for suggestions.
const BuildKeywords& AllKeywords();

}  // namespace engine
