// A listener pauses when there is no room, refuses nobody, and keeps the order.

#include "shard/net/listener.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "tests/fake/fake_clock.h"
#include "tests/fake/fake_ring.h"

namespace shard {
namespace {

class ListenerTest : public testing::Test, public AcceptHandler, public CompletionSink {
 protected:
  ListenerTest() { Open(1, {}); }
  ~ListenerTest() override {
    listener_->Stop();
    Settle();
    for (int fd : taken_) net_->CloseFd(fd);
    listener_.reset();
    Settle();
    net_->CloseFd(fd_);
    loop_.reset();
  }
  void Open(uint64_t seed, const tests::FakeModes& modes) {
    net_ = std::make_unique<tests::FakeNet>(clock_, seed, modes);
    net_->set_auto_advance(false);
    auto ring = net_->OpenRing({.small = &small_, .large = &small_});
    ring_ = ring.get();
    loop_ = std::make_unique<EventLoop>(*reinterpret_cast<Shard*>(this), 0, mailroom_,
                                        std::move(ring), clock_);
    loop_->SetSink(OpKind::kAccept, this);
    address_.sin_family = AF_INET;
    address_.sin_port = htons(80);
    fd_ = net_->Listen(Plain(), sizeof(address_));
    AcceptHandler& handler = *this;
    listener_ = std::make_unique<Listener>(*loop_, handler, 0, fd_, nullptr);
    listener_->Start();
  }
  const sockaddr* Plain() const { return reinterpret_cast<const sockaddr*>(&address_); }
  void OnCompletion(const Completion& completion) noexcept override {
    listener_->OnCompletion(completion);
  }
  bool OnAccepted(Listener&, int fd) noexcept override {
    if (taken_.size() >= room_) return false;
    taken_.push_back(fd);
    return true;
  }
  bool MayTakeMany(Listener&) noexcept override { return may_take_many_; }
  bool OnOutOfDescriptors() noexcept override {
    ++asked_for_room_;
    if (spare_ == 0) return false;
    --spare_;
    net_->set_fds_max(net_->open_fds() + 1);
    return true;
  }
  // Client number i writes its number, so that the order can be read off the descriptors.
  void Dial(int count) {
    for (int i = 0; i < count; ++i) {
      clients_.push_back(net_->Dial(Plain(), sizeof(address_)));
      clients_.back()->Write(std::string(1, char(clients_.size())));
    }
  }
  void Settle() {
    for (int i = 0; i < 10; ++i) loop_->TurnOnce();
  }
  void ExpectInOrder(size_t count) {
    ASSERT_EQ(taken_.size(), count);
    for (size_t i = 0; i < count; ++i) {
      EXPECT_EQ(net_->FileOf(taken_[i])->rx->bytes, std::string(1, char(i + 1)));
    }
  }
  tests::FakeClock clock_;
  ChunkPool small_{256, 10};
  Mailroom mailroom_{1};
  std::unique_ptr<tests::FakeNet> net_;
  tests::FakeRing* ring_ = nullptr;
  std::unique_ptr<EventLoop> loop_;
  int spare_ = 0;  // descriptors that it could give up
  int asked_for_room_ = 0;
  std::unique_ptr<Listener> listener_;
  sockaddr_in address_ = {};
  int fd_ = -1;
  size_t room_ = SIZE_MAX;
  bool may_take_many_ = true;
  std::vector<int> taken_;
  std::vector<std::unique_ptr<tests::FakePeer>> clients_;
};

TEST_F(ListenerTest, AcceptsInOrder) {
  Dial(20);
  Settle();
  ExpectInOrder(20);
  EXPECT_EQ(listener_->counters().accepted.Get(), 20u);
}

TEST_F(ListenerTest, FullLimitKeepsWhatCameAndLaterServesItInOrder) {
  room_ = 3;
  Dial(10);
  Settle();
  ExpectInOrder(3);
  EXPECT_TRUE(listener_->answered()) << "it no longer accepts";
  Dial(5);
  Settle();
  ExpectInOrder(3);
  for (const auto& client : clients_) EXPECT_FALSE(client->AtEnd()) << "nobody is refused";
  room_ = 4;
  listener_->Resume();
  Settle();
  ExpectInOrder(4);
  room_ = SIZE_MAX;
  listener_->Resume();
  Settle();
  ExpectInOrder(15);
}

TEST_F(ListenerTest, ResumeBeforeTheCancelIsAnsweredGoesOn) {
  room_ = 1;
  Dial(2);
  loop_->TurnOnce();
  room_ = SIZE_MAX;
  listener_->Resume();
  Settle();
  Dial(3);
  Settle();
  ExpectInOrder(5);
}

TEST_F(ListenerTest, NoDescriptorsPausesUntilOneIsFreedOrATenthOfASecond) {
  net_->set_fds_max(net_->open_fds() + 2);
  Dial(5);
  Settle();
  ExpectInOrder(2);
  EXPECT_GE(listener_->counters().no_descriptors.Get(), 1u);
  EXPECT_TRUE(listener_->answered());
  const uint64_t answers = loop_->counters().completions.Get();
  Settle();
  EXPECT_EQ(loop_->counters().completions.Get(), answers) << "it does not spin";
  net_->set_fds_max(net_->open_fds() + 1);
  listener_->OnDescriptorFreed();
  Settle();
  ExpectInOrder(3);
  net_->set_fds_max(SIZE_MAX);
  Settle();
  ExpectInOrder(3);
  clock_.Advance(101000);
  Settle();
  ExpectInOrder(5);
}

TEST_F(ListenerTest, WhatTheHandlerGivesUpMakesRoomWithoutAPause) {
  net_->set_fds_max(net_->open_fds() + 2);
  spare_ = 3;
  Dial(7);
  Settle();
  ExpectInOrder(5);
  EXPECT_EQ(asked_for_room_, 4);
  EXPECT_EQ(listener_->counters().paused.Get(), 1u);
  EXPECT_TRUE(listener_->answered());
}

TEST_F(ListenerTest, OneByOneNoMoreThanOneWaitsHereAndTheOrderIsKept) {
  Settle();
  may_take_many_ = false;
  listener_->Resume();  // the one that is armed for many is given back
  Settle();
  room_ = 3;
  Dial(10);
  Settle();
  ExpectInOrder(3);
  EXPECT_EQ(listener_->waiting(), 1u);
  EXPECT_EQ(listener_->counters().accepted.Get(), 4u) << "the others stay in the backlog";
  EXPECT_TRUE(listener_->answered());
  room_ = 5;
  listener_->Resume();
  Settle();
  ExpectInOrder(5);
  EXPECT_EQ(listener_->waiting(), 1u);
  room_ = SIZE_MAX;
  listener_->Resume();
  for (int i = 0; i < 4; ++i) Settle();
  ExpectInOrder(10);
  EXPECT_TRUE(listener_->keeps_none());
}

TEST_F(ListenerTest, RoomThatGoesTurnsManyIntoOneByOneAndRoomThatComesTurnsItBack) {
  Dial(2);
  Settle();
  ExpectInOrder(2);
  may_take_many_ = false;
  Dial(1);
  Settle();  // taken by the accept for many, which is then cancelled
  room_ = 3;
  Dial(5);
  Settle();
  ExpectInOrder(3);
  EXPECT_EQ(listener_->waiting(), 1u);
  may_take_many_ = true;
  room_ = 4;
  listener_->Resume();
  Settle();
  ExpectInOrder(4);
  EXPECT_EQ(listener_->waiting(), 4u) << "many again: all that came wait here";
  room_ = SIZE_MAX;
  listener_->Resume();
  Settle();
  ExpectInOrder(8);
}

TEST_F(ListenerTest, OneByOneNoDescriptorsLosesNobody) {
  may_take_many_ = false;
  listener_->Resume();
  Settle();
  net_->set_fds_max(net_->open_fds() + 2);
  Dial(4);
  Settle();
  ExpectInOrder(2);
  const uint64_t answers = loop_->counters().completions.Get();
  Settle();
  EXPECT_EQ(loop_->counters().completions.Get(), answers) << "it does not spin";
  net_->set_fds_max(SIZE_MAX);
  clock_.Advance(101000);
  Settle();
  ExpectInOrder(4);
}

// As many as a backlog may hold: each is offered once, so this ends in a moment.
TEST_F(ListenerTest, AQueueOfThousandsIsHandedOnWhole) {
  room_ = 0;
  Dial(5000);
  for (int i = 0; i < 60; ++i) Settle();
  EXPECT_EQ(listener_->waiting(), 5000u);
  for (size_t i = 1; i <= 5000; ++i) {
    room_ = i;
    listener_->Resume();
    ASSERT_EQ(taken_.size(), i);
  }
  EXPECT_TRUE(listener_->keeps_none());
}

TEST_F(ListenerTest, StoppedListenerAcceptsNoMore) {
  listener_->Stop();
  Settle();
  Dial(3);
  Settle();
  ExpectInOrder(0);
  EXPECT_TRUE(listener_->answered());
  clients_.clear();
}

TEST_F(ListenerTest, WaitingOnesAreClosedWithTheListener) {
  room_ = 0;
  Dial(3);
  Settle();
  EXPECT_GE(net_->open_fds(), 2u);
  // The destructor and FakeNet check that nothing is left open.
}

}  // namespace
}  // namespace shard
