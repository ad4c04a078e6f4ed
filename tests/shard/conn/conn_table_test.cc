// Slots, generations, and the answers that come too late.

#include "shard/conn/conn_table.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/shard/conn/conn_world.h"

namespace shard {
namespace {

TEST(ConnTableTest, FullTableKeepsFdWithCaller) {
  ConnWorld world({.capacity = 2});
  std::unique_ptr<tests::FakePeer> peers[3];
  EXPECT_NE(world.Accepted(&peers[0]), nullptr);
  EXPECT_NE(world.Accepted(&peers[1]), nullptr);
  const int fd = world.net.Pair(&peers[2]);
  EXPECT_EQ(world.table->Adopt(fd, Role::kAccepted), nullptr);
  EXPECT_EQ(world.table->counters().table_full.Get(), 1u);
  EXPECT_EQ(world.table->counters().adopted.Get(), 2u);
  EXPECT_NE(world.net.FileOf(fd), nullptr);
  world.net.CloseFd(fd);
}

TEST(ConnTableTest, SlotIsNotReusedBeforeTheRingHasAnsweredEverything) {
  ConnWorld world({.capacity = 1});
  std::unique_ptr<tests::FakePeer> peer, other;
  Connection* connection = world.Accepted(&peer);
  connection->WantRecv(true);
  world.Settle();
  connection->Abort();
  EXPECT_EQ(world.table->live(), 1u);
  const int fd = world.net.Pair(&other);
  EXPECT_EQ(world.table->Adopt(fd, Role::kAccepted), nullptr);
  world.Settle();
  EXPECT_EQ(world.table->live(), 0u);
  EXPECT_NE(world.table->Adopt(fd, Role::kAccepted), nullptr);
}

TEST(ConnTableTest, HandlesOfEarlierGenerationsFindNothing) {
  ConnWorld world({.capacity = 1});
  std::set<uint64_t> seen;
  base::Handle last;
  for (int i = 0; i < 100; ++i) {
    std::unique_ptr<tests::FakePeer> peer;
    Connection* connection = world.Accepted(&peer);
    ASSERT_NE(connection, nullptr);
    EXPECT_EQ(world.table->Find(last), nullptr);
    last = connection->handle();
    EXPECT_TRUE(seen.insert(last.Pack()).second);
    EXPECT_EQ(world.table->Find(last), connection);
    connection->Abort();
    EXPECT_EQ(world.table->Find(last), nullptr);
    world.Settle();
  }
  EXPECT_EQ(world.table->Find({}), nullptr);
  EXPECT_EQ(world.table->Find({77, 1}), nullptr);
}

TEST(ConnTableTest, StaleAnswersAreCountedAndTheirChunksGivenBack) {
  ConnWorld world;
  std::unique_ptr<tests::FakePeer> peer;
  const int fd = world.net.Pair(&peer);
  peer->Write("for nobody");
  world.ring->Recv({OpKind::kConnRecv, {3, 9}}, fd, RecvMode::kSingle, BufferSize::kSmall);
  world.Settle();
  EXPECT_EQ(world.table->counters().stale_completions.Get(), 1u);
  EXPECT_EQ(world.small.in_use(), 0u);
  world.net.CloseFd(fd);
}

TEST(ConnTableTest, CountsBytesOfWhatIsOver) {
  ConnWorld world;
  std::unique_ptr<tests::FakePeer> peer;
  Connection* connection = world.Accepted(&peer);
  Hearer hearer;
  connection->SetEvents(&hearer);
  connection->WantRecv(true);
  peer->Write("12345");
  world.Settle();
  ByteQueue answer(world.slices);
  answer.Append("123", world.small);
  connection->Send(answer);
  world.Settle();
  int visited = 0;
  world.table->ForEach([&](Connection&) { ++visited; });
  EXPECT_EQ(visited, 1);
  connection->Abort();
  world.Settle();
  EXPECT_EQ(world.table->counters().bytes_in.Get(), 5u);
  EXPECT_EQ(world.table->counters().bytes_out.Get(), 3u);
}

}  // namespace
}  // namespace shard
