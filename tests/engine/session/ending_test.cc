// How streams end: timeouts, resets and departures in every phase; one reason each, nothing left.

#include <gtest/gtest.h>
#include <netinet/tcp.h>

#include "tests/engine/session/rig.h"

namespace engine {
namespace {

using shard::CloseReason;
using tests::ConnectOutcome;

class EndingTest : public testing::Test {
 protected:
  EndingTest() {
    proxy_.timeouts = {.connect_ms = 500, .client_ms = 20000, .server_ms = 10000};
    proxy_.retries = 1;
    server_config_ = &rig_.AddServer(proxy_, 9000);
  }
  void Connect() {
    rig_.Start();
    client_ = rig_.Dial(80);
    server_ = rig_.WaitServer(9000);
    ASSERT_NE(server_, nullptr);
  }
  // Nobody holds anything any more, for this reason.
  void ExpectEnded(const char* reasons) {
    rig_.Settle();
    rig_.ExpectSettled();
    EXPECT_EQ(rig_.ReasonsText(proxy_), reasons);
  }
  Rig rig_;
  ProxyConfig& proxy_ = rig_.AddListen("relay", 80);
  ServerConfig* server_config_;
  std::unique_ptr<tests::FakePeer> client_;
  std::unique_ptr<tests::FakePeer> server_;
};

TEST_F(EndingTest, NoUsableServerEndsAtOnce) {
  server_config_->disabled = true;
  rig_.Start();
  client_ = rig_.Dial(80);
  rig_.Settle();
  EXPECT_TRUE(client_->AtEnd());
  ExpectEnded("no_server 1");
  EXPECT_EQ(server_config_->state->Total(), 0u);
}

TEST_F(EndingTest, NoBackendEndsAtOnce) {
  proxy_.is_backend = false;
  rig_.Start();
  client_ = rig_.Dial(80);
  rig_.Settle();
  EXPECT_TRUE(client_->AtEnd());
  ExpectEnded("no_backend 1");
}

TEST_F(EndingTest, BackendIsFoundByUseBackendThenDefaultBackend) {
  ProxyConfig& other = rig_.AddBackend("other");
  ProxyConfig& another = rig_.AddBackend("another");
  rig_.AddServer(other, 9001);
  rig_.AddServer(another, 9002);
  proxy_.default_backend = &other;
  rig_.Start();
  client_ = rig_.Dial(80);
  EXPECT_NE(rig_.WaitServer(9001), nullptr);
  auto rules = std::make_shared<ProxyRules>();
  rules->use_backend.push_back({.condition = {}, .backend = &another, .name = {}});
  proxy_.rules = rules;
  auto second = rig_.Dial(80);
  EXPECT_NE(rig_.WaitServer(9002), nullptr);
}

// What every connection does at its beginning, because its bind line asks for it.
TEST_F(EndingTest, ABindWithLessMssReducesThatOfItsClientsOnly) {
  proxy_.binds[0]->mss = -100;
  Connect();
  int reduced = 0;
  for (int fd = 0; fd < 10000; ++fd) {
    const auto file = rig_.net().FileOf(fd);
    if (file == nullptr || !file->options.contains({IPPROTO_TCP, TCP_MAXSEG})) continue;
    ++reduced;
    int mss = 0;
    EXPECT_EQ(rig_.ring(0).GetOption(fd, IPPROTO_TCP, TCP_MAXSEG, &mss), 0);
    EXPECT_EQ(mss, 1360);
  }
  EXPECT_EQ(reduced, 1);
}

TEST_F(EndingTest, ConnectTimeoutIsRetriedThenGivenUp) {
  rig_.ScriptConnect(9000, {ConnectOutcome::kNever});
  rig_.Start();
  client_ = rig_.Dial(80);
  rig_.RunFor(499);
  EXPECT_EQ(rig_.shard(0).connections().live(), 2u);
  EXPECT_EQ(server_config_->state->part(0).connect_errors.Get(), 0u);
  rig_.RunFor(10);  // without a pause the second attempt
  EXPECT_EQ(server_config_->state->part(0).connect_errors.Get(), 1u);
  EXPECT_EQ(rig_.shard(0).connections().live(), 2u);
  EXPECT_EQ(server_config_->state->Current(), 1);
  rig_.RunFor(480);
  EXPECT_FALSE(client_->AtEnd());
  rig_.RunFor(30);
  EXPECT_TRUE(client_->AtEnd());
  ExpectEnded("connect_timeout 1");
  EXPECT_EQ(server_config_->state->part(0).connect_errors.Get(), 2u);
}

TEST_F(EndingTest, UnreachableServerIsConnectFailed) {
  proxy_.retries = 0;
  rig_.ScriptConnect(9000, {ConnectOutcome::kUnreachable, 1000});
  rig_.Start();
  client_ = rig_.Dial(80);
  rig_.RunFor(100);
  ExpectEnded("connect_failed 1");
}

TEST_F(EndingTest, ClientThatLeavesWhileConnectingEndsTheAttempt) {
  proxy_.http.abort_on_close = true;
  rig_.ScriptConnect(9000, {ConnectOutcome::kNever});
  rig_.Start();
  for (bool reset : {false, true}) {
    client_ = rig_.Dial(80);
    rig_.RunFor(100);
    EXPECT_EQ(server_config_->state->Current(), 1);
    reset ? client_->Reset() : client_->Close();
    rig_.Settle();
    EXPECT_EQ(server_config_->state->Current(), 0);
    rig_.ExpectSettled();
  }
  ExpectEnded("client_abort 1, client_reset 1");
}

// No half-close: what it has sent has no sender any more.
TEST_F(EndingTest, ClientThatResetsBehindItsBytesEndsTheAttempt) {
  rig_.ScriptConnect(9000, {ConnectOutcome::kNever});
  rig_.Start();
  client_ = rig_.Dial(80);
  client_->Write("bytes");
  rig_.RunFor(100);
  EXPECT_EQ(server_config_->state->Current(), 1);
  client_->Reset();
  rig_.Settle();
  EXPECT_EQ(server_config_->state->Current(), 0);
  rig_.ExpectSettled();
  ExpectEnded("client_reset 1");
}

TEST_F(EndingTest, ClientThatLeavesInThePauseEndsIt) {
  proxy_.http.abort_on_close = true;
  rig_.ScriptConnect(9000, {ConnectOutcome::kRefused});
  rig_.Start();
  client_ = rig_.Dial(80);
  rig_.RunFor(100);
  EXPECT_EQ(server_config_->state->Current(), 1);
  client_->Close();
  ExpectEnded("client_abort 1");
}

// It may want to hear what the server says (manual 4.2, option abortonclose).
TEST_F(EndingTest, SilentClientThatClosedItsHalfWhileConnectingIsServed) {
  rig_.ScriptConnect(9000, {ConnectOutcome::kOk, 200000});
  rig_.Start();
  client_ = rig_.Dial(80);
  rig_.RunFor(50);
  client_->CloseWrite();
  rig_.RunFor(200);
  server_ = rig_.TakeServer(9000);
  ASSERT_NE(server_, nullptr);
  server_->Write("banner");
  rig_.Settle();
  EXPECT_EQ(client_->Read(), "banner");
  server_->Close();
  ExpectEnded("normal 1");
}

// Its bytes are its wish: they are delivered, then the connection ends.
TEST_F(EndingTest, BytesOfAClientThatLeftWhileConnectingAreDelivered) {
  rig_.ScriptConnect(9000, {ConnectOutcome::kOk, 200000});
  rig_.Start();
  client_ = rig_.Dial(80);
  client_->Write("do it");
  rig_.RunFor(50);
  client_->CloseWrite();
  rig_.RunFor(200);
  server_ = rig_.TakeServer(9000);
  ASSERT_NE(server_, nullptr);
  EXPECT_EQ(server_->Read(), "do it");
  EXPECT_TRUE(server_->AtEnd());
  server_->Close();
  rig_.Settle();
  EXPECT_TRUE(client_->AtEnd());
  ExpectEnded("normal 1");
}

TEST_F(EndingTest, SilentServerTimesOut) {
  Connect();
  client_->Write("question");
  rig_.RunFor(9000);
  EXPECT_EQ(rig_.live_sessions(), 1u);
  rig_.RunFor(1001);
  EXPECT_EQ(server_->Read(), "question");
  EXPECT_TRUE(server_->AtEnd());
  EXPECT_TRUE(client_->AtEnd());
  ExpectEnded("server_timeout 1");
}

TEST_F(EndingTest, SilentClientTimesOut) {
  proxy_.timeouts.server_ms = 60000;
  Connect();
  rig_.RunFor(19000);
  EXPECT_EQ(rig_.live_sessions(), 1u);
  rig_.RunFor(1001);
  ExpectEnded("client_timeout 1");
}

TEST_F(EndingTest, BytesPutTheTimeoutsOff) {
  Connect();
  for (int i = 0; i < 10; ++i) {
    server_->Write("tick");
    client_->Write("tock");
    rig_.RunFor(9000);
    EXPECT_EQ(rig_.live_sessions(), 1u) << i;
  }
  EXPECT_EQ(client_->Read().size(), 40u);
}

TEST_F(EndingTest, ClientThatDoesNotReadTimesOut) {
  Connect();
  client_->SetCapacity(1 << 20, 1000);
  for (int i = 0; i < 5; ++i) {
    server_->Write(RandomText(1, 60000));
    rig_.Settle();
  }
  rig_.RunFor(20100);
  EXPECT_EQ(rig_.live_sessions(), 0u);
  EXPECT_EQ(rig_.Reasons(proxy_, CloseReason::kClientTimeout) +
                rig_.Reasons(proxy_, CloseReason::kServerTimeout),
            1u);
  rig_.RunFor(1);
  rig_.ExpectSettled();
}

// What lies unsent is no sign of life by itself: a client that reset while nobody was reading from
// it is not waited for longer than its server may be silent.
TEST_F(EndingTest, AServerThatTakesNothingTimesOutOnceWhetherItsClientIsThereOrNot) {
  rig_.Start();
  for (const bool client_resets : {false, true}) {
    SCOPED_TRACE(client_resets);
    client_ = rig_.Dial(80);
    server_ = rig_.WaitServer(9000);
    ASSERT_NE(server_, nullptr);
    server_->SetCapacity(1 << 20, 1000);
    for (int i = 0; i < 8; ++i) {
      client_->Write(RandomText(1, 60000));
      rig_.Settle();
    }
    if (client_resets) client_->Reset();
    rig_.RunFor(9900);
    EXPECT_EQ(rig_.live_sessions(), 1u);
    rig_.RunFor(200);
    EXPECT_EQ(rig_.live_sessions(), 0u);
    rig_.RunFor(1);
    rig_.ExpectSettled();
  }
}

// Bytes that leave without the stream's doing put its timeout off; as long as some are left, for
// only then is it known that they are on their way.
TEST_F(EndingTest, ASlowReaderIsNotTimedOut) {
  proxy_.timeouts.server_ms = 600000;
  proxy_.timeouts.client_ms = 5000;
  Connect();
  client_->SetCapacity(1 << 20, 1000);
  server_->Write(RandomText(1, 30000));
  rig_.Settle();
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(client_->Read().size(), 1000u) << i;
    rig_.RunFor(4000);
    EXPECT_EQ(rig_.live_sessions(), 1u) << i;
  }
  rig_.RunFor(11000);
  EXPECT_EQ(rig_.live_sessions(), 0u);
}

TEST_F(EndingTest, FinTimeoutAppliesOnceADirectionIsOver) {
  proxy_.timeouts.client_fin_ms = 1000;
  proxy_.timeouts.server_fin_ms = 3000;
  proxy_.timeouts.server_ms = proxy_.timeouts.client_ms = 60000;
  Connect();
  // The server has ended: the client's side is half closed once it has been told.
  server_->CloseWrite();
  rig_.RunFor(900);
  EXPECT_EQ(rig_.live_sessions(), 1u);
  rig_.RunFor(200);
  EXPECT_EQ(rig_.live_sessions(), 0u);
  ExpectEnded("client_timeout 1");
}

TEST_F(EndingTest, ResetsInEveryPhaseEndOnce) {
  rig_.Start();
  int streams = 0;
  for (bool of_client : {true, false}) {
    for (int phase = 0; phase < 5; ++phase) {
      SCOPED_TRACE(testing::Message() << (of_client ? "client" : "server") << phase);
      client_ = rig_.Dial(80);
      server_ = rig_.WaitServer(9000);
      ++streams;
      ASSERT_NE(server_, nullptr);
      EXPECT_EQ(server_config_->state->Current(), 1);
      if (phase == 1) client_->Write("request");
      if (phase == 2) server_->Write(std::string(100000, 'x'));
      if (phase == 3) client_->CloseWrite();
      if (phase == 4) server_->CloseWrite();
      rig_.Settle();
      (of_client ? client_ : server_)->Reset();
      rig_.Settle();
      // The other end is told, and leaves.
      (of_client ? server_ : client_)->Read();
      EXPECT_TRUE((of_client ? server_ : client_)->AtEnd());
      (of_client ? server_ : client_)->Close();
      rig_.RunFor(30000);
      rig_.ExpectSettled();
    }
  }
  EXPECT_EQ(rig_.Streams(proxy_), uint64_t(streams));
  EXPECT_EQ(server_config_->state->Total(), uint64_t(streams));
}

TEST_F(EndingTest, FullConnectionTableRefusesTheClientAndCountsIt) {
  Rig rig({.connections_max = 3});
  ProxyConfig& proxy = rig.AddListen("relay", 80);
  proxy.retries = 0;
  rig.AddServer(proxy, 9000);
  rig.Start();
  auto first = rig.Dial(80);
  auto server = rig.WaitServer(9000);
  auto second = rig.Dial(80);  // one slot for it, none for its server
  rig.RunFor(10);
  auto third = rig.Dial(80);
  rig.RunFor(10);
  EXPECT_EQ(rig.live_sessions(), 1u);
  EXPECT_TRUE(second->AtEnd());
  first->Write("well");
  rig.Settle();
  EXPECT_EQ(server->Read(), "well");
  first->Close();
  rig.Settle();
  server->Close();
  rig.Settle();
  rig.ExpectSettled();
  EXPECT_GE(rig.Reasons(proxy, CloseReason::kNoMemory), 1u);
}

TEST_F(EndingTest, FullStreamPoolRefusesTheClientAndCountsIt) {
  Rig rig({.streams_max = 2});
  ProxyConfig& proxy = rig.AddListen("relay", 80);
  rig.AddServer(proxy, 9000);
  rig.Start();
  std::vector<std::unique_ptr<tests::FakePeer>> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(rig.Dial(80));
  rig.RunFor(10);
  EXPECT_EQ(rig.live_sessions(), 2u);
  EXPECT_EQ(rig.Reasons(proxy, CloseReason::kNoMemory), 3u);
  EXPECT_EQ(rig.shard(0).board().load(0), 2);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(clients[size_t(i)]->AtEnd(), i >= 2) << i;
}

TEST_F(EndingTest, StopEndsEveryStreamWithItsReason) {
  Connect();
  rig_.ScriptConnect(9000, {ConnectOutcome::kNever});
  auto connecting = rig_.Dial(80);
  rig_.RunFor(10);
  EXPECT_EQ(rig_.live_sessions(), 2u);
  rig_.shard(0).Stop();
  ExpectEnded("shutdown 2");
}

// Those that end make room for those that wait in a listener, whom nobody would end any more.
TEST_F(EndingTest, StopServesNobodyWhoWaitedForMaxconn) {
  Rig rig({.shards = 2, .maxconn = 1});
  ProxyConfig& proxy = rig.AddListen("relay", 80);
  rig.AddServer(proxy, 9000);
  rig.Start();
  std::vector<std::unique_ptr<tests::FakePeer>> clients;
  for (int i = 0; i < 10; ++i) clients.push_back(rig.Dial(80));
  rig.RunFor(10);
  EXPECT_EQ(rig.live_sessions(), 1u);
  rig.shard(0).Stop();
  rig.shard(1).Stop();
  rig.RunFor(10);
  rig.ExpectSettled();
  EXPECT_EQ(rig.ReasonsText(proxy), "shutdown 1");
}

void CountUp(void* count) { ++*static_cast<int*>(count); }

TEST_F(EndingTest, SoftStopLetsStreamsFinish) {
  Connect();
  int drained = 0;
  rig_.shard(0).StopListening();
  rig_.worker(0).WhenDrained(Worker::Drained::kSessions, &CountUp, &drained);
  rig_.Settle();
  auto late = rig_.Dial(80);
  rig_.RunFor(1000);
  EXPECT_EQ(rig_.live_sessions(), 1u);
  EXPECT_EQ(drained, 0);
  client_->Write("still served");
  rig_.Settle();
  EXPECT_EQ(server_->Read(), "still served");
  client_->Close();
  server_->Close();
  rig_.Settle();
  rig_.Turn();
  EXPECT_EQ(drained, 1);
  rig_.Turn();
  EXPECT_EQ(drained, 1);
  ExpectEnded("normal 1");
}

// The stream is over, and the last it was given waits for a client that does not read.
TEST_F(EndingTest, SoftStopWaitsForWhatIsNotYetSent) {
  Connect();
  client_->SetCapacity(1000, 1000);
  const std::string text = RandomText(5, 20000);
  server_->Write(text);
  server_->Close();
  client_->CloseWrite();
  rig_.Settle();
  EXPECT_EQ(rig_.live_sessions(), 0u);
  int drained = 0;
  rig_.shard(0).StopListening();
  rig_.worker(0).WhenDrained(Worker::Drained::kSessions, &CountUp, &drained);
  rig_.RunFor(100);
  EXPECT_EQ(drained, 0);
  std::string got;
  for (int i = 0; i < 100 && !client_->AtEnd(); ++i) {
    got += client_->Read();
    rig_.Settle();
  }
  EXPECT_EQ(got, text);
  rig_.Turn();
  EXPECT_EQ(drained, 1);
}

TEST_F(EndingTest, SoftStopWaitsForWhoWasAcceptedAndHasNoPlaceYet) {
  Rig rig({.shards = 2, .maxconn = 1});
  ProxyConfig& proxy = rig.AddListen("relay", 80);
  rig.AddServer(proxy, 9000);
  rig.Start();
  auto first = rig.Dial(80);
  rig.Settle();
  auto second = rig.Dial(80);
  rig.Settle();
  int drained = 0;
  for (uint32_t shard = 0; shard < 2; ++shard) {
    rig.shard(shard).StopListening();
    rig.worker(shard).WhenDrained(Worker::Drained::kWaiting, &CountUp, &drained);
  }
  rig.RunFor(100);
  EXPECT_EQ(drained, 1);
  first->Reset();
  rig.RunFor(100);
  EXPECT_EQ(drained, 2);
  EXPECT_EQ(rig.live_sessions(), 1u);
  second->Reset();
  rig.RunFor(100);
  rig.ExpectSettled();
}

}  // namespace
}  // namespace engine
