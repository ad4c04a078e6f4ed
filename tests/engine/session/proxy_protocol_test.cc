// Streams whose clients begin with a PROXY header, and whose servers are told who the client is.

#include <gtest/gtest.h>

#include <string>

#include "engine/session/session.h"
#include "engine/session/stream.h"
#include "tests/engine/session/rig.h"

namespace engine {
namespace {

using shard::CloseReason;

const std::string kHeader = "PROXY TCP4 1.2.3.4 5.6.7.8 10 20\r\n";

class ProxyProtocolTest : public testing::Test {
 protected:
  void Open(Mode mode, const RigOptions& options = {}) {
    rig_ = std::make_unique<Rig>(options);
    proxy_ = &rig_->AddListen("in", 80);
    proxy_->mode = mode;
    proxy_->timeouts = {.connect_ms = 1000, .client_ms = 5000, .server_ms = 5000};
    proxy_->binds[0]->accept_proxy = true;
    server_ = &rig_->AddServer(*proxy_, 9000);
    server_->announce.version = 1;
  }
  std::string ReadSome(tests::FakePeer& peer) {
    rig_->RunUntil([&] { return peer.readable() > 0; }, 3000);
    return peer.Read();
  }

  std::unique_ptr<Rig> rig_;
  ProxyConfig* proxy_ = nullptr;
  ServerConfig* server_ = nullptr;
};

TEST_F(ProxyProtocolTest, TheServerIsToldWhatTheClientsHeaderSaid) {
  Open(Mode::kTcp);
  rig_->Start();
  auto client = rig_->Dial(80);
  client->Write(kHeader + "hello");
  auto server = rig_->WaitServer(9000);
  ASSERT_NE(server, nullptr);
  EXPECT_EQ(ReadSome(*server), kHeader + "hello") << "in one send";
  server->Write("world");
  EXPECT_EQ(ReadSome(*client), "world");
  client->CloseWrite();
  server->CloseWrite();
  rig_->RunFor(100);
  rig_->ExpectSettled();
}

TEST_F(ProxyProtocolTest, NothingReachesAServerBeforeTheHeaderIsWhole) {
  Open(Mode::kTcp);
  rig_->Start();
  auto client = rig_->Dial(80);
  client->Write(kHeader.substr(0, 20));
  rig_->RunFor(1000);
  EXPECT_EQ(rig_->TakeServer(9000), nullptr);
  EXPECT_EQ(rig_->worker(0).live_streams(), 0u);
  client->Write(kHeader.substr(20));
  EXPECT_NE(rig_->WaitServer(9000), nullptr) << "a server may speak first";
}

TEST_F(ProxyProtocolTest, AHeaderThatNeverComesIsTimedOut) {
  Open(Mode::kTcp);
  proxy_->timeouts.client_hs_ms = 300;
  rig_->Start();
  auto silent = rig_->Dial(80);
  auto half = rig_->Dial(80);
  half->Write("PROXY TCP4");
  rig_->RunFor(250);
  EXPECT_FALSE(silent->AtEnd());
  rig_->RunFor(100);
  EXPECT_TRUE(silent->AtEnd());
  EXPECT_TRUE(half->AtEnd());
  EXPECT_EQ(rig_->Reasons(*proxy_, CloseReason::kProxyTimeout), 2u);
  EXPECT_EQ(rig_->live_sessions(), 0u);
}

TEST_F(ProxyProtocolTest, WithoutATimeoutOfItsOwnTheClientsHolds) {
  Open(Mode::kHttp);
  rig_->Start();
  auto silent = rig_->Dial(80);
  rig_->RunFor(4900);
  EXPECT_FALSE(silent->AtEnd());
  rig_->RunFor(200);
  EXPECT_TRUE(silent->AtEnd());
}

TEST_F(ProxyProtocolTest, TheTimeoutEndsWithTheHeader) {
  Open(Mode::kTcp);
  proxy_->timeouts.client_hs_ms = 300;
  rig_->Start();
  auto client = rig_->Dial(80);
  client->Write(kHeader);
  rig_->RunFor(2000);
  EXPECT_FALSE(client->AtEnd());
}

TEST_F(ProxyProtocolTest, GarbageIsCountedByItsReason) {
  Open(Mode::kHttp);
  rig_->Start();
  auto client = rig_->Dial(80);
  client->Write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  rig_->RunFor(100);
  EXPECT_TRUE(client->AtEnd());
  EXPECT_EQ(client->Read(), "");
  EXPECT_EQ(rig_->Reasons(*proxy_, CloseReason::kProxyNotHeader), 1u);
  EXPECT_EQ(rig_->live_sessions(), 0u);
}

TEST_F(ProxyProtocolTest, EachConnectionAfterARefusalHasItsHeader) {
  Open(Mode::kTcp);
  proxy_->redispatch = true;
  proxy_->redispatch_interval = 1;
  rig_->AddServer(*proxy_, 9001).announce.version = 1;
  rig_->ScriptConnect(9000, {tests::ConnectOutcome::kRefused});
  rig_->Start();
  auto client = rig_->Dial(80);
  client->Write(kHeader + "x");
  auto server = rig_->WaitServer(9001, 5000);
  ASSERT_NE(server, nullptr);
  EXPECT_EQ(ReadSome(*server), kHeader + "x");
}

TEST_F(ProxyProtocolTest, AClientThatLeftIsStillNamed) {
  Open(Mode::kTcp);
  rig_->ScriptConnect(9000, {tests::ConnectOutcome::kOk, 50000});
  rig_->Start();
  auto client = rig_->Dial(80);
  client->Write(kHeader + "last words");
  client->CloseWrite();
  auto server = rig_->WaitServer(9000);
  ASSERT_NE(server, nullptr);
  EXPECT_EQ(ReadSome(*server), kHeader + "last words");
}

TEST_F(ProxyProtocolTest, HandshakesOfAStoppingProcessEnd) {
  Open(Mode::kTcp);
  rig_->Start();
  auto client = rig_->Dial(80);
  rig_->RunFor(10);
  EXPECT_EQ(rig_->live_sessions(), 1u);
  // The rig's end finds whatever is left.
}

TEST_F(ProxyProtocolTest, MischiefChangesNothing) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(seed);
    Open(Mode::kTcp, {.seed = seed, .modes = tests::FakeModes::Mischief(), .shards = 2});
    rig_->Start();
    const std::string text = RandomText(seed, 3000);
    auto client = rig_->Dial(80);
    ASSERT_NE(client, nullptr);
    const std::string sent = kHeader + text;
    size_t written = 0;
    std::string got;
    std::unique_ptr<tests::FakePeer> server;
    for (int i = 0; i < 3000 && got.size() < sent.size(); ++i) {
      written += client->Write(std::string_view(sent).substr(written, 1 + seed * 13 % 700));
      rig_->RunFor(1);
      if (server == nullptr) server = rig_->TakeServer(9000);
      if (server != nullptr) got += server->Read();
    }
    ASSERT_TRUE(got == sent) << got.size() << " of " << sent.size();
    client.reset();
    server.reset();
    rig_.reset();
  }
}

}  // namespace
}  // namespace engine
