// limits.h - how many connections fit into this process, and the resource limits that make it so.
//
// Owns:    nothing.
// Threads: start-up, before the shards.
// Units:   descriptors, connections, bytes (-m in megabytes).
// Errors:  in the plan, as lines for the console; `errors` means "do not start". With `no
//          strict-limits` what does not fit is a warning and maxconn is lowered to what does.
// States:  none. ComputeLimits is pure; ReadSystemLimits and ApplyLimits do the system calls.
//
//   const LimitsPlan plan = ComputeLimits(request, ReadSystemLimits());
//   if (!plan.errors.empty() || !ApplyLimits(plan, &why)) return kExitRefused;
//
// The rules (manual 3.1 ulimit-n, fd-hard-limit, strict-limits; 3.2 maxconn; -n, -N, -m):
//  - maxconn given: the soft limit of descriptors is raised to what it needs. It is never lowered.
//  - not given: as many connections as the larger of the soft and the hard limit serves, at most
//    fd-hard-limit descriptors, and at most what -m has memory for.
//  - Beyond that it is raised, as far as the hard one allows and unless ulimit-n orders a number,
//    for the clients who may come at once, so that they can be taken in with one accept, and for
//    as many whose last bytes are on their way, so that they need not keep their place.
//  - -m bounds the pools that hold what is on its way, which is where memory goes. It is no rlimit:
//    pools reserve address space that they may never touch, and who is refused memory in the middle
//    of an exchange can only die.
//  - ulimit-n too small for maxconn is old baggage of many files: a notice, and the larger one
//    holds.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/run/options.h"

namespace engine {

struct GlobalConfig;

inline constexpr uint64_t kFdHardLimitDefault = 1048576;  // manual 3.1, fd-hard-limit
// Descriptors of one shard beside its connections: ring, wake-up, epoll of the poll driver, spare.
inline constexpr uint32_t kFdsPerShard = 4;
// Standard streams, signals, log and command sockets, files opened while serving, and the first
// clients who wait for a place.
inline constexpr uint32_t kFdsReserved = 24;
inline constexpr uint32_t kFdsReservedForWaiting = 4;
// More clients than this are not expected to come at once, however long the backlogs are.
inline constexpr uint64_t kBurstMax = 65536;

struct LimitsRequest {
  uint32_t maxconn_option = 0;        // -n; 0: not given. Wins over maxconn
  uint32_t maxconn = 0;               // global; 0: derive
  uint32_t proxy_maxconn_option = 0;  // -N; 0: not given
  uint32_t memory_mb = 0;             // -m; 0: no limit
  uint32_t ulimit_n = 0;              // global; 0: not given
  uint64_t fd_hard_limit = kFdHardLimitDefault;
  bool strict_limits = true;
  bool prealloc_fd = false;
  uint32_t listening_sockets = 0;  // all of them: a bind with a socket per shard counts each
  uint32_t client_sockets = 0;     // of them, those of clients: one each may wait for a place
  uint64_t backlogs = 0;           // clients who may wait in the kernel, at all of them together
  uint32_t shards = 1;
  uint32_t health_checks = 0;  // servers that are checked
  uint32_t inherited_fds = 0;  // open at start beside the standard streams
  // Pipes for splicing, two descriptors each: maxpipes, or nullopt for a quarter of maxconn.
  // Without splicing they cost nothing.
  bool splice = false;
  std::optional<uint32_t> maxpipes;
  // For -m: tune.bufsize + tune.maxrewrite, and the chunks of a shard.
  uint64_t buffer_bytes = 16384 + 1024;
  uint64_t small_chunk_bytes = 16384;
  uint64_t large_chunk_bytes = 65536;
};

// What `global` and the command line say, and what is open now.
LimitsRequest MakeLimitsRequest(const GlobalConfig& global, const Options& options, uint32_t shards,
                                uint32_t listening_sockets);

struct SystemLimits {
  static constexpr uint64_t kUnlimited = UINT64_MAX;
  uint64_t nofile_soft = 1024;
  uint64_t nofile_hard = 1024;
  bool may_raise_hard = false;  // CAP_SYS_RESOURCE
  uint64_t nr_open = 1048576;   // what the kernel allows anyone
};

struct LimitsPlan {
  uint32_t maxconn = 0;
  uint32_t proxy_maxconn = 0;  // of a frontend that sets none
  uint32_t pipes = 0;          // for splicing, at maxconn connections
  uint64_t fds_needed = 0;     // at maxconn connections
  // Clients who may come at once. Where there are no descriptors for as many beside those needed,
  // they are taken one by one.
  uint64_t burst_max = 0;
  uint64_t nofile_soft = 0;  // to set
  uint64_t nofile_hard = 0;  // to set; differs from the present one only with may_raise_hard
  bool prealloc_fd = false;  // open and close descriptor fds_needed - 1
  // Of each shard. -m makes them fewer.
  uint32_t small_chunks = 16384;
  uint32_t large_chunks = 2048;
  std::vector<std::string> notices, warnings, errors;
};

[[nodiscard]] LimitsPlan ComputeLimits(const LimitsRequest& request, const SystemLimits& system);

SystemLimits ReadSystemLimits();
// Number of descriptors above 2 that are open now.
uint32_t CountOpenFds();
// False with a message when the kernel refuses; nothing is half applied that matters then.
[[nodiscard]] bool ApplyLimits(const LimitsPlan& plan, std::string* error);

}  // namespace engine
