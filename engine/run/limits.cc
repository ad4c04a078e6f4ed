#include "engine/run/limits.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "base/errno_name.h"
#include "base/text.h"
#include "engine/run/privileges.h"
#include "engine/server/proxy_config.h"

namespace engine {
namespace {

using Number = unsigned long long;

// Bytes one connection may hold under -m: a buffer in each direction, the stream and its two
// connections with what TLS or HTTP keeps for them.
constexpr uint64_t kConnectionStateBytes = 6144;
constexpr uint64_t kMaxconnMax = INT32_MAX;

uint64_t PipesFor(const LimitsRequest& request, uint64_t maxconn) {
  if (!request.splice) return 0;
  return request.maxpipes ? *request.maxpipes : maxconn / 4;
}

uint64_t FixedFds(const LimitsRequest& request) {
  const uint64_t waiting =
      std::max(request.client_sockets, kFdsReservedForWaiting) - kFdsReservedForWaiting;
  return uint64_t{kFdsReserved} + request.listening_sockets + waiting + request.health_checks +
         request.inherited_fds + uint64_t{kFdsPerShard} * request.shards;
}

uint64_t FdsFor(const LimitsRequest& request, uint64_t maxconn) {
  return FixedFds(request) + 2 * maxconn + 2 * PipesFor(request, maxconn);
}

// The largest maxconn whose descriptors are at most `fds`; 0 when not even one fits.
uint64_t MaxconnWithin(const LimitsRequest& request, uint64_t fds) {
  uint64_t fixed = FixedFds(request);
  if (request.splice && request.maxpipes) fixed += 2ull * *request.maxpipes;
  if (fds <= fixed) return 0;
  uint64_t maxconn = (fds - fixed) / 2;
  if (request.splice && !request.maxpipes) {
    maxconn = (fds - fixed) * 2 / 5;
    while (FdsFor(request, maxconn + 1) <= fds) ++maxconn;  // the quarter is rounded down
  }
  return std::min(maxconn, kMaxconnMax);
}

// What -m must leave room for: the program itself, and for each shard its ring and as many chunks
// as it takes to move anything.
constexpr uint64_t kProcessBytes = 8 << 20;
constexpr uint64_t kShardBytes = 1 << 20;
constexpr uint32_t kSmallChunksMin = 64;
constexpr uint32_t kLargeChunksMin = 16;

uint64_t MemoryBytesMin(const LimitsRequest& request) {
  return kProcessBytes +
         request.shards * (kShardBytes + kSmallChunksMin * request.small_chunk_bytes +
                           kLargeChunksMin * request.large_chunk_bytes);
}

// Half of what is left is for small chunks and half for large ones. Bodies wait where they are
// while a pool is empty, so a small pool makes slow, not wrong.
void PlanChunks(const LimitsRequest& request, LimitsPlan& plan) {
  if (request.memory_mb == 0) return;
  const uint64_t bytes = uint64_t{request.memory_mb} << 20;
  if (bytes < MemoryBytesMin(request)) {
    plan.errors.push_back(base::Format(
        "'-m %u' is too little memory for %u threads, which need "
        "%llu MB: give at least '-m %llu', or lower 'nbthread'",
        request.memory_mb, request.shards, Number((MemoryBytesMin(request) + (1 << 20) - 1) >> 20),
        Number((MemoryBytesMin(request) + (1 << 20) - 1) >> 20)));
    return;
  }
  const uint64_t half = ((bytes - kProcessBytes) / request.shards - kShardBytes) / 2;
  plan.small_chunks = uint32_t(
      std::clamp<uint64_t>(half / request.small_chunk_bytes, kSmallChunksMin, plan.small_chunks));
  plan.large_chunks = uint32_t(
      std::clamp<uint64_t>(half / request.large_chunk_bytes, kLargeChunksMin, plan.large_chunks));
}

uint64_t MaxconnWithinMemory(const LimitsRequest& request) {
  const uint64_t bytes = uint64_t{request.memory_mb} << 20;
  return bytes / (2 * request.buffer_bytes + kConnectionStateBytes);
}

// How to get `fds` descriptors, for the end of a message.
std::string HowToRaise(const LimitsRequest& request, const SystemLimits& system, uint64_t fds) {
  if (fds > request.fd_hard_limit) {
    return base::Format("set 'fd-hard-limit %llu' or remove it", Number(fds));
  }
  if (fds > system.nr_open) {
    return base::Format("raise the kernel's bound with 'sysctl fs.nr_open=%llu'", Number(fds));
  }
  return base::Format("set 'ulimit -n %llu' (LimitNOFILE=%llu in a systemd unit) before starting",
                      Number(fds), Number(fds));
}

// maxconn was given, by -n or by the file: make room for it, or say what lacks.
void FitGiven(const LimitsRequest& request, const SystemLimits& system, uint64_t attainable,
              uint64_t maxconn, LimitsPlan& plan) {
  const uint64_t needed = FdsFor(request, maxconn);
  if (needed <= attainable) {
    plan.maxconn = uint32_t(maxconn);
    return;
  }
  // Nobody asked for that many pipes: without one a transfer is copied.
  const uint64_t without_pipes = needed - 2 * PipesFor(request, maxconn);
  if (!request.maxpipes && without_pipes <= attainable) {
    plan.maxconn = uint32_t(maxconn);
    plan.pipes = uint32_t((attainable - without_pipes) / 2);
    plan.fds_needed = without_pipes + 2 * plan.pipes;
    plan.notices.push_back(base::Format(
        "%llu descriptors leave room for %u pipes, not for a quarter of maxconn: further large "
        "transfers are copied",
        Number(attainable), plan.pipes));
    return;
  }
  const uint64_t fits = MaxconnWithin(request, attainable);
  std::string message = base::Format(
      "maxconn %llu needs %llu file descriptors, but the limit is %llu: %s", Number(maxconn),
      Number(needed), Number(attainable), HowToRaise(request, system, needed).c_str());
  if (fits > 0) message += base::Format(", or set 'maxconn %llu' or less", Number(fits));
  if (request.strict_limits || fits == 0) {
    plan.errors.push_back(std::move(message));
    return;
  }
  plan.warnings.push_back(
      message + base::Format("; going on with maxconn %llu ('no strict-limits')", Number(fits)));
  plan.maxconn = uint32_t(fits);
}

// maxconn was not given: take what the limits serve.
void Derive(const LimitsRequest& request, const SystemLimits& system, uint64_t attainable,
            LimitsPlan& plan) {
  uint64_t fds = std::max(system.nofile_soft, system.nofile_hard);
  fds = std::min({std::max<uint64_t>(fds, std::min<uint64_t>(request.ulimit_n, attainable)),
                  request.fd_hard_limit, std::max(system.nr_open, system.nofile_soft)});
  uint64_t maxconn = MaxconnWithin(request, fds);
  if (maxconn == 0) {
    const uint64_t needed = FdsFor(request, 1);
    plan.errors.push_back(base::Format(
        "the limit of %llu file descriptors leaves none for connections, %llu are needed for one: "
        "%s",
        Number(fds), Number(needed),
        HowToRaise(request, system, std::max<uint64_t>(needed, 1024)).c_str()));
    return;
  }
  if (request.memory_mb != 0) {
    const uint64_t within = MaxconnWithinMemory(request);
    if (within == 0) {
      plan.errors.push_back(base::Format(
          "'-m %u' is too little memory for a single connection: give at least '-m %llu'",
          request.memory_mb,
          Number(((2 * request.buffer_bytes + kConnectionStateBytes) >> 20) + 1)));
      return;
    }
    maxconn = std::min(maxconn, within);
  }
  plan.maxconn = uint32_t(maxconn);
}

// `ulimit-n` is an order for the process's limit, whatever maxconn says.
uint64_t WithUlimitN(const LimitsRequest& request, const SystemLimits& system, uint64_t attainable,
                     LimitsPlan& plan) {
  if (request.ulimit_n == 0) return 0;
  if (request.ulimit_n > attainable) {
    std::string message =
        base::Format("'ulimit-n %u' cannot be set, the limit is %llu: %s, or remove 'ulimit-n'",
                     request.ulimit_n, Number(attainable),
                     HowToRaise(request, system, request.ulimit_n).c_str());
    (request.strict_limits ? plan.errors : plan.warnings).push_back(std::move(message));
    return attainable;
  }
  if (request.ulimit_n < plan.fds_needed) {
    plan.warnings.push_back(base::Format(
        "'ulimit-n %u' is too small for maxconn %u, which needs %llu file descriptors: "
        "using %llu; remove 'ulimit-n', the number is computed",
        request.ulimit_n, plan.maxconn, Number(plan.fds_needed), Number(plan.fds_needed)));
  }
  return request.ulimit_n;
}

}  // namespace

LimitsRequest MakeLimitsRequest(const GlobalConfig& global, const Options& options, uint32_t shards,
                                uint32_t listening_sockets) {
  LimitsRequest request;
  request.maxconn_option = options.maxconn.value_or(0);
  request.maxconn = global.maxconn;
  request.proxy_maxconn_option = options.proxy_maxconn.value_or(0);
  request.memory_mb = options.memory_mb.value_or(0);
  request.ulimit_n = global.ulimit_n;
  if (global.fd_hard_limit != 0) request.fd_hard_limit = global.fd_hard_limit;
  request.prealloc_fd = global.prealloc_fd;
  request.inherited_fds = CountOpenFds();
  request.maxpipes = global.maxpipes;
  request.strict_limits = global.strict_limits;
  request.listening_sockets = listening_sockets;
  request.shards = shards;
  request.buffer_bytes = uint64_t{global.bufsize} + global.maxrewrite;
  request.small_chunk_bytes = global.bufsize;
  request.large_chunk_bytes = std::max<uint32_t>(65536, global.bufsize);
  return request;
}

LimitsPlan ComputeLimits(const LimitsRequest& request, const SystemLimits& system) {
  LimitsPlan plan;
  const uint64_t granted =
      system.may_raise_hard ? std::max(system.nr_open, system.nofile_hard) : system.nofile_hard;
  // A soft limit above nr_open can be kept, though no longer set.
  const uint64_t attainable =
      std::min({granted, std::max(system.nr_open, system.nofile_soft), request.fd_hard_limit});

  const uint64_t given = request.maxconn_option != 0 ? request.maxconn_option : request.maxconn;
  if (given != 0) {
    FitGiven(request, system, attainable, std::min(given, kMaxconnMax), plan);
  } else {
    Derive(request, system, attainable, plan);
  }
  if (plan.maxconn == 0) return plan;

  PlanChunks(request, plan);
  plan.proxy_maxconn = plan.maxconn;
  if (request.proxy_maxconn_option != 0) {
    plan.proxy_maxconn = std::min(request.proxy_maxconn_option, plan.maxconn);
  }
  if (plan.fds_needed == 0) {
    plan.pipes = uint32_t(PipesFor(request, plan.maxconn));
    plan.fds_needed = FdsFor(request, plan.maxconn);
  }
  plan.prealloc_fd = request.prealloc_fd;
  const uint64_t ordered = WithUlimitN(request, system, attainable, plan);
  // The order may also lower it, as far as what was promised can be kept.
  plan.nofile_soft = std::max(ordered != 0 ? ordered : system.nofile_soft, plan.fds_needed);
  plan.burst_max = std::min(request.backlogs, kBurstMax);
  if (ordered == 0) {
    plan.nofile_soft =
        std::max(plan.nofile_soft,
                 std::min({plan.fds_needed + 2 * plan.burst_max, attainable, system.nofile_hard}));
  }
  plan.nofile_hard = std::max(system.nofile_hard, plan.nofile_soft);

  if (request.memory_mb != 0) {
    const uint64_t within = MaxconnWithinMemory(request);
    if (plan.maxconn > within) {
      plan.notices.push_back(base::Format(
          "'-m %u' has memory for about %llu busy connections, maxconn is %u: give more memory or "
          "set 'maxconn %llu'",
          request.memory_mb, Number(within), plan.maxconn, Number(std::max<uint64_t>(within, 1))));
    }
  }
  return plan;
}

SystemLimits ReadSystemLimits() {
  SystemLimits system;
  const auto value = [](rlim_t limit) {
    return limit == RLIM_INFINITY ? SystemLimits::kUnlimited : uint64_t(limit);
  };
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    system.nofile_soft = value(limit.rlim_cur);
    system.nofile_hard = value(limit.rlim_max);
  }
  system.may_raise_hard = HasCapability(CAP_SYS_RESOURCE);
  if (FILE* file = std::fopen("/proc/sys/fs/nr_open", "re")) {
    unsigned long long number = 0;
    if (std::fscanf(file, "%llu", &number) == 1 && number > 0) system.nr_open = number;
    std::fclose(file);
  }
  return system;
}

uint32_t CountOpenFds() {
  DIR* directory = opendir("/proc/self/fd");
  if (directory == nullptr) return 0;
  uint32_t count = 0;
  while (const dirent* entry = readdir(directory)) {
    if (entry->d_name[0] != '.' && std::atoi(entry->d_name) > 2) ++count;
  }
  closedir(directory);
  return count > 0 ? count - 1 : 0;  // not the directory's own
}

bool ApplyLimits(const LimitsPlan& plan, std::string* error) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || uint64_t(limit.rlim_cur) != plan.nofile_soft) {
    limit.rlim_cur = rlim_t(plan.nofile_soft);
    limit.rlim_max = rlim_t(plan.nofile_hard);
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
      *error = base::Format("cannot set the limit of file descriptors to %llu: %s",
                            Number(plan.nofile_soft), base::ErrnoText(errno));
      return false;
    }
  }
  if (plan.prealloc_fd) {
    // The kernel's table grows once, now, and not under traffic. It never shrinks.
    const int last = fcntl(0, F_DUPFD_CLOEXEC, int(plan.fds_needed) - 1);
    if (last >= 0) close(last);
  }
  return true;
}

}  // namespace engine
