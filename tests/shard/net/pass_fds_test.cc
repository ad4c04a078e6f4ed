// Descriptors arrive whole and close-on-exec, or not at all.

#include "shard/net/pass_fds.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace shard {
namespace {

class PassFdsTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends_), 0);
  }
  void TearDown() override {
    for (int fd : ends_) close(fd);
    for (int fd : came_) close(fd);
  }
  static ino_t InodeOf(int fd) {
    struct stat status {};
    return fstat(fd, &status) == 0 ? status.st_ino : 0;
  }
  int ends_[2] = {-1, -1};
  std::string text_;
  std::vector<int> came_;
};

TEST_F(PassFdsTest, FilesComeWithTheirText) {
  int pipe_ends[2];
  ASSERT_EQ(pipe2(pipe_ends, O_CLOEXEC), 0);
  EXPECT_EQ(SendWithFds(ends_[0], "two", pipe_ends), 3);
  EXPECT_EQ(ReceiveWithFds(ends_[1], &text_, &came_), 3);
  EXPECT_EQ(text_, "two");
  ASSERT_EQ(came_.size(), 2u);
  for (int i = 0; i < 2; ++i) {
    EXPECT_NE(came_[size_t(i)], pipe_ends[i]);
    EXPECT_EQ(InodeOf(came_[size_t(i)]), InodeOf(pipe_ends[i]));
    EXPECT_EQ(fcntl(came_[size_t(i)], F_GETFD), FD_CLOEXEC);
    close(pipe_ends[i]);
  }
}

TEST_F(PassFdsTest, OneMessageTakesSixtyFour) {
  const std::vector<int> many(kFdsPerMessageMax, ends_[0]);
  EXPECT_EQ(SendWithFds(ends_[0], "x", many), 1);
  EXPECT_EQ(ReceiveWithFds(ends_[1], &text_, &came_), 1);
  EXPECT_EQ(came_.size(), kFdsPerMessageMax);
  const std::vector<int> too_many(kFdsPerMessageMax + 1, ends_[0]);
  EXPECT_EQ(SendWithFds(ends_[0], "x", too_many), -EINVAL);
}

TEST_F(PassFdsTest, TextAloneAndTheEnd) {
  EXPECT_EQ(ReceiveWithFds(ends_[1], &text_, &came_), -EAGAIN);
  EXPECT_EQ(SendWithFds(ends_[0], "hello", {}), 5);
  EXPECT_EQ(ReceiveWithFds(ends_[1], &text_, &came_), 5);
  EXPECT_EQ(text_, "hello");
  EXPECT_TRUE(came_.empty());
  close(ends_[0]);
  ends_[0] = -1;
  EXPECT_EQ(ReceiveWithFds(ends_[1], &text_, &came_), 0);
  EXPECT_EQ(SendWithFds(ends_[1], "x", {}), -EPIPE);  // and no signal
}

TEST_F(PassFdsTest, WithoutDescriptorsLeftNothingIsHalfTaken) {
  const std::vector<int> four(4, ends_[0]);
  ASSERT_EQ(SendWithFds(ends_[0], "x", four), 1);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const int next = fcntl(0, F_DUPFD_CLOEXEC, 3);
  close(next);
  const rlimit tight{rlim_t(next + 2), before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &tight), 0);
  EXPECT_EQ(ReceiveWithFds(ends_[1], &text_, &came_), -EMFILE);
  EXPECT_TRUE(came_.empty());
  const int again = fcntl(0, F_DUPFD_CLOEXEC, 3);
  EXPECT_EQ(again, next);  // what did come was closed
  close(again);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
}

}  // namespace
}  // namespace shard
