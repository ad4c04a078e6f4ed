#include "shard/ring/probe.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>

#include "shard/ring/compat.h"
#include "shard/ring/ring.h"

namespace shard {
namespace {

struct Row {
  const char* name;
  int error;
  int disabled;
  uint64_t memlock_bytes;
  const char* says;
};

constexpr Row kRows[] = {
    {"switched_off", EPERM, 2, UINT64_MAX, "set sysctl kernel.io_uring_disabled=0"},
    {"privileged_only", EPERM, 1, UINT64_MAX, "kernel.io_uring_group"},
    {"seccomp", EPERM, 0, UINT64_MAX, "seccomp"},
    {"seccomp_old_kernel", EPERM, -1, UINT64_MAX, "seccomp"},
    {"no_io_uring", ENOSYS, -1, UINT64_MAX, "this kernel has no io_uring"},
    {"memlock", ENOMEM, 0, 65536, "RLIMIT_MEMLOCK is 64 kB: raise it (ulimit -l"},
    {"memory", ENOMEM, 0, UINT64_MAX, "RLIMIT_MEMLOCK is unlimited"},
    {"files", EMFILE, 0, UINT64_MAX, "ulimit -n"},
    {"flags", EINVAL, 0, UINT64_MAX, "lacks the set-up flags"},
    {"other", EIO, 0, UINT64_MAX, "EIO"},
};

TEST(Probe, ARefusalSaysWhyAndWhatToSet) {
  for (const Row& row : kRows) {
    const std::string text = ExplainSetupError(row.error, row.disabled, row.memlock_bytes);
    EXPECT_EQ(text.rfind("io_uring_setup: E", 0), 0U) << row.name << ": " << text;
    EXPECT_NE(text.find(row.says), std::string::npos) << row.name << ": " << text;
    EXPECT_NE(text.find("tune.ring poll"), std::string::npos) << row.name << ": " << text;
  }
}

TEST(Probe, EitherUsableOrAReason) {
  const UringFeatures features = ProbeUring();
  EXPECT_NE(features.usable, !features.why.empty()) << features.why;
  EXPECT_FALSE(features.Describe().empty());
  if (!features.usable) GTEST_SKIP() << features.why;
  // Probing leaves nothing behind: not even a descriptor, however often.
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(ProbeUring().usable);
}

TEST(Probe, NoDescriptorsLeftSaysSo) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer needs descriptors of its own";
#endif
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 0;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  ChunkPool small(4096, 16), large(16384, 4);
  RingOptions options;
  options.small = &small;
  options.large = &large;
  std::string uring_why, poll_why;
  const auto uring = OpenUring(options, &uring_why);
  const auto poll = OpenPoll(options, &poll_why);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(uring, nullptr);
  EXPECT_EQ(poll, nullptr);
  EXPECT_NE(uring_why.find("tune.ring poll"), std::string::npos) << uring_why;
  EXPECT_NE(poll_why.find("EMFILE"), std::string::npos) << poll_why;
}

// The descriptor of the one ring that this process has.
int FindRing() {
  for (int fd = 0; fd < 1024; ++fd) {
    char target[64] = {};
    const std::string link = "/proc/self/fd/" + std::to_string(fd);
    if (readlink(link.c_str(), target, sizeof(target) - 1) > 0 &&
        std::string_view(target) == "anon_inode:[io_uring]") {
      return fd;
    }
  }
  return -1;
}

TEST(Uring, TheKernelTakesOnlyWhatTheDriverAsks) {
  const UringFeatures features = ProbeUring();
  if (!features.usable) GTEST_SKIP() << features.why;
  ChunkPool small(4096, 16), large(16384, 4);
  RingOptions options;
  options.small = &small;
  options.large = &large;
  std::string why;
  const auto ring = OpenUring(options, &why);
  ASSERT_NE(ring, nullptr) << why;
  (void)ring->Turn(0);
  const int fd = FindRing();
  ASSERT_GE(fd, 0);
  const int files[1] = {fd};
  EXPECT_EQ(io_uring_register(uint32_t(fd), IORING_REGISTER_FILES, files, 1), -EACCES);
  EXPECT_EQ(io_uring_register(uint32_t(fd), IORING_UNREGISTER_PBUF_RING, files, 1), -EACCES);
}

}  // namespace
}  // namespace shard
