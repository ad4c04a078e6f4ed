// trace.h - the last moves of a stream's two sides, for `show sess`, the debug mode and crash
// dumps.
//
// Owns:    its 16 entries.
// Threads: shard-local; a crash dump reads it from wherever the process dies.
// Units:   milliseconds of the shard's clock, the low 32 bits.
// Errors:  none.
// States:  none. The oldest entry is overwritten.

#pragma once

#include <cstdint>

#include "shard/conn/close_reason.h"

namespace shard {

enum class SideState : uint8_t;

struct TraceEntry {
  uint32_t at_ms = 0;
  uint8_t side = 0;  // 0 client's, 1 server's
  SideState from{};
  SideState to{};
  CloseReason reason = CloseReason::kNone;
};

class Trace {
 public:
  static constexpr uint32_t kEntries = 16;
  void Add(const TraceEntry& entry) { entries_[count_++ % kEntries] = entry; }
  // Moves ever recorded; the last min(count, 16) of them are kept.
  uint32_t count() const { return count_; }
  // `i` from 0, the oldest kept, to min(count, 16) - 1.
  const TraceEntry& At(uint32_t i) const {
    return entries_[(count_ > kEntries ? count_ - kEntries + i : i) % kEntries];
  }

 private:
  TraceEntry entries_[kEntries];
  uint32_t count_ = 0;
};

}  // namespace shard
