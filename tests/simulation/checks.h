// checks.h - what must hold between any two turns, and when nothing is left.
//
// Owns:    nothing.
// Threads: one thread.
// Units:   streams, connections.
// Errors:  the first thing that does not hold, in words; empty: all is well.
// States:  none.

#pragma once

#include <string>

#include "tests/engine/session/rig.h"

namespace simulation {

// The books agree with what there is, at this moment.
std::string CheckBooks(engine::Rig& rig);
// Nobody is left, and nothing of anybody.
std::string CheckEmpty(engine::Rig& rig);

}  // namespace simulation
