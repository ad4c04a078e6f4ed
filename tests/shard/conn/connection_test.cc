// One connection over the scripted ring: what it receives, sends, and how it ends.

#include "shard/conn/connection.h"

#include <gtest/gtest.h>

#include <arpa/inet.h>

#include <random>

#include "tests/shard/conn/conn_world.h"

namespace shard {
namespace {

using ConnectionTest = OneConnection;

TEST_F(ConnectionTest, ReceivesOnlyWhenWanted) {
  Open();
  peer_->Write("early");
  world_->Settle();
  EXPECT_EQ(hearer_.Take(), "");
  connection_->WantRecv(true);
  world_->Settle();
  EXPECT_EQ(hearer_.Take(), "readable ");
  EXPECT_EQ(Received(), "early");
  peer_->Write("more");  // still armed: multishot
  world_->Settle();
  EXPECT_EQ(Received(), "more");
}

TEST_F(ConnectionTest, WantRecvInEveryOrderLosesNothing) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    Open({.seed = seed, .modes = tests::FakeModes::Mischief(), .small_chunks = 6});
    std::mt19937_64 random(seed);
    const std::string text = Letters(60000);
    size_t written = 0;
    std::string got;
    for (int i = 0; i < 4000 && got.size() < text.size(); ++i) {
      written += peer_->Write(std::string_view(text).substr(written, random() % 9000));
      for (uint64_t n = random() % 4; n > 0; --n) connection_->WantRecv(random() % 2 == 0);
      if (random() % 3 == 0) got += Received();
      world_->Turn();
      if (random() % 4 == 0) world_->clock.Advance(1000);
    }
    connection_->WantRecv(true);
    for (int i = 0; i < 2000 && got.size() < text.size(); ++i) {
      written += peer_->Write(std::string_view(text).substr(written));
      world_->clock.Advance(1000);
      world_->Turn();
      got += Received();
      connection_->WantRecv(true);
    }
    ASSERT_EQ(got, text);
    EXPECT_EQ(connection_->bytes_in(), text.size());
    world_.reset();
  }
}

TEST_F(ConnectionTest, FullBufferSwitchesToLargeOnesAndBack) {
  Open();
  connection_->WantRecv(true);
  peer_->Write(Letters(1024));
  world_->Settle();
  Received();
  EXPECT_EQ(world_->large.in_use(), 0u);
  connection_->WantRecv(true);
  peer_->Write(Letters(4096));
  world_->Settle();
  EXPECT_EQ(world_->large.in_use(), 1u);
  EXPECT_EQ(Received(), Letters(4096));
  connection_->WantRecv(true);
  peer_->Write("small again");
  world_->Settle();
  Received();
  connection_->WantRecv(true);
  peer_->Write("one");
  world_->Settle();
  EXPECT_EQ(world_->large.in_use(), 0u);
  EXPECT_EQ(Received(), "one");
}

TEST_F(ConnectionTest, AnEndThatTheReceiveMissedIsFoundWhenItIsQuiet) {
  for (const bool reset : {true, false}) {
    SCOPED_TRACE(reset);
    ConnWorldOptions options;
    options.modes.end_is_lost = 1;
    Open(options);
    connection_->WantRecv(true);
    peer_->Write("part of a request");
    if (reset) {
      peer_->Reset();
    } else {
      peer_->CloseWrite();
    }
    world_->RunFor(QuietWatch::kIntervalMs / 2);
    EXPECT_EQ(Received(), "part of a request");
    EXPECT_EQ(hearer_.Take(), "readable ");
    world_->RunFor(2 * QuietWatch::kIntervalMs);
    EXPECT_EQ(hearer_.Take(), reset ? "closed:client_reset " : "readable ");
    EXPECT_EQ(connection_->wire_ended(), !reset);
    EXPECT_EQ(world_->table->counters().ends_missed.Get(), 1u);
    world_.reset();
  }
}

TEST_F(ConnectionTest, AQuietConnectionIsAskedAboutOnce) {
  Open();
  connection_->WantRecv(true);
  peer_->Write("bytes");
  world_->RunFor(3 * QuietWatch::kIntervalMs);
  EXPECT_EQ(world_->ring->asked_now(), 1u);
  world_->RunFor(3 * QuietWatch::kIntervalMs);
  EXPECT_EQ(world_->ring->asked_now(), 1u);
  Received();
  connection_->WantRecv(true);
  for (int i = 0; i < 10; ++i) {  // never quiet for long
    peer_->Write("bytes");
    world_->RunFor(QuietWatch::kIntervalMs / 2);
  }
  EXPECT_EQ(world_->ring->asked_now(), 1u);
  world_->RunFor(3 * QuietWatch::kIntervalMs);
  EXPECT_EQ(world_->ring->asked_now(), 2u);
  EXPECT_EQ(world_->table->counters().ends_missed.Get(), 0u);
}

TEST_F(ConnectionTest, AFailedSendFindsTheResetThatTheReceiveMissed) {
  ConnWorldOptions options;
  options.modes.end_is_lost = 1;
  Open(options);
  connection_->WantRecv(true);
  peer_->Write("a request");
  peer_->Reset();
  world_->Settle();
  EXPECT_EQ(Received(), "a request");
  Send("an answer");
  world_->Settle();
  EXPECT_EQ(hearer_.Take(), "readable closed:client_reset ");
}

TEST_F(ConnectionTest, WithoutBuffersItWaitsForOne) {
  Open({.small_chunks = 2});
  Chunk* first = world_->small.Take();
  Chunk* second = world_->small.Take();
  connection_->WantRecv(true);
  peer_->Write("patience");
  world_->Settle();
  EXPECT_EQ(hearer_.Take(), "");
  EXPECT_GE(world_->loop->counters().buffer_waits.Get(), 1u);
  const uint64_t answers = world_->loop->counters().completions.Get();
  world_->Settle();
  EXPECT_EQ(world_->loop->counters().completions.Get(), answers) << "it does not try again";
  ChunkPool::Drop(first);
  world_->Settle();
  EXPECT_EQ(Received(), "patience");
  ChunkPool::Drop(second);
}

TEST_F(ConnectionTest, EndOfFileIsReadableOnce) {
  Open();
  connection_->WantRecv(true);
  peer_->Write("last");
  peer_->CloseWrite();
  world_->Settle();
  EXPECT_FALSE(connection_->read_ended()) << "there are bytes yet";
  EXPECT_EQ(Received(), "last");
  EXPECT_TRUE(connection_->read_ended());
  hearer_.Take();
  connection_->WantRecv(true);
  world_->Settle();
  EXPECT_EQ(hearer_.Take(), "");
}

TEST_F(ConnectionTest, SendsMoreThanSixteenSlicesIntoASmallSocket) {
  Open();
  peer_->SetCapacity(1000, 300);
  const std::string text = Letters(40000);  // forty slices of 1,024
  Send(text);
  connection_->ShutWrite();
  EXPECT_TRUE(connection_->write_shut());
  std::string got;
  for (int i = 0; i < 1000 && !peer_->AtEnd(); ++i) {
    world_->Turn();
    if (got.size() + peer_->readable() < text.size()) {
      EXPECT_FALSE(peer_->AtEnd());
    }
    got += peer_->Read(250);
  }
  EXPECT_EQ(got, text);
  EXPECT_TRUE(peer_->AtEnd());
  EXPECT_EQ(connection_->bytes_out(), text.size());
  EXPECT_EQ(connection_->unsent_bytes(), 0u);
}

TEST_F(ConnectionTest, RandomSendsArriveInOrder) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    Open({.seed = seed,
          .modes = tests::FakeModes::Mischief(),
          .small_bytes = 64,
          .small_chunks = 4000});
    std::mt19937_64 random(seed);
    peer_->SetCapacity(1000, 100 + random() % 5000);
    const std::string text = Letters(30000);
    size_t sent = 0;
    std::string got;
    for (int i = 0; i < 20000 && got.size() < text.size(); ++i) {
      if (sent < text.size() && random() % 3 == 0) {
        const size_t n = std::min<size_t>(text.size() - sent, random() % 3000);
        Send(std::string_view(text).substr(sent, n));
        sent += n;
        if (sent == text.size()) connection_->ShutWrite();
      }
      world_->Turn();
      if (random() % 2 == 0) got += peer_->Read(random() % 2000);
      if (random() % 4 == 0) world_->clock.Advance(1000);
    }
    ASSERT_EQ(got, text);
    world_->RunFor(10);
    EXPECT_TRUE(peer_->AtEnd());
    EXPECT_FALSE(peer_->WasReset());
    world_.reset();
  }
}

TEST_F(ConnectionTest, FullSendTellsWhenThereIsRoom) {
  Open();
  peer_->SetCapacity(1000, 1000);
  Send(Letters(70000));
  EXPECT_TRUE(connection_->send_full());
  ByteQueue more(world_->slices);
  more.Append("more", world_->small);
  EXPECT_EQ(connection_->Send(more), 0u);
  connection_->WantWritable();
  world_->Settle();
  EXPECT_EQ(hearer_.Take(), "");
  for (int i = 0; i < 20; ++i) {
    peer_->Read();
    world_->Settle();
  }
  EXPECT_EQ(hearer_.Take(), "writable ");
  EXPECT_EQ(connection_->Send(more), 4u);
}

// The failed send took the reset with it and nothing is read: who waits for room must not wait for
// ever.
TEST_F(ConnectionTest, WhoWaitsForRoomIsToldAfterASendHasFailed) {
  Open();
  peer_->Reset();
  Send("lost");
  world_->Settle();
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(hearer_.Take(), "");
    connection_->WantWritable();
    Send(Letters(1000));
    EXPECT_EQ(connection_->unsent_bytes(), 0u);
    world_->Settle();
    EXPECT_EQ(hearer_.Take(), "writable ");
  }
}

TEST_F(ConnectionTest, ShutWriteAtRestEndsAtOnce) {
  Open();
  connection_->ShutWrite();
  world_->Settle();
  EXPECT_TRUE(peer_->AtEnd());
  connection_->ShutWrite();
  world_->Settle();
  EXPECT_FALSE(gone());
}

TEST_F(ConnectionTest, CloseAfterFlushDeliversToASlowReader) {
  for (bool drain : {false, true}) {
    Open();
    peer_->SetCapacity(1000, 500);
    const std::string text = Letters(20000);
    Send(text);
    connection_->WantRecv(true);
    connection_->CloseAfterFlush(world_->clock.now_ms() + 10000, drain);
    std::string got;
    for (int i = 0; i < 1000 && !peer_->AtEnd(); ++i) {
      world_->Turn();
      got += peer_->Read(400);
    }
    EXPECT_EQ(got, text);
    peer_->Close();
    world_->Settle();
    EXPECT_TRUE(gone());
    EXPECT_EQ(hearer_.Take(), "");
  }
}

// The last bytes go even where a mux would have been told to wait: nobody could send them later.
TEST_F(ConnectionTest, CloseAfterFlushTakesLastBytesBeyondTheLimit) {
  Open();
  peer_->SetCapacity(1000, 500);
  const std::string text = Letters(Connection::kWireOutLimitBytes + 5000);
  Send(text);
  ASSERT_TRUE(connection_->send_full());
  ByteQueue last(world_->slices);
  ASSERT_EQ(last.Append("the end", world_->small), 7U);
  connection_->CloseAfterFlush(world_->clock.now_ms() + 100000, false, &last);
  std::string got;
  for (int i = 0; i < 10000 && !peer_->AtEnd(); ++i) {
    world_->Turn();
    got += peer_->Read(400);
  }
  EXPECT_EQ(got, text + "the end");
  world_->Settle();
  EXPECT_TRUE(gone());
}

TEST_F(ConnectionTest, CloseAfterFlushGivesAPeerThatNeverReadsUpAtTheDeadline) {
  Open();
  peer_->SetCapacity(1000, 500);
  Send(Letters(20000));
  connection_->CloseAfterFlush(world_->clock.now_ms() + 50);
  world_->RunFor(45);
  EXPECT_FALSE(gone());
  world_->RunFor(10);
  EXPECT_TRUE(gone());
}

TEST_F(ConnectionTest, CloseAfterFlushEndsWhenThePeerResets) {
  for (bool drain : {false, true}) {
    Open();
    peer_->SetCapacity(1000, 500);
    Send(Letters(20000));
    connection_->CloseAfterFlush(world_->clock.now_ms() + 10000, drain);
    world_->Settle();
    EXPECT_FALSE(gone());
    peer_->Reset();
    world_->Settle();
    EXPECT_TRUE(gone());
  }
}

// A receive that was cancelled before, or that runs out of buffers, says nothing about the peer.
TEST_F(ConnectionTest, DrainOutlivesCancelledReceivesAndMissingBuffers) {
  for (int variant = 0; variant < 3; ++variant) {
    SCOPED_TRACE(variant);
    Open({.small_chunks = 40});
    peer_->SetCapacity(100000, 500);
    connection_->WantRecv(true);
    world_->Settle();
    const std::string text = Letters(20000);
    Send(text);
    if (variant == 0) connection_->WantRecv(false);
    std::vector<Chunk*> held;
    if (variant == 1) {
      while (Chunk* chunk = world_->small.Take()) held.push_back(chunk);
    }
    connection_->CloseAfterFlush(world_->clock.now_ms() + 10000, true);
    peer_->Write("still talking");
    if (variant == 2) peer_->CloseWrite();
    std::string got;
    for (int i = 0; i < 1000 && !peer_->AtEnd(); ++i) {
      world_->Turn();
      got += peer_->Read(400);
    }
    EXPECT_EQ(got, text);
    EXPECT_FALSE(peer_->WasReset());
    for (Chunk* chunk : held) ChunkPool::Drop(chunk);
    peer_->Write("and talking");
    world_->Settle();
    EXPECT_EQ(gone(), variant == 2) << "the peer has not ended";
    peer_->CloseWrite();
    world_->Settle();
    EXPECT_TRUE(gone());
  }
}

TEST_F(ConnectionTest, AbortInEveryStateFreesTheSlotOnceAllIsAnswered) {
  for (int state = 0; state < 5; ++state) {
    SCOPED_TRACE(state);
    Open();
    peer_->SetCapacity(1000, 500);
    if (state == 1) connection_->WantRecv(true);
    if (state == 2) Send(Letters(20000));
    if (state == 3) {
      connection_->WantRecv(true);
      Send(Letters(20000));
      connection_->CloseAfterFlush(world_->clock.now_ms() + 10000);
    }
    if (state == 4) {
      connection_->WantRecv(true);
      world_->Settle();
      peer_->Write("in flight");
    }
    if (state != 4) world_->Turn();
    connection_->Abort(state % 2 == 1);
    connection_ = nullptr;
    world_->Settle();
    EXPECT_TRUE(gone());
    EXPECT_TRUE(peer_->Read().size() <= 20000 && peer_->AtEnd());
    EXPECT_EQ(world_->small.in_use(), 0u);
    EXPECT_EQ(hearer_.Take(), "");
  }
}

TEST_F(ConnectionTest, ResetIsToldOnceWithItsReason) {
  Open();
  connection_->WantRecv(true);
  world_->Settle();
  peer_->Reset();
  world_->Settle();
  EXPECT_EQ(hearer_.Take(), "closed:client_reset ");
  EXPECT_EQ(connection_->reason(), CloseReason::kClientReset);
  EXPECT_EQ(connection_->error(), ECONNRESET);
  connection_->Abort();
  world_->Settle();
  EXPECT_TRUE(gone());
  EXPECT_EQ(world_->table->counters().by_reason[size_t(CloseReason::kClientReset)].Get(), 1u);
}

TEST_F(ConnectionTest, ResetThatASendHasHeardOfIsNoEnd) {
  Open();
  peer_->SetCapacity(1000, 500);
  Send(Letters(20000));
  world_->Settle();
  ASSERT_GT(connection_->unsent_bytes(), 0u);
  peer_->Write("last words");
  peer_->Reset();
  world_->Settle();  // the send is told; nobody wanted to read yet
  EXPECT_EQ(hearer_.Take(), "");
  connection_->WantRecv(true);
  world_->Settle();
  EXPECT_EQ(hearer_.Take(), "readable closed:client_reset ");
  EXPECT_EQ(Received(), "last words");
  EXPECT_FALSE(connection_->wire_ended());
  EXPECT_EQ(connection_->error(), ECONNRESET);
  connection_->Abort();
  world_->Settle();
  EXPECT_TRUE(gone());
}

TEST_F(ConnectionTest, DeadlineIsTold) {
  Open();
  connection_->SetDeadline(world_->clock.now_ms() + 20);
  world_->RunFor(15);
  EXPECT_EQ(hearer_.Take(), "");
  world_->RunFor(10);
  EXPECT_EQ(hearer_.Take(), "deadline ");
}

// ---- outgoing ---------------------------------------------------------------------------------

class DialTest : public ConnectionTest {
 protected:
  void Dial(tests::ConnectScript script) {
    world_ = std::make_unique<ConnWorld>();
    address_.sin_family = AF_INET;
    address_.sin_port = htons(9000);
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const auto* plain = reinterpret_cast<const sockaddr*>(&address_);
    world_->net.ScriptConnect(plain, sizeof(address_), script);
    connection_ =
        world_->table->Adopt(world_->ring->Socket(AF_INET, SOCK_STREAM, 0), Role::kDialled);
    handle_ = connection_->handle();
    connection_->SetEvents(&hearer_);
    connection_->Dial(plain, sizeof(address_));
  }
  void TakePeer() {
    peer_ =
        world_->net.TakeServerPeer(reinterpret_cast<const sockaddr*>(&address_), sizeof(address_));
    ASSERT_NE(peer_, nullptr);
  }
  sockaddr_in address_ = {};
};

TEST_F(DialTest, ConnectsThenMovesWhatWasQueued) {
  Dial({tests::ConnectOutcome::kOk, 5000});
  Send("queued before");
  world_->RunFor(3);
  EXPECT_EQ(hearer_.Take(), "");
  world_->RunFor(3);
  EXPECT_EQ(hearer_.Take(), "connected ");
  TakePeer();
  EXPECT_EQ(peer_->Read(), "queued before");
  connection_->WantRecv(true);
  peer_->Write("one");
  world_->Settle();
  EXPECT_EQ(hearer_.Take(), "readable ");
  peer_->Write("two");  // single receives: nothing more until asked again
  world_->Settle();
  EXPECT_EQ(hearer_.Take(), "");
  EXPECT_EQ(Received(), "one");
  connection_->WantRecv(true);
  world_->Settle();
  EXPECT_EQ(Received(), "two");
}

TEST_F(DialTest, FailuresHaveTheirReasons) {
  Dial({tests::ConnectOutcome::kRefused});
  world_->Settle();
  EXPECT_EQ(hearer_.Take(), "closed:connect_refused ");
  connection_->Abort();
  world_->Settle();
  Dial({tests::ConnectOutcome::kUnreachable});
  world_->Settle();
  EXPECT_EQ(hearer_.Take(), "closed:connect_failed ");
}

TEST_F(DialTest, AbortWhileConnecting) {
  Dial({tests::ConnectOutcome::kNever});
  world_->Settle();
  EXPECT_EQ(connection_->state(), Connection::State::kConnecting);
  connection_->Abort();
  EXPECT_FALSE(gone()) << "the ring still names it";
  world_->Settle();
  EXPECT_TRUE(gone());
}

// ---- handshakes -------------------------------------------------------------------------------

// Wants `wants` bytes, answers "ok", and is done; or fails.
class ScriptedStep final : public Handshake {
 public:
  const char* name() const override { return "scripted"; }
  HandshakeResult Run(Connection& connection) override {
    ++runs;
    if (fails) {
      connection.SetLayerError(CloseReason::kClientProtocol);
      return HandshakeResult::kFailed;
    }
    if (connection.wire_in().size() < wants) return HandshakeResult::kWantRecv;
    connection.wire_in().Consume(wants);
    wants = 0;
    if (!said.empty()) {
      connection.wire_out().Append(said, *connection.context().small);
      said.clear();
      waiting = true;
      return HandshakeResult::kWantSend;
    }
    if (waiting && connection.unsent_bytes() > 0) return HandshakeResult::kWantSend;
    return HandshakeResult::kDone;
  }
  size_t wants = 0;
  std::string said;
  bool fails = false;
  bool waiting = false;
  int runs = 0;
};

class HandshakeTest : public ConnectionTest {
 protected:
  void Open(const ConnWorldOptions& options = {}) {
    world_ = std::make_unique<ConnWorld>(options);
    world_->handshakes.steps[size_t(HandshakeStep::kProxyRecv)] = &first_;
    world_->handshakes.steps[size_t(HandshakeStep::kTlsAccept)] = &second_;
    connection_ = world_->Accepted(&peer_);
    handle_ = connection_->handle();
    connection_->SetEvents(&hearer_);
    connection_->OweHandshake(HandshakeStep::kTlsAccept);
    connection_->OweHandshake(HandshakeStep::kProxyRecv);
  }
  ScriptedStep first_, second_;
};

TEST_F(HandshakeTest, StepsRunInOrderAndLeaveTheRest) {
  Open();
  first_.wants = 5;
  second_.wants = 3;
  second_.said = "ok";
  EXPECT_FALSE(connection_->Start());
  world_->Settle();
  EXPECT_EQ(second_.runs, 0);
  for (char c : std::string("HELLOabcdata")) {
    peer_->Write(std::string(1, c));
    world_->Settle();
  }
  EXPECT_EQ(peer_->Read(), "ok");
  EXPECT_EQ(hearer_.Take().substr(0, 10), "connected ");
  EXPECT_EQ(Received(), "data");
  EXPECT_EQ(connection_->state(), Connection::State::kOpen);
}

TEST_F(HandshakeTest, MischiefDoesNotStopIt) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    Open({.seed = seed, .modes = tests::FakeModes::Mischief(), .small_bytes = 64});
    first_.wants = 300;
    second_.wants = 200;
    second_.said = std::string(1000, 's');
    connection_->Start();
    connection_->WantRecv(seed % 2 == 0);
    std::string text = Letters(600);
    size_t written = 0;
    for (int i = 0; i < 300; ++i) {
      written += peer_->Write(std::string_view(text).substr(written, 7));
      world_->Turn();
      world_->clock.Advance(500);
    }
    ASSERT_EQ(hearer_.Take().substr(0, 10), "connected ");
    for (int i = 0; i < 50; ++i) {
      connection_->WantRecv(true);
      world_->Turn();
      world_->clock.Advance(1000);
    }
    ASSERT_EQ(Received(), text.substr(500));
    hearer_.Take();
    world_.reset();
  }
}

TEST_F(HandshakeTest, WantedReceiveIsNotArmedTwice) {
  Open();
  first_.wants = 5;
  connection_->Start();
  connection_->WantRecv(true);
  world_->Settle();
  peer_->Write("HELLO");
  world_->Settle();
  EXPECT_EQ(hearer_.Take(), "connected ");
  EXPECT_EQ(world_->ring->outstanding(), 1u);
}

TEST_F(HandshakeTest, EndOfFileFailsIt) {
  Open();
  first_.wants = 5;
  connection_->Start();
  peer_->Write("HEL");
  peer_->CloseWrite();
  world_->Settle();
  EXPECT_EQ(hearer_.Take(), "closed:client_handshake_failed ");
}

TEST_F(HandshakeTest, FailureCarriesTheStepsReason) {
  Open();
  first_.fails = true;
  connection_->Start();
  world_->Settle();
  EXPECT_EQ(hearer_.Take(), "closed:client_protocol ");
  EXPECT_EQ(second_.runs, 0);
}

TEST_F(HandshakeTest, MissingBuffersOnlyDelayIt) {
  Open({.small_chunks = 1});
  Chunk* only = world_->small.Take();
  first_.wants = 5;
  connection_->Start();
  peer_->Write("HELLO");
  world_->Settle();
  EXPECT_EQ(hearer_.Take(), "");
  ChunkPool::Drop(only);
  world_->Settle();
  EXPECT_EQ(hearer_.Take().substr(0, 10), "connected ");
}

}  // namespace
}  // namespace shard
