// Checks over whole shards, with a clock of their own: each transition, each stage that can time
// out, and what happens around a check that is under way.

#include <gtest/gtest.h>

#include "engine/server/check_protocols.h"
#include "engine/server/server_text.h"
#include "tests/engine/session/rig.h"

namespace engine {
namespace {

using tests::ConnectOutcome;
using tests::ConnectScript;
using tests::FakePeer;

constexpr uint16_t kPort = 9000;

class CheckTest : public testing::Test {
 protected:
  // One backend with one checked server on port 9000.
  void Make(uint32_t shards = 1) {
    rig_ = std::make_unique<Rig>(RigOptions{.shards = shards});
    proxy_ = &rig_->AddListen("relay", 80);
    server_ = &rig_->AddServer(*proxy_, kPort);
    server_->check.enabled = true;
    server_->check.inter_ms = 1000;
  }
  std::shared_ptr<CheckRules> Rules(CheckKind kind) {
    auto rules = std::make_shared<CheckRules>();
    rules->kind = kind;
    rules->rules.push_back({.kind = CheckRule::Kind::kConnect, .with_defaults = true});
    return rules;
  }
  void UseProtocol(std::vector<CheckRule> list) {
    auto rules = Rules(CheckKind::kProtocol);
    rules->rules = std::move(list);
    proxy_->checks = rules;
  }
  // Sends `question`, if it is one, and expects `answer`.
  void UseTcp(const std::string& question, const std::string& answer) {
    auto rules = Rules(CheckKind::kTcp);
    if (!question.empty()) {
      rules->rules.push_back({.kind = CheckRule::Kind::kSend, .step = 1});
      rules->rules.back().bytes = question;
    }
    rules->rules.push_back({.kind = CheckRule::Kind::kExpect, .step = 2});
    rules->rules.back().expect.pattern = answer;
    proxy_->checks = rules;
  }
  void UseHttp(bool disable_on_404 = false) {
    auto rules = Rules(CheckKind::kHttp);
    rules->disable_on_404 = disable_on_404;
    rules->rules.push_back({.kind = CheckRule::Kind::kSendRequest});
    rules->rules.push_back({.kind = CheckRule::Kind::kExpect});
    rules->rules.back().expect.match = ExpectRule::Match::kStatus;
    rules->rules.back().expect.error_status = CheckStatus::kL7Status;
    rules->rules.back().expect.codes = {{200, 399}};
    proxy_->checks = rules;
  }
  void Refuse(bool refuse) {
    rig_->ScriptConnect(kPort, {refuse ? ConnectOutcome::kRefused : ConnectOutcome::kOk, 0});
  }
  CheckReport Report() { return server_->state->check.report.Get(); }
  std::string Text() { return StatusText(*server_); }
  // "L4CON Connection refused"
  std::string Last() {
    const CheckReport report = Report();
    const std::string text(report.text());
    return std::string(Info(report.status).word) + (text.empty() ? "" : " " + text);
  }
  // The next check's connection, as the server sees it.
  std::unique_ptr<FakePeer> Checked() { return rig_->WaitServer(kPort, 2000); }
  ServerEvents& events() { return rig_->worker(0).server_events(); }

  std::unique_ptr<Rig> rig_;
  ProxyConfig* proxy_ = nullptr;
  ServerConfig* server_ = nullptr;
};

TEST_F(CheckTest, AConnectionIsEnough) {
  Make();
  rig_->Start();
  EXPECT_EQ(Text(), "UP 1/3");
  EXPECT_EQ(Last(), "INI");
  rig_->RunFor(50);
  EXPECT_EQ(Text(), "UP");
  EXPECT_EQ(Last(), "L4OK");
  auto peer = rig_->TakeServer(kPort);
  ASSERT_NE(peer, nullptr);
  EXPECT_TRUE(peer->AtEnd());
  rig_->ExpectSettled();
}

TEST_F(CheckTest, FallsAndRises) {
  Make();
  server_->check.fastinter_ms = 300;
  server_->check.downinter_ms = 5000;
  rig_->Start();
  rig_->RunFor(50);
  ASSERT_EQ(Text(), "UP");
  Refuse(true);
  rig_->RunFor(1000);  // inter
  EXPECT_EQ(Text(), "UP 2/3");
  rig_->RunFor(300);  // fastinter
  EXPECT_EQ(Text(), "UP 1/3");
  rig_->RunFor(300);
  EXPECT_EQ(Text(), "DOWN");
  EXPECT_EQ(Last(), "L4CON Connection refused");
  EXPECT_TRUE(server_->state->disabled());
  EXPECT_EQ(server_->state->counters.failed.load(), 3u);
  EXPECT_EQ(server_->state->counters.downs.load(), 1u);
  EXPECT_FALSE(proxy_->state->is_up());
  EXPECT_EQ(proxy_->state->downs(), 1u);
  Refuse(false);
  rig_->RunFor(4900);
  EXPECT_EQ(Text(), "DOWN");
  rig_->RunFor(100);  // downinter
  EXPECT_EQ(Text(), "DOWN 1/2");
  rig_->RunFor(300);
  EXPECT_EQ(Text(), "UP");
  EXPECT_TRUE(proxy_->state->is_up());
  rig_->RunFor(1000);
  EXPECT_EQ(server_->state->counters.failed.load(), 3u);
}

// Up and down at every second check: it never gets through either threshold.
TEST_F(CheckTest, Flapping) {
  Make();
  rig_->Start();
  rig_->RunFor(50);
  for (int i = 0; i < 10; ++i) {
    Refuse(true);
    rig_->RunFor(1000);
    EXPECT_EQ(Text(), "UP 2/3");
    Refuse(false);
    rig_->RunFor(1000);
    EXPECT_EQ(Text(), "UP");
  }
  (void)server_->state->health.Apply(HealthEvent::kForceDown);
  for (int i = 0; i < 10; ++i) {
    rig_->RunFor(1000);
    EXPECT_EQ(Text(), "DOWN 1/2");
    Refuse(true);
    rig_->RunFor(1000);
    EXPECT_EQ(Text(), "DOWN");
    Refuse(false);
  }
}

TEST_F(CheckTest, EachConnectOutcome) {
  struct Outcome {
    ConnectOutcome outcome;
    const char* last;
  };
  for (const Outcome& one : {Outcome{ConnectOutcome::kRefused, "L4CON Connection refused"},
                             Outcome{ConnectOutcome::kUnreachable, "L4CON No route to host"},
                             Outcome{ConnectOutcome::kNever, "L4TOUT"}}) {
    Make();
    rig_->ScriptConnect(kPort, {one.outcome, 0});
    rig_->Start();
    rig_->RunFor(1100);
    EXPECT_EQ(Last(), one.last);
    EXPECT_EQ(Text(), "DOWN");
    rig_->ExpectSettled();
  }
}

TEST_F(CheckTest, TimeoutsOfEachStage) {
  // Without `timeout check` the interval is for everything.
  Make();
  UseTcp("PING", "+PONG");
  rig_->ScriptConnect(kPort, {ConnectOutcome::kOk, 600000});
  rig_->Start();
  auto peer = Checked();
  ASSERT_NE(peer, nullptr);
  const uint64_t connected_ms = rig_->now_ms();
  EXPECT_TRUE(rig_->RunUntil([&] { return Report().status != CheckStatus::kInitializing; }));
  EXPECT_LE(rig_->now_ms() - connected_ms, 402u);
  EXPECT_EQ(Last(), "L7TOUT  at step 2 of tcp-check (expect string '+PONG')");

  // With it, connecting has the smaller of `timeout connect` and the interval, the rest its own.
  Make();
  UseTcp("PING", "+PONG");
  proxy_->timeouts.connect_ms = 200;
  proxy_->timeouts.check_ms = 700;
  rig_->Start();
  peer = Checked();
  ASSERT_NE(peer, nullptr);
  rig_->RunFor(690);
  EXPECT_EQ(Last(), "INI");
  rig_->RunFor(20);
  EXPECT_EQ(Last(), "L7TOUT  at step 2 of tcp-check (expect string '+PONG')");
  rig_->ScriptConnect(kPort, {ConnectOutcome::kNever, 0});
  rig_->RunFor(1000 + 150);
  EXPECT_EQ(Report().status, CheckStatus::kL7Timeout);
  rig_->RunFor(60);
  EXPECT_EQ(Last(), "L4TOUT  at initial connection step of tcp-check");
}

TEST_F(CheckTest, AskedAndAnsweredByteByByte) {
  Make();
  UseTcp("PING\r\n", "+PONG");
  rig_->Start();
  auto peer = Checked();
  ASSERT_NE(peer, nullptr);
  rig_->Settle();
  EXPECT_EQ(peer->Read(), "PING\r\n");
  for (const char c : std::string("garbage+PON")) {
    peer->Write({&c, 1});
    rig_->Settle();
    EXPECT_EQ(Last(), "INI");
  }
  EXPECT_TRUE(server_->state->check.is_running.load());
  peer->Write("G");
  rig_->Settle();
  EXPECT_EQ(Last(), "L7OK (tcp-check)");
  EXPECT_FALSE(server_->state->check.is_running.load());
  EXPECT_EQ(Text(), "UP");
  rig_->ExpectSettled();
}

TEST_F(CheckTest, AServerThatEndsOrResets) {
  Make();
  UseTcp("PING", "+PONG");
  rig_->Start();
  auto peer = Checked();
  ASSERT_NE(peer, nullptr);
  peer->CloseWrite();
  rig_->Settle();
  EXPECT_EQ(Last(), "L7RSP TCPCHK got an empty response at step 2");
  peer = Checked();
  ASSERT_NE(peer, nullptr);
  peer->Write("+PO");
  peer->CloseWrite();
  rig_->Settle();
  EXPECT_EQ(Last(), "L7RSP TCPCHK did not match content '+PONG' at step 2");
  peer = Checked();
  ASSERT_NE(peer, nullptr);
  peer->Reset();
  rig_->Settle();
  EXPECT_EQ(Report().status, CheckStatus::kSocketError);
  rig_->ExpectSettled();
}

// A server that never stops sending is stopped at tune.bufsize.
TEST_F(CheckTest, EndlessAnswer) {
  Make();
  UseTcp("", "+PONG");
  rig_->Start();
  auto peer = Checked();
  ASSERT_NE(peer, nullptr);
  size_t written = 0;
  while (Report().status == CheckStatus::kInitializing && written < 1'000'000) {
    written += peer->Write(std::string(1000, 'x'));
    rig_->Settle();
  }
  EXPECT_LE(written, 16384u + 200'000);
  EXPECT_EQ(Last(), "L7RSP TCPCHK did not match content '+PONG' at step 2");
  rig_->ExpectSettled();
}

TEST_F(CheckTest, RulesOverTwoConnections) {
  Make();
  auto rules = Rules(CheckKind::kTcp);
  rules->rules.push_back({.kind = CheckRule::Kind::kExpect, .step = 1});
  rules->rules.back().expect.pattern = "one";
  rules->rules.push_back({.kind = CheckRule::Kind::kConnect, .step = 2, .port = 9001});
  rules->rules.push_back({.kind = CheckRule::Kind::kExpect, .step = 3});
  rules->rules.back().expect.pattern = "two";
  proxy_->checks = rules;
  rig_->ScriptConnect(9001, {});
  rig_->Start();
  auto first = Checked();
  ASSERT_NE(first, nullptr);
  first->Write("one");
  auto second = rig_->WaitServer(9001);
  ASSERT_NE(second, nullptr);
  EXPECT_TRUE(first->AtEnd());
  second->Write("two");
  rig_->Settle();
  EXPECT_EQ(Last(), "L7OK (tcp-check)");
  rig_->ScriptConnect(9001, {ConnectOutcome::kRefused, 0});
  first = Checked();
  ASSERT_NE(first, nullptr);
  first->Write("one");
  rig_->Settle();
  EXPECT_EQ(Last(), "L4CON Connection refused at step 2 of tcp-check (connect port 9001)");
  rig_->ExpectSettled();
}

TEST_F(CheckTest, Http) {
  Make();
  UseHttp();
  rig_->Start();
  auto peer = Checked();
  ASSERT_NE(peer, nullptr);
  rig_->Settle();
  EXPECT_EQ(peer->Read(), "OPTIONS / HTTP/1.0\r\n\r\n");
  peer->Write("HTTP/1.0 200 OK\r\n\r\n");
  rig_->Settle();
  EXPECT_EQ(Last(), "L7OK");
  EXPECT_EQ(Report().code, 200);
  peer = Checked();
  peer->Write("HTTP/1.0 503 Sorry\r\n\r\n");
  rig_->Settle();
  EXPECT_EQ(Last(), "L7STS Sorry");
  EXPECT_EQ(Report().code, 503);
  peer = Checked();
  peer->Write("SSH-2.0-OpenSSH\r\n");
  rig_->Settle();
  EXPECT_EQ(Last(), "L7RSP");
  EXPECT_EQ(Text(), "UP 1/3");
  rig_->ExpectSettled();
}

TEST_F(CheckTest, NotFoundStopsButDoesNotKill) {
  Make();
  UseHttp(true);
  rig_->Start();
  auto peer = Checked();
  peer->Write("HTTP/1.0 404 No\r\n\r\n");
  rig_->Settle();
  EXPECT_EQ(Last(), "L7OKC");
  EXPECT_EQ(Text(), "NOLB");
  EXPECT_TRUE(server_->state->disabled());
  EXPECT_TRUE(server_->state->usable());
  peer = Checked();
  peer->Write("HTTP/1.0 200 Yes\r\n\r\n");
  rig_->Settle();
  EXPECT_EQ(Text(), "UP");
  (void)server_->state->health.Apply(HealthEvent::kForceDown);
  peer = Checked();
  peer->Write("HTTP/1.0 404 No\r\n\r\n");
  rig_->Settle();
  EXPECT_EQ(Text(), "DOWN");
}

TEST_F(CheckTest, MaintenanceWhileACheckIsUnderWay) {
  Make();
  UseTcp("PING", "+PONG");
  rig_->Start();
  auto peer = Checked();
  ASSERT_NE(peer, nullptr);
  events().ChangeAdmin(*server_, AdminState::kMaint);
  peer->Write("-ERR");
  peer->CloseWrite();
  rig_->Settle();
  EXPECT_EQ(Last(), "INI");  // what was found out does not count
  EXPECT_EQ(Text(), "MAINT");
  rig_->RunFor(10000);
  EXPECT_EQ(rig_->TakeServer(kPort), nullptr);  // nothing is asked in maintenance
  events().ChangeAdmin(*server_, AdminState::kReady);
  EXPECT_EQ(Text(), "UP 1/3");
  EXPECT_NE(Checked(), nullptr);
}

TEST_F(CheckTest, TheTargetChangesWhileACheckIsUnderWay) {
  Make();
  UseTcp("PING", "+PONG");
  rig_->ScriptConnect(9001, {});
  rig_->Start();
  auto peer = Checked();
  ASSERT_NE(peer, nullptr);
  rig_->worker(0).checks().Find(*server_, CheckOf::kServer)->SetTarget({{}, 9001});
  peer->Write("+PONG");
  rig_->Settle();
  EXPECT_EQ(Last(), "L7OK (tcp-check)");
  EXPECT_NE(rig_->WaitServer(9001, 1100), nullptr);
  EXPECT_EQ(rig_->TakeServer(kPort), nullptr);
}

TEST_F(CheckTest, StopWhileACheckIsUnderWay) {
  for (const bool connects : {false, true}) {
    Make();
    UseTcp("PING", "+PONG");
    if (!connects) rig_->ScriptConnect(kPort, {ConnectOutcome::kNever, 0});
    rig_->Start();
    rig_->RunFor(50);
    EXPECT_TRUE(server_->state->check.is_running.load());
    rig_.reset();  // dies of what is left
  }
}

TEST_F(CheckTest, DisabledChecksLeaveItUp) {
  Make();
  Refuse(true);
  rig_->Start();
  rig_->RunFor(50);
  ASSERT_EQ(Text(), "DOWN");
  events().ChangeHealth(*server_, HealthEvent::kDisableCheck, "");
  EXPECT_EQ(Text(), "no check");
  rig_->RunFor(5000);
  EXPECT_EQ(Text(), "no check");
  events().ChangeHealth(*server_, HealthEvent::kEnableCheck, "");
  rig_->RunFor(3000);
  EXPECT_EQ(Text(), "DOWN");
}

TEST_F(CheckTest, TrackersFollow) {
  Make();
  ServerConfig& tracker = rig_->AddServer(*proxy_, 9001);
  ServerConfig& last = rig_->AddServer(*proxy_, 9002);
  tracker.tracked = server_;
  server_->trackers.push_back(&tracker);
  last.tracked = &tracker;
  tracker.trackers.push_back(&last);
  Refuse(true);
  rig_->Start();
  rig_->RunFor(50);
  EXPECT_EQ(StatusText(last), "DOWN");
  EXPECT_FALSE(proxy_->state->is_up());
  EXPECT_EQ(last.state->counters.downs.load(), 1u);
  Refuse(false);
  rig_->RunFor(2000);
  EXPECT_EQ(StatusText(last), "UP");
  EXPECT_TRUE(proxy_->state->is_up());
  events().ChangeAdmin(*server_, AdminState::kMaint);
  EXPECT_EQ(StatusText(tracker), "MAINT (via relay/s9000)");
  EXPECT_EQ(StatusText(last), "MAINT (via relay/s9001)");
  events().ChangeAdmin(tracker, AdminState::kMaint);
  events().ChangeAdmin(*server_, AdminState::kReady);
  EXPECT_EQ(StatusText(tracker), "MAINT");
  EXPECT_EQ(StatusText(*server_), "UP 1/3");
  events().ChangeAdmin(*server_, AdminState::kDrain);
  EXPECT_EQ(StatusText(*server_), "DRAIN 1/3");
}

// A server that goes down takes nothing new, on any shard, and what waits for it goes elsewhere.
TEST_F(CheckTest, StreamsChooseAnew) {
  Make(3);
  rig_->AddServer(*proxy_, 9001);
  server_->maxconn = 1;
  rig_->Start();
  rig_->RunFor(50);
  rig_->TakeServer(kPort);
  Refuse(true);
  rig_->RunFor(3100);
  ASSERT_EQ(Text(), "DOWN");
  std::vector<std::unique_ptr<FakePeer>> clients;
  for (int i = 0; i < 12; ++i) {
    clients.push_back(rig_->Dial(80));
    clients.back()->Write("x");
  }
  rig_->Settle();
  int served = 0;
  while (rig_->TakeServer(9001) != nullptr) ++served;
  EXPECT_EQ(served, 12);
  clients.clear();
  rig_->Settle();
}

TEST_F(CheckTest, ShutdownSessionsOnAllShards) {
  Make(3);
  server_->check.shuts_sessions_down = true;
  server_->check.fall = 1;
  rig_->Start();
  rig_->RunFor(50);
  rig_->TakeServer(kPort);
  std::vector<std::unique_ptr<FakePeer>> clients, servers;
  for (int i = 0; i < 9; ++i) {
    clients.push_back(rig_->Dial(80));
    clients.back()->Write("x");
    servers.push_back(rig_->WaitServer(kPort));
  }
  Refuse(true);
  EXPECT_TRUE(rig_->RunUntil([&] { return Text() == "DOWN"; }, 3000));
  rig_->Settle();
  for (auto& client : clients) EXPECT_TRUE(client->AtEnd());
  EXPECT_EQ(rig_->Reasons(*proxy_, shard::CloseReason::kServerDown), 9u);
  clients.clear();
  servers.clear();
  rig_->Settle();
}

TEST_F(CheckTest, BackupSessionsEndWhenAServerComesUp) {
  Make(2);
  server_->check.shuts_backup_sessions_down = true;
  ServerConfig& backup = rig_->AddServer(*proxy_, 9001);
  backup.backup = true;
  Refuse(true);
  rig_->Start();
  rig_->RunFor(50);
  ASSERT_EQ(Text(), "DOWN");
  auto client = rig_->Dial(80);
  client->Write("x");
  auto on_backup = rig_->WaitServer(9001, 100);
  ASSERT_NE(on_backup, nullptr);
  Refuse(false);
  EXPECT_TRUE(rig_->RunUntil([&] { return Text() == "UP"; }, 5000));
  rig_->Settle();
  EXPECT_TRUE(client->AtEnd());
  EXPECT_EQ(rig_->Reasons(*proxy_, shard::CloseReason::kServerUp), 1u);
}

TEST_F(CheckTest, Agent) {
  Make();
  server_->weight = 40;
  server_->check.enabled = false;
  server_->check.agent_enabled = true;
  server_->check.agent_target.port = 9100;
  server_->check.agent_inter_ms = 1000;
  server_->check.agent_send = "who\n";
  rig_->ScriptConnect(9100, {});
  rig_->Start();
  const auto say = [&](std::string_view line) {
    auto peer = rig_->WaitServer(9100, 2000);
    ASSERT_NE(peer, nullptr);
    rig_->Settle();
    EXPECT_EQ(peer->Read(), "who\n");
    peer->Write(line);
    peer->CloseWrite();
    rig_->Settle();
  };
  const auto last = [&] { return std::string(server_->state->agent.report.Get().text()); };
  say("up 50%\n");
  EXPECT_EQ(Text(), "no check");
  EXPECT_EQ(server_->state->weight(), 20u);
  EXPECT_EQ(last(), "via agent : up");
  say("fail # out of coffee\r\n");
  EXPECT_EQ(Text(), "DOWN (agent)");
  EXPECT_EQ(last(), "via agent : fail (out of coffee)");
  say("100%\n");  // says nothing of being up
  EXPECT_EQ(Text(), "DOWN (agent)");
  EXPECT_EQ(server_->state->weight(), 40u);
  say("up");  // not a line
  EXPECT_EQ(Text(), "DOWN (agent)");
  EXPECT_EQ(last(), "Ignoring incomplete line from agent");
  rig_->ScriptConnect(9100, {ConnectOutcome::kRefused, 0});
  rig_->RunFor(1100);
  EXPECT_EQ(last(), "Connection refused");
  rig_->ScriptConnect(9100, {});
  say("up maint\n");
  EXPECT_EQ(Text(), "MAINT");
  say("drain\n");  // it is asked in maintenance, too
  EXPECT_EQ(Text(), "DRAIN (agent)");
  say("ready\n");
  EXPECT_EQ(Text(), "no check");
}

TEST_F(CheckTest, ObservedFailures) {
  Make();
  server_->check.observe = Observe::kLayer4;
  server_->check.error_limit = 3;
  server_->check.on_error = OnError::kMarkDown;
  server_->check.inter_ms = 60000;
  server_->check.fastinter_ms = 500;
  rig_->Start();
  rig_->RunFor(50);
  ASSERT_EQ(Text(), "UP");
  events().OnFailure(*server_, "TCP connection failed");
  events().OnFailure(*server_, "TCP connection failed");
  events().OnSuccess(*server_);
  events().OnFailure(*server_, "TCP connection failed");
  events().OnFailure(*server_, "TCP connection failed");
  EXPECT_EQ(Text(), "UP");
  events().OnFailure(*server_, "TCP connection failed");
  EXPECT_EQ(Text(), "DOWN");
  EXPECT_EQ(server_->state->counters.observed.load(), 1u);
  EXPECT_EQ(server_->state->counters.failed.load(), 1u);
  const CheckReport report = server_->state->check.report.Get();
  EXPECT_EQ(report.status, CheckStatus::kObserved);
  EXPECT_EQ(report.text(), "Detected 3 consecutive errors, last one was: TCP connection failed");
  rig_->RunFor(1100);  // fastinter: two checks
  EXPECT_EQ(Text(), "UP");
}

TEST_F(CheckTest, ManyServersSpreadTheirChecks) {
  Make(3);
  for (uint16_t port = 9001; port < 9010; ++port) {
    ServerConfig& server = rig_->AddServer(*proxy_, port);
    server.check.enabled = true;
    server.check.inter_ms = 2000;
    server.check.ordinal = port - 9000u;
  }
  rig_->Start();
  rig_->RunFor(5);
  const auto checked = [&] {
    int count = 0;
    for (const auto& server : proxy_->servers) {
      if (server->state->check.report.Get().status == CheckStatus::kL4Ok) ++count;
    }
    return count;
  };
  EXPECT_EQ(checked(), 1);
  rig_->RunFor(500);  // half of the smallest interval
  EXPECT_EQ(checked(), 6);
  rig_->RunFor(500);
  EXPECT_EQ(checked(), 10);
}

// Whatever the network does to checks, nothing is left and every check ends in something.
TEST_F(CheckTest, Mischief) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    rig_ = std::make_unique<Rig>(
        RigOptions{.seed = seed, .modes = tests::FakeModes::Mischief(), .shards = 2});
    proxy_ = &rig_->AddListen("relay", 80);
    for (uint16_t port = 9000; port < 9004; ++port) {
      ServerConfig& server = rig_->AddServer(*proxy_, port);
      server.check.enabled = true;
      server.check.inter_ms = 100;
      server.check.ordinal = port;
    }
    UseTcp("PING\r\n", "+PONG\r\n");
    rig_->Start();
    for (int round = 0; round < 50; ++round) {
      for (uint16_t port = 9000; port < 9004; ++port) {
        while (auto peer = rig_->TakeServer(port)) {
          peer->Write((round + port) % 3 == 0 ? "-ERR\r\n" : "+PONG\r\n");
          if (round % 7 == 0) peer->Reset();
        }
      }
      rig_->RunFor(40);
    }
    for (const auto& server : proxy_->servers) {
      EXPECT_NE(server->state->check.report.Get().status, CheckStatus::kInitializing) << seed;
    }
  }
}

}  // namespace
}  // namespace engine
