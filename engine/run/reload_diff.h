// reload_diff.h - what a reload changes, in words, and what it cannot change.
//
// Owns:    nothing.
// Threads: main thread.
// Units:   none.
// Errors:  what cannot be changed while the process runs, and cannot be left as it was either.
// States:  none.

#pragma once

#include <string>
#include <vector>

#include "engine/config/diagnostics.h"
#include "engine/config/tree.h"
#include "engine/server/proxy_config.h"

namespace engine {

// Gives `next` the values of `now` for what only a start can set, so that the rest of it can be put
// to use. A note for each that differs: "'nbthread' needs a restart, ...".
std::vector<std::string> KeepStartValues(const Configuration& now, Configuration* next);
// False, and errors: the last line of a file has no line feed. At a start that is fine; a file that
// is read while somebody writes it often ends so, and its first half may mean anything.
bool AreFinished(const Tree& tree, Diagnostics* diagnostics);
// What makes `next` impossible in this process; empty: nothing.
std::vector<std::string> FindObstacles(const Configuration& now, const Configuration& next);
// One line for each proxy, server and bind, each other section, and each file that lines name, that
// was added, removed or changed: "+ server app/s3".
std::string DiffText(const Configuration& now, const Configuration& next);

}  // namespace engine
