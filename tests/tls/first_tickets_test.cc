// When the tickets of TLS 1.3 go out: with the first bytes, or soon, and not to who has gone.

#include <gtest/gtest.h>

#include <vector>

#include "tests/tls/link_world.h"
#include "tls/link.h"

namespace tls {
namespace {

class FirstTicketsTest : public LinkTest {
 protected:
  static constexpr uint64_t kSoonMs = 25;

  // Counts the tickets that a client is given.
  static void Watch(TlsClient& client) {
    given_ = 0;
    SSL_CTX* const library = SSL_get_SSL_CTX(client.ssl());
    SSL_CTX_set_session_cache_mode(library, SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(library, [](SSL*, SSL_SESSION* session) {
      given_ += SSL_SESSION_has_ticket(session);
      last_.reset(session);
      return 1;
    });
  }
  void End() {
    connection_->Abort();
    world_->RunFor(5);
    hearer_.Take();
  }
  void TearDown() override { last_.reset(); }

  static inline int given_ = 0;
  static inline Handle<SSL_SESSION> last_;
};

TEST_F(FirstTicketsTest, AreSentThoughNobodySaysAnything) {
  for (const bool sealed : {true, false}) {
    Options options;
    options.tickets = sealed;
    Open({}, options);
    for (const bool again : {false, true}) {
      SCOPED_TRACE(again);
      if (again) Accept();
      TlsClient client(TLS1_3_VERSION);
      const Handle<SSL_SESSION> session = bssl::UpRef(last_);
      Watch(client);
      if (again) SSL_set_session(client.ssl(), session.get());
      Shake(client);
      EXPECT_EQ(SSL_session_reused(client.ssl()) == 1, again);
      EXPECT_EQ(given_, 0);
      world_->RunFor(kSoonMs);
      client.Step(peer_->Read());
      EXPECT_EQ(given_, 2);
      world_->RunFor(1000);
      EXPECT_EQ(peer_->readable(), 0u);
      End();
    }
  }
}

TEST_F(FirstTicketsTest, AreNotMadeUp) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Options options;
    options.tickets = false;
    options.reuses_sessions = false;
    Open({}, options);
    TlsClient client(version);
    Shake(client);
    ASSERT_TRUE(client.done());
    world_->RunFor(kSoonMs);
    EXPECT_EQ(peer_->readable(), 0u);
    EXPECT_EQ(hearer_.Take(), "connected ");
    End();
  }
}

TEST_F(FirstTicketsTest, ShareTheSendOfAnAnswer) {
  Open();
  TlsClient client(TLS1_3_VERSION);
  Watch(client);
  Shake(client);
  Send("hello");
  const size_t bytes = connection_->wire_out().size();
  world_->Settle();
  const std::string sent = peer_->Read();
  EXPECT_EQ(sent.size(), bytes);
  client.Step(sent);
  EXPECT_EQ(client.plain, "hello");
  EXPECT_EQ(given_, 2);
  world_->RunFor(1000);
  EXPECT_EQ(peer_->readable(), 0u);
}

// It may not read at all, and would reset the connection behind its last bytes.
TEST_F(FirstTicketsTest, WaitForWhoSendsButNotForEver) {
  Open();
  TlsClient client(TLS1_3_VERSION);
  Watch(client);
  Shake(client);
  connection_->WantRecv(true);
  uint64_t waited_ms = 0;
  for (; waited_ms < 1000 && given_ == 0; waited_ms += 10) {
    peer_->Write(client.Seal("line"));
    world_->RunFor(10);
    EXPECT_EQ(Received(), "line");
    connection_->WantRecv(true);
    client.Step(peer_->Read());
  }
  EXPECT_EQ(given_, 2);
  EXPECT_GE(waited_ms, 100u);
  EXPECT_LE(waited_ms, 250u);
}

TEST_F(FirstTicketsTest, AreNotSentToWhoHasEnded) {
  for (const bool notified : {true, false}) {
    SCOPED_TRACE(notified);
    Open();
    TlsClient client(TLS1_3_VERSION);
    Watch(client);
    Shake(client);
    connection_->WantRecv(true);
    peer_->Write(client.Seal("bye"));
    if (notified) peer_->Write(client.Close());
    if (!notified) peer_->CloseWrite();
    world_->Settle();
    EXPECT_EQ(Received(), "bye");
    world_->RunFor(1000);
    EXPECT_EQ(peer_->readable(), 0u);
    // It may only have ended its own half: they go with the answer.
    Send("answer");
    world_->Settle();
    const std::string sent = peer_->Read();
    EXPECT_GT(sent.size(), 200u);
    if (!notified) {
      client.Step(sent);
      EXPECT_EQ(client.plain, "answer");
      EXPECT_EQ(given_, 2);
    }
    End();
  }
}

TEST_F(FirstTicketsTest, WaitForChunksAndGoOn) {
  enum class Then { kNothing, kSend, kShut, kAbort };
  for (const Then then : {Then::kNothing, Then::kSend, Then::kShut, Then::kAbort}) {
    SCOPED_TRACE(int(then));
    ConnWorldOptions options;
    options.small_bytes = 256;
    options.large_chunks = 8;
    Open(options);
    TlsClient client(TLS1_3_VERSION);
    Watch(client);
    Shake(client);
    std::vector<shard::Chunk*> taken;
    for (shard::ChunkPool* pool : {&world_->large, &world_->small}) {
      while (shard::Chunk* chunk = pool->Take()) taken.push_back(chunk);
    }
    shard::ChunkPool::Drop(taken.back());  // room for a part of them
    taken.pop_back();
    world_->RunFor(kSoonMs);
    EXPECT_EQ(given_, 0);
    shard::ByteQueue queue(world_->slices);
    if (then == Then::kSend) {
      shard::Chunk* chunk = taken.back();
      taken.pop_back();
      chunk->data[0] = 'x';
      queue.Push({chunk, 0, 1});
      connection_->Send(queue);
      connection_->WantWritable();
      EXPECT_EQ(queue.size(), 1u);
    }
    if (then == Then::kShut) connection_->ShutWrite();
    if (then == Then::kAbort) connection_->Abort();
    for (shard::Chunk* chunk : taken) shard::ChunkPool::Drop(chunk);
    world_->Settle();
    if (then == Then::kSend) {
      EXPECT_NE(hearer_.Take().find("writable"), std::string::npos);
      connection_->Send(queue);
      EXPECT_TRUE(queue.empty());
    }
    world_->RunFor(kSoonMs);
    client.Step(peer_->Read());
    if (then == Then::kNothing || then == Then::kSend) {
      EXPECT_EQ(given_, 2);
    }
    EXPECT_EQ(client.plain, then == Then::kSend ? "x" : "");
    if (then != Then::kAbort) End();
  }
}

}  // namespace
}  // namespace tls
