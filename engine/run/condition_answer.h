// condition_answer.h - `-cc CONDITION`: what a `.if` with it would do.
//
// Owns:    nothing.
// Threads: main thread.
// Units:   an exit status (management.txt 3, -cc).
// Errors:  a condition that cannot be read is told on standard error, with the place in it.
// States:  none.

#pragma once

#include "engine/run/options.h"

namespace engine {

[[nodiscard]] int PrintCondition(const Options& options);

}  // namespace engine
