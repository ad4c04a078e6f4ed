// thread_set.h - sets of threads and of CPUs as `thread` and `cpu-map` write them
// (manual 5.1, 3.1).
//
// Owns:    nothing.
// Threads: any-thread (pure functions).
// Units:   threads count from 1 in the text and from 0 in the results, CPUs from 0 in both.
// Errors:  Parsed::error, a clause without a place.
// States:  none.
//
//   ParseThreadSet("1/odd", 4);        // {0, 2}
//   CpuMap map;
//   map.Apply("auto:1/1-4", {"0-1", "2-3"});

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/config/value.h"

namespace engine {

// `all`, `odd`, `even`, `N`, `N-M`, `N-`, `-M` within [low, high], ascending.
Parsed<std::vector<uint32_t>> ParseNumberSet(std::string_view text, uint32_t low, uint32_t high);

// `[group/]set[,...]` of a bind line: threads of a process with `threads` of them, from 0. There is
// one group, so the two numberings agree.
Parsed<std::vector<uint32_t>> ParseThreadSet(std::string_view text, uint32_t threads);

// What `cpu-map` lines add up to: a later line replaces what earlier ones said of the same thread.
class CpuMap {
 public:
  // An empty string, or what is wrong. `cpus`: the arguments after the first.
  std::string Apply(std::string_view threads, std::span<const std::string_view> cpus);
  // By thread; an empty entry is a thread that may run anywhere. Empty: nothing was said.
  const std::vector<std::vector<int>>& by_thread() const { return by_thread_; }

 private:
  std::vector<std::vector<int>> by_thread_;
};

}  // namespace engine
