// Headers before the first byte of an accepted connection, over the scripted ring.

#include "shard/conn/proxy_recv.h"

#include <gtest/gtest.h>

#include <string>

#include "proto/preamble/proxy_tlv.h"
#include "tests/shard/conn/conn_world.h"

namespace shard {
namespace {

using namespace std::string_literals;
using tests::FakePeer;

const std::string kV1 = "PROXY TCP4 1.2.3.4 5.6.7.8 10 20\r\n";
const std::string kSignature = "\r\n\r\n\0\r\nQUIT\n"s;
const std::string kV4 = "\x01\x02\x03\x04\x05\x06\x07\x08\x00\x0a\x00\x14"s;
constexpr uint32_t kMagic = 0x01020304;

std::string V2(int command, int family, const std::string& block) {
  return kSignature + char(command) + char(family) + char(block.size() >> 8) + char(block.size()) +
         block;
}
std::string Tlv(int type, const std::string& value) {
  return std::string(1, char(type)) + char(value.size() >> 8) + char(value.size()) + value;
}
std::string Cip() {
  return "\x01\x02\x03\x04\0\0\0\x28"s +
         "\x45\0\0\x28\0\0\0\0\x40\x06\0\0\x09\x08\x07\x06\x05\x04\x03\x02"s + "\x04\xd2\x00\x50"s +
         std::string(8, '\0') + "\x50\x02"s + std::string(6, '\0');
}

class ProxyRecvTest : public testing::Test {
 protected:
  void Open(const ConnWorldOptions& options = {}) {
    peer_.reset();
    world_.reset();
    world_ = std::make_unique<ConnWorld>(options);
    world_->handshakes.steps[size_t(HandshakeStep::kProxyRecv)] = ProxyRecvStep();
    world_->handshakes.steps[size_t(HandshakeStep::kCipRecv)] = CipRecvStep();
    connection_ = world_->Accepted(&peer_);
    handle_ = connection_->handle();
    connection_->SetEvents(&hearer_);
    hearer_.Take();
  }
  void OpenProxy(const ConnWorldOptions& options = {}) {
    Open(options);
    ExpectProxyHeader(*connection_);
    EXPECT_FALSE(connection_->Start());
  }
  void OpenCip() {
    Open();
    ASSERT_TRUE(ExpectNetscalerCip(*connection_, kMagic));
    EXPECT_FALSE(connection_->Start());
  }
  std::string Addresses() {
    return connection_->PeerAddress().ToString() + " > " + connection_->LocalAddress().ToString();
  }
  std::string Originals() {
    return connection_->OriginalPeer().ToString() + " > " + connection_->OriginalLocal().ToString();
  }
  std::string Received() {
    ByteQueue queue(world_->slices);
    connection_->Recv(queue, SIZE_MAX);
    return Text(queue);
  }
  // What the session hears of a connection that sends `text` and then ends, or is left waiting.
  std::string Heard(const std::string& text, bool ends = false) {
    OpenProxy();
    peer_->Write(text);
    if (ends) peer_->CloseWrite();
    world_->Settle();
    return hearer_.Take();
  }

  std::unique_ptr<ConnWorld> world_;
  Hearer hearer_;
  std::unique_ptr<FakePeer> peer_;
  Connection* connection_ = nullptr;
  base::Handle handle_;
};

TEST_F(ProxyRecvTest, TakesTheHeaderAndLeavesTheRest) {
  for (const std::string& header :
       {kV1, V2(0x21, 0x11, kV4), V2(0x21, 0x11, kV4 + Tlv(4, std::string(300, 'p')))}) {
    OpenProxy();
    peer_->Write(header + "GET / HTTP/1.1\r\n");
    world_->Settle();
    EXPECT_EQ(hearer_.Take(), "connected readable ") << "nothing else tells of the rest";
    EXPECT_EQ(Addresses(), "1.2.3.4:10 > 5.6.7.8:20");
    EXPECT_EQ(Received(), "GET / HTTP/1.1\r\n");
  }
  OpenProxy();
  peer_->Write("PROXY TCP6 2001:db8::1 ::1 1 2\r\n");
  world_->Settle();
  EXPECT_EQ(hearer_.Take(), "connected ");
  EXPECT_EQ(Addresses(), "[2001:db8::1]:1 > [::1]:2");
}

TEST_F(ProxyRecvTest, TakesNoSecondHeader) {
  OpenProxy();
  peer_->Write(kV1 + kV1);
  world_->Settle();
  EXPECT_EQ(Received(), kV1);
}

TEST_F(ProxyRecvTest, ArrivesByteByByte) {
  for (const std::string& header : {kV1, V2(0x21, 0x11, kV4 + Tlv(0xe0, std::string(700, 'x')))}) {
    OpenProxy();
    for (const char c : header) {
      EXPECT_EQ(hearer_.Take(), "");
      peer_->Write(std::string(1, c));
      world_->Settle();
    }
    EXPECT_EQ(hearer_.Take(), "connected ");
    EXPECT_EQ(Addresses(), "1.2.3.4:10 > 5.6.7.8:20");
    peer_->Write("x");
    connection_->WantRecv(true);
    world_->Settle();
    EXPECT_EQ(Received(), "x");
  }
}

TEST_F(ProxyRecvTest, TheEndMayComeAlong) {
  EXPECT_EQ(Heard(kV1 + "bye", true), "connected readable ");
  EXPECT_EQ(Received(), "bye");
  EXPECT_TRUE(connection_->read_ended());
  EXPECT_EQ(Heard(kV1, true), "connected readable ");
  EXPECT_TRUE(connection_->read_ended());
}

TEST_F(ProxyRecvTest, HeadersWithoutAddressesLeaveTheRealOnes) {
  OpenProxy();
  const std::string real = Addresses();
  ASSERT_EQ(real.find("1.2.3.4"), std::string::npos);
  for (const std::string& header :
       {"PROXY UNKNOWN\r\n"s, "PROXY UNKNOWN 1.2.3.4 5.6.7.8 10 20\r\n"s, V2(0x20, 0x11, kV4),
        V2(0x20, 0x00, ""), V2(0x21, 0x00, ""), V2(0x21, 0x12, kV4),
        V2(0x21, 0x31, std::string(216, '/'))}) {
    EXPECT_EQ(Heard(header), "connected ");
    EXPECT_EQ(Addresses(), real);
  }
}

TEST_F(ProxyRecvTest, EachFailureHasItsReason) {
  EXPECT_EQ(Heard("", true), "closed:proxy_header_empty ");
  EXPECT_EQ(Heard("PRO", true), "closed:proxy_header_truncated ");
  EXPECT_EQ(Heard(V2(0x21, 0x11, kV4).substr(0, 20), true), "closed:proxy_header_truncated ");
  EXPECT_EQ(Heard("GET / HTTP/1.1\r\n\r\n"), "closed:proxy_header_missing ");
  EXPECT_EQ(Heard("PROXY TCP4 1.2.3.4 5.6.7.8 10 65536\r\n"), "closed:proxy_header_bad ");
  EXPECT_EQ(Heard("PROXY " + std::string(200, 'x')), "closed:proxy_header_bad ");
  EXPECT_EQ(Heard("PROXY UDP4 1.2.3.4 5.6.7.8 10 20\r\n"), "closed:proxy_header_bad_protocol ");
  EXPECT_EQ(Heard(V2(0x21, 0x41, kV4)), "closed:proxy_header_bad_protocol ");
  EXPECT_EQ(Heard(V2(0x21, 0x11, kV4 + Tlv(3, "sum?"))), "closed:proxy_header_bad ");
  EXPECT_EQ(Heard("PRO"), "") << "it may still come";
  OpenProxy();
  peer_->Write("PRO");
  world_->Settle();
  peer_->Reset();
  world_->Settle();
  EXPECT_EQ(hearer_.Take(), "closed:proxy_header_abort ");
}

TEST_F(ProxyRecvTest, GarbageIsRefusedAtItsFirstByte) {
  EXPECT_EQ(Heard("G"), "closed:proxy_header_missing ");
  EXPECT_EQ(Heard("\r\n\r\nG"), "closed:proxy_header_missing ");
}

TEST_F(ProxyRecvTest, SaysHowItsTimeoutIsCalled) {
  OpenProxy();
  connection_->SetDeadline(world_->loop->now_ms() + 5);
  world_->RunFor(10);
  EXPECT_EQ(hearer_.Take(), "deadline ");
  EXPECT_EQ(connection_->TimeoutReason(), CloseReason::kProxyTimeout);
  OpenCip();
  EXPECT_EQ(connection_->TimeoutReason(), CloseReason::kCipTimeout);
}

TEST_F(ProxyRecvTest, AHeaderMayFillABufferAndNoMore) {
  const size_t room = ConnWorldOptions().small_bytes;
  const std::string fits = V2(0x21, 0x11, kV4 + Tlv(4, std::string(room - 16 - 12 - 3, 'x')));
  ASSERT_EQ(fits.size(), room);
  // With a first byte of its own piece, the header lies in two buffers.
  OpenProxy();
  peer_->Write(fits.substr(0, 1));
  world_->Settle();
  peer_->Write(fits.substr(1) + "data");
  world_->Settle();
  EXPECT_EQ(hearer_.Take(), "connected readable ");
  EXPECT_EQ(Addresses(), "1.2.3.4:10 > 5.6.7.8:20");
  EXPECT_EQ(Received(), "data");
  // One byte more is refused as soon as its length is known.
  const std::string over = V2(0x21, 0x11, kV4 + Tlv(4, std::string(room - 16 - 12 - 2, 'x')));
  EXPECT_EQ(Heard(over.substr(0, 15)), "");
  EXPECT_EQ(Heard(over.substr(0, 16)), "closed:proxy_header_bad ");
}

TEST_F(ProxyRecvTest, KeepsTlvsAsLongAsTheConnectionLives) {
  const std::string kept = Tlv(1, "h2") + Tlv(4, "padding") + Tlv(2, "example.com") + Tlv(5, "id") +
                           Tlv(0xe1, "mine") + Tlv(0xe1, "too");
  OpenProxy();
  peer_->Write(V2(0x21, 0x11, kV4 + kept));
  world_->Settle();
  EXPECT_EQ(ReceivedTlvs(*connection_), kept);
  std::string_view value;
  EXPECT_TRUE(
      proto::FindProxyTlv(ReceivedTlvs(*connection_), proto::ProxyTlvType::kUniqueId, &value));
  EXPECT_EQ(value, "id");
  EXPECT_EQ(world_->table->handshake_memory().live(), 2u);
  connection_->Abort();
  world_->Settle();
  EXPECT_EQ(world_->table->handshake_memory().live(), 0u);
}

TEST_F(ProxyRecvTest, KeepsNoTlvThatIsTooLong) {
  const ConnWorldOptions roomy{.small_bytes = 32768, .large_bytes = 32768};
  std::string kilobytes;
  for (int i = 0; i < 15; ++i) kilobytes += Tlv(0xe2, std::string(1024, char('a' + i)));
  // 15 times 1027 bytes fit into 16384; another one does not, and what is shorter does.
  for (const size_t count : {1, 4, 15}) {
    SCOPED_TRACE(count);
    OpenProxy(roomy);
    const std::string some = kilobytes.substr(0, count * 1027);
    const std::string more = count == 15 ? Tlv(0xe3, std::string(1024, 'x')) : "";
    peer_->Write(
        V2(0x21, 0x11, kV4 + Tlv(0xe1, std::string(1025, 'x')) + some + more + Tlv(5, "id")));
    world_->Settle();
    EXPECT_EQ(hearer_.Take(), "connected ");
    EXPECT_EQ(ReceivedTlvs(*connection_), some + Tlv(5, "id"));
    connection_->Abort();
    world_->Settle();
    EXPECT_EQ(world_->table->handshake_memory().live(), 0u);
  }
  OpenProxy(roomy);
  peer_->Write(kV1);
  world_->Settle();
  EXPECT_EQ(ReceivedTlvs(*connection_), "");
  EXPECT_EQ(connection_->scratch(), nullptr) << "nobody needed it";
}

TEST_F(ProxyRecvTest, WhoThePeerWasIsStillKnown) {
  OpenProxy();
  peer_->Write(kV1);
  world_->Settle();
  EXPECT_EQ(Addresses(), "1.2.3.4:10 > 5.6.7.8:20");
  EXPECT_EQ(connection_->scratch(), nullptr) << "nobody had asked, so the kernel is";
  const std::string real = Originals();
  EXPECT_EQ(real.find("1.2.3.4"), std::string::npos);

  // A rule on the connection changes both; what it has made stays behind the header, and behind
  // whatever is said after that.
  OpenProxy();
  connection_->SetPeerAddress(Address::V4(0x0a010101, 7));
  EXPECT_EQ(Originals(), "10.1.1.1:7 > " + real.substr(real.find("> ") + 2));
  peer_->Write(kV1);
  world_->Settle();
  EXPECT_TRUE(connection_->KeepOriginal()) << "a second time, by a rule on the session";
  connection_->SetPeerAddress(Address::V4(0x0a020202, 8));
  EXPECT_EQ(Addresses(), "10.2.2.2:8 > 5.6.7.8:20");
  EXPECT_EQ(Originals(), "10.1.1.1:7 > " + real.substr(real.find("> ") + 2));
}

TEST_F(ProxyRecvTest, NetscalersHeader) {
  OpenCip();
  peer_->Write(Cip() + "data");
  world_->Settle();
  EXPECT_EQ(hearer_.Take(), "connected readable ");
  EXPECT_EQ(Addresses(), "9.8.7.6:1234 > 5.4.3.2:80");
  EXPECT_EQ(Received(), "data");
  OpenCip();
  peer_->Write("GET /");
  world_->Settle();
  EXPECT_EQ(hearer_.Take(), "closed:cip_header_bad_magic ");
  OpenCip();
  peer_->CloseWrite();
  world_->Settle();
  EXPECT_EQ(hearer_.Take(), "closed:cip_header_empty ");
  OpenCip();
  peer_->Write(Cip().substr(0, 30));
  peer_->CloseWrite();
  world_->Settle();
  EXPECT_EQ(hearer_.Take(), "closed:cip_header_truncated ");
  OpenCip();
  peer_->Write(Cip().substr(0, 8) + "\x55" + Cip().substr(9));
  world_->Settle();
  EXPECT_EQ(hearer_.Take(), "closed:cip_header_bad_protocol ");
  OpenCip();
  peer_->Write("\1");
  world_->Settle();
  peer_->Reset();
  world_->Settle();
  EXPECT_EQ(hearer_.Take(), "closed:cip_header_abort ");
}

TEST_F(ProxyRecvTest, NetscalersHeaderComesBeforeThePROXYOne) {
  Open();
  ExpectProxyHeader(*connection_);
  ASSERT_TRUE(ExpectNetscalerCip(*connection_, kMagic));
  connection_->Start();
  peer_->Write(Cip() + kV1 + "data");
  world_->Settle();
  EXPECT_EQ(Addresses(), "1.2.3.4:10 > 5.6.7.8:20") << "the nearer one is the NetScaler";
  EXPECT_EQ(Received(), "data");
}

TEST_F(ProxyRecvTest, MischiefChangesNothing) {
  const std::string header = V2(0x21, 0x11, kV4 + Tlv(0xe0, std::string(900, 'x')));
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    OpenProxy({.seed = seed, .modes = tests::FakeModes::Mischief()});
    const std::string text = header + "the data";
    size_t written = 0;
    for (int i = 0; i < 400 && written < text.size(); ++i) {
      written +=
          peer_->Write(std::string_view(text).substr(written, 1 + (seed * 7 + size_t(i)) % 50));
      world_->Turn();
      world_->clock.Advance(500);
    }
    std::string got;
    for (int i = 0; i < 100; ++i) {
      if (connection_->state() == Connection::State::kOpen) {
        connection_->WantRecv(true);
        got += Received();
      }
      world_->Turn();
      world_->clock.Advance(1000);
    }
    ASSERT_EQ(hearer_.Take().substr(0, 10), "connected ");
    ASSERT_EQ(got, "the data");
    ASSERT_EQ(Addresses(), "1.2.3.4:10 > 5.6.7.8:20");
  }
}

TEST_F(ProxyRecvTest, AbortedInTheMiddle) {
  OpenProxy();
  peer_->Write("PROXY TCP4 1.2");
  world_->Settle();
  connection_->Abort();
  world_->Settle();
  EXPECT_EQ(world_->table->Find(handle_), nullptr);
}

}  // namespace
}  // namespace shard
