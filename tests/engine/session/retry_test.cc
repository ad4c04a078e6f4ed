// Which retry goes to another server, and what a stream does with the answer.

#include "engine/session/retry.h"

#include <gtest/gtest.h>

#include "tests/engine/session/rig.h"

namespace engine {
namespace {

using shard::CloseReason;
using shard::RetryDecision;
using tests::ConnectOutcome;

// Manual 4.2, option redispatch: for each retry from 1 on, 'o' the other server, 's' the same, for
// a request that a cookie or a hash binds.
struct RedispatchCase {
  const char* name;
  uint32_t retries;
  bool redispatch;
  int32_t interval;
  const char* decisions;
};

constexpr RedispatchCase kRedispatchCases[] = {
    {"NoOption", 3, false, -1, "sss"},
    {"Default", 3, true, -1, "sso"},
    {"DefaultOneRetry", 1, true, -1, "o"},
    {"NoRetries", 0, true, -1, ""},
    {"Every", 4, true, 1, "oooo"},
    {"EverySecond", 5, true, 2, "sosos"},
    {"EveryThird", 7, true, 3, "ssossos"},
    {"IntervalPastRetries", 2, true, 3, "ss"},
    {"SecondBeforeLast", 4, true, -2, "ssos"},
    {"FourthBeforeLast", 4, true, -4, "osss"},
    {"BeforeTheFirst", 4, true, -5, "ssss"},
    {"Off", 3, true, 0, "sss"},
};

class RedispatchTable : public testing::TestWithParam<RedispatchCase> {};

TEST_P(RedispatchTable, Decides) {
  ProxyConfig backend;
  backend.retries = GetParam().retries;
  backend.redispatch = GetParam().redispatch;
  backend.redispatch_interval = GetParam().interval;
  std::string decisions;
  uint32_t pause_ms = 0;
  for (uint32_t retry = 1;; ++retry) {
    ASSERT_LT(retry, 100u);
    const RetryDecision decision =
        DecideRetryOf(backend, {.is_bound = true, .has_other = true}, retry, &pause_ms);
    if (decision == RetryDecision::kGiveUp) break;
    decisions += decision == RetryDecision::kAnotherServer ? 'o' : 's';
  }
  EXPECT_EQ(decisions, GetParam().decisions);
}

// Who is not bound goes to another server with the first retry, unless no retry may. One second
// before each retry on the same server (manual 4.2, retries).
TEST_P(RedispatchTable, FreeRequestsGoOnAtOnce) {
  ProxyConfig backend;
  backend.retries = GetParam().retries;
  backend.redispatch = GetParam().redispatch;
  backend.redispatch_interval = GetParam().interval;
  const bool goes_on = backend.redispatch && backend.redispatch_interval != 0;
  uint32_t pause_ms = 0;
  for (uint32_t retry = 1; retry <= backend.retries; ++retry) {
    EXPECT_EQ(DecideRetryOf(backend, {.has_other = true}, retry, &pause_ms),
              goes_on ? RetryDecision::kAnotherServer : RetryDecision::kSameServer);
    EXPECT_EQ(DecideRetryOf(backend, {}, retry, &pause_ms), RetryDecision::kSameServer);
  }
}

// The same through whole streams: server 9000 refuses, 9001 answers.
TEST_P(RedispatchTable, StreamFollows) {
  Rig rig;
  ProxyConfig& proxy = rig.AddListen("relay", 80);
  proxy.timeouts.connect_ms = 5000;
  proxy.retries = GetParam().retries;
  proxy.redispatch = GetParam().redispatch;
  proxy.redispatch_interval = GetParam().interval;
  ServerConfig& dead = rig.AddServer(proxy, 9000);
  ServerConfig& alive = rig.AddServer(proxy, 9001);
  rig.ScriptConnect(9000, {ConnectOutcome::kRefused});
  rig.Start();
  const uint64_t start_ms = rig.now_ms();
  auto client = rig.Dial(80);
  const bool goes_on = GetParam().redispatch && GetParam().interval != 0 && GetParam().retries > 0;
  const size_t pauses = goes_on ? 0 : GetParam().retries;
  std::unique_ptr<tests::FakePeer> server;
  rig.RunUntil([&] {
    server = rig.TakeServer(9001);
    return server != nullptr || client->AtEnd() || rig.live_sessions() == 0;
  });
  // One second before each retry on the same server, none before another.
  EXPECT_EQ(rig.now_ms() - start_ms, pauses * 1000);
  EXPECT_EQ(server != nullptr, goes_on);
  EXPECT_EQ(dead.state->Total(), 1u);
  EXPECT_EQ(dead.state->Attempts(), 1 + pauses);
  EXPECT_EQ(dead.state->Current(), 0);
  EXPECT_EQ(dead.state->part(0).connect_errors.Get(), pauses + 1);
  if (server != nullptr) {
    EXPECT_EQ(alive.state->Current(), 1);
    EXPECT_EQ(dead.state->part(0).redispatches.Get(), 1u);
    EXPECT_EQ(proxy.state->part(0).retries.Get(), pauses);
    client->CloseWrite();
    client->Write("");
    rig.Settle();
    server->Close();
    rig.Settle();
    EXPECT_EQ(rig.ReasonsText(proxy), "normal 1");
  } else {
    EXPECT_EQ(alive.state->Total(), 0u);
    EXPECT_EQ(rig.ReasonsText(proxy), "connect_refused 1");
  }
  rig.ExpectSettled();
}

INSTANTIATE_TEST_SUITE_P(All, RedispatchTable, testing::ValuesIn(kRedispatchCases),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(RetryTest, PauseIsTheConnectTimeoutUpToASecond) {
  ProxyConfig backend;
  uint32_t pause_ms = 0;
  for (const auto& [connect_ms, wanted_ms] :
       {std::pair{0u, 1000u}, {300u, 300u}, {1000u, 1000u}, {5000u, 1000u}}) {
    backend.timeouts.connect_ms = connect_ms;
    EXPECT_EQ(DecideRetryOf(backend, {.has_other = true}, 1, &pause_ms),
              RetryDecision::kSameServer);
    EXPECT_EQ(pause_ms, wanted_ms);
    EXPECT_EQ(DecideRetryOf(backend, {.has_waited = true}, 1, &pause_ms),
              RetryDecision::kSameServer);
    EXPECT_EQ(pause_ms, 0u);
  }
}

TEST(RetryTest, ServerThatComesBackIsReachedByTheRetry) {
  Rig rig;
  ProxyConfig& proxy = rig.AddListen("relay", 80);
  proxy.timeouts.connect_ms = 200;
  ServerConfig& config = rig.AddServer(proxy, 9000);
  rig.ScriptConnect(9000, {ConnectOutcome::kRefused, 50000});
  rig.Start();
  auto client = rig.Dial(80);
  client->Write("waiting");
  rig.RunFor(100);  // refused after 50 ms, pausing until 250
  EXPECT_EQ(config.state->Current(), 1) << "the slot is kept through the pause";
  EXPECT_EQ(rig.shard(0).connections().live(), 1u) << "but no connection";
  rig.ScriptConnect(9000, {ConnectOutcome::kOk});
  rig.RunFor(149);
  EXPECT_EQ(rig.TakeServer(9000), nullptr);
  rig.RunFor(1);
  auto server = rig.TakeServer(9000);
  ASSERT_NE(server, nullptr);
  rig.Settle();
  EXPECT_EQ(server->Read(), "waiting");
  EXPECT_EQ(config.state->Total(), 1u);
  EXPECT_EQ(config.state->part(0).retries.Get(), 1u);
  client->Close();
  rig.Settle();
  server->Close();
  rig.Settle();
  rig.ExpectSettled();
  EXPECT_EQ(rig.ReasonsText(proxy), "normal 1");
}

TEST(RetryTest, RedispatchWithOneServerTriesItAgainAfterThePause) {
  Rig rig;
  ProxyConfig& proxy = rig.AddListen("relay", 80);
  proxy.retries = 2;
  proxy.redispatch = true;
  proxy.redispatch_interval = 1;
  ServerConfig& config = rig.AddServer(proxy, 9000);
  rig.ScriptConnect(9000, {ConnectOutcome::kRefused});
  rig.Start();
  auto client = rig.Dial(80);
  rig.RunFor(1500);
  EXPECT_EQ(config.state->part(0).connect_errors.Get(), 2u);
  rig.RunFor(1000);
  rig.ExpectSettled();
  EXPECT_EQ(config.state->part(0).connect_errors.Get(), 3u);
  EXPECT_EQ(config.state->part(0).redispatches.Get(), 0u);
  EXPECT_EQ(rig.ReasonsText(proxy), "connect_refused 1");
}

}  // namespace
}  // namespace engine
