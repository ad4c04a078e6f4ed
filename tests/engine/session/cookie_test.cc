// Persistence by cookie of whole streams: where servers are full, go down or refuse.

#include "engine/mux/http_endpoint.h"
#include "proto/http1/response_parser.h"
#include "tests/engine/session/rig.h"

namespace engine {
namespace {

constexpr const char* kCookieAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// Two servers with one place each, "one" at 9001 and "two" at 9002.
class CookieStreamTest : public ::testing::TestWithParam<uint32_t> {
 protected:
  void Start(uint32_t maxqueue = 0, bool redispatch = false) {
    rig_ = std::make_unique<Rig>(RigOptions{.shards = GetParam()});
    proxy_ = &rig_->AddListen("web", 80);
    proxy_->mode = Mode::kHttp;
    proxy_->http.abort_on_close = true;  // as it is built for that mode
    proxy_->balance = BalanceAlgorithm::kFirst;
    proxy_->timeouts.connect_ms = 5000;
    proxy_->timeouts.queue_ms = 20000;
    proxy_->timeouts.server_ms = 30000;
    proxy_->redispatch = redispatch;
    proxy_->redispatch_interval = 1;
    proxy_->http.cookie.name = "S";
    proxy_->http.cookie.mode = CookieMode::kInsert;
    proxy_->http.cookie.attributes = "; path=/";
    auto profile = std::make_shared<HttpProfile>();
    profile->response = proto::ResponseOptions();
    proxy_->http_profile = profile;
    for (uint16_t port : {9001, 9002}) {
      ServerConfig& server = rig_->AddServer(*proxy_, port);
      server.maxconn = 1;
      server.maxqueue = maxqueue;
      server.cookie = port == 9001 ? "one" : "two";
    }
    rig_->Start();
  }
  std::unique_ptr<tests::FakePeer> Ask(const std::string& cookie) {
    auto client = rig_->Dial(80);
    client->Write("GET / HTTP/1.1\r\nHost: a\r\nCookie: " + cookie + "\r\n\r\n");
    rig_->Settle();
    return client;
  }
  void Answer(tests::FakePeer& server) {
    ASSERT_TRUE(rig_->RunUntil([&] { return server.readable() > 0; }, 1000));
    (void)server.Read();
    server.Write(kCookieAnswer);
    rig_->Settle();
  }
  void Disable(uint32_t server) {
    proxy_->state->SetServerAdmin(0, server, AdminState::kMaint);
    rig_->Settle();
  }
  void End() {
    rig_->RunFor(60000);
    rig_->ExpectEmpty();
    EXPECT_EQ(proxy_->state->ServerQueued(0), 0);
    EXPECT_EQ(proxy_->state->ServerQueued(1), 0);
  }

  std::unique_ptr<Rig> rig_;
  ProxyConfig* proxy_ = nullptr;
};

TEST_P(CookieStreamTest, AFullServerIsWaitedFor) {
  Start();
  auto first = Ask("S=one");
  auto server = rig_->WaitServer(9001);
  auto second = Ask("S=one");
  EXPECT_EQ(rig_->TakeServer(9002), nullptr) << "it went to a server that its cookie does not name";
  EXPECT_EQ(proxy_->state->ServerQueued(0), 1);
  Answer(*server);
  EXPECT_EQ(first->Read(), "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
  auto again = server->readable() > 0 ? std::move(server) : rig_->WaitServer(9001);
  ASSERT_NE(again, nullptr);
  Answer(*again);
  EXPECT_EQ(second->Read(), "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
  first.reset();
  second.reset();
  End();
}

TEST_P(CookieStreamTest, AFullLineBreaksPersistence) {
  Start(1);
  auto first = Ask("S=one");
  auto server = rig_->WaitServer(9001);
  auto second = Ask("S=one");
  EXPECT_EQ(proxy_->state->ServerQueued(0), 1);
  auto third = Ask("S=one");
  auto other = rig_->WaitServer(9002);
  ASSERT_NE(other, nullptr);
  Answer(*other);
  EXPECT_EQ(third->Read(),
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nset-cookie: S=two; path=/\r\n\r\nok");
  first.reset();
  second.reset();
  third.reset();
  server.reset();  // it was shown the client's end and decides
  End();
}

TEST_P(CookieStreamTest, WhoWaitsForAServerThatGoesDownIsBalanced) {
  Start();
  auto first = Ask("S=one");
  auto server = rig_->WaitServer(9001);
  auto second = Ask("S=one");
  EXPECT_EQ(proxy_->state->ServerQueued(0), 1);
  Disable(0);
  auto other = rig_->WaitServer(9002);
  ASSERT_NE(other, nullptr) << "it waits for a server that is down";
  Answer(*other);
  EXPECT_EQ(second->Read(),
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nset-cookie: S=two; path=/\r\n\r\nok");
  // The one that was being served is served to its end.
  Answer(*server);
  EXPECT_EQ(first->Read(), "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
  first.reset();
  second.reset();
  End();
}

// Nobody is let in from the line of a server that is down, so nobody is put into it.
TEST_P(CookieStreamTest, AFullServerThatIsDownIsNotWaitedFor) {
  Start();
  proxy_->persist = true;
  Disable(0);
  auto first = Ask("S=one");
  auto server = rig_->WaitServer(9001);
  ASSERT_NE(server, nullptr) << "option persist asks it all the same";
  auto second = Ask("S=one");
  auto other = rig_->WaitServer(9002);
  ASSERT_NE(other, nullptr);
  Answer(*other);
  EXPECT_TRUE(second->Read().ends_with("set-cookie: S=two; path=/\r\n\r\nok"));
  first.reset();
  second.reset();
  server.reset();
  End();
}

TEST_P(CookieStreamTest, ARefusedConnectionKeepsToItsServer) {
  Start();
  rig_->ScriptConnect(9001, {.outcome = tests::ConnectOutcome::kRefused});
  auto client = Ask("S=one");
  rig_->RunFor(20000);
  EXPECT_EQ(rig_->TakeServer(9002), nullptr);
  EXPECT_TRUE(client->Read().starts_with("HTTP/1.1 503 "));
  client.reset();
  End();
}

TEST_P(CookieStreamTest, RedispatchFindsAnotherServerAndSaysSo) {
  Start(0, true);
  rig_->ScriptConnect(9001, {.outcome = tests::ConnectOutcome::kRefused});
  auto client = Ask("S=one");
  auto other = rig_->WaitServer(9002);
  ASSERT_NE(other, nullptr);
  Answer(*other);
  EXPECT_EQ(client->Read(),
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nset-cookie: S=two; path=/\r\n\r\nok");
  client.reset();
  End();
}

TEST_P(CookieStreamTest, RequestsOfOneConnectionFollowTheirCookies) {
  Start();
  auto client = rig_->Dial(80);
  std::unique_ptr<tests::FakePeer> servers[2];
  for (int round = 0; round < 6; ++round) {
    const int index = round % 2;
    client->Write("GET / HTTP/1.1\r\nHost: a\r\nCookie: S=" +
                  std::string(index == 0 ? "one" : "two") + "\r\n\r\n");
    rig_->Settle();
    const uint16_t port = uint16_t(9001 + index);
    if (servers[index] == nullptr) servers[index] = rig_->WaitServer(port);
    ASSERT_NE(servers[index], nullptr);
    Answer(*servers[index]);
    EXPECT_EQ(client->Read(), "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
  }
  client.reset();
  End();
}

INSTANTIATE_TEST_SUITE_P(Shards, CookieStreamTest, ::testing::Values(1u, 3u));

}  // namespace
}  // namespace engine
