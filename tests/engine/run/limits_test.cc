#include "engine/run/limits.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "engine/server/proxy_config.h"

namespace engine {
namespace {

// 24 reserved, 4 for the one shard, 2 listening sockets: 30 descriptors beside the connections.
LimitsRequest Request() {
  LimitsRequest request;
  request.listening_sockets = 2;
  return request;
}

SystemLimits System(uint64_t soft, uint64_t hard, bool may_raise = false) {
  SystemLimits system;
  system.nofile_soft = soft;
  system.nofile_hard = hard;
  system.may_raise_hard = may_raise;
  return system;
}

struct LimitRow {
  const char* name;
  std::function<void(LimitsRequest&)> change;
  SystemLimits system;
  uint32_t maxconn;  // 0: errors are expected
  uint64_t nofile_soft;
  const char* message;  // part of the only message; empty: there is none
};

const LimitRow kLimitRows[] = {
    {"derived from the hard limit", [](auto&) {}, System(1024, 20000), 9985, 20000, ""},
    {"derived from an odd limit", [](auto&) {}, System(1024, 20001), 9985, 20000, ""},
    {"derived from an unlimited one stops at fd-hard-limit", [](auto&) {},
     System(1024, SystemLimits::kUnlimited), 524273, 1048576, ""},
    {"derived under fd-hard-limit", [](auto& r) { r.fd_hard_limit = 500; }, System(1024, 20000),
     235, 1024, ""},
    {"derived, too few for one connection", [](auto&) {}, System(31, 31), 0, 0,
     "31 file descriptors leaves none for connections, 32 are needed for one: set 'ulimit -n "
     "1024'"},
    {"derived with -m", [](auto& r) { r.memory_mb = 100; }, System(1024, 20000), 2560, 5150, ""},
    {"-m too small for anything", [](auto& r) { r.memory_mb = 1, r.buffer_bytes = 1 << 20; },
     System(1024, 20000), 0, 0, "give at least '-m 3'"},
    {"given and within the soft limit leaves it alone", [](auto& r) { r.maxconn = 100; },
     System(1024, 20000), 100, 1024, ""},
    {"given and above raises it", [](auto& r) { r.maxconn = 1000; }, System(1024, 20000), 1000,
     2030, ""},
    {"-n wins over maxconn", [](auto& r) { r.maxconn = 1000000, r.maxconn_option = 10; },
     System(1024, 20000), 10, 1024, ""},
    {"given and too much", [](auto& r) { r.maxconn = 1000; }, System(256, 256), 0, 0,
     "maxconn 1000 needs 2030 file descriptors, but the limit is 256: set 'ulimit -n 2030' "
     "(LimitNOFILE=2030 in a systemd unit) before starting, or set 'maxconn 113' or less"},
    {"given and too much, no strict-limits",
     [](auto& r) { r.maxconn = 1000, r.strict_limits = false; }, System(256, 256), 113, 256,
     "going on with maxconn 113 ('no strict-limits')"},
    {"given and too much, but we may raise the hard limit", [](auto& r) { r.maxconn = 1000; },
     System(256, 256, true), 1000, 2030, ""},
    {"past nr_open nobody helps but the kernel",
     [](auto& r) { r.maxconn = 1000000, r.fd_hard_limit = 4000000; }, System(256, 256, true), 0, 0,
     "sysctl fs.nr_open=2000030"},
    {"given past fd-hard-limit", [](auto& r) { r.maxconn = 1000, r.fd_hard_limit = 500; },
     System(1024, 20000), 0, 0, "set 'fd-hard-limit 2030' or remove it"},
    {"more listeners than four let more clients wait", [](auto& r) { r.client_sockets = 10; },
     System(1024, 20000), 9982, 20000, ""},
    {"whoever may come at once gets a descriptor",
     [](auto& r) { r.maxconn = 1000, r.backlogs = 8194; }, System(1024, 20000), 1000, 18418, ""},
    {"as far as the hard limit goes", [](auto& r) { r.maxconn = 1000, r.backlogs = 8194; },
     System(1024, 4000, true), 1000, 4000, ""},
    {"and fd-hard-limit",
     [](auto& r) { r.maxconn = 1000, r.backlogs = 8194, r.fd_hard_limit = 3000; },
     System(1024, 20000), 1000, 3000, ""},
    {"but not more than ulimit-n says",
     [](auto& r) { r.maxconn = 1000, r.backlogs = 8194, r.ulimit_n = 2500; }, System(1024, 20000),
     1000, 2500, ""},
    {"ulimit-n raises the limit", [](auto& r) { r.maxconn = 100, r.ulimit_n = 5000; },
     System(1024, 20000), 100, 5000, ""},
    {"ulimit-n lowers the limit", [](auto& r) { r.maxconn = 100, r.ulimit_n = 300; },
     System(1024, 20000), 100, 300, ""},
    {"ulimit-n lowers it to what maxconn needs", [](auto& r) { r.maxconn = 100, r.ulimit_n = 200; },
     System(1024, 20000), 100, 230,
     "'ulimit-n 200' is too small for maxconn 100, which needs 230 file descriptors: using 230"},
    {"ulimit-n too small for what is derived", [](auto& r) { r.ulimit_n = 100; },
     System(1024, 1030), 500, 1030, "'ulimit-n 100' is too small for maxconn 500"},
    {"ulimit-n too small for maxconn is only said",
     [](auto& r) { r.maxconn = 1000, r.ulimit_n = 100; }, System(1024, 20000), 1000, 2030,
     "'ulimit-n 100' is too small for maxconn 1000, which needs 2030 file descriptors"},
    {"ulimit-n past the limit, no strict-limits",
     [](auto& r) { r.maxconn = 10, r.ulimit_n = 30000, r.strict_limits = false; },
     System(1024, 20000), 10, 20000, "'ulimit-n 30000' cannot be set, the limit is 20000"},
    {"-m below maxconn is only said", [](auto& r) { r.maxconn = 1000, r.memory_mb = 20; },
     System(1024, 20000), 1000, 2030,
     "'-m 20' has memory for about 512 busy connections, maxconn is 1000"},
    {"-m too small for the threads", [](auto& r) { r.maxconn = 10, r.memory_mb = 10; },
     System(1024, 20000), 0, 1024, "'-m 10' is too little memory for 1 threads, which need 11 MB"},
    {"shards, checks and sockets count",
     [](auto& r) { r.maxconn = 500, r.shards = 8, r.listening_sockets = 16, r.health_checks = 20; },
     System(64, 20000), 500, 1000 + 24 + 32 + 16 + 20, ""},
    {"a quarter of maxconn is pipes", [](auto& r) { r.maxconn = 1000, r.splice = true; },
     System(64, 20000), 1000, 2530, ""},
    {"derived with pipes", [](auto& r) { r.splice = true; }, System(64, 2530), 1000, 2530, ""},
    {"derived with maxpipes", [](auto& r) { r.splice = true, r.maxpipes = 10; }, System(64, 1050),
     500, 1050, ""},
};

TEST(LimitsTest, Rules) {
  for (const LimitRow& row : kLimitRows) {
    SCOPED_TRACE(row.name);
    LimitsRequest request = Request();
    row.change(request);
    const LimitsPlan plan = ComputeLimits(request, row.system);
    std::string said;
    for (const auto* list : {&plan.notices, &plan.warnings, &plan.errors}) {
      for (const std::string& line : *list) said += line;
    }
    EXPECT_EQ(plan.errors.empty(), row.maxconn != 0) << said;
    if (row.maxconn != 0) {
      EXPECT_EQ(plan.maxconn, row.maxconn) << said;
    }
    EXPECT_EQ(plan.nofile_soft, row.nofile_soft) << said;
    EXPECT_EQ(said.empty(), row.message[0] == '\0') << said;
    EXPECT_NE(said.find(row.message), std::string::npos) << said;
  }
}

TEST(LimitsTest, ABurstIsAsLargeAsTheBacklogsUpToABound) {
  LimitsRequest request = Request();
  request.backlogs = 300;
  EXPECT_EQ(ComputeLimits(request, System(1024, 1024)).burst_max, 300u);
  request.backlogs = 1 << 20;
  EXPECT_EQ(ComputeLimits(request, System(1024, 1024)).burst_max, kBurstMax);
}

TEST(LimitsTest, MemoryBoundsThePools) {
  LimitsRequest request = Request();
  request.maxconn = 10;
  const SystemLimits system = System(1024, 20000);
  const LimitsPlan unlimited = ComputeLimits(request, system);
  for (const uint32_t shards : {1u, 4u}) {
    request.shards = shards;
    request.memory_mb = 100;
    const LimitsPlan plan = ComputeLimits(request, system);
    const uint64_t bytes =
        shards * (plan.small_chunks * uint64_t{16384} + plan.large_chunks * uint64_t{65536});
    EXPECT_LT(bytes, uint64_t{100} << 20);
    EXPECT_GT(bytes, uint64_t{80} << 20);
    EXPECT_LT(plan.small_chunks, unlimited.small_chunks);
  }
  request.memory_mb = 100000;
  EXPECT_EQ(ComputeLimits(request, system).large_chunks, unlimited.large_chunks);
}

TEST(LimitsTest, StrictUlimitPastTheLimitIsAnError) {
  LimitsRequest request = Request();
  request.ulimit_n = 30000;
  const LimitsPlan plan = ComputeLimits(request, System(1024, 20000));
  ASSERT_EQ(plan.errors.size(), 1u);
  EXPECT_NE(plan.errors[0].find("'ulimit-n 30000' cannot be set"), std::string::npos);
}

TEST(LimitsTest, ProxyMaxconnStaysWithinMaxconn) {
  LimitsRequest request = Request();
  request.maxconn = 100;
  EXPECT_EQ(ComputeLimits(request, System(1024, 1024)).proxy_maxconn, 100u);
  request.proxy_maxconn_option = 7;
  EXPECT_EQ(ComputeLimits(request, System(1024, 1024)).proxy_maxconn, 7u);
  request.proxy_maxconn_option = 5000;
  EXPECT_EQ(ComputeLimits(request, System(1024, 1024)).proxy_maxconn, 100u);
}

// Whatever is derived must fit, for every small limit and both ways to count pipes.
TEST(LimitsTest, DerivedAlwaysFits) {
  for (uint64_t fds = 32; fds < 3000; ++fds) {
    for (bool splice : {false, true}) {
      LimitsRequest request = Request();
      request.splice = splice;
      const LimitsPlan plan = ComputeLimits(request, System(fds, fds));
      ASSERT_TRUE(plan.errors.empty()) << fds;
      ASSERT_LE(plan.fds_needed, fds);
      ASSERT_LE(fds - plan.fds_needed, 3u) << fds << " could serve one more";
    }
  }
}

TEST(LimitsTest, RequestTakesGlobalAndOptions) {
  GlobalConfig global;
  global.maxconn = 11;
  global.ulimit_n = 12;
  global.strict_limits = false;
  Options options;
  options.maxconn = 13;
  options.memory_mb = 14;
  options.proxy_maxconn = 15;
  const LimitsRequest request = MakeLimitsRequest(global, options, 3, 6);
  EXPECT_EQ(request.maxconn, 11u);
  EXPECT_EQ(request.maxconn_option, 13u);
  EXPECT_EQ(request.memory_mb, 14u);
  EXPECT_EQ(request.proxy_maxconn_option, 15u);
  EXPECT_EQ(request.ulimit_n, 12u);
  EXPECT_FALSE(request.strict_limits);
  EXPECT_EQ(request.shards, 3u);
  EXPECT_EQ(request.listening_sockets, 6u);
  EXPECT_EQ(request.buffer_bytes, 16384u + 1024u);
}

TEST(LimitsTest, SystemLimitsAreThoseOfTheKernel) {
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const SystemLimits system = ReadSystemLimits();
  EXPECT_EQ(system.nofile_soft, uint64_t(limit.rlim_cur));
  EXPECT_EQ(system.nofile_hard, uint64_t(limit.rlim_max));
  EXPECT_GE(system.nr_open, 1024u);
}

TEST(LimitsTest, OpenFdsAreCounted) {
  const uint32_t before = CountOpenFds();
  const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(CountOpenFds(), before + 1);
  close(fd);
  EXPECT_EQ(CountOpenFds(), before);
}

// In a child, because limits cannot be taken back.
TEST(LimitsTest, ApplyRaisesTheSoftLimit) {
  const pid_t pid = fork();
  if (pid == 0) {
    rlimit limit{64, 512};
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) _exit(1);
    LimitsRequest request;
    request.maxconn = 100;
    request.prealloc_fd = true;
    SystemLimits system = ReadSystemLimits();
    system.may_raise_hard = false;
    const LimitsPlan plan = ComputeLimits(request, system);
    std::string error;
    if (!plan.errors.empty() || !ApplyLimits(plan, &error)) _exit(2);
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur != 228) _exit(3);
    if (limit.rlim_max != 512) _exit(4);
    if (fcntl(int(plan.fds_needed) - 1, F_GETFD) >= 0) _exit(5);  // was open only for a moment
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(LimitsTest, ApplyLowersTheSoftLimitForUlimitN) {
  const pid_t pid = fork();
  if (pid == 0) {
    rlimit limit{512, 512};
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) _exit(1);
    LimitsRequest request;
    request.maxconn = 100;
    request.ulimit_n = 300;
    SystemLimits system = ReadSystemLimits();
    system.may_raise_hard = false;
    const LimitsPlan plan = ComputeLimits(request, system);
    std::string error;
    if (!plan.errors.empty() || !ApplyLimits(plan, &error)) _exit(2);
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur != 300) _exit(3);
    _exit(limit.rlim_max == 512 ? 0 : 4);
  }
  int status = 0;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace engine
