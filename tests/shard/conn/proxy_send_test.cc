// The PROXY header of an outgoing connection, over the scripted ring.

#include "shard/conn/proxy_send.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <string>

#include "proto/preamble/proxy_v2.h"
#include "tests/shard/conn/conn_world.h"

namespace shard {
namespace {

using namespace std::string_literals;
using tests::FakePeer;

const std::string kV1Line = "PROXY TCP4 1.2.3.4 5.6.7.8 10 20\r\n";
const Address kSource = Address::V4(0x01020304, 10);
const Address kDestination = Address::V4(0x05060708, 20);

Address V6(const char* text, uint16_t port) {
  Address address;
  address.family = AF_INET6;
  address.port = port;
  inet_pton(AF_INET6, text, &address.v6);
  return address;
}

// Says something as soon as it is connected, as a stream does: from a task of its own.
class Speaker final : public ConnectionEvents, public Task {
 public:
  void OnConnected() noexcept override {
    heard += "connected ";
    if (!text.empty()) connection->context().loop->run_queue().Add(this);
  }
  void OnReadable() noexcept override { heard += "readable "; }
  void OnWritable() noexcept override {}
  void OnClosed(CloseReason reason) noexcept override { heard += Info(reason).counter; }
  void Run() noexcept override {
    ByteQueue queue(*connection->context().slices);
    queue.Append(text, *connection->context().small);
    connection->Send(queue);
  }
  Connection* connection = nullptr;
  std::string text;
  std::string heard;
};

class ProxySendTest : public testing::Test {
 protected:
  void Dial(const ProxySendOptions& options, const Address& source, const Address& destination,
            const ConnWorldOptions& world = {}) {
    peer_.reset();
    world_.reset();
    options_ = options;  // they must outlive the connection
    world_ = std::make_unique<ConnWorld>(world);
    world_->handshakes.steps[size_t(HandshakeStep::kProxySend)] = ProxySendStep();
    address_.sin_family = AF_INET;
    address_.sin_port = htons(9000);
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const auto* plain = reinterpret_cast<const sockaddr*>(&address_);
    world_->net.ScriptConnect(plain, sizeof(address_), {});
    connection_ =
        world_->table->Adopt(world_->ring->Socket(AF_INET, SOCK_STREAM, 0), Role::kDialled);
    speaker_.connection = connection_;
    speaker_.heard.clear();
    connection_->SetEvents(&speaker_);
    ASSERT_TRUE(announces_self_ ? AnnounceSelf(*connection_, options_)
                                : AnnounceClient(*connection_, options_, source, destination));
    if (announces_self_) connection_->SetLocalAddress(kSource);
    connection_->Dial(plain, sizeof(address_));
  }
  // Turns until the server's end has something, and gives what came first.
  std::string FirstRead() {
    for (int i = 0; i < 50; ++i) {
      world_->Turn();
      if (peer_ == nullptr) {
        peer_ = world_->net.TakeServerPeer(reinterpret_cast<const sockaddr*>(&address_),
                                           sizeof(address_));
      }
      if (peer_ != nullptr && peer_->readable() > 0) return peer_->Read();
      world_->clock.Advance(1000);
    }
    return "";
  }

  ProxySendOptions options_;
  bool announces_self_ = false;
  std::unique_ptr<ConnWorld> world_;
  std::unique_ptr<FakePeer> peer_;
  Speaker speaker_;
  Connection* connection_ = nullptr;
  sockaddr_in address_ = {};
};

TEST_F(ProxySendTest, GoesWithTheFirstData) {
  speaker_.text = "GET / HTTP/1.1\r\n";
  Dial({.version = 1}, kSource, kDestination);
  EXPECT_EQ(FirstRead(), kV1Line + "GET / HTTP/1.1\r\n") << "one send";
  EXPECT_EQ(speaker_.heard, "connected ");
}

// Without a client (AnnounceSelf): version 1 tells the connection's own addresses.
TEST_F(ProxySendTest, AConnectionOfOurOwnIsAnnouncedWithItsOwnAddresses) {
  announces_self_ = true;
  Dial({.version = 1}, {}, {});
  EXPECT_EQ(FirstRead(), "PROXY TCP4 " + kSource.Ip() + " 127.0.0.1 " +
                             std::to_string(kSource.port) + " 9000\r\n");
  Dial({.version = 2}, {}, {});
  EXPECT_EQ(FirstRead(), std::string("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16)) << "LOCAL";
  Dial({.version = 2, .never_local = true}, {}, {});
  const std::string header = FirstRead();
  EXPECT_EQ(header.substr(0, 16), std::string("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", 16));
  EXPECT_EQ(header.substr(16, 8), std::string(kSource.Bytes()) + std::string("\x7f\0\0\1", 4));
}

TEST_F(ProxySendTest, GoesAloneWhenThereIsNoData) {
  Dial({.version = 1}, kSource, kDestination);
  EXPECT_EQ(FirstRead(), kV1Line);
  // What is said later does not begin with it again.
  speaker_.text = "later";
  speaker_.Run();
  world_->Settle();
  EXPECT_EQ(peer_->Read(), "later");
}

TEST_F(ProxySendTest, SaysWhatTheOptionsAskFor) {
  Dial({.version = 2}, kSource, kDestination);
  EXPECT_EQ(FirstRead(),
            "\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\x01\x02\x03\x04\x05\x06\x07\x08\0\x0a\0\x14"s);
  Dial({.version = 2, .tlvs = "\xe0\0\4mine"s}, kSource, kDestination);
  EXPECT_EQ(FirstRead(),
            "\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x13\x01\x02\x03\x04\x05\x06\x07\x08\0\x0a\0\x14"s +
                "\xe0\0\4mine"s);
  ProxySendOptions options{.version = 2, .crc32c = true, .tlvs = "\xe0\0\4mine"s};
  Dial(options, V6("2001:db8::1", 1), V6("::1", 2));
  const std::string text = FirstRead();
  EXPECT_EQ(text.size(), ProxyHeaderBytesMax(options));
  proto::ProxyV2Header header;
  ASSERT_EQ(ParseProxyV2(text, &header), proto::PreambleParse::Done(text.size()));
  EXPECT_EQ(header.preamble.source.port, 1);
  EXPECT_TRUE(header.tlvs.ends_with("mine"));
  Dial({.version = 1}, V6("2001:db8::1", 1), V6("::1", 2));
  EXPECT_EQ(FirstRead(), "PROXY TCP6 2001:db8::1 ::1 1 2\r\n");
}

// A rule may have set one of them (manual 4.4, set-src).
TEST_F(ProxySendTest, AddressesOfTwoFamiliesAreToldInTheLargerOne) {
  Dial({.version = 1}, V6("2001:db8::5", 1), kDestination);
  EXPECT_EQ(FirstRead(), "PROXY TCP6 2001:db8::5 ::ffff:5.6.7.8 1 20\r\n");
  Dial({.version = 1}, kSource, V6("2001:db8::99", 2));
  EXPECT_EQ(FirstRead(), "PROXY TCP6 ::ffff:1.2.3.4 2001:db8::99 10 2\r\n");
  Dial({.version = 2}, V6("::1", 1), kDestination);
  EXPECT_EQ(FirstRead(), "\r\n\r\n\0\r\nQUIT\n\x21\x21\x00\x24"s + std::string(15, '\0') + "\x01"s +
                             std::string(10, '\0') + "\xff\xff\x05\x06\x07\x08\0\x01\0\x14"s);
}

TEST_F(ProxySendTest, WhatHasNoAddressesIsUnknownOrLocal) {
  Address unix_path;
  unix_path.family = AF_UNIX;
  unix_path.local = {"", 0, false};
  const std::pair<Address, Address> pairs[] = {
      {unix_path, unix_path}, {{}, {}}, {kSource, unix_path}, {unix_path, V6("::1", 2)}};
  for (const auto& [source, destination] : pairs) {
    Dial({.version = 1}, source, destination);
    EXPECT_EQ(FirstRead(), "PROXY UNKNOWN\r\n");
    Dial({.version = 2}, source, destination);
    EXPECT_EQ(FirstRead(), "\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00"s);
  }
}

TEST_F(ProxySendTest, WithoutABufferNothingIsSent) {
  speaker_.text = "secret";
  Dial({.version = 1}, kSource, kDestination, {.small_chunks = 1});
  Chunk* only = world_->small.Take();
  world_->Settle();
  EXPECT_EQ(speaker_.heard, "no_memory");
  peer_ =
      world_->net.TakeServerPeer(reinterpret_cast<const sockaddr*>(&address_), sizeof(address_));
  ASSERT_NE(peer_, nullptr);
  EXPECT_EQ(peer_->Read(), "");
  connection_->Abort();
  world_->Settle();
  ChunkPool::Drop(only);
}

TEST_F(ProxySendTest, MischiefKeepsTheOrder) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    speaker_.text = std::string(3000, char('a' + seed % 26));
    Dial({.version = 1}, kSource, kDestination,
         {.seed = seed, .modes = tests::FakeModes::Mischief()});
    std::string got;
    for (int i = 0; i < 200 && got.size() < kV1Line.size() + 3000; ++i) got += FirstRead();
    ASSERT_EQ(got, kV1Line + speaker_.text);
  }
}

}  // namespace
}  // namespace shard
