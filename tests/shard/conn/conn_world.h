// conn_world.h - one loop over the scripted ring with a connection table, and who listens to its
// events.
//
// Owns:    all of it.
// Threads: one.
// Units:   as the real ones.
// Errors:  leaks kill the test (FakeNet).
// States:  none.

#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "shard/conn/conn_table.h"
#include "tests/fake/fake_clock.h"
#include "tests/fake/fake_ring.h"

namespace shard {

struct ConnWorldOptions {
  uint64_t seed = 1;
  tests::FakeModes modes;
  uint32_t capacity = 16;
  uint32_t small_bytes = 1024;
  uint32_t small_chunks = 256;
  uint32_t large_bytes = 4096;
  uint32_t large_chunks = 64;
};

class ConnWorld {
 public:
  explicit ConnWorld(const ConnWorldOptions& options = {})
      : small(options.small_bytes, options.small_chunks),
        large(options.large_bytes, options.large_chunks),
        net(clock, options.seed, options.modes),
        mailroom(1) {
    net.set_auto_advance(false);
    auto opened = net.OpenRing({.small = &small, .large = &large});
    ring = opened.get();
    loop = std::make_unique<EventLoop>(*reinterpret_cast<Shard*>(this), 0, mailroom,
                                       std::move(opened), clock);
    loop->SetPools(&small, &large);
    context.loop = loop.get();
    context.small = &small;
    context.large = &large;
    context.slices = &slices;
    context.handshakes = &handshakes;
    table = std::make_unique<ConnTable>(context, options.capacity);
    context.connections = table.get();
  }
  ~ConnWorld() {
    table->ForEach([](Connection& connection) { connection.Abort(); });
    net.set_auto_advance(true);  // so that answers which nobody waits for come, too
    for (int i = 0; i < 1000 && table->live() > 0; ++i) Turn();
    EXPECT_EQ(table->live(), 0u);
    EXPECT_EQ(slices.in_use(), 0u);
    table.reset();
  }
  void Turn() { loop->TurnOnce(); }
  void Settle() {
    for (int i = 0; i < 20; ++i) Turn();
  }
  void RunFor(uint64_t ms) {
    for (uint64_t i = 0; i < ms; ++i) {
      Settle();
      clock.Advance(1000);
    }
    Settle();
  }
  Connection* Accepted(std::unique_ptr<tests::FakePeer>* peer) {
    return table->Adopt(net.Pair(peer), Role::kAccepted);
  }

  tests::FakeClock clock;
  ChunkPool small, large;
  SlicePool slices;
  tests::FakeNet net;
  Mailroom mailroom;
  tests::FakeRing* ring = nullptr;
  std::unique_ptr<EventLoop> loop;
  HandshakeTable handshakes;
  ShardContext context;
  std::unique_ptr<ConnTable> table;
};

// Writes down what it hears, and reads when it is told to.
class Hearer final : public ConnectionEvents {
 public:
  void OnConnected() noexcept override { heard += "connected "; }
  void OnReadable() noexcept override { heard += "readable "; }
  void OnWritable() noexcept override { heard += "writable "; }
  void OnDeadline() noexcept override { heard += "deadline "; }
  void OnClosed(CloseReason reason) noexcept override {
    heard += "closed:" + std::string(Info(reason).counter) + " ";
  }
  std::string Take() { return std::exchange(heard, ""); }
  std::string heard;
};

inline std::string Text(ByteQueue& queue) {
  std::string text(queue.size(), 0);
  queue.Peek(text.data(), text.size());
  queue.Clear();
  return text;
}

inline std::string Letters(size_t bytes) {
  std::string text(bytes, 0);
  std::mt19937 random(unsigned(bytes) + 1);
  for (char& c : text) c = char('a' + random() % 26);
  return text;
}

// One accepted connection that is open, and its peer.
class OneConnection : public testing::Test {
 protected:
  void Open(const ConnWorldOptions& options = {}) {
    world_ = std::make_unique<ConnWorld>(options);
    connection_ = world_->Accepted(&peer_);
    handle_ = connection_->handle();
    connection_->SetEvents(&hearer_);
    EXPECT_TRUE(connection_->Start());
  }
  void Send(std::string_view text) {
    ByteQueue queue(world_->slices);
    ASSERT_EQ(queue.Append(text, world_->small), text.size());
    connection_->Send(queue);
    EXPECT_TRUE(queue.empty());
  }
  std::string Received() {
    ByteQueue queue(world_->slices);
    connection_->Recv(queue, SIZE_MAX);
    return Text(queue);
  }
  bool gone() { return world_->table->Find(handle_) == nullptr; }

  std::unique_ptr<ConnWorld> world_;
  Hearer hearer_;
  std::unique_ptr<tests::FakePeer> peer_;
  Connection* connection_ = nullptr;
  base::Handle handle_;
};

}  // namespace shard
