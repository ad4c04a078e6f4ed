// Streams of mode tcp that become streams of mode http: wherever the bytes are cut, whoever leaves,
// and when.

#include <gtest/gtest.h>

#include "engine/mux/http_endpoint.h"
#include "engine/server/http_config.h"
#include "engine/session/rule_run.h"
#include "tests/engine/session/rig.h"

namespace engine {
namespace {

constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
constexpr std::string_view kRequest =
    "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nsecret";

// Waits for so many bytes, and switches then.
class SwitchBehind final : public RuleAction {
 public:
  explicit SwitchBehind(size_t bytes) : bytes_(bytes) {}
  Verdict Run(RuleContext& context) const override {
    if (context.stream->is_http()) return Verdict::kStop;
    const shard::Channel& channel = context.stream->request();
    const bool enough = channel.bytes().size() >= bytes_ || channel.ended();
    return enough ? Verdict::kSwitch : Verdict::kYield;
  }

 private:
  const size_t bytes_;
};

class SwitchModeTest : public testing::Test {
 protected:
  // `behind`: how many bytes the rule of the frontend waits for; none: it has no rule.
  void Start(std::optional<size_t> behind = {}) {
    rig_ = std::make_unique<Rig>();
    ProxyConfig& front = rig_->AddFrontend("front", 80);
    ProxyConfig& pool = rig_->AddBackend("pool");
    front.default_backend = &pool;
    pool.mode = Mode::kHttp;
    for (ProxyConfig* proxy : {&front, &pool}) {
      auto profile = std::make_shared<HttpProfile>();
      profile->response = proto::ResponseOptions();
      profile->request_ms = 1000;
      profile->client_ms = 5000;
      proxy->http_profile = profile;
      proxy->timeouts = {.connect_ms = 500, .client_ms = 5000, .server_ms = 5000};
    }
    rig_->AddServer(pool, 9000);
    if (behind) {
      auto rules = std::make_shared<ProxyRules>();
      RuleSet& set = rules->set(RuleStage::kTcpContent);
      set.inspect_delay_ms = 10000;
      set.rules.emplace_back().action = std::make_unique<SwitchBehind>(*behind);
      front.rules = rules;
    }
    front_ = &front;
    rig_->Start();
    client_ = rig_->Dial(80);
  }
  // All of it at the server, which answers.
  void ExpectAnswer(std::string_view body) {
    auto server = rig_->WaitServer(9000);
    ASSERT_NE(server, nullptr);
    std::string got;
    ASSERT_TRUE(rig_->RunUntil(
        [&] {
          got += server->Read();
          return got.ends_with(body);
        },
        1000))
        << got;
    EXPECT_TRUE(got.starts_with("POST /a HTTP/1.1\r\n")) << got;
    server->Write(kAnswer);
    rig_->Settle();
    EXPECT_TRUE(client_->Read().ends_with("ok"));
  }
  void ExpectNothingLeft() {
    client_.reset();
    rig_->RunFor(20000);
    rig_->ExpectEmpty();
    EXPECT_EQ(rig_->new_bugs(), 0u);
  }

  std::unique_ptr<Rig> rig_;
  ProxyConfig* front_ = nullptr;
  std::unique_ptr<tests::FakePeer> client_;
};

TEST_F(SwitchModeTest, TheRequestIsWholeWhereverItIsCut) {
  for (size_t behind = 0; behind <= kRequest.size(); ++behind) {
    for (size_t cut = 0; cut <= kRequest.size(); cut += 7) {
      SCOPED_TRACE(testing::Message() << behind << " " << cut);
      Start(behind);
      client_->Write(kRequest.substr(0, cut));
      rig_->Settle();
      client_->Write(kRequest.substr(cut));
      ExpectAnswer("\r\n\r\nsecret");
      ExpectNothingLeft();
    }
  }
}

TEST_F(SwitchModeTest, ForABackendItIsTheSame) {
  for (size_t cut = 0; cut <= kRequest.size(); ++cut) {
    SCOPED_TRACE(cut);
    Start();
    client_->Write(kRequest.substr(0, cut));
    rig_->Settle();
    client_->Write(kRequest.substr(cut));
    client_->CloseWrite();
    ExpectAnswer("\r\n\r\nsecret");
    ExpectNothingLeft();
  }
}

TEST_F(SwitchModeTest, TheNextRequestIsAStreamOfItsOwn) {
  Start(1);
  client_->Write(std::string(kRequest) + std::string(kRequest));
  auto server = rig_->WaitServer(9000);
  ASSERT_NE(server, nullptr);
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(server->Read().ends_with("secret"));
    server->Write(kAnswer);
    rig_->Settle();
    EXPECT_TRUE(client_->Read().ends_with("ok"));
  }
  EXPECT_EQ(rig_->Streams(*front_), 1u) << "of one connection";
  ExpectNothingLeft();
}

TEST_F(SwitchModeTest, WhoeverLeavesLeavesNothing) {
  for (const std::optional<size_t> behind :
       {std::optional<size_t>(), std::optional<size_t>(0), std::optional<size_t>(20)}) {
    for (size_t sent = 0; sent <= kRequest.size(); ++sent) {
      for (int how = 0; how < 3; ++how) {
        for (const bool settled : {false, true}) {
          SCOPED_TRACE(testing::Message() << behind.value_or(999) << " " << sent << " " << how);
          Start(behind);
          client_->Write(kRequest.substr(0, sent));
          settled ? rig_->Settle() : rig_->Turn();
          if (how == 0) client_->CloseWrite();
          if (how == 1) client_->Close();
          if (how == 2) client_->Reset();
          rig_->RunFor(100);
          ExpectNothingLeft();
        }
      }
    }
  }
}

TEST_F(SwitchModeTest, WhatIsNoRequestIsAnsweredOnce) {
  Start();
  client_->Write("what is this\r\n\r\n");
  rig_->Settle();
  EXPECT_TRUE(client_->Read().starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(client_->AtEnd());
  EXPECT_EQ(rig_->Reasons(*front_, shard::CloseReason::kClientProtocol), 1u);
  ExpectNothingLeft();
}

TEST_F(SwitchModeTest, SilenceIsATimeout) {
  Start();
  rig_->RunFor(999);
  EXPECT_EQ(client_->Read(), "");
  rig_->RunFor(2);
  EXPECT_TRUE(client_->Read().starts_with("HTTP/1.1 408 "));
  EXPECT_TRUE(client_->AtEnd());
  ExpectNothingLeft();
}

// With what it has received in its hands, or with nothing yet.
TEST_F(SwitchModeTest, AKilledStreamTakesItsClientAlong) {
  for (const std::string_view sent : {std::string_view(), kRequest.substr(0, 30), kRequest}) {
    for (int turns = 0; turns < 6; ++turns) {
      SCOPED_TRACE(testing::Message() << sent.size() << " " << turns);
      Start();
      client_->Write(sent);
      for (int i = 0; i < turns; ++i) rig_->Turn();
      rig_->worker(0).ForEachStream(
          [](Stream& stream) { stream.Kill(shard::CloseReason::kKilled); });
      const bool was_there = rig_->worker(0).live_streams() > 0;
      rig_->RunFor(10);
      if (was_there) {
        EXPECT_TRUE(client_->AtEnd() || client_->readable() > 0);
      }
      ExpectNothingLeft();
    }
  }
}

TEST_F(SwitchModeTest, AStopEndsWhoeverIsInBetween) {
  for (const std::string_view sent : {std::string_view(), kRequest.substr(0, 30), kRequest}) {
    for (int turns = 0; turns < 6; ++turns) {
      Start(sent.size() / 2);
      client_->Write(sent);
      for (int i = 0; i < turns; ++i) rig_->Turn();
      rig_->Stop();
      EXPECT_EQ(rig_->live_sessions(), 0u);
      client_.reset();
      rig_.reset();
    }
  }
}

}  // namespace
}  // namespace engine
