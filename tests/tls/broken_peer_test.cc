// Every way of the broken peer (tests/fake/broken_tls_peer.h) over the real data layer and the real
// handshake steps: as a client of our accept, as a server of our connect. Each earns its alert and
// its reason, and leaves nothing behind.

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <set>
#include <string>

#include "tests/fake/broken_tls_peer.h"
#include "tests/tls/link_world.h"

namespace tls {
namespace {

using tests::BreakFate;
using tests::BrokenTlsPeer;
using tests::BrokenWay;
using tests::TlsSide;
using tests::WireEnd;

class BrokenPeerTest : public LinkTest, public testing::WithParamInterface<size_t> {
 protected:
  static constexpr uint32_t kChunks = 64;

  void OpenFor(const BrokenWay& way) {
    ConnWorldOptions options;
    options.small_chunks = kChunks;
    options.large_chunks = kChunks;
    if (way.side == TlsSide::kClient) {
      Options server;
      if (way.shows_certificate) {
        server.verify = Verify::kRequired;
        server.trust = {{"ca", MakePem({.names = {"ca"}}).certificate}};
      }
      return Open(options, server);
    }
    world_ = std::make_unique<ConnWorld>(options);
    world_->handshakes.steps[size_t(shard::HandshakeStep::kTlsConnect)] = ConnectStep();
    tls_ = std::make_unique<ShardTls>(16, TicketSecret::Draw(0));
    std::string error;
    context_ = Context::MakeClient({}, nullptr, "", &error);
    ASSERT_NE(context_, nullptr) << error;
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(443);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const auto* raw = reinterpret_cast<const sockaddr*>(&address);
    world_->net.ScriptConnect(raw, sizeof(address), {});
    const int fd = world_->ring->Socket(AF_INET, SOCK_STREAM, 0);
    ASSERT_GE(fd, 0);
    connection_ = world_->table->Adopt(fd, shard::Role::kDialled);
    handle_ = connection_->handle();
    connection_->SetEvents(&hearer_);
    ASSERT_TRUE(tls_->Connect(*connection_, context_, "localhost"));
    address_ = address;
    connection_->Dial(reinterpret_cast<const sockaddr*>(&address_), sizeof(address_));
    world_->Settle();
    peer_ = world_->net.TakeServerPeer(raw, sizeof(address));
    ASSERT_NE(peer_, nullptr);
  }

  // Until neither end has anything to say.
  void Converse(BrokenTlsPeer& broken) {
    std::string to_send;
    bool ended = false;
    for (int i = 0, quiet = 0; i < 5000 && quiet < 100; ++i) {
      const std::string came = peer_->Read();
      to_send += broken.Step(came);
      const size_t taken = peer_->Write(to_send);
      to_send.erase(0, taken);
      if (to_send.empty() && broken.acted() && !ended) {
        ended = true;
        if (broken.end() == WireEnd::kReset) world_->Settle();
        if (broken.end() == WireEnd::kReset) peer_->Reset();
        if (broken.end() == WireEnd::kFin) peer_->CloseWrite();
      }
      world_->Settle();
      if (!gone() && connection_->state() == shard::Connection::State::kOpen) {
        connection_->WantRecv(true);
        got_ += Received();
      }
      chunks_max_ = std::max(chunks_max_, world_->small.in_use() + world_->large.in_use());
      quiet = came.empty() && taken == 0 ? quiet + 1 : 0;
    }
  }

  sockaddr_in address_ = {};
  std::string got_;
  uint32_t chunks_max_ = 0;
};

TEST_P(BrokenPeerTest, EarnsItsAlertAndItsReason) {
  const BrokenWay& way = tests::BrokenWays()[GetParam()];
  SCOPED_TRACE(way.name);
  OpenFor(way);
  BrokenTlsPeer broken(way);
  Converse(broken);
  ASSERT_TRUE(broken.acted());
  const std::string heard = hearer_.Take();
  const bool closed = heard.find("closed:") != std::string::npos;
  const bool connected = heard.find("connected") != std::string::npos;
  EXPECT_EQ(broken.alert(), way.alert) << heard << Link::Of(*connection_)->detail();
  EXPECT_TRUE(std::string("firstother").starts_with(got_)) << got_;
  if (way.fate == BreakFate::kRefused) {
    const std::string reason = "closed:" + std::string(shard::Info(way.reason).counter) + " ";
    EXPECT_NE(heard.find(reason), std::string::npos) << heard;
  } else {
    EXPECT_FALSE(closed) << heard;
  }
  switch (way.fate) {
    case BreakFate::kRefused:
      EXPECT_EQ(connected, way.at == tests::BreakAt::kData) << heard;
      break;
    case BreakFate::kWaits:
      EXPECT_FALSE(connected);
      break;
    case BreakFate::kServed:
      EXPECT_TRUE(connected);
      EXPECT_FALSE(connection_->read_ended());
      EXPECT_EQ(got_, way.at == tests::BreakAt::kData ? "firstother" : "");
      break;
    case BreakFate::kCut:
    case BreakFate::kEnded:
      EXPECT_TRUE(connection_->read_ended());
      EXPECT_EQ(connection_->truncated(), way.fate == BreakFate::kCut);
      EXPECT_EQ(got_.empty(), way.fate == BreakFate::kEnded) << got_;
      break;
  }
  // What came was never held for long, however much it was.
  EXPECT_LE(chunks_max_, kChunks);
  connection_->Abort();
  world_->RunFor(10);
  EXPECT_TRUE(gone());
  EXPECT_EQ(tls_->links(), 0u);
  EXPECT_EQ(world_->slices.in_use(), 0u);
  EXPECT_EQ(world_->small.in_use() + world_->large.in_use(), 0u);
}

INSTANTIATE_TEST_SUITE_P(All, BrokenPeerTest, testing::Range(size_t{0}, tests::BrokenWays().size()),
                         [](const auto& one) {
                           return std::string(tests::BrokenWays()[one.param].name);
                         });

TEST(BrokenWays, HaveNamesOfTheirOwn) {
  std::set<std::string> names;
  for (const BrokenWay& way : tests::BrokenWays()) {
    EXPECT_TRUE(names.insert(way.name).second) << way.name;
    EXPECT_EQ(tests::FindBrokenWay(way.name), &way);
    const char* side = way.side == TlsSide::kClient ? "client_" : "server_";
    EXPECT_TRUE(std::string(way.name).starts_with(side)) << way.name;
  }
  EXPECT_GE(names.size(), 30u);
}

}  // namespace
}  // namespace tls
