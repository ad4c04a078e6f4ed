// Large transfers over one connection: pieces that are taken and sent without an operation of the
// ring.

#include <gtest/gtest.h>

#include "shard/conn/connection.h"
#include "tests/shard/conn/conn_world.h"

namespace shard {
namespace {

class BulkTest : public OneConnection {
 protected:
  // Until a large buffer has come full, and is taken.
  void ReachBulk() {
    connection_->WantRecv(true);
    peer_->Write(Letters(1024));
    world_->Settle();
    Received();
    connection_->WantRecv(true);
    peer_->Write(Letters(4096));
    world_->Settle();
    ASSERT_EQ(Received(), Letters(4096));
    hearer_.Take();
  }
};

TEST_F(BulkTest, NothingIsTakenAtOnceFromASmallTransfer) {
  Open();
  peer_->Write("a request");
  EXPECT_FALSE(connection_->TakeNow());
  connection_->WantRecv(true);
  world_->Settle();
  EXPECT_EQ(Received(), "a request");
  peer_->Write("another");
  EXPECT_FALSE(connection_->TakeNow());
  EXPECT_EQ(world_->ring->taken_now(), 0u);
}

TEST_F(BulkTest, TheFirstBytesAreTakenInFrontOfAReceiveAlone) {
  Open();
  EXPECT_FALSE(connection_->TakeFirst());
  peer_->Write("hello");
  EXPECT_TRUE(connection_->TakeFirst());
  EXPECT_FALSE(connection_->TakeFirst()) << "while something lies here";
  EXPECT_EQ(Received(), "hello");
  EXPECT_EQ(hearer_.Take(), "") << "nothing is told from inside a call";
  connection_->WantRecv(true);
  peer_->Write("more");
  EXPECT_FALSE(connection_->TakeFirst());
  world_->Settle();
  EXPECT_EQ(Received(), "more");
}

TEST_F(BulkTest, TheNextPieceIsTakenAtOnceWhileTheyAreFull) {
  Open();
  ReachBulk();
  peer_->Write(Letters(4096 + 100));
  ASSERT_TRUE(connection_->TakeNow());
  EXPECT_FALSE(connection_->TakeNow()) << "while something lies here";
  std::string got = Received();
  ASSERT_TRUE(connection_->TakeNow());
  got += Received();
  EXPECT_EQ(got, Letters(4096 + 100));
  peer_->Write("small");
  EXPECT_FALSE(connection_->TakeNow()) << "the last one was not full";
  EXPECT_EQ(world_->ring->taken_now(), 4196u);
  EXPECT_EQ(hearer_.Take(), "") << "nothing is told from inside a call";
  connection_->WantRecv(true);
  world_->Settle();
  EXPECT_EQ(Received(), "small");
}

TEST_F(BulkTest, NothingIsTakenAtOnceBesideAReceiveOrInFrontOfWaiters) {
  Open({.large_chunks = 2});
  ReachBulk();
  connection_->WantRecv(true);
  peer_->Write("bytes");
  EXPECT_FALSE(connection_->TakeNow());
  world_->Settle();
  EXPECT_EQ(Received(), "bytes");
  ReachBulk();
  peer_->Write("bytes");
  Chunk* first = world_->large.Take();
  Chunk* second = world_->large.Take();
  EXPECT_FALSE(connection_->TakeNow());
  ChunkPool::Drop(first);
  ChunkPool::Drop(second);
  EXPECT_TRUE(connection_->TakeNow());
  EXPECT_EQ(Received(), "bytes");
}

TEST_F(BulkTest, AnEndOrAFailureThatIsFoundIsToldFromTheLoop) {
  for (const bool reset : {false, true}) {
    SCOPED_TRACE(reset);
    Open();
    ReachBulk();
    if (reset) {
      peer_->Reset();
    } else {
      peer_->CloseWrite();
    }
    EXPECT_FALSE(connection_->TakeNow());
    EXPECT_EQ(hearer_.Take(), "");
    EXPECT_EQ(connection_->read_ended(), !reset);
    world_->Settle();
    EXPECT_EQ(hearer_.Take(), reset ? "closed:client_reset " : "readable ");
    world_.reset();
  }
}

TEST_F(BulkTest, MuchIsSentAtOnceAndTheRestWhenThereIsRoom) {
  Open();
  const std::string text = Letters(6000);
  peer_->SetCapacity(1000, 5000);
  Send(text);
  EXPECT_EQ(peer_->readable(), 5000u) << "without a turn";
  EXPECT_EQ(connection_->unsent_bytes(), 1000u);
  std::string got = peer_->Read();
  world_->Settle();
  got += peer_->Read();
  EXPECT_EQ(got, text);
  EXPECT_EQ(connection_->bytes_out(), 6000u);
  Send("little");
  EXPECT_EQ(peer_->readable(), 0u) << "in the turn";
  world_->Settle();
  EXPECT_EQ(peer_->Read(), "little");
}

TEST_F(BulkTest, WhatIsSentAtOnceFollowsWhatIsUnderWay) {
  Open();
  peer_->SetCapacity(1000, 100000);
  Send("first ");
  Send(Letters(6000));
  EXPECT_EQ(peer_->readable(), 0u);
  world_->Settle();
  EXPECT_EQ(peer_->Read(), "first " + Letters(6000));
  EXPECT_EQ(world_->ring->sent_now(), 0u);
}

TEST_F(BulkTest, WhoWaitsForRoomHearsOfOneThatWasMadeAtOnce) {
  Open();
  peer_->SetCapacity(1000, 100000);
  connection_->WantWritable();
  Send(Letters(6000));
  EXPECT_EQ(hearer_.Take(), "");
  world_->Settle();
  EXPECT_EQ(hearer_.Take(), "writable ");
  connection_->WantWritable();
  peer_->Read();
  peer_->SetCapacity(1000, 3000);
  Send(Letters(6000));
  world_->Settle();
  EXPECT_EQ(hearer_.Take(), "");
  peer_->Read();
  world_->Settle();
  EXPECT_EQ(hearer_.Take(), "writable ");
}

TEST_F(BulkTest, APeerThatIsGoneIsNoticedBySendingAtOnce) {
  Open();
  peer_->Close();
  Send(Letters(6000));
  world_->Settle();
  EXPECT_EQ(connection_->unsent_bytes(), 0u) << "it is dropped: reading tells the rest";
  EXPECT_FALSE(gone());
  connection_->Abort();
  world_->Settle();
  EXPECT_TRUE(gone());
}

}  // namespace
}  // namespace shard
