// process.h - the life of the process, from its options to its exit status.
//
// Owns:    everything, for the length of the call.
// Threads: the main thread.
// Units:   exit statuses (see options.h).
// Errors:  printed in the shape scripts read; the exit status says the rest.
// States:  read -> checked -> bound -> privileges dropped -> serving -> draining -> stopped.

#pragma once

#include "engine/run/options.h"

namespace engine {

int RunProcess(const Options& options);

}  // namespace engine
