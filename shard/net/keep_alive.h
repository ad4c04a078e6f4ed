// keep_alive.h - TCP keep-alive: how the kernel asks a silent peer whether it still is there.
//
// Owns:    nothing.
// Threads: shard-local.
// Units:   seconds.
// Errors:  what a socket cannot do is left as the system has it.
// States:  none.

#pragma once

#include <cstdint>

#include "shard/ring/ring.h"

namespace shard {

// clitcpka-idle and its kin (manual 4.2); 0: as the system says.
struct KeepAliveProbes {
  static constexpr uint16_t kSecondsMax = 32767;  // what Linux takes
  static constexpr uint16_t kProbesMax = 127;
  uint16_t idle_s = 0;      // silence before the first one (TCP_KEEPIDLE)
  uint16_t interval_s = 0;  // between two (TCP_KEEPINTVL)
  uint16_t probes = 0;      // without an answer, until the connection is dead (TCP_KEEPCNT)
};

void SetKeepAlive(Ring& ring, int fd, const KeepAliveProbes& probes);

}  // namespace shard
