// Listening sockets: what others notice of them, and when.

#include "shard/net/socket_options.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace shard {
namespace {

class SocketOptionsTest : public testing::Test {
 protected:
  ~SocketOptionsTest() override {
    for (int fd : open_) close(fd);
  }
  int Open(const ListenOptions& options) {
    std::string why;
    const int fd = Bind(options);
    EXPECT_TRUE(BeginListening(fd, options, &why)) << why;
    return fd;
  }
  int Bind(const ListenOptions& options) {
    std::string why;
    const int fd = BindListenSocket(options, &why);
    EXPECT_GE(fd, 0) << why;
    if (fd >= 0) open_.push_back(fd);
    return fd;
  }
  // 0, or errno.
  int Connect(const ListenOptions& options) {
    const int client = socket(options.address.family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    open_.push_back(client);
    sockaddr_storage to;
    const socklen_t length = options.address.ToSockaddr(&to);
    return connect(client, reinterpret_cast<sockaddr*>(&to), length) == 0 ? 0 : errno;
  }
  // On a port of the kernel's choice, which `options` then names.
  int OpenAnywhere(ListenOptions& options) {
    const int fd = Open(options);
    sockaddr_storage bound{};
    socklen_t length = sizeof(bound);
    EXPECT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length), 0);
    options.address = Address::FromSockaddr(bound, length);
    return fd;
  }
  static ListenOptions Loopback() {
    ListenOptions options;
    options.address = Address::V4(INADDR_LOOPBACK, 0);
    return options;
  }
  std::vector<int> open_;
};

// The kernel divides clients among all sockets that listen: one that never will gets none.
TEST_F(SocketOptionsTest, ABoundSocketTakesNobodyFromWhoListensBesideIt) {
  ListenOptions options = Loopback();
  const int first = OpenAnywhere(options);
  const int second = Bind(options);
  for (int i = 0; i < 50; ++i) ASSERT_EQ(Connect(options), 0);
  for (int i = 0; i < 50; ++i) {
    const int accepted = accept4(first, nullptr, nullptr, SOCK_NONBLOCK);
    ASSERT_GE(accepted, 0) << i;
    open_.push_back(accepted);
  }
  std::string why;
  ASSERT_TRUE(BeginListening(second, options, &why)) << why;
}

TEST_F(SocketOptionsTest, APathStaysWhoseItWasUntilTheNewOneListens) {
  const std::string path = "/tmp/ringway-test-" + std::to_string(getpid()) + ".sock";
  ListenOptions options;
  options.address.family = AF_UNIX;
  options.address.local = {path.data(), uint32_t(path.size()), false};
  const int old = Open(options);
  const int dropped = Bind(options);
  ASSERT_EQ(Connect(options), 0);
  EXPECT_GE(open_.emplace_back(accept4(old, nullptr, nullptr, SOCK_NONBLOCK)), 0);
  RemoveBoundPath(dropped);
  ASSERT_EQ(Connect(options), 0);
  EXPECT_GE(open_.emplace_back(accept4(old, nullptr, nullptr, SOCK_NONBLOCK)), 0);

  const int successor = Open(options);
  ASSERT_EQ(Connect(options), 0);
  EXPECT_EQ(accept4(old, nullptr, nullptr, SOCK_NONBLOCK), -1);
  EXPECT_GE(open_.emplace_back(accept4(successor, nullptr, nullptr, SOCK_NONBLOCK)), 0);
  EXPECT_EQ(unlink(path.c_str()), 0);
}

TEST_F(SocketOptionsTest, ErrnoSaysWhetherTheAddressIsTaken) {
  ListenOptions options = Loopback();
  options.reuse_port = false;
  (void)OpenAnywhere(options);
  std::string why;
  EXPECT_EQ(BindListenSocket(options, &why), -1);
  EXPECT_EQ(errno, EADDRINUSE);
  EXPECT_NE(why.find("EADDRINUSE"), std::string::npos);
}

}  // namespace
}  // namespace shard
