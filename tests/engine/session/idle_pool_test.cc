#include "engine/session/idle_pool.h"

#include "engine/mux/http_endpoint.h"
#include "proto/http1/response_parser.h"
#include "tests/engine/session/rig.h"

namespace engine {
namespace {

constexpr uint16_t kPort = 80;
constexpr uint16_t kServerPort = 9000;
constexpr const char* kPooledAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// Two shards and a server in mode http. A client's shard is found by what it costs.
class IdlePoolTest : public ::testing::Test {
 protected:
  void Start(RigOptions options = {}) {
    options.shards = options.shards < 2 ? 2 : options.shards;
    rig_ = std::make_unique<Rig>(options);
    ProxyConfig& proxy = rig_->AddListen("web", kPort);
    proxy.mode = Mode::kHttp;
    proxy.http.reuse = ReusePolicy::kAlways;
    auto profile = std::make_shared<HttpProfile>();
    profile->response = proto::ResponseOptions();
    proxy.http_profile = profile;
    server_ = &rig_->AddServer(proxy, kServerPort);
    proxy_ = &proxy;
  }

  // One request on a connection of its own, which shard `shard` serves: the others are given a
  // client to hold meanwhile.
  std::unique_ptr<tests::FakePeer> Ask(uint32_t shard) {
    for (int tries = 0; tries < 16; ++tries) {
      auto client = rig_->Dial(kPort);
      rig_->Settle();
      if (rig_->worker(shard).live_sessions() > sessions_on_[shard]) {
        ++sessions_on_[shard];
        client->Write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        return client;
      }
      ++sessions_on_[1 - shard];
      others_.push_back(std::move(client));
    }
    ADD_FAILURE() << "no client came to shard " << shard;
    return nullptr;
  }

  // The server's end, after it has answered its first request.
  std::unique_ptr<tests::FakePeer> Serve() {
    auto server = rig_->WaitServer(kServerPort);
    if (server == nullptr) return nullptr;
    Answer(*server);
    return server;
  }
  bool Answer(tests::FakePeer& server) {
    if (!rig_->RunUntil([&] { return server.readable() > 0; }, 1000)) return false;
    (void)server.Read();
    server.Write(kPooledAnswer);
    return true;
  }
  static bool Got(tests::FakePeer& client) { return client.Read().ends_with("\r\n\r\nok"); }
  int64_t Idle(uint32_t shard) { return server_->state->part(shard).idle_count.Get(); }
  uint64_t TakenOver() { return server_->state->Sum(&ServerShardPart::taken_over); }

  // A connection that lies idle in shard 0.
  std::unique_ptr<tests::FakePeer> KeepOneInFirst() {
    first_ = Ask(0);
    auto server = Serve();
    rig_->Settle();
    EXPECT_TRUE(server != nullptr && Got(*first_));
    EXPECT_EQ(Idle(0), 1);
    return server;
  }
  // The second shard has asked, and the first one is about to give its connection away.
  void TurnUntilItLeaves() {
    const auto leaving = [this] { return rig_->worker(0).idle_pool().leaving(); };
    for (int turn = 0; turn < 100 && leaving() == 0; ++turn) {
      rig_->shard(1).loop().TurnOnce();
      if (leaving() == 0) rig_->shard(0).loop().TurnOnce();
    }
  }
  void End() {
    first_.reset();
    others_.clear();
    rig_->RunFor(60000);
    rig_->ExpectEmpty();
  }

  std::unique_ptr<Rig> rig_;
  ProxyConfig* proxy_ = nullptr;
  ServerConfig* server_ = nullptr;
  std::unique_ptr<tests::FakePeer> first_;
  std::vector<std::unique_ptr<tests::FakePeer>> others_;
  uint32_t sessions_on_[2] = {};
};

TEST_F(IdlePoolTest, ConnectionMovesToTheShardThatAsks) {
  Start();
  rig_->Start();
  auto server = KeepOneInFirst();
  auto client = Ask(1);
  ASSERT_TRUE(Answer(*server));
  rig_->Settle();
  EXPECT_TRUE(Got(*client));
  EXPECT_EQ(TakenOver(), 1u);
  EXPECT_EQ(Idle(0), 0);
  EXPECT_EQ(Idle(1), 1);
  EXPECT_EQ(rig_->TakeServer(kServerPort), nullptr) << "dialled although one was idle";
  client.reset();
  End();
}

TEST_F(IdlePoolTest, ManyRequestsOverTwoShardsUseOneConnection) {
  Start();
  server_->pool_max_conn = 1;
  rig_->Start();
  auto server = KeepOneInFirst();
  for (uint32_t i = 1; i <= 50; ++i) {
    auto client = Ask(i % 2);
    ASSERT_TRUE(Answer(*server)) << i;
    rig_->Settle();
    ASSERT_TRUE(Got(*client)) << i;
    others_.push_back(std::move(client));
  }
  EXPECT_EQ(TakenOver(), 50u);
  EXPECT_EQ(rig_->TakeServer(kServerPort), nullptr);
  End();
}

TEST_F(IdlePoolTest, NotSharedMeansDialled) {
  Start();
  rig_->Start();
  const_cast<Configuration*>(rig_->process().configuration)->global.idle_pool_shared = false;
  auto server = KeepOneInFirst();
  auto client = Ask(1);
  auto other = Serve();
  ASSERT_NE(other, nullptr);
  rig_->Settle();
  EXPECT_TRUE(Got(*client));
  EXPECT_EQ(TakenOver(), 0u);
  client.reset();
  End();
}

TEST_F(IdlePoolTest, BelowTheLowMarkNoneIsTakenAway) {
  Start();
  server_->pool_low_conn = 2;
  rig_->Start();
  auto server = KeepOneInFirst();
  auto client = Ask(1);
  auto other = Serve();
  ASSERT_NE(other, nullptr);
  rig_->Settle();
  EXPECT_TRUE(Got(*client));
  EXPECT_EQ(TakenOver(), 0u);
  EXPECT_EQ(Idle(0) + Idle(1), 2);
  client.reset();
  End();
}

TEST_F(IdlePoolTest, NeverIsNeverLent) {
  Start();
  proxy_->http.reuse = ReusePolicy::kNever;
  rig_->Start();
  auto server = KeepOneInFirst();
  auto client = Ask(1);
  auto other = Serve();
  ASSERT_NE(other, nullptr);
  client.reset();
  first_.reset();
  rig_->Settle();
  EXPECT_TRUE(server->AtEnd()) << "what its session alone may use goes with the session";
  End();
}

// http-reuse safe: each of them dials, whatever is idle.
TEST_F(IdlePoolTest, FirstRequestsLeaveNoMoreIdleThanWereUsedAtOnce) {
  Start();
  proxy_->http.reuse = ReusePolicy::kSafe;
  rig_->Start();
  std::vector<std::unique_ptr<tests::FakePeer>> servers;
  for (int i = 0; i < 20; ++i) {
    auto client = Ask(0);
    servers.push_back(Serve());
    ASSERT_NE(servers.back(), nullptr) << i;
    rig_->Settle();
    EXPECT_TRUE(Got(*client)) << i;
    EXPECT_LE(Idle(0), 2) << i;
    client.reset();
  }
  EXPECT_TRUE(servers.front()->AtEnd()) << "the longest idle one goes first";
  EXPECT_FALSE(servers.back()->AtEnd());
  // Three at once show that three are needed.
  std::unique_ptr<tests::FakePeer> clients[] = {Ask(0), Ask(0), Ask(0)};
  for (int i = 0; i < 3; ++i) servers.push_back(rig_->WaitServer(kServerPort));
  for (size_t i = servers.size() - 3; i < servers.size(); ++i) ASSERT_TRUE(Answer(*servers[i]));
  rig_->Settle();
  for (auto& client : clients) EXPECT_TRUE(Got(*client));
  EXPECT_GE(Idle(0), 3);
  EXPECT_LE(Idle(0), 4);
  for (auto& client : clients) client.reset();
  servers.clear();
  End();
}

TEST_F(IdlePoolTest, AggressiveLendsToAFirstRequestOnlyWhatIsProven) {
  Start();
  proxy_->http.reuse = ReusePolicy::kAggressive;
  rig_->Start();
  auto server = KeepOneInFirst();
  auto client = Ask(1);
  auto other = Serve();
  ASSERT_NE(other, nullptr) << "an unproven connection was lent";
  rig_->Settle();
  EXPECT_TRUE(Got(*client));
  EXPECT_EQ(Idle(0), 1);
  // Its second exchange proves the first connection.
  first_->Write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(Answer(*server));
  rig_->Settle();
  other->Close();
  rig_->Settle();
  EXPECT_EQ(Idle(1), 0);
  auto third = Ask(1);
  ASSERT_TRUE(Answer(*server));
  rig_->Settle();
  EXPECT_TRUE(Got(*third));
  EXPECT_EQ(TakenOver(), 1u);
  client.reset();
  third.reset();
  End();
}

// What the server does in the moment of the move. The answer of the cancelled receive brings it.
class SpoiltMoveTest : public IdlePoolTest {
 protected:
  template <typename Spoil>
  void Run(Spoil spoil) {
    RigOptions options;
    options.modes.cancel_loses = 1;  // what can be received when it is cancelled, is
    Start(options);
    rig_->Start();
    auto server = KeepOneInFirst();
    auto client = Ask(1);
    // Turn by turn until shard 0 has begun to let go.
    for (int turn = 0; turn < 100 && rig_->worker(0).idle_pool().leaving() == 0; ++turn) {
      rig_->shard(1).loop().TurnOnce();
      if (rig_->worker(0).idle_pool().leaving() == 0) rig_->shard(0).loop().TurnOnce();
    }
    ASSERT_EQ(rig_->worker(0).idle_pool().leaving(), 1u);
    spoil(*server);
    auto other = Serve();
    ASSERT_NE(other, nullptr) << "a dead connection was used";
    rig_->Settle();
    EXPECT_TRUE(Got(*client));
    EXPECT_EQ(TakenOver(), 0u);
    EXPECT_EQ(Idle(0), 0);
    client.reset();
    End();
  }
};

TEST_F(SpoiltMoveTest, BytesDuringTheMoveEndTheConnection) {
  Run([](tests::FakePeer& server) { server.Write("HTTP/1.1 200 OK\r\n\r\n"); });
}

TEST_F(SpoiltMoveTest, EndOfFileDuringTheMoveEndsIt) {
  Run([](tests::FakePeer& server) { server.Close(); });
}

TEST_F(SpoiltMoveTest, ResetDuringTheMoveEndsIt) {
  Run([](tests::FakePeer& server) { server.Reset(); });
}

TEST_F(IdlePoolTest, FullTableOfTheAskingShardClosesWhatComes) {
  RigOptions options;
  options.connections_max = 40;
  Start(options);
  rig_->Start();
  auto server = KeepOneInFirst();
  auto client = Ask(1);
  TurnUntilItLeaves();
  ASSERT_EQ(rig_->worker(0).idle_pool().leaving(), 1u);
  std::vector<std::unique_ptr<tests::FakePeer>> peers;
  shard::ConnTable& table = rig_->shard(1).connections();
  std::vector<shard::Connection*> fillers;
  while (table.live() < table.capacity()) {
    std::unique_ptr<tests::FakePeer> peer;
    fillers.push_back(table.Adopt(rig_->net().Pair(&peer), shard::Role::kAccepted));
    peers.push_back(std::move(peer));
  }
  rig_->Settle();
  EXPECT_TRUE(server->AtEnd()) << "the descriptor that found no slot stayed open";
  EXPECT_EQ(TakenOver(), 0u);
  for (shard::Connection* filler : fillers) filler->Abort();
  rig_->Settle();
  // There was no slot to dial with, either, until the retry's pause is over.
  auto other = Serve();
  ASSERT_NE(other, nullptr);
  rig_->Settle();
  EXPECT_TRUE(Got(*client));
  client.reset();
  End();
}

TEST_F(IdlePoolTest, SourceShardThatStopsLeavesNothingBehind) {
  Start();
  rig_->Start();
  auto server = KeepOneInFirst();
  auto client = Ask(1);
  TurnUntilItLeaves();
  ASSERT_EQ(rig_->worker(0).idle_pool().leaving(), 1u);
  rig_->shard(0).Stop();
  auto other = Serve();
  ASSERT_NE(other, nullptr) << "who had asked a stopped shard did not dial";
  rig_->Settle();
  EXPECT_TRUE(Got(*client));
  EXPECT_TRUE(server->AtEnd());
  EXPECT_EQ(rig_->shard(0).connections().live(), 0u);
  client.reset();
  rig_->RunFor(60000);
}

TEST_F(IdlePoolTest, AskingShardThatStopsLeavesNothingBehind) {
  Start();
  rig_->Start();
  auto server = KeepOneInFirst();
  auto client = Ask(1);
  TurnUntilItLeaves();
  ASSERT_EQ(rig_->worker(0).idle_pool().leaving(), 1u);
  rig_->shard(1).Stop();
  rig_->Settle();
  EXPECT_TRUE(server->AtEnd());
  client.reset();
  rig_->RunFor(60000);
}

// The other shard is busy for longer than a stream waits: it dials, and what comes later is kept.
TEST_F(IdlePoolTest, AfterTwoHundredMicrosecondsItDials) {
  Start();
  rig_->Start();
  auto server = KeepOneInFirst();
  auto client = Ask(1);
  const uint64_t asked_us = rig_->clock().now_us();
  for (int turn = 0; turn < 10; ++turn) rig_->shard(1).loop().TurnOnce();
  EXPECT_EQ(rig_->TakeServer(kServerPort), nullptr) << "it did not wait";
  EXPECT_LE(rig_->shard(1).loop().wake_by_us(), asked_us + IdlePool::kWaitMicros);
  rig_->clock().AdvanceTo(asked_us + IdlePool::kWaitMicros - 1);
  for (int turn = 0; turn < 10; ++turn) rig_->shard(1).loop().TurnOnce();
  EXPECT_EQ(rig_->TakeServer(kServerPort), nullptr) << "it dialled early";
  rig_->clock().AdvanceTo(asked_us + IdlePool::kWaitMicros);
  for (int turn = 0; turn < 10; ++turn) rig_->shard(1).loop().TurnOnce();
  auto other = rig_->TakeServer(kServerPort);
  ASSERT_NE(other, nullptr);
  ASSERT_TRUE(Answer(*other));
  rig_->Settle();
  EXPECT_TRUE(Got(*client));
  EXPECT_EQ(Idle(0), 1) << "a question that came too late took the connection away";
  client.reset();
  End();
}

TEST_F(IdlePoolTest, WhatComesTooLateJoinsThePool) {
  Start();
  rig_->Start();
  auto server = KeepOneInFirst();
  auto client = Ask(1);
  TurnUntilItLeaves();
  rig_->clock().AdvanceTo(rig_->clock().now_us() + IdlePool::kWaitMicros);
  for (int turn = 0; turn < 10; ++turn) rig_->shard(1).loop().TurnOnce();
  auto other = rig_->TakeServer(kServerPort);
  ASSERT_NE(other, nullptr) << "it waited for ever";
  ASSERT_TRUE(Answer(*other));
  rig_->Settle();
  EXPECT_TRUE(Got(*client));
  EXPECT_EQ(TakenOver(), 1u);
  EXPECT_EQ(Idle(1), 1) << "one was needed at once, so the younger one is kept";
  EXPECT_TRUE(server->AtEnd());
  client.reset();
  End();
}

// Each has a connection that the other may not use yet, so both ask and both are refused.
TEST_F(IdlePoolTest, ShardsThatAskEachOtherBothDial) {
  Start();
  proxy_->http.reuse = ReusePolicy::kAggressive;
  rig_->Start();
  auto first = Ask(0);
  auto second = Ask(1);
  auto a = Serve();
  auto b = Serve();
  ASSERT_TRUE(a != nullptr && b != nullptr);
  rig_->Settle();
  ASSERT_TRUE(Got(*first) && Got(*second));
  EXPECT_EQ(Idle(0), 1);
  EXPECT_EQ(Idle(1), 1);
  auto third = Ask(0);
  auto fourth = Ask(1);
  auto c = Serve();
  auto d = Serve();
  ASSERT_TRUE(c != nullptr && d != nullptr);
  rig_->Settle();
  EXPECT_TRUE(Got(*third) && Got(*fourth));
  EXPECT_EQ(TakenOver(), 0u);
  first.reset();
  second.reset();
  third.reset();
  fourth.reset();
  End();
}

// Whatever goes wrong on the way, every request is answered once and nothing is left over.
TEST(IdlePoolMischief, EveryRequestIsAnswered) {
  uint64_t taken_over = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Rig rig({.seed = seed, .modes = tests::FakeModes::Mischief(), .shards = 3});
    ProxyConfig& proxy = rig.AddListen("web", kPort);
    proxy.mode = Mode::kHttp;
    proxy.http.reuse = ReusePolicy::kAlways;
    auto profile = std::make_shared<HttpProfile>();
    profile->response = proto::ResponseOptions();
    proxy.http_profile = profile;
    ServerConfig& backend_server = rig.AddServer(proxy, kServerPort);
    backend_server.pool_max_conn = 2;
    rig.Start();
    std::vector<std::pair<std::unique_ptr<tests::FakePeer>, std::string>> servers;
    const auto serve = [&] {
      while (auto server = rig.TakeServer(kServerPort)) servers.push_back({std::move(server), ""});
      for (auto& [server, request] : servers) {
        request += server->Read();
        if (!request.ends_with("\r\n\r\n")) continue;
        request.clear();
        server->Write(kPooledAnswer);
      }
      rig.Settle();  // what was written here is no event that time would come to
    };
    for (int round = 0; round < 20; ++round) {
      std::vector<std::unique_ptr<tests::FakePeer>> clients;
      std::vector<std::string> answers(1 + size_t(round) % 3);
      for (size_t i = 0; i < answers.size(); ++i) {
        clients.push_back(rig.Dial(kPort));
        clients.back()->Write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
      }
      const bool done = rig.RunUntil(
          [&] {
            serve();
            bool all = true;
            for (size_t i = 0; i < clients.size(); ++i) {
              answers[i] += clients[i]->Read();
              all = all && clients[i]->AtEnd();
            }
            return all;
          },
          20000);
      ASSERT_TRUE(done) << "round " << round;
      for (const std::string& answer : answers) {
        ASSERT_TRUE(answer.starts_with("HTTP/1.1 200 ")) << answer;
        ASSERT_TRUE(answer.ends_with("\r\n\r\nok")) << answer;
      }
    }
    rig.RunFor(60000);
    rig.ExpectEmpty();
    taken_over += backend_server.state->Sum(&ServerShardPart::taken_over);
  }
  EXPECT_GT(taken_over, 200u);
}

// What `show stat` and `show servers conn` show of it, summed over the shards.
TEST_F(IdlePoolTest, TheNeedIsWhatWasUsedAtOnceLately) {
  Start();
  rig_->Start();
  const auto need = [this] {
    const uint64_t now_us = rig_->worker(0).context().now_ms() * 1000;
    return server_->state->NeedEstimate(now_us, server_->pool_purge_delay_ms);
  };
  auto server = KeepOneInFirst();
  for (int round = 0; round < 2; ++round) {
    first_->Write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    ASSERT_TRUE(Answer(*server));
    rig_->Settle();
    EXPECT_TRUE(Got(*first_));
  }
  EXPECT_EQ(server_->state->Current(), 0);
  EXPECT_EQ(need(), 1);
  rig_->RunFor(2 * uint64_t(server_->pool_purge_delay_ms));
  EXPECT_EQ(need(), 0);
  End();
}

// Descriptors are counted by the shard, against its part of what the process may have.
TEST_F(IdlePoolTest, AboveTheLowRatioNothingIsKept) {
  Start();
  rig_->Start();
  rig_->process().fds_max = 20;  // the two shards' connections are 4 of 20: 20 %
  auto server = KeepOneInFirst();
  rig_->process().fds_max = 10;
  auto client = Ask(1);
  ASSERT_TRUE(Answer(*server));
  rig_->Settle();
  EXPECT_TRUE(Got(*client));
  EXPECT_TRUE(server->AtEnd());
  EXPECT_EQ(Idle(0) + Idle(1), 0);
  client.reset();
  End();
}

TEST_F(IdlePoolTest, AboveTheHighRatioANewConnectionEndsTheLongestIdleOne) {
  Start();
  rig_->Start();
  const_cast<Configuration*>(rig_->process().configuration)->global.idle_pool_shared = false;
  auto server = KeepOneInFirst();
  // Busy: its connection cannot be used, and a second one is needed beside it.
  proxy_->http.reuse = ReusePolicy::kAggressive;
  rig_->process().fds_max = 8;
  auto client = Ask(0);
  auto other = Serve();
  ASSERT_NE(other, nullptr);
  rig_->Settle();
  EXPECT_TRUE(Got(*client));
  EXPECT_TRUE(server->AtEnd()) << "the longest idle connection was not ended";
  client.reset();
  End();
}

// One client whose requests go to two servers in turn, and room for itself and one connection more.
class FullTableTest : public ::testing::TestWithParam<bool> {};

TEST_P(FullTableTest, WhatLiesIdleMakesRoomForARequest) {
  const bool is_table = GetParam();
  // Muxes of servers are twice as many as streams.
  Rig rig({.streams_max = is_table ? 8u : 1u, .connections_max = is_table ? 3u : 16u});
  ProxyConfig& proxy = rig.AddListen("web", kPort);
  proxy.mode = Mode::kHttp;
  auto profile = std::make_shared<HttpProfile>();
  profile->response = proto::ResponseOptions();
  proxy.http_profile = profile;
  for (uint16_t i = 0; i < 4; ++i) rig.AddServer(proxy, uint16_t(kServerPort + i));
  rig.Start();
  auto client = rig.Dial(kPort);
  std::vector<std::unique_ptr<tests::FakePeer>> servers;
  for (int request = 0; request < 12; ++request) {
    client->Write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    std::string answer;
    const bool answered = rig.RunUntil(
        [&] {
          for (uint16_t i = 0; i < 4; ++i) {
            if (auto server = rig.TakeServer(uint16_t(kServerPort + i))) {
              servers.push_back(std::move(server));
            }
          }
          for (auto& server : servers) {
            if (server->readable() == 0) continue;
            (void)server->Read();
            server->Write(kPooledAnswer);
          }
          rig.Settle();
          answer += client->Read();
          return answer.ends_with("\r\n\r\nok") || client->AtEnd();
        },
        1000);
    ASSERT_TRUE(answered) << "request " << request;
    ASSERT_TRUE(answer.starts_with("HTTP/1.1 200 ")) << "request " << request << ": " << answer;
  }
  client.reset();
  rig.RunFor(60000);
  rig.ExpectEmpty();
}

INSTANTIATE_TEST_SUITE_P(All, FullTableTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "Table" : "Muxes"; });

}  // namespace
}  // namespace engine
