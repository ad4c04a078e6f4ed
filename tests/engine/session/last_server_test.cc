// Which server the next request of a session goes to (manual 4.2, option prefer-last-server and
// max-keep-alive-queue).

#include "engine/mux/http_endpoint.h"
#include "proto/http1/response_parser.h"
#include "tests/engine/session/rig.h"

namespace engine {
namespace {

constexpr const char* kRequest = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr const char* kServerAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// Two servers with one place each; the first one is taken while it is free.
class LastServerTest : public ::testing::Test {
 protected:
  void Start(bool prefer, int32_t queue_max) {
    rig_ = std::make_unique<Rig>();
    ProxyConfig& proxy = rig_->AddListen("web", 80);
    proxy.mode = Mode::kHttp;
    proxy.balance = BalanceAlgorithm::kFirst;
    proxy.http.prefer_last_server = prefer;
    proxy.http.max_keep_alive_queue = queue_max;
    auto profile = std::make_shared<HttpProfile>();
    profile->response = proto::ResponseOptions();
    proxy.http_profile = profile;
    rig_->AddServer(proxy, 9001).maxconn = 1;
    rig_->AddServer(proxy, 9002).maxconn = 1;
    rig_->Start();
    client_ = rig_->Dial(80);
    client_->Write(kRequest);
    first_ = rig_->WaitServer(9001);
    Answer(*first_, kServerAnswer);
    EXPECT_TRUE(client_->Read().ends_with("ok"));
  }
  // Somebody else takes the first server's place.
  void Occupy() {
    other_client_ = rig_->Dial(80);
    other_client_->Write(kRequest);
    other_ = rig_->WaitServer(9001);
    ASSERT_NE(other_, nullptr);
    rig_->Settle();
  }
  void Answer(tests::FakePeer& server, std::string_view answer) {
    ASSERT_TRUE(rig_->RunUntil([&] { return server.readable() > 0; }, 1000));
    (void)server.Read();
    server.Write(answer);
    rig_->Settle();
  }
  void AskAgain() {
    client_->Write(kRequest);
    rig_->Settle();
  }
  void EndServedByTheOther() {
    second_ = rig_->TakeServer(9002);
    ASSERT_NE(second_, nullptr);
    Answer(*second_, kServerAnswer);
    EXPECT_TRUE(client_->Read().ends_with("ok"));
    End();
  }
  // On whichever of its two connections, once the other client has its answer.
  void EndServedByTheSame() {
    Answer(*other_, kServerAnswer);
    Answer(first_->readable() > 0 ? *first_ : *other_, kServerAnswer);
    EXPECT_TRUE(client_->Read().ends_with("ok"));
    End();
  }
  void End() {
    client_.reset();
    other_client_.reset();
    // Servers that were shown the end of their client, and decide.
    for (auto* server : {&first_, &other_, &second_}) server->reset();
    rig_->RunFor(60000);
    rig_->ExpectEmpty();
  }

  std::unique_ptr<Rig> rig_;
  std::unique_ptr<tests::FakePeer> client_, other_client_;
  std::unique_ptr<tests::FakePeer> first_, other_, second_;
};

TEST_F(LastServerTest, FullLastServerIsWaitedFor) {
  Start(true, -1);
  Occupy();
  AskAgain();
  EXPECT_EQ(rig_->TakeServer(9002), nullptr) << "it went to the other server";
  EXPECT_EQ(first_->readable(), 0u);
  EndServedByTheSame();
}

TEST_F(LastServerTest, NobodyWaitsForItWithAQueueOfZero) {
  Start(true, 0);
  Occupy();
  AskAgain();
  EndServedByTheOther();
}

TEST_F(LastServerTest, WithoutTheOptionAnyFreeServerDoes) {
  Start(false, -1);
  Occupy();
  AskAgain();
  EndServedByTheOther();
}

TEST_F(LastServerTest, AfterA401ItIsWaitedForWhateverTheQueue) {
  Start(false, 0);
  AskAgain();
  Answer(*first_,
         "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=a\r\nContent-Length: 0\r\n\r\n");
  EXPECT_TRUE(client_->Read().starts_with("HTTP/1.1 401 "));
  Occupy();
  AskAgain();
  EXPECT_EQ(rig_->TakeServer(9002), nullptr) << "the answer to a challenge went to another server";
  EndServedByTheSame();
}

// The other client's connection was used later and would be taken first, but is not authenticated.
TEST_F(LastServerTest, AuthenticatedConnectionIsGoneOnWith) {
  Start(false, -1);
  AskAgain();
  Answer(*first_, "HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n");
  EXPECT_TRUE(client_->Read().starts_with("HTTP/1.1 401 "));
  Occupy();
  Answer(*other_, kServerAnswer);
  AskAgain();
  EXPECT_EQ(other_->readable(), 0u) << "sent without its authentication";
  Answer(*first_, kServerAnswer);
  EXPECT_TRUE(client_->Read().ends_with("ok"));
  client_.reset();
  rig_->Settle();
  EXPECT_TRUE(first_->AtEnd()) << "it outlived the session that it belongs to";
  End();
}

TEST_F(LastServerTest, OneThatWasTakenOutIsNotWaitedFor) {
  Start(true, -1);
  Occupy();
  ServerState& first = *rig_->process().configuration->proxies[0]->servers[0]->state;
  first.SetAdminState(AdminState::kMaint);
  AskAgain();
  EndServedByTheOther();
}

}  // namespace
}  // namespace engine
