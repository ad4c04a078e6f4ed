// compat.h - liburing.h, plus the kernel constants that older copies of it (2.3, Debian 12) lack.
//
// Owns:    nothing. Threads: immutable. Units: none. States: none.
// Errors:  none: whether the running kernel knows a constant is found by trying (probe.h).
//
// liburing 2.3 already has SINGLE_ISSUER, DEFER_TASKRUN, multishot accept and receive, POLL_FIRST,
// provided buffer rings and MSG_RING. What is guarded here came later, or is missing in 2.2.

#pragma once

#include <liburing.h>

#ifndef IORING_SETUP_SINGLE_ISSUER
#define IORING_SETUP_SINGLE_ISSUER (1U << 12)
#endif
#ifndef IORING_SETUP_DEFER_TASKRUN
#define IORING_SETUP_DEFER_TASKRUN (1U << 13)
#endif
#ifndef IORING_RECV_MULTISHOT
#define IORING_RECV_MULTISHOT (1U << 1)
#endif
// Linux 6.3: IORING_REGISTER_* on a registered ring descriptor.
#ifndef IORING_FEAT_REG_REG_RING
#define IORING_FEAT_REG_REG_RING (1U << 13)
#endif

namespace shard {

// io_uring_enable_rings(), which the shared library of liburing 2.3 does not export.
inline int EnableRing(int ring_fd) {
  return io_uring_register(unsigned(ring_fd), IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
}

}  // namespace shard
