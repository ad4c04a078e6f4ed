// handle.h - names for slots that may be reused: an index and the generation it was good for.
//
// Owns:    nothing: a Handle is a plain value and may travel between shards in a message.
// Threads: any-thread.
// Units:   56 bits: 32 of slot, 24 of generation. The 8 left complete a ring operation's user_data.
// Errors:  a stale handle finds nothing; that is an ordinary outcome.
// States:  null (generation 0) or issued.

#pragma once

#include <cstdint>

namespace base {

struct Handle {
  uint32_t slot = 0;
  uint32_t generation = 0;  // 24 bits used, never 0 once issued

  explicit operator bool() const { return generation != 0; }
  bool operator==(const Handle&) const = default;
  uint64_t Pack() const { return (uint64_t(generation & 0xffffff) << 32) | slot; }
  static Handle Unpack(uint64_t packed) {
    return {uint32_t(packed), uint32_t((packed >> 32) & 0xffffff)};
  }
};

// The generation after `generation`: 24 bits, never 0.
inline uint32_t NextGeneration(uint32_t generation) {
  const uint32_t next = (generation + 1) & 0xffffff;
  return next == 0 ? 1 : next;
}

}  // namespace base
