// Streams in mode http whose two sides end at different times: what one side reads from the other's
// message is there as long as it is needed.

#include <gtest/gtest.h>

#include "engine/server/http_config.h"
#include "tests/engine/session/rig.h"

namespace engine {
namespace {

constexpr std::string_view kTrailers = "0\r\nx-sum: 12345\r\nx-more: abcdef\r\n\r\n";
constexpr std::string_view kWholeAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

class HttpEndingTest : public testing::Test {
 protected:
  HttpEndingTest() {
    proxy_.mode = Mode::kHttp;
    proxy_.http_profile = std::make_shared<HttpProfile>();
    proxy_.timeouts = {.connect_ms = 500, .client_ms = 20000, .server_ms = 10000};
    rig_.AddServer(proxy_, 9000);
    rig_.Start();
  }
  // A request with a body of that many random kilobytes and trailers, to a server that reads only
  // what the test reads.
  void BeginUpload(size_t kilobytes) {
    client_ = rig_.Dial(80);
    client_->Write("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    server_ = rig_.WaitServer(9000);
    ASSERT_NE(server_, nullptr);
    server_->SetCapacity(1 << 20, 1000);
    client_->SetCapacity(1 << 20, 1 << 20);
    for (size_t i = 0; i < kilobytes; ++i) {
      client_->Write("400\r\n" + std::string(1024, char('a' + i % 26)) + "\r\n");
      rig_.Settle();
    }
    client_->Write(kTrailers);
    rig_.Settle();
  }
  std::string ReadAll(tests::FakePeer& peer) {
    std::string all;
    for (int i = 0; i < 2000; ++i) {
      all += peer.Read();
      rig_.Settle();
    }
    return all;
  }

  Rig rig_;
  ProxyConfig& proxy_ = rig_.AddListen("web", 80);
  std::unique_ptr<tests::FakePeer> client_;
  std::unique_ptr<tests::FakePeer> server_;
};

// The response is over first; the client's next request must not take the place of the one whose
// trailers still have to go. How much the proxy holds of a body decides where it stands then, so
// bodies of many sizes are tried.
TEST_F(HttpEndingTest, TrailersReachAServerThatAnsweredEarlyAndReadsLate) {
  for (size_t kilobytes = 16; kilobytes <= 320; kilobytes += 16) {
    SCOPED_TRACE(kilobytes);
    BeginUpload(kilobytes);
    server_->Write(kWholeAnswer);
    rig_.Settle();
    EXPECT_TRUE(client_->Read().ends_with("ok"));
    client_->Write("GET /second HTTP/1.1\r\nHost: a\r\nx-long: " + std::string(3000, 'y') +
                   "\r\n\r\n");
    rig_.Settle();
    const std::string request = ReadAll(*server_);
    const size_t end = request.find("\r\n0\r\n");
    ASSERT_NE(end, std::string::npos);
    EXPECT_TRUE(request.substr(end + 2).starts_with(kTrailers)) << request.substr(end, 100);
    client_.reset();
    server_.reset();
    rig_.Settle();
    while (rig_.TakeServer(9000) != nullptr) rig_.Settle();
  }
}

// Nothing is left of the body when the trailers come, last of all.
TEST_F(HttpEndingTest, TrailersThatComeAfterTheAnswerAreSent) {
  client_ = rig_.Dial(80);
  client_->Write("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  server_ = rig_.WaitServer(9000);
  ASSERT_NE(server_, nullptr);
  server_->Write(kWholeAnswer);
  rig_.Settle();
  EXPECT_TRUE(client_->Read().ends_with("ok"));
  (void)server_->Read();
  client_->Write(kTrailers);
  rig_.Settle();
  EXPECT_EQ(server_->Read(), kTrailers);
}

// The same, with a server that never reads: it times out, and the client's connection is over too
// or goes on.
TEST_F(HttpEndingTest, AServerThatNeverReadsTheTrailersDoesNotKeepItsClientForEver) {
  for (size_t kilobytes = 16; kilobytes <= 320; kilobytes += 16) {
    SCOPED_TRACE(kilobytes);
    BeginUpload(kilobytes);
    server_->Write(kWholeAnswer);
    rig_.Settle();
    EXPECT_TRUE(client_->Read().ends_with("ok"));
    client_->CloseWrite();
    rig_.RunFor(10100);
    EXPECT_EQ(rig_.live_sessions(), 0u);
    client_.reset();
    server_.reset();
    rig_.RunFor(20000);
    rig_.ExpectSettled();
  }
}

// A client that is told that its connection ends, and has sent its next request meanwhile: to close
// on that would reset the connection, and the answer with it.
TEST_F(HttpEndingTest, ANextRequestThatComesTooLateDoesNotResetTheAnswer) {
  proxy_.http.connection_mode = ConnectionMode::kClose;
  client_ = rig_.Dial(80);
  client_->Write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  server_ = rig_.WaitServer(9000);
  ASSERT_NE(server_, nullptr);
  server_->Write(kWholeAnswer);
  for (int turn = 0; turn < 100 && client_->readable() == 0; ++turn) rig_.Turn();
  client_->Write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  rig_.RunFor(100);
  EXPECT_FALSE(client_->WasReset());
  EXPECT_TRUE(client_->Read().ends_with("ok"));
  EXPECT_TRUE(client_->AtEnd()) << "the end is told at once";
  EXPECT_EQ(rig_.shard(0).connections().live(), 1u) << "what the client sends is still read";
  rig_.RunFor(2000);
  rig_.ExpectEmpty();
}

// Chunks become bytes that the end of the connection ends: an end in their middle must not look so.
TEST_F(HttpEndingTest, WhatOnlyTheEndOfTheConnectionEndsIsCutByAReset) {
  for (const bool whole : {false, true}) {
    SCOPED_TRACE(whole);
    client_ = rig_.Dial(80);
    client_->Write("GET / HTTP/1.0\r\n\r\n");
    server_ = rig_.WaitServer(9000);
    ASSERT_NE(server_, nullptr);
    server_->Write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    if (whole) server_->Write("0\r\n\r\n");
    rig_.Settle();
    EXPECT_TRUE(client_->Read().ends_with("hello"));
    server_->CloseWrite();
    rig_.RunFor(1);
    EXPECT_EQ(client_->WasReset(), !whole);
    client_.reset();
    server_.reset();
    rig_.RunFor(5000);
    rig_.ExpectEmpty();
  }
}

TEST_F(HttpEndingTest, AClientThatClosesByItselfIsNotWaitedFor) {
  client_ = rig_.Dial(80);
  client_->Write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  server_ = rig_.WaitServer(9000);
  ASSERT_NE(server_, nullptr);
  server_->Write(kWholeAnswer);
  server_->CloseWrite();
  rig_.RunFor(1);
  EXPECT_TRUE(client_->Read().ends_with("ok"));
  EXPECT_TRUE(client_->AtEnd());
  rig_.ExpectEmpty();
}

// Two seconds are for the client to end once it has everything, not for a slow one to read it.
TEST_F(HttpEndingTest, ASlowClientGetsTheWholeLastAnswer) {
  client_ = rig_.Dial(80);
  client_->SetCapacity(1 << 20, 1000);
  const std::string request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  proxy_.http.connection_mode = ConnectionMode::kClose;
  client_->Write(request + request);
  server_ = rig_.WaitServer(9000);
  ASSERT_NE(server_, nullptr);
  server_->Write("HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n" + std::string(20000, 'x'));
  std::string got;
  for (int i = 0; i < 100 && !client_->AtEnd(); ++i) {
    got += client_->Read();
    rig_.RunFor(500);
  }
  EXPECT_TRUE(got.ends_with(std::string(20000, 'x')));
  EXPECT_FALSE(client_->WasReset());
  client_.reset();
  server_.reset();
  rig_.RunFor(10000);
  rig_.ExpectEmpty();
}

// What a server that has gone does not take is dropped, out of a pipe as well: the pipe would fill
// up, and its shard would turn for ever.
TEST(SplicedEndingTest, ABodyThatNobodyTakesAnyMoreIsDroppedToItsEnd) {
  constexpr size_t kBodyBytes = 400000;
  Rig rig({.pipes_max = 2});
  ProxyConfig& proxy = rig.AddListen("web", 80);
  proxy.mode = Mode::kHttp;
  proxy.splice_auto = true;
  auto profile = std::make_shared<HttpProfile>();
  profile->response = proto::ResponseOptions();
  proxy.http_profile = profile;
  rig.AddServer(proxy, 9000);
  rig.Start();
  auto client = rig.Dial(80);
  client->Write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(kBodyBytes) +
                "\r\n\r\n");
  auto server = rig.WaitServer(9000);
  ASSERT_NE(server, nullptr);
  size_t sent = 0;
  const auto send = [&](size_t until) {
    for (int i = 0; i < 10000 && sent < until; ++i) {
      sent += client->Write(std::string(std::min<size_t>(until - sent, 5000), 'x'));
      rig.Settle();
      if (server != nullptr) (void)server->Read();
    }
  };
  send(100000);
  EXPECT_GT(rig.shard(0).pipes()->in_use(), 0u) << "it is not spliced";
  server->Write("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
  rig.Settle();
  server.reset();
  send(kBodyBytes);
  EXPECT_EQ(sent, kBodyBytes);
  rig.Settle();
  EXPECT_TRUE(client->Read().ends_with("ok"));
  EXPECT_EQ(rig.shard(0).pipes()->in_use(), 0u);
  client.reset();
  rig.RunFor(60000);
  rig.ExpectEmpty();
}

}  // namespace
}  // namespace engine
