// compat.h - liburing.h, plus what its oldest supported release (2.3, Debian 12) lacks.
//
// Owns:    nothing.
// Threads: any-thread.
// Units:   none.
// Errors:  -errno.
// States:  none.
//
// 2.3 has every constant the driver uses: SINGLE_ISSUER, DEFER_TASKRUN, multishot accept and
// receive, POLL_FIRST, provided buffer rings, MSG_RING. A newer one belongs here, in #ifndef;
// whether the running kernel knows it is found by trying (probe.h).

#pragma once

#include <liburing.h>

// Linux 6.12: io_uring_getevents_arg's padding holds how long to wait for more than one answer.
#ifndef IORING_FEAT_MIN_TIMEOUT
#define IORING_FEAT_MIN_TIMEOUT (1U << 15)
#endif

namespace shard {

// io_uring_enable_rings(), which the shared library of liburing 2.3 does not export.
inline int EnableRing(int ring_fd) {
  return io_uring_register(unsigned(ring_fd), IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
}

}  // namespace shard
