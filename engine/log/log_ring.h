// log_ring.h - the latest lines of a `ring` section, in memory, for `show events` (manual 12.5).
//
// Owns:    its lines.
// Threads: any-thread. The writer thread appends under a lock; readers only try it, so that a shard
//          never waits for it.
// Units:   bytes, line feeds included.
// Errors:  none: the oldest lines make room for new ones.
// States:  none.

#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>

#include "engine/log/log_plan.h"

namespace engine {

class LogRing {
 public:
  explicit LogRing(const LogRingPlan& plan) : plan_(plan) {}

  const LogRingPlan& plan() const { return plan_; }
  void Append(std::string_view line);

  enum class Read : uint8_t { kBusy, kSome, kEnd };
  // Appends to `*out` the lines from number `*next` on, up to about `bytes_max`, each followed by
  // `end`. Numbers that are gone are passed over.
  Read TryRead(uint64_t* next, size_t bytes_max, char end, std::string* out);

 private:
  const LogRingPlan plan_;
  std::mutex mutex_;
  std::deque<std::string> lines_;
  uint64_t first_ = 0;  // number of lines_.front()
  size_t bytes_ = 0;
};

}  // namespace engine
