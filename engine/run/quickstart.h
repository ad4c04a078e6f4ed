// quickstart.h - the configuration that is compiled in, and the requests that show it works.
//
// Owns:    nothing.
// Threads: the main thread.
// Units:   requests; ports.
// Errors:  a demonstration in which anything failed says what, and is not a success.
// States:  none.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/server/proxy_config.h"

namespace engine {

inline constexpr char kQuickstartName[] = "quickstart.cfg (compiled in)";

// examples/quickstart.cfg, its ports moved to the next free ones where they are taken; each move is
// one line of `notes`.
std::string QuickstartText(std::vector<std::string>* notes);

// Sends 100 HTTP requests through the frontend of a running quickstart, prints what each origin
// took and what to try. False when one of them failed.
bool RunQuickstart(const Configuration& configuration, const char* driver, uint32_t shards);

}  // namespace engine
