// runner.h - many seeds, each alone: in processes of their own, so that one that dies is found,
// replayed and shrunk.
//
// Owns:    nothing.
// Threads: one thread per process; the processes share nothing but a page of numbers.
// Units:   seeds.
// Errors:  a run that fails, dies or never ends is reported with its seed and its events.
// States:  none.

#pragma once

#include <cstdint>
#include <string>

#include "tests/simulation/world.h"

namespace simulation {

struct RunResult {
  std::string failure;  // empty: all is well
  uint64_t fingerprint = 0;
  Reached reached;
};
RunResult RunScript(const Script& script, bool trace);

struct Batch {
  uint64_t first = 1;
  uint64_t seeds = 1;
  uint32_t jobs = 1;
  bool shrink = true;
};
// Runs them all. True: nothing failed. Else the first that failed is shrunk and its trace printed.
bool RunBatch(const Batch& batch);

// Fewer events that still fail, in whatever way.
Script Shrink(Script script);

}  // namespace simulation
