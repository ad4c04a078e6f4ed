// Bytes through a stream, both ways: order, ends, backpressure.

#include <gtest/gtest.h>

#include "engine/applet/echo.h"
#include "tests/engine/session/rig.h"

namespace engine {
namespace {

using shard::CloseReason;

class RelayTest : public testing::Test {
 protected:
  void Open(const RigOptions& options = {}) {
    rig_ = std::make_unique<Rig>(options);
    proxy_ = &rig_->AddListen("relay", 80);
    proxy_->timeouts = {.connect_ms = 2000, .client_ms = 30000, .server_ms = 30000};
    server_config_ = &rig_->AddServer(*proxy_, 9000);
    rig_->Start();
  }
  void Connect() {
    client_ = rig_->Dial(80);
    server_ = rig_->WaitServer(9000);
    ASSERT_NE(server_, nullptr);
  }
  std::unique_ptr<Rig> rig_;
  ProxyConfig* proxy_ = nullptr;
  ServerConfig* server_config_ = nullptr;
  std::unique_ptr<tests::FakePeer> client_;
  std::unique_ptr<tests::FakePeer> server_;
};

TEST_F(RelayTest, BytesGoBothWays) {
  Open();
  Connect();
  EXPECT_EQ(rig_->live_sessions(), 1u);
  EXPECT_EQ(server_config_->state->Current(), 1);
  client_->Write("ping");
  rig_->Settle();
  EXPECT_EQ(server_->Read(), "ping");
  server_->Write("pong");
  rig_->Settle();
  EXPECT_EQ(client_->Read(), "pong");
  EXPECT_FALSE(client_->AtEnd());
  client_->Close();
  rig_->Settle();
  EXPECT_TRUE(server_->AtEnd());
  server_->Close();
  rig_->Settle();
  rig_->ExpectSettled();
  EXPECT_EQ(rig_->ReasonsText(*proxy_), "normal 1");
  EXPECT_EQ(server_config_->state->Total(), 1u);
  EXPECT_EQ(server_config_->state->part(0).bytes_in.Get(), 4u);
  EXPECT_EQ(server_config_->state->part(0).bytes_out.Get(), 4u);
  EXPECT_EQ(proxy_->state->part(0).bytes_in.Get(), 4u);
  EXPECT_EQ(proxy_->state->part(0).bytes_out.Get(), 4u);
  EXPECT_EQ(proxy_->state->part(0).back_bytes_in.Get(), 4u);
  EXPECT_EQ(proxy_->state->part(0).back_bytes_out.Get(), 4u);
}

// Nothing else happens in the process whose answer would bring the held ones along: each stop on
// the way, for a full queue or a send under way, must say that it waits for the end of a send.
TEST_F(RelayTest, LoneBulkTransferNeverWaitsForAnEvent) {
  Open();
  Connect();
  const std::string text = RandomText(3, 700000);
  server_->SetCapacity(1 << 20, 1 << 20);
  client_->SetCapacity(1 << 20, 1 << 20);
  const uint64_t begin_ms = rig_->now_ms();
  ASSERT_EQ(server_->Write(text), text.size());
  rig_->Settle();
  EXPECT_EQ(client_->Read(), text);
  ASSERT_EQ(client_->Write(text), text.size());
  rig_->Settle();
  EXPECT_EQ(server_->Read(), text);
  EXPECT_EQ(rig_->now_ms(), begin_ms);
}

TEST_F(RelayTest, LastBytesAndTheEndFollowASendUnderWay) {
  Open();
  Connect();
  const uint64_t begin_ms = rig_->now_ms();
  server_->Write("the last word");
  server_->CloseWrite();
  rig_->Settle();
  EXPECT_EQ(client_->Read(), "the last word");
  EXPECT_TRUE(client_->AtEnd());
  client_->Write("mine");
  client_->Close();
  rig_->Settle();
  EXPECT_EQ(server_->Read(), "mine");
  EXPECT_TRUE(server_->AtEnd());
  rig_->ExpectSettled();
  EXPECT_EQ(rig_->now_ms(), begin_ms);
}

TEST_F(RelayTest, ServerMaySpeakFirst) {
  Open();
  Connect();
  server_->Write("220 hello\r\n");
  rig_->Settle();
  EXPECT_EQ(client_->Read(), "220 hello\r\n");
}

TEST_F(RelayTest, ClientsHalfCloseGoesThroughAndTheAnswerComesBack) {
  Open();
  Connect();
  client_->Write("question");
  client_->CloseWrite();
  rig_->Settle();
  EXPECT_EQ(server_->Read(), "question");
  EXPECT_TRUE(server_->AtEnd());
  rig_->RunFor(5000);
  EXPECT_EQ(rig_->live_sessions(), 1u);
  server_->Write("answer");
  server_->CloseWrite();
  rig_->Settle();
  EXPECT_EQ(client_->Read(), "answer");
  EXPECT_TRUE(client_->AtEnd());
  EXPECT_FALSE(client_->WasReset());
  rig_->Settle();
  rig_->ExpectSettled();
  EXPECT_EQ(rig_->ReasonsText(*proxy_), "normal 1");
}

TEST_F(RelayTest, ServersHalfCloseGoesThroughAndTheRequestGoesOn) {
  Open();
  Connect();
  server_->Write("only this");
  server_->CloseWrite();
  rig_->Settle();
  EXPECT_EQ(client_->Read(), "only this");
  EXPECT_TRUE(client_->AtEnd());
  client_->Write("still here");
  rig_->Settle();
  EXPECT_EQ(server_->Read(), "still here");
  client_->Close();
  rig_->Settle();
  EXPECT_TRUE(server_->AtEnd());
  rig_->ExpectSettled();
  EXPECT_EQ(rig_->ReasonsText(*proxy_), "normal 1");
}

TEST_F(RelayTest, SlowReaderStopsTheWriterAndLosesNothing) {
  Open({.small_chunk_bytes = 1024, .large_chunk_bytes = 4096});
  Connect();
  client_->SetCapacity(1 << 20, 2000);  // the client's kernel takes little
  server_->SetCapacity(2000, 1 << 20);  // and so does the proxy's towards the server
  const std::string answer = RandomText(3, 1 << 20);
  size_t written = 0;
  uint64_t stuck = 0;
  for (int i = 0; i < 200; ++i) {
    const size_t n = server_->Write(std::string_view(answer).substr(written));
    written += n;
    stuck = n == 0 ? stuck + 1 : 0;
    rig_->Settle();
  }
  EXPECT_GT(stuck, 50u) << "the server could go on writing";
  // The channel, what is being sent, what the receive brought beyond, and the sockets.
  EXPECT_LT(written, 300000u);
  const uint32_t chunks = rig_->shard(0).small().in_use() + rig_->shard(0).large().in_use();
  EXPECT_LT(chunks, 250u);
  std::string got;
  while (got.size() < answer.size()) {
    written += server_->Write(std::string_view(answer).substr(written));
    rig_->Settle();
    const std::string piece = client_->Read();
    got += piece;
  }
  EXPECT_EQ(got, answer);
}

// One side is over, the other still has bytes for a client that does not read: nothing to do.
TEST_F(RelayTest, StalledStreamDoesNotKeepTheShardAwake) {
  for (bool reset : {false, true}) {
    Open();
    Connect();
    client_->SetCapacity(1 << 20, 1000);
    for (int i = 0; i < 2; ++i) {  // the channel holds some and has room for more
      server_->Write(RandomText(5, 50000));
      rig_->Settle();
    }
    reset ? server_->Reset() : server_->Close();
    rig_->Settle();  // dies of a shard that never rests
    EXPECT_EQ(rig_->live_sessions(), 1u);
  }
}

TEST_F(RelayTest, ServerThatClosesWhileTheClientIsSlowIsDeliveredWhole) {
  Open();
  Connect();
  client_->SetCapacity(1 << 20, 1000);
  const std::string answer = RandomText(5, 60000);
  ASSERT_EQ(server_->Write(answer), answer.size());
  rig_->Settle();
  server_->Close();
  std::string got;
  for (int i = 0; i < 1000 && !client_->AtEnd(); ++i) {
    rig_->Settle();
    got += client_->Read(700);
  }
  EXPECT_EQ(got, answer);
  EXPECT_FALSE(client_->WasReset());
}

TEST_F(RelayTest, BytesBeforeAServersResetAreDelivered) {
  Open();
  Connect();
  const std::string answer = RandomText(9, 30000);
  ASSERT_EQ(server_->Write(answer), answer.size());
  server_->Reset();
  rig_->Settle();
  EXPECT_EQ(client_->Read(), answer);
  EXPECT_TRUE(client_->AtEnd());
  client_->Close();
  rig_->Settle();
  rig_->ExpectSettled();
  EXPECT_EQ(rig_->ReasonsText(*proxy_), "server_reset 1");
}

// A server that answers early and resets, while the client is still sending: the answer is good.
TEST_F(RelayTest, AnswerSurvivesARequestThatCannotBeSent) {
  Open();
  Connect();
  client_->Write("POST a lot");
  rig_->Settle();
  EXPECT_EQ(server_->Read(), "POST a lot");
  ASSERT_EQ(server_->Write("413 no"), 6u);
  server_->Reset();
  client_->Write("more and more");
  rig_->Settle();
  EXPECT_EQ(client_->Read(), "413 no");
}

TEST_F(RelayTest, EveryByteValueAndEverySizeGoesThrough) {
  Open({.small_chunk_bytes = 1024, .large_chunk_bytes = 4096});
  Connect();
  for (size_t size : {1u, 2u, 1023u, 1024u, 1025u, 4095u, 4096u, 4097u, 65535u, 65536u, 65537u}) {
    const std::string text = RandomText(size, size);
    client_->Write(text);
    rig_->Settle();
    EXPECT_EQ(server_->Read(), text) << size;
    server_->Write(text);
    rig_->Settle();
    EXPECT_EQ(client_->Read(), text) << size;
  }
}

TEST_F(RelayTest, TunnelTimeoutReplacesBoth) {
  Open();
  proxy_->timeouts.tunnel_ms = 100000;
  Connect();
  client_->Write("x");
  rig_->RunFor(90000);
  EXPECT_EQ(rig_->live_sessions(), 1u);
  rig_->RunFor(20000);
  EXPECT_EQ(rig_->live_sessions(), 0u);
}

TEST_F(RelayTest, EchoServiceAnswersInTheServersPlace) {
  rig_ = std::make_unique<Rig>();
  proxy_ = &rig_->AddListen("echo", 80);
  proxy_->service = &EchoApplet();
  rig_->Start();
  client_ = rig_->Dial(80);
  const std::string text = RandomText(1, 500000);
  std::string got;
  size_t written = 0;
  for (int i = 0; i < 10000 && got.size() < text.size(); ++i) {
    written += client_->Write(std::string_view(text).substr(written, 7000));
    rig_->Settle();
    got += client_->Read(5000);
  }
  EXPECT_EQ(got, text);
  client_->CloseWrite();
  rig_->Settle();
  EXPECT_TRUE(client_->AtEnd());
  rig_->ExpectSettled();
  EXPECT_EQ(rig_->ReasonsText(*proxy_), "normal 1");
}

}  // namespace
}  // namespace engine
