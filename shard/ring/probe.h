// probe.h - what this kernel's io_uring can do, found by trying.
//
// Owns:    nothing that outlives the call.
// Threads: any-thread (each probe uses a ring and sockets of its own).
// Units:   none.
// Errors:  a missing feature that the driver can do without is a false; one it needs makes `usable`
//          false, with the reason and what to set in `why`.
// States:  none.
//
//   const UringFeatures features = ProbeUring();
//   if (!features.usable) Log(features.why);   // "io_uring_setup: EPERM (...): ...; set ..."
//
// Versions are not looked at: distributions move features both ways, and sandboxes take them away.

#pragma once

#include <cstdint>
#include <string>

namespace shard {

struct UringFeatures {
  bool usable = false;
  std::string why;           // when not usable
  uint32_t setup_flags = 0;  // the best set of issuer and task-run flags that set-up takes
  bool accept_multishot = false;
  bool recv_multishot = false;
  bool msg_ring = false;
  bool batch_wait = false;  // a wait may ask for several answers and end early without them

  std::string Describe() const;  // for -vv
};

UringFeatures ProbeUring();

// What a refused io_uring_setup means. `disabled` is /proc/sys/kernel/io_uring_disabled (-1: no
// such file), `memlock_bytes` the soft RLIMIT_MEMLOCK (UINT64_MAX: unlimited). `error` is an errno.
std::string ExplainSetupError(int error, int disabled, uint64_t memlock_bytes);
// The same, with the two facts read from this machine.
std::string ExplainSetupError(int error);

}  // namespace shard
