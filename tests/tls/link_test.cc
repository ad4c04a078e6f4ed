// TLS of one connection over the scripted ring, with a client of the same library in memory.

#include "tls/link.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "tests/tls/link_world.h"
#include "tls/info.h"

namespace tls {
namespace {

TEST_F(LinkTest, HandshakesHoweverTheirBytesAreCut) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const size_t piece : {size_t{1}, size_t{3}, size_t{100}, SIZE_MAX}) {
      Open();
      TlsClient client(version);
      Shake(client, piece);
      EXPECT_TRUE(client.done()) << version << " in pieces of " << piece;
      EXPECT_NE(hearer_.Take().find("connected"), std::string::npos);
      EXPECT_STREQ(InfoOf(*connection_).version, version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3");
      connection_->Abort();
      world_->Settle();
    }
  }
}

TEST_F(LinkTest, TheSecretAndTheSignatureAreTwoPiecesOfCostlyWork) {
  Open();
  TlsClient client;
  peer_->Write(client.Step(""));
  const shard::LoopCounters& counters = world_->loop->counters();
  while (counters.costly_run.Get() == 0) world_->loop->TurnOnce(0);
  // No time passes here, so one turn has room for both.
  EXPECT_EQ(counters.costly_run.Get(), 2u);
  Shake(client);
  EXPECT_TRUE(client.done());
}

TEST_F(LinkTest, NothingIsMadeBeforeTheFirstByte) {
  Open();
  world_->Settle();
  EXPECT_EQ(Link::Of(*connection_)->ssl(), nullptr);
  EXPECT_EQ(Link::Of(*connection_)->state(), Link::State::kWaiting);
  peer_->CloseWrite();
  world_->Settle();
  EXPECT_EQ(hearer_.Take(), "closed:tls_closed ");
  connection_->Abort();
}

TEST_F(LinkTest, DataThatComesWithTheHandshakeIsTold) {
  Open();
  TlsClient client(TLS1_3_VERSION);
  std::string first = client.Step("");
  peer_->Write(first);
  world_->Settle();
  std::string last = client.Step(peer_->Read());
  ASSERT_TRUE(client.done());
  peer_->Write(last + client.Seal("hello"));
  world_->Settle();
  EXPECT_EQ(hearer_.Take(), "connected readable ");
  EXPECT_EQ(Received(), "hello");
}

TEST_F(LinkTest, TinyRecordsShareOneChunk) {
  Open();
  TlsClient client;
  Shake(client);
  connection_->WantRecv(true);
  std::string sealed;
  for (int i = 0; i < 100; ++i) sealed += client.Seal("x");
  peer_->Write(sealed);
  world_->Settle();
  shard::ByteQueue queue(world_->slices);
  EXPECT_EQ(connection_->Recv(queue, SIZE_MAX), 100u);
  EXPECT_EQ(queue.head()->next, nullptr);
}

TEST_F(LinkTest, RecordLargerThanWhatIsAskedForWaits) {
  Open();
  TlsClient client;
  Shake(client);
  connection_->WantRecv(true);
  const std::string text = Letters(10000);
  peer_->Write(client.Seal(text));
  world_->Settle();
  std::string got = Received(10);
  EXPECT_EQ(got.size(), 10u);
  EXPECT_TRUE(connection_->has_unread());
  while (got.size() < text.size()) {
    const std::string more = Received(777);
    if (more.empty()) break;
    got += more;
  }
  EXPECT_EQ(got, text);
  EXPECT_FALSE(connection_->has_unread());
}

TEST_F(LinkTest, LargeTransfersGoThroughTinyWires) {
  for (const bool mischief : {false, true}) {
    ConnWorldOptions options;
    if (mischief) options.modes = tests::FakeModes::Mischief();
    options.seed = 77;
    Open(options);
    TlsClient client;
    Shake(client);
    world_->RunFor(50);
    Shake(client);
    ASSERT_TRUE(client.done());
    peer_->SetCapacity(700, 900);
    const std::string text = Letters(200'000);
    connection_->WantRecv(true);
    shard::ByteQueue to_send(world_->slices);
    std::string sealed = client.Seal(text);
    std::string got;
    size_t queued = 0;
    for (int i = 0; i < 60000 && (got.size() < text.size() || client.plain.size() < text.size());
         ++i) {
      sealed.erase(0, peer_->Write(sealed));
      if (to_send.empty() && queued < text.size()) {
        const size_t n = std::min<size_t>(20000, text.size() - queued);
        queued += to_send.Append(std::string_view(text).substr(queued, n), world_->small);
      }
      connection_->Send(to_send);
      world_->Turn();
      if (mischief) world_->clock.Advance(1000);
      got += Received(4000);
      connection_->WantRecv(true);
      client.Step(peer_->Read());
    }
    EXPECT_EQ(got, text);
    EXPECT_EQ(client.plain, text);
    connection_->Abort();
    world_->RunFor(50);
  }
}

TEST_F(LinkTest, FirstRecordsAreSmallThenLarge) {
  ConnWorldOptions options;
  options.small_bytes = 16384;
  options.large_bytes = 65536;
  Open(options);
  TlsClient client(TLS1_3_VERSION);
  Shake(client);
  Send(Letters(60'000));
  std::string sent;
  for (int i = 0; i < 20; ++i) {
    world_->Settle();
    sent += peer_->Read();
  }
  std::vector<size_t> lengths;
  for (size_t at = 0; at + 5 <= sent.size();) {
    lengths.push_back(uint8_t(sent[at + 3]) * 256u + uint8_t(sent[at + 4]));
    at += 5 + lengths.back();
  }
  // Session tickets wait for the first write, so that a client that does not read holds nothing up.
  lengths.erase(lengths.begin());
  ASSERT_GT(lengths.size(), 12u);
  EXPECT_EQ(lengths.front(), 1400u + 17);
  // As large as what lies in one piece.
  EXPECT_GT(lengths[12], 8192u);
  client.Step(sent);
  EXPECT_EQ(client.plain, Letters(60'000));
}

TEST_F(LinkTest, SmallSlicesShareARecord) {
  Open();
  TlsClient client(TLS1_3_VERSION);
  Shake(client);
  Send("the tickets of 1.3 go with this");
  world_->Settle();
  client.Step(peer_->Read());
  client.plain.clear();
  shard::ByteQueue queue(world_->slices);
  std::vector<shard::Chunk*> held;
  for (int i = 0; i < 3; ++i) {
    shard::Chunk* chunk = world_->small.Take();
    std::memset(chunk->data, 'a' + i, 1024);
    queue.Push({chunk, 0, i == 0 ? 1024u : 100u});
    if (i < 2) shard::ChunkPool::Hold(chunk);  // so that nothing is joined
    if (i < 2) held.push_back(chunk);
  }
  connection_->Send(queue);
  world_->Settle();
  const std::string sent = peer_->Read();
  EXPECT_EQ(sent.size(), 5u + 1224 + 17);
  for (shard::Chunk* chunk : held) shard::ChunkPool::Drop(chunk);
  client.Step(sent);
  EXPECT_EQ(client.plain.size(), 1224u);
}

TEST_F(LinkTest, SendWaitsForAChunkAndGoesOn) {
  ConnWorldOptions options;
  options.small_chunks = 24;
  options.large_chunks = 8;
  Open(options);
  TlsClient client;
  Shake(client);
  shard::ByteQueue queue(world_->slices);
  const std::string text = Letters(3000);
  ASSERT_EQ(queue.Append(text, world_->small), text.size());
  std::vector<shard::Chunk*> taken;
  for (shard::ChunkPool* pool : {&world_->small, &world_->large}) {
    while (shard::Chunk* chunk = pool->Take()) taken.push_back(chunk);
  }
  connection_->Send(queue);
  EXPECT_EQ(queue.size(), text.size());
  connection_->WantWritable();
  world_->Settle();
  EXPECT_EQ(hearer_.Take().find("writable"), std::string::npos);
  for (shard::Chunk* chunk : taken) shard::ChunkPool::Drop(chunk);
  world_->Settle();
  EXPECT_NE(hearer_.Take().find("writable"), std::string::npos);
  connection_->Send(queue);
  world_->Settle();
  EXPECT_TRUE(queue.empty());
  client.Step(peer_->Read());
  EXPECT_EQ(client.plain, text);
}

TEST_F(LinkTest, RecvWaitsForAChunkAndGoesOn) {
  ConnWorldOptions options;
  options.small_chunks = 24;
  Open(options);
  TlsClient client;
  Shake(client);
  hearer_.Take();
  connection_->WantRecv(true);
  peer_->Write(client.Seal("hello"));
  world_->Settle();
  EXPECT_EQ(hearer_.Take(), "readable ");
  std::vector<shard::Chunk*> taken;
  while (shard::Chunk* chunk = world_->small.Take()) taken.push_back(chunk);
  EXPECT_EQ(Received(), "");
  for (shard::Chunk* chunk : taken) shard::ChunkPool::Drop(chunk);
  world_->Settle();
  EXPECT_EQ(hearer_.Take(), "readable ");
  EXPECT_EQ(Received(), "hello");
}

TEST_F(LinkTest, CloseNotifyEndsReadingInOrder) {
  Open();
  TlsClient client;
  Shake(client);
  connection_->WantRecv(true);
  std::string sealed = client.Seal("last");
  sealed += client.Close();
  peer_->Write(sealed);
  peer_->CloseWrite();
  world_->Settle();
  EXPECT_EQ(Received(), "last");
  EXPECT_TRUE(connection_->read_ended());
  EXPECT_FALSE(connection_->truncated());
}

TEST_F(LinkTest, EndWithoutCloseNotifyIsTruncation) {
  Open();
  TlsClient client;
  Shake(client);
  connection_->WantRecv(true);
  std::string sealed = client.Seal("some");
  sealed += client.Seal("cut");
  peer_->Write(sealed.substr(0, sealed.size() - 1));
  peer_->CloseWrite();
  world_->Settle();
  EXPECT_EQ(Received(), "some");
  EXPECT_EQ(Received(), "");
  EXPECT_TRUE(connection_->read_ended());
  EXPECT_TRUE(connection_->truncated());
}

TEST_F(LinkTest, ShutWriteSaysGoodbye) {
  Open();
  TlsClient client;
  Shake(client);
  Send("bye");
  connection_->ShutWrite();
  world_->Settle();
  client.Step(peer_->Read());
  EXPECT_EQ(client.plain, "bye");
  EXPECT_TRUE(client.closed());
}

TEST_F(LinkTest, LastBytesLeaveBeforeTheClose) {
  Open();
  TlsClient client;
  Shake(client);
  shard::ByteQueue last(world_->slices);
  const std::string text = Letters(100'000);
  ASSERT_EQ(last.Append(text, world_->small), text.size());
  connection_->CloseAfterFlush(world_->clock.now_us() / 1000 + 1000, false, &last);
  for (int i = 0; i < 100; ++i) {
    world_->Settle();
    client.Step(peer_->Read());
  }
  EXPECT_EQ(client.plain, text);
  EXPECT_TRUE(client.closed());
  EXPECT_TRUE(gone());
}

TEST_F(LinkTest, BrokenRecordIsAnsweredByAnAlertAndClosed) {
  Open();
  TlsClient client;
  Shake(client);
  connection_->WantRecv(true);
  std::string sealed = client.Seal("hello");
  sealed[sealed.size() - 1] = char(sealed.back() ^ 1);
  peer_->Write(sealed);
  world_->Settle();
  EXPECT_EQ(Received(), "");
  world_->Settle();
  EXPECT_NE(hearer_.Take().find("closed:tls_fatal"), std::string::npos);
  client.Step(peer_->Read());
  connection_->Abort();
}

TEST_F(LinkTest, PlainHttpHasAReasonOfItsOwn) {
  Open();
  peer_->Write("GET / HTTP/1.1\r\n\r\n");
  world_->Settle();
  EXPECT_EQ(hearer_.Take(), "closed:tls_plain_http ");
  connection_->Abort();
}

TEST_F(LinkTest, GarbageGetsAnAlertBeforeTheClose) {
  Open();
  peer_->Write(std::string("\x16\x03\x01\x00\x04\x0e\x00\x00\x00", 9));
  world_->Settle();
  EXPECT_EQ(hearer_.Take(), "closed:tls_handshake ");
  EXPECT_EQ(LastAlert(), SSL_AD_UNEXPECTED_MESSAGE);
  connection_->Abort();
}

// RFC 6066 section 3: unrecognized_name.
TEST_F(LinkTest, StrictNamesAreRefusedByTheirOwnAlert) {
  for (const uint16_t version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const char* name : {"unknown.test", ""}) {
      Open();
      CertStore store;
      store.Add(Certificate(), {});
      store.SetStrict(true);
      std::string error;
      context_ = Context::MakeServer({}, std::move(store), &error);
      ASSERT_NE(context_, nullptr) << error;
      Accept();
      TlsClient client(version);
      if (*name != '\0') SSL_set_tlsext_host_name(client.ssl(), name);
      peer_->Write(client.Step(""));
      world_->Settle();
      EXPECT_EQ(LastAlert(), SSL_AD_UNRECOGNIZED_NAME) << version << ' ' << name;
      peer_.reset();
      world_.reset();
    }
  }
}

TEST_F(LinkTest, HandshakeWaitsForChunks) {
  ConnWorldOptions options;
  options.small_chunks = 24;
  options.large_chunks = 4;
  Open(options);
  TlsClient client;
  const std::string hello = client.Step("");
  peer_->Write(hello);
  // The receive takes its buffer, and then there is none to answer with.
  std::vector<shard::Chunk*> taken;
  world_->Turn();
  for (shard::ChunkPool* pool : {&world_->small, &world_->large}) {
    while (shard::Chunk* chunk = pool->Take()) taken.push_back(chunk);
  }
  world_->Settle();
  for (shard::Chunk* chunk : taken) shard::ChunkPool::Drop(chunk);
  world_->Settle();
  Shake(client);
  EXPECT_TRUE(client.done());
}

// What is told of a shard's connections adds up.
class CountedLinkTest : public LinkTest {
 protected:
  struct Events final : LinkEvents {
    void OnLinkMade(Context::Side) noexcept override { ++made; }
    void OnLinkGone(Context::Side side, bool counted) noexcept override {
      ++gone;
      EXPECT_EQ(side, Context::Side::kServer);
      EXPECT_FALSE(counted);
    }
    void OnHandshake(Context::Side, bool resumed) noexcept override {
      ++handshakes;
      this->resumed += resumed ? 1 : 0;
    }
    void OnSessionAsked(bool found) noexcept override {
      ++asked;
      this->found += found ? 1 : 0;
    }
    int made = 0, gone = 0, handshakes = 0, resumed = 0, asked = 0, found = 0;
  };
  void OpenCounted(Options options) {
    world_ = std::make_unique<ConnWorld>();
    world_->handshakes.steps[size_t(shard::HandshakeStep::kTlsAccept)] = AcceptStep();
    tls_ = std::make_unique<ShardTls>(16, TicketSecret::Draw(0), &events_);
    CertStore store;
    store.Add(Certificate(), {});
    std::string error;
    context_ = Context::MakeServer(std::move(options), std::move(store), &error);
    ASSERT_NE(context_, nullptr) << error;
    Accept();
  }
  Events events_;
};

TEST_F(CountedLinkTest, CachedSessionsAreAskedForByName) {
  Options options;
  options.tickets = false;
  OpenCounted(options);
  Handle<SSL_SESSION> session;
  for (const bool again : {false, true}) {
    if (again) Accept();
    TlsClient client(TLS1_2_VERSION);
    if (again) SSL_set_session(client.ssl(), session.get());
    Shake(client);
    ASSERT_TRUE(client.done());
    EXPECT_EQ(SSL_session_reused(client.ssl()) == 1, again);
    session.reset(SSL_get1_session(client.ssl()));
    connection_->Abort();
    world_->Settle();
  }
  EXPECT_EQ(events_.made, 2);
  EXPECT_EQ(events_.gone, 2);
  EXPECT_EQ(events_.handshakes, 2);
  EXPECT_EQ(events_.resumed, 1);
  EXPECT_EQ(events_.asked, 1);
  EXPECT_EQ(events_.found, 1);
}

// Neither tickets nor a cache: every handshake is a full one, and nothing is made for another.
TEST_F(CountedLinkTest, NothingIsKeptWhereNothingMayBe) {
  Options options;
  options.tickets = false;
  options.reuses_sessions = false;
  OpenCounted(options);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    if (version == TLS1_3_VERSION) Accept();
    TlsClient client(version);
    SSL_CTX* const library = SSL_get_SSL_CTX(client.ssl());
    static int sessions = 0;
    SSL_CTX_set_session_cache_mode(library, SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(library, [](SSL*, SSL_SESSION* made) {
      unsigned length = 0;
      sessions += SSL_SESSION_has_ticket(made) || SSL_SESSION_get_id(made, &length)[0] != 0;
      return 0;
    });
    Shake(client);
    ASSERT_TRUE(client.done()) << version;
    Send("x");
    Shake(client);
    EXPECT_EQ(sessions, 0) << version;
    connection_->Abort();
    world_->Settle();
  }
}

// What tickets may not carry stays with the shard: in TLS 1.3, too, and over a reload, which makes
// another context of the same lines.
TEST_F(CountedLinkTest, SessionsOutliveTheirContext) {
  Options options;
  options.tickets = false;
  OpenCounted(options);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsClient first(version);
    static Handle<SSL_SESSION> session;
    SSL_CTX* const library = SSL_get_SSL_CTX(first.ssl());
    SSL_CTX_set_session_cache_mode(library, SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(library, [](SSL*, SSL_SESSION* made) {
      session.reset(made);
      return 1;
    });
    if (version == TLS1_3_VERSION) Accept();
    Shake(first);
    ASSERT_TRUE(first.done());
    Send("x");  // tickets go with the first bytes
    Shake(first);
    ASSERT_NE(session, nullptr);
    EXPECT_EQ(SSL_SESSION_has_ticket(session.get()), version == TLS1_3_VERSION);
    connection_->Abort();
    world_->Settle();
    tls_->Forget(*context_);
    for (const Verify verify : {Verify::kNone, Verify::kOptional}) {
      CertStore store;
      store.Add(Certificate(), {});
      Options again = options;
      again.verify = verify;
      if (verify != Verify::kNone) {
        again.trust.push_back({"ca", MakePem({.names = {"ca"}}).certificate});
      }
      std::string error;
      context_ = Context::MakeServer(std::move(again), std::move(store), &error);
      ASSERT_NE(context_, nullptr) << error;
      Accept();
      TlsClient client(version);
      SSL_set_session(client.ssl(), session.get());
      Shake(client);
      ASSERT_TRUE(client.done()) << version;
      EXPECT_EQ(SSL_session_reused(client.ssl()) == 1, verify == Verify::kNone) << version;
      connection_->Abort();
      world_->Settle();
    }
    session.reset();
    CertStore store;
    store.Add(Certificate(), {});
    std::string error;
    context_ = Context::MakeServer(options, std::move(store), &error);
  }
}

TEST_F(CountedLinkTest, AClientThatSaysNothingIsCountedToo) {
  OpenCounted({});
  world_->Settle();
  connection_->Abort();
  world_->Settle();
  EXPECT_EQ(events_.made, 1);
  EXPECT_EQ(events_.gone, 1);
  EXPECT_EQ(events_.handshakes, 0);
}

}  // namespace
}  // namespace tls
