#include "shard/net/connector.h"

#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <set>

#include "tests/fake/fake_ring.h"

namespace shard {
namespace {

// The scripted driver, and ports that a bind does not get.
class ConnectorTest : public ::testing::Test {
 protected:
  ConnectorTest() : net_(clock_, 1) {
    RingOptions options;
    options.small = options.large = &chunks_;
    ring_ = net_.OpenRing(options);
  }
  std::string LocalOf(int fd) {
    sockaddr_storage storage;
    socklen_t length = sizeof(storage);
    return ring_->GetLocalName(fd, &storage, &length) != 0
               ? "none"
               : Address::FromSockaddr(storage, length).ToString();
  }
  bool Has(int fd, int level, int option) {
    return net_.FileOf(fd)->options.count({level, option}) != 0;
  }
  OutgoingOptions V4() {
    OutgoingOptions options;
    options.family = AF_INET;
    return options;
  }

  tests::FakeClock clock_;
  tests::FakeNet net_;
  ChunkPool chunks_{4096, 16};
  std::unique_ptr<tests::FakeRing> ring_;
};

TEST_F(ConnectorTest, PlainSocketsAreNotBound) {
  OutgoingOptions options = V4();
  options.source = Address::V4(0, 0);  // the kernel chooses
  const int fd = OpenOutgoingSocket(*ring_, options);
  ASSERT_GE(fd, 0);
  EXPECT_TRUE(net_.FileOf(fd)->local.empty());
  EXPECT_TRUE(Has(fd, IPPROTO_TCP, TCP_NODELAY));
  EXPECT_FALSE(Has(fd, IPPROTO_TCP, TCP_USER_TIMEOUT));
  EXPECT_FALSE(Has(fd, IPPROTO_TCP, TCP_QUICKACK));
  EXPECT_FALSE(Has(fd, SOL_IP, IP_TRANSPARENT));
  ring_->Close(fd);
  ring_->Turn(0);
}

TEST_F(ConnectorTest, SetsWhatIsAskedFor) {
  OutgoingOptions options = V4();
  options.source = Address::V4(0x0a000001, 0);
  options.transparent = true;
  options.user_timeout_ms = 3000;
  options.delays_first_ack = true;
  options.keep_alive = true;
  options.interface = "eth7";
  const int fd = OpenOutgoingSocket(*ring_, options);
  ASSERT_GE(fd, 0);
  EXPECT_EQ(LocalOf(fd), "10.0.0.1:0");
  EXPECT_TRUE(Has(fd, SOL_IP, IP_TRANSPARENT));
  EXPECT_TRUE(Has(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT));
  EXPECT_TRUE(Has(fd, IPPROTO_TCP, TCP_USER_TIMEOUT));
  EXPECT_TRUE(Has(fd, IPPROTO_TCP, TCP_QUICKACK));
  EXPECT_TRUE(Has(fd, SOL_SOCKET, SO_KEEPALIVE));
  const std::pair<int, int> device = {SOL_SOCKET, SO_BINDTODEVICE};
  EXPECT_EQ(net_.FileOf(fd)->options[device], "eth7");
  ring_->Close(fd);
  ring_->Turn(0);
}

TEST_F(ConnectorTest, SegmentsBecomeShorterWhereTheyCan) {
  const int fd = OpenOutgoingSocket(*ring_, V4());
  ASSERT_GE(fd, 0);
  const auto mss = [&] {
    int value = 0;
    EXPECT_EQ(ring_->GetOption(fd, IPPROTO_TCP, TCP_MAXSEG, &value), 0);
    return value;
  };
  EXPECT_EQ(mss(), 1460);
  ReduceMss(*ring_, fd, 100);
  EXPECT_EQ(mss(), 1360);
  ReduceMss(*ring_, fd, 1360);
  EXPECT_EQ(mss(), 1360);
  ring_->Close(fd);
  ring_->Turn(0);
}

TEST_F(ConnectorTest, ARangeIsGoneThroughFromAnyStart) {
  OutgoingOptions options = V4();
  options.source = Address::V4(0x0a000001, 20000);
  options.ports = 3;
  const char* wanted[] = {"10.0.0.1:20000", "10.0.0.1:20001", "10.0.0.1:20002", "10.0.0.1:20000"};
  for (uint32_t first = 0; first < 4; ++first) {
    options.first_port = first;
    const int fd = OpenOutgoingSocket(*ring_, options);
    ASSERT_GE(fd, 0);
    EXPECT_EQ(LocalOf(fd), wanted[first]);
    EXPECT_TRUE(Has(fd, SOL_SOCKET, SO_REUSEADDR));
    ring_->Close(fd);
    ring_->Turn(0);
  }
}

TEST_F(ConnectorTest, ASourceOfAnotherFamilyIsRefusedAndLeavesNothingOpen) {
  OutgoingOptions options = V4();
  options.family = AF_INET6;
  options.source = Address::V4(0x0a000001, 0);
  EXPECT_EQ(OpenOutgoingSocket(*ring_, options), -EAFNOSUPPORT);
  ring_->Turn(0);
  EXPECT_EQ(net_.open_fds(), 0u);
  options.family = AF_UNIX;  // has no source
  const int fd = OpenOutgoingSocket(*ring_, options);
  EXPECT_GE(fd, 0);
  ring_->Close(fd);
  ring_->Turn(0);
}

}  // namespace
}  // namespace shard
