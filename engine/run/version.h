// version.h - which Ringway this is, what it answers to in haproxy's terms, and what works in it.
//
// Owns:    nothing.
// Threads: any-thread; PresetVariables is for start-up.
// Units:   bytes.
// Errors:  none.
// States:  none.
//
//   std::fputs(VersionText().c_str(), stdout);                    // -v
//   std::fputs(BuildText(facts_of_this_machine).c_str(), stdout); // -vv
//   const ConditionFacts facts = MakeConditionFacts(options);     // -cc, `.if`
//
// The first line is ours. The second starts with "HAProxy version 3.5", because installers,
// controllers and test drivers read that; `feature()` is true for what -vv shows with a '+', and a
// name gets its '+' in kFeatures when the feature works, not before.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/config/condition.h"
#include "engine/config/environment.h"
#include "engine/run/options.h"

namespace engine {

inline constexpr std::string_view kCompatibleBranch = "3.5";

// What only the caller can find out, by asking layers this file does not reach.
struct RingDriver {
  std::string name;    // "uring", "poll"
  int preference = 0;  // the larger is tried first
  bool usable = false;
  std::string details;  // its features, or why it cannot be used
};
struct BuildFacts {
  std::vector<RingDriver> drivers;
  uint32_t default_threads = 1;
  uint32_t bufsize = 16384;
  uint32_t maxrewrite = 1024;
  std::vector<std::string> libraries;  // "BoringSSL version : ...", one line each
  std::vector<std::string> services;   // applets that rules can name
  std::vector<std::string> muxes;      // one line each
};

// "3.5-ringway0.1.0": what follows "HAProxy version ".
std::string CompatibleVersion();
std::string VersionText();
std::string BuildText(const BuildFacts& facts);

// True when `name` has a '+' in -vv.
bool HasFeature(std::string_view name);
ConditionFacts MakeConditionFacts(const Options& options);

// What a configuration may use from its first line on (manual 2.3): HAPROXY_STARTUP_VERSION,
// HAPROXY_BRANCH, HAPROXY_LOCALPEER and the log formats.
void PresetVariables(const Options& options, Environment* environment);
// What is known once it was read: HAPROXY_CFGFILES and HAPROXY_CLI, each a list with semicolons.
void PresetLateVariables(const std::vector<std::string>& files,
                         const std::vector<std::string>& stats_sockets, Environment* environment);
// Of a master that has read it: what the matrix of the manual lists for masters alone. `sockets`:
// the addresses of its command line.
void PresetMasterVariables(const std::vector<std::string>& sockets, Environment* environment);

}  // namespace engine
