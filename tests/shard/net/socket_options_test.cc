// Listening sockets that another process has opened: which fit a `bind` line, and what is made of
// them.

#include "shard/net/socket_options.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
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
  static ListenOptions Any6() {
    ListenOptions options;
    options.address.family = AF_INET6;
    return options;
  }
  static int Get(int fd, int level, int option) {
    int value = -1;
    socklen_t length = sizeof(value);
    EXPECT_EQ(getsockopt(fd, level, option, &value, &length), 0);
    return value;
  }
  std::vector<int> open_;
};

TEST_F(SocketOptionsTest, FitsTheSameAddressOnly) {
  ListenOptions options = Loopback();
  const int fd = OpenAnywhere(options);
  EXPECT_TRUE(IsListenSocketFor(fd, options));
  ListenOptions other = options;
  other.address.port = uint16_t(options.address.port + 1);
  EXPECT_FALSE(IsListenSocketFor(fd, other));
  other = options;
  other.address.v4.s_addr = htonl(INADDR_ANY);
  EXPECT_FALSE(IsListenSocketFor(fd, other));
  other = options;
  other.interface = "lo";
  EXPECT_FALSE(IsListenSocketFor(fd, other));
}

TEST_F(SocketOptionsTest, WildcardsOfBothFamiliesDifferFromThoseOfOne) {
  ListenOptions both = Any6();
  both.v4v6 = true;
  const int fd = OpenAnywhere(both);
  both.v4v6 = true;
  EXPECT_TRUE(IsListenSocketFor(fd, both));
  ListenOptions one = both;
  one.v4v6 = false;
  one.v6only = true;
  EXPECT_FALSE(IsListenSocketFor(fd, one));
}

TEST_F(SocketOptionsTest, AbstractNamesFitByTheirName) {
  const std::string name = "ringway-test-" + std::to_string(getpid());
  ListenOptions options;
  options.address.family = AF_UNIX;
  options.address.local = {name.data(), uint32_t(name.size()), true};
  const int fd = Open(options);
  EXPECT_TRUE(IsListenSocketFor(fd, options));
  options.address.local.length -= 1;
  EXPECT_FALSE(IsListenSocketFor(fd, options));
}

TEST_F(SocketOptionsTest, WhatDoesNotListenDoesNotFit) {
  ListenOptions options = Loopback();
  const int fd = OpenAnywhere(options);
  ASSERT_EQ(shutdown(fd, SHUT_RD), 0);
  EXPECT_FALSE(IsListenSocketFor(fd, options));
  EXPECT_FALSE(IsListenSocketFor(0, options));
  EXPECT_FALSE(IsListenSocketFor(-1, options));
}

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
  EXPECT_TRUE(IsListenSocketFor(second, options));
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

TEST_F(SocketOptionsTest, WhatIsNoSocketKeepsItsPath) {
  const std::string path = "/tmp/ringway-options-file-" + std::to_string(getpid());
  ASSERT_EQ(mkdir(path.c_str(), 0700), 0);
  ListenOptions options;
  options.address.family = AF_UNIX;
  options.address.local = {path.data(), uint32_t(path.size()), false};
  const int fd = Bind(options);
  std::string why;
  EXPECT_FALSE(BeginListening(fd, options, &why));
  EXPECT_NE(why.find(path + ": File exists (EEXIST): what lies there is no socket"),
            std::string::npos)
      << why;
  RemoveBoundPath(fd);
  EXPECT_EQ(rmdir(path.c_str()), 0);
}

TEST_F(SocketOptionsTest, AnInheritedDescriptorThatIsNoListenerIsCalledWhatItIs) {
  const auto refused = [](int fd) {
    ListenOptions options;
    options.inherited_fd = fd;
    std::string why;
    EXPECT_EQ(BindListenSocket(options, &why), -1);
    return why;
  };
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  const int datagrams = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ListenOptions options = Loopback();
  (void)OpenAnywhere(options);
  ASSERT_EQ(Connect(options), 0);
  const int connection = open_.back();
  for (const int fd : {ends[0], ends[1], file, datagrams}) open_.push_back(fd);
  const struct {
    int fd;
    const char* what;
  } kRows[] = {
      {ends[0], " is no socket, but a pipe: Socket operation on non-socket"},
      {file, " is no socket, but a file: Socket operation on non-socket"},
      {datagrams, " does not listen, it is a datagram socket: Operation not supported"},
      {connection, " does not listen, it is a connection: Invalid argument"},
      {9999, " is no socket: Bad file descriptor"},
  };
  for (const auto& row : kRows) {
    EXPECT_EQ(refused(row.fd), "inherited descriptor " + std::to_string(row.fd) + row.what);
  }
}

TEST_F(SocketOptionsTest, AdjustingSetsAndClears) {
  ListenOptions options = Loopback();
  const int fd = OpenAnywhere(options);
  std::string why;
  options.mss = 1000;
  options.user_timeout_ms = 7000;
  options.defer_accept = true;
  options.save_syn = 2;
  options.delays_first_ack = true;
  ASSERT_TRUE(AdjustListenSocket(fd, options, &why)) << why;
  EXPECT_EQ(Get(fd, IPPROTO_TCP, TCP_SAVE_SYN), 2);
  EXPECT_EQ(Get(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 7000);
  EXPECT_GT(Get(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT), 0);
  EXPECT_EQ(Get(fd, IPPROTO_TCP, TCP_QUICKACK), 0);
  ListenOptions plain = options;
  plain.mss = 0;
  plain.user_timeout_ms = 0;
  plain.defer_accept = false;
  plain.save_syn = 0;
  plain.delays_first_ack = false;
  ASSERT_TRUE(AdjustListenSocket(fd, plain, &why)) << why;
  EXPECT_EQ(Get(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
  EXPECT_EQ(Get(fd, IPPROTO_TCP, TCP_SAVE_SYN), 0);
  EXPECT_EQ(Get(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT), 0);
  EXPECT_EQ(Get(fd, IPPROTO_TCP, TCP_QUICKACK), 1);
}

TEST_F(SocketOptionsTest, WhoBeginsToListenDelaysTheFirstAcknowledgement) {
  ListenOptions options = Loopback();
  const int plain = OpenAnywhere(options);
  EXPECT_EQ(Get(plain, IPPROTO_TCP, TCP_QUICKACK), 1);
  options = Loopback();
  options.delays_first_ack = true;
  const int fd = OpenAnywhere(options);
  EXPECT_EQ(Get(fd, IPPROTO_TCP, TCP_QUICKACK), 0);
  ASSERT_EQ(shutdown(fd, SHUT_RD), 0);
  ASSERT_EQ(Listen(fd, options), 0);
  EXPECT_EQ(Get(fd, IPPROTO_TCP, TCP_QUICKACK), 0);
}

TEST_F(SocketOptionsTest, AdjustingKeepsWhoWaits) {
  ListenOptions options = Loopback();
  const int fd = OpenAnywhere(options);
  ASSERT_EQ(Connect(options), 0);
  std::string why;
  options.backlog = 7;
  ASSERT_TRUE(AdjustListenSocket(fd, options, &why)) << why;
  const int accepted = accept(fd, nullptr, nullptr);
  EXPECT_GE(accepted, 0);
  open_.push_back(accepted);
}

TEST_F(SocketOptionsTest, ErrnoSaysWhetherTheAddressIsTaken) {
  ListenOptions options = Loopback();
  options.reuse_port = false;
  const int fd = OpenAnywhere(options);
  EXPECT_FALSE(SharesItsPort(fd));
  std::string why;
  EXPECT_EQ(BindListenSocket(options, &why), -1);
  EXPECT_EQ(errno, EADDRINUSE);
  EXPECT_NE(why.find("EADDRINUSE"), std::string::npos);
  ListenOptions shared = Loopback();
  EXPECT_TRUE(SharesItsPort(OpenAnywhere(shared)));
}

TEST_F(SocketOptionsTest, WhoComesToOneThatIsAboutToCloseIsNotHeardAndOthersAreServed) {
  ListenOptions options = Loopback();
  const int listens = OpenAnywhere(options);
  ASSERT_EQ(Connect(options), 0);
  const int first = open_.back();
  IgnoreNewClients(listens);
  const int second = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  open_.push_back(second);
  sockaddr_storage to;
  const socklen_t length = options.address.ToSockaddr(&to);
  EXPECT_EQ(connect(second, reinterpret_cast<sockaddr*>(&to), length), -1);
  EXPECT_EQ(errno, EINPROGRESS);
  const int accepted = accept4(listens, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  ASSERT_GE(accepted, 0);
  open_.push_back(accepted);
  EXPECT_EQ(accept4(listens, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK), -1)
      << "the second has no connection that a close would reset";
  char bytes[4] = {};
  EXPECT_EQ(send(first, "ask", 3, 0), 3);
  EXPECT_EQ(recv(accepted, bytes, sizeof(bytes), 0), 3);
  EXPECT_EQ(shutdown(first, SHUT_WR), 0);
  EXPECT_EQ(recv(accepted, bytes, sizeof(bytes), 0), 0) << "its segments all come";
  EXPECT_EQ(connect(second, reinterpret_cast<sockaddr*>(&to), length), -1);
  EXPECT_EQ(errno, EALREADY) << "it is not refused as long as the socket is open";
}

}  // namespace
}  // namespace shard
