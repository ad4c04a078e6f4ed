// load.h - reads the files that the command line names and builds the configuration they describe.
//
// Owns:    nothing. The configuration has its environment, as its lines have made it.
// Threads: main thread. At a start it sets the environment of the process.
// Units:   none.
// Errors:  in the diagnostics, with their place; then there is no configuration.
// States:  none.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/config/diagnostics.h"
#include "engine/config/environment.h"
#include "engine/config/tree.h"
#include "engine/run/options.h"
#include "engine/server/proxy_config.h"

namespace engine {

struct LoadRequest {
  const Options& options;
  bool has_master = false;
  bool serves = false;  // already: this is a reload
};

[[nodiscard]] std::unique_ptr<Configuration> LoadConfiguration(const LoadRequest& request,
                                                               Environment environment, Tree& tree,
                                                               Diagnostics& diagnostics);
std::vector<std::string> FilesOf(const Tree& tree);
// The addresses of the process's own sockets.
std::vector<std::string> StatsSocketsOf(const Configuration& configuration);

}  // namespace engine
