// The stream interface: every edge of its table through real events, every other one dies.

#include "shard/stream/stream_side.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>

#include "shard/loop/deadline.h"
#include "tests/fake/fake_clock.h"

namespace shard {
namespace {

using S = SideState;

// An endpoint that does what the test says.
class Puppet final : public Endpoint {
 public:
  Puppet(SlicePool& slices, ChunkPool& chunks) : arrived(slices), sent(slices), chunks_(chunks) {}
  size_t Recv(Channel& channel, size_t max) override {
    return channel.bytes().MoveFrom(arrived, max);
  }
  bool RecvEnded() const override { return ended && const_cast<ByteQueue&>(arrived).empty(); }
  size_t Send(ByteQueue& bytes, bool) override { return sent.MoveFrom(bytes, room); }
  void WantRecv(bool want) override { wants = want; }
  void ShutRead(CloseReason) override { calls += "shut_read "; }
  void ShutWrite(CloseReason) override { calls += "shut_write "; }
  void Detach(CloseReason reason, uint64_t) override {
    calls += "detach:" + std::string(Info(reason).counter) + " ";
    ++detached;
  }
  Connection* connection() override { return nullptr; }
  size_t UnsentBytes() const override { return unsent; }

  EndpointEvents& events() { return *events_; }
  void Arrive(std::string_view text) {
    EXPECT_EQ(arrived.Append(text, chunks_), text.size());
    events_->OnReadable();
  }
  void End() {
    ended = true;
    events_->OnReadable();
  }
  ByteQueue arrived, sent;
  std::string calls;
  bool ended = false, wants = false;
  size_t room = SIZE_MAX, unsent = 0;
  int detached = 0;

 private:
  ChunkPool& chunks_;
};

class StreamSideTest : public testing::Test, public SidePolicy {
 protected:
  StreamSideTest() : chunks_(256, 1000), in_(slices_, 1000), out_(slices_, 1000) { Renew(); }
  ~StreamSideTest() override {
    if (side_ != nullptr && !side_->closed()) End();
  }
  void Renew() {
    if (side_ != nullptr && !side_->closed()) End();
    side_.reset();
    in_.~Channel();
    new (&in_) Channel(slices_, 1000);
    out_.~Channel();
    new (&out_) Channel(slices_, 1000);
    puppet_ = std::make_unique<Puppet>(slices_, chunks_);
    side_ = std::make_unique<StreamSide>(*this, in_, out_, trace_, 1);
    side_->SetTimeouts({.connect_ms = 100,
                        .queue_ms = 200,
                        .idle_ms = 1000,
                        .fin_ms = 300,
                        .idle_reason = CloseReason::kServerTimeout});
    assign_ = AssignResult::kAssigned;
    connect_ = ConnectResult::kConnecting;
    retry_ = RetryDecision::kGiveUp;
    try_again_ = false;
    closed_ = wakes_ = 0;
  }
  void End() {
    side_->Abort(CloseReason::kKilled);
    for (int i = 0; i < 5 && !side_->closed(); ++i) side_->Run();
  }
  // SidePolicy
  AssignResult AssignTarget(CloseReason* reason) override {
    if (std::exchange(abort_in_assign_, false)) side_->Abort(CloseReason::kKilled);
    if (assign_ == AssignResult::kFailed) *reason = CloseReason::kNoServer;
    return assign_;
  }
  ConnectResult StartConnect(CloseReason* reason) override {
    if (connect_ == ConnectResult::kFailed) {
      *reason = CloseReason::kLocalPorts;
    } else {
      side_->AttachConnecting(puppet_.get());
    }
    return connect_;
  }
  RetryDecision DecideRetry(CloseReason, uint32_t* pause_ms) override {
    *pause_ms = 50;
    return std::exchange(retry_, RetryDecision::kGiveUp);
  }
  bool MayLeave(StreamSide&) override { return may_leave_; }
  void OnEstablished(StreamSide&) override {}
  bool OnDisconnected(StreamSide&) override { return std::exchange(try_again_, false); }
  void OnClosed(StreamSide&) override { ++closed_; }
  void WakeStream() noexcept override { ++wakes_; }
  uint64_t NowMs() const override { return clock_.now_ms(); }
  uint64_t WaitFromMs() const override { return shard::WaitFromMs(clock_); }
  void OnMove(const TraceEntry& entry) noexcept override { walked_.insert({entry.from, entry.to}); }

  // Brings a new side to `state`.
  void To(S state) {
    Renew();
    switch (state) {
      case S::kIdle:
        return;
      case S::kQueued:
        assign_ = AssignResult::kQueued;
        side_->Request();
        side_->Run();
        break;
      case S::kTurnAround:
        retry_ = RetryDecision::kSameServer;
        connect_ = ConnectResult::kFailed;
        side_->Request();
        side_->Run();
        break;
      case S::kConnecting:
        side_->Request();
        side_->Run();
        break;
      case S::kEstablished:
        side_->AttachEstablished(puppet_.get());
        break;
      case S::kRequested:
        side_->Request();
        return;
      default:
        FAIL() << "passed through only";
    }
    ASSERT_EQ(side_->state(), state);
  }
  void Pass(uint64_t ms) { clock_.Advance(ms * 1000); }
  std::string Out(Channel& channel) {
    std::string text(channel.bytes().size(), 0);
    channel.bytes().Peek(text.data(), text.size());
    return text;
  }
  void ExpectClosed(CloseReason reason) {
    EXPECT_EQ(side_->state(), S::kClosed);
    EXPECT_EQ(Info(side_->reason()).counter, std::string(Info(reason).counter));
    EXPECT_EQ(closed_, 1);
    EXPECT_EQ(side_->endpoint(), nullptr);
    EXPECT_TRUE(in_.ended());
    EXPECT_TRUE(out_.shut());
    EXPECT_EQ(side_->deadline_ms(), 0u);
    EXPECT_LE(puppet_->detached, 1);
    EXPECT_EQ(side_->Run(), SideWait::kForever);
    EXPECT_EQ(closed_, 1);
  }

  tests::FakeClock clock_;
  SlicePool slices_;
  ChunkPool chunks_;
  Channel in_, out_;
  Trace trace_;
  std::unique_ptr<Puppet> puppet_;
  std::unique_ptr<StreamSide> side_;
  AssignResult assign_;
  ConnectResult connect_;
  RetryDecision retry_;
  bool try_again_ = false;
  bool may_leave_ = true;
  bool abort_in_assign_ = false;
  int closed_ = 0;
  int wakes_ = 0;
  std::set<std::pair<S, S>> walked_;
};

TEST_F(StreamSideTest, EventsWalkEveryEdgeOfTheTable) {
  // Abort in every state that waits.
  for (S state :
       {S::kIdle, S::kRequested, S::kQueued, S::kTurnAround, S::kConnecting, S::kEstablished}) {
    To(state);
    side_->Abort(CloseReason::kKilled);
    side_->Run();
    ExpectClosed(CloseReason::kKilled);
  }
  // Assigned is only passed through: the policy aborts there.
  Renew();
  abort_in_assign_ = true;
  side_->Request();
  side_->Run();
  ExpectClosed(CloseReason::kKilled);
  To(S::kQueued);
  side_->SlotGranted();
  side_->Run();
  EXPECT_EQ(side_->state(), S::kConnecting);
  To(S::kQueued);
  assign_ = AssignResult::kAssigned;
  side_->AskAgain();
  side_->Run();
  EXPECT_EQ(side_->state(), S::kConnecting);
  To(S::kTurnAround);
  connect_ = ConnectResult::kEstablished;
  Pass(50);
  side_->Run();
  EXPECT_EQ(side_->state(), S::kEstablished);
  To(S::kConnecting);
  puppet_->events().OnConnected();
  side_->Run();
  EXPECT_EQ(side_->state(), S::kEstablished);
  To(S::kConnecting);
  retry_ = RetryDecision::kAnotherServer;
  puppet_->events().OnError(CloseReason::kConnectRefused);
  EXPECT_EQ(side_->Run(), SideWait::kStart);
  EXPECT_EQ(side_->state(), S::kRequested) << "the next attempt is the next turn's";
  EXPECT_GT(wakes_, 0);
  To(S::kConnecting);
  puppet_->events().OnError(CloseReason::kConnectRefused);
  side_->Run();
  ExpectClosed(CloseReason::kConnectRefused);
  To(S::kEstablished);
  try_again_ = true;
  puppet_->events().OnError(CloseReason::kServerReset);
  side_->Run();
  EXPECT_EQ(side_->state(), S::kRequested);
  EXPECT_EQ(side_->reason(), CloseReason::kNone);
  To(S::kEstablished);
  ByteQueue unread(slices_);
  EXPECT_EQ(side_->Release(unread), puppet_.get());
  EXPECT_EQ(side_->state(), S::kIdle);
  Renew();

  for (int from = 0; from < int(S::kCount); ++from) {
    for (int to = 0; to < int(S::kCount); ++to) {
      EXPECT_EQ(walked_.count({S(from), S(to)}) != 0, IsLegalEdge(S(from), S(to)))
          << SideStateName(S(from)) << " -> " << SideStateName(S(to));
    }
  }
}

TEST_F(StreamSideTest, MovesThatAreNotInTheTableDie) {
  EXPECT_DEATH(
      {
        To(S::kConnecting);
        side_->Request();
      },
      "IsLegalEdge");
  EXPECT_DEATH(
      {
        To(S::kQueued);
        side_->AttachEstablished(puppet_.get());
      },
      "IsLegalEdge");
  EXPECT_DEATH(
      {
        To(S::kTurnAround);
        side_->Request();
      },
      "IsLegalEdge");
  EXPECT_DEATH(
      {
        To(S::kEstablished);
        side_->Request();
      },
      "IsLegalEdge");
  EXPECT_DEATH(
      {
        To(S::kEstablished);
        side_->AttachEstablished(puppet_.get());
      },
      "endpoint_");
  EXPECT_DEATH(
      {
        To(S::kConnecting);
        ByteQueue unread(slices_);
        side_->Release(unread);
      },
      "kEstablished");
  EXPECT_DEATH(
      {
        To(S::kIdle);
        End();
        side_->Request();
      },
      "IsLegalEdge");
  EXPECT_DEATH(
      {
        To(S::kEstablished);
        side_.reset();
      },
      "endpoint_");
  for (int from = 0; from < int(S::kCount); ++from) {
    EXPECT_FALSE(IsLegalEdge(S::kClosed, S(from)));
    EXPECT_EQ(IsLegalEdge(S(from), S::kIdle), S(from) == S::kEstablished);
    EXPECT_FALSE(IsLegalEdge(S(from), S(from)));
  }
}

TEST_F(StreamSideTest, AnotherEndpointTakesOverWhatTheReleasedOneHasBrought) {
  To(S::kEstablished);
  puppet_->Arrive("GET");
  puppet_->End();
  side_->Run();
  ASSERT_TRUE(side_->read_shut());
  ASSERT_TRUE(in_.ended());
  puppet_->events().OnError(CloseReason::kTlsTruncated);
  ByteQueue unread(slices_);
  ASSERT_EQ(side_->Release(unread), puppet_.get());
  EXPECT_EQ(puppet_->calls, "") << "neither shut nor detached";
  EXPECT_EQ(unread.size(), 3u);
  EXPECT_TRUE(in_.empty());
  EXPECT_EQ(in_.bytes_produced(), 0u) << "it will be counted again";
  EXPECT_FALSE(in_.ended());
  EXPECT_EQ(side_->Run(), SideWait::kStart);
  EXPECT_EQ(side_->deadline_ms(), 0u);
  Pass(10000);
  EXPECT_EQ(side_->Run(), SideWait::kStart) << "no timeout without an endpoint";

  Puppet next(slices_, chunks_);
  side_->AttachEstablished(&next);
  next.Arrive("body");
  EXPECT_EQ(side_->Run(), SideWait::kBytes);
  EXPECT_EQ(Out(in_), "body");
  EXPECT_FALSE(side_->read_shut());
  EXPECT_EQ(side_->deadline_ms(), clock_.now_ms() + 1000);
  side_->Abort(CloseReason::kKilled);
  side_->Run();
  EXPECT_EQ(next.calls, "detach:killed ");
  EXPECT_EQ(closed_, 1);
}

TEST_F(StreamSideTest, WithoutAnEndpointItCanStillBeAborted) {
  To(S::kEstablished);
  ByteQueue unread(slices_);
  side_->Release(unread);
  side_->Abort(CloseReason::kKilled);
  side_->Run();
  ExpectClosed(CloseReason::kKilled);
  EXPECT_EQ(puppet_->calls, "") << "it is somebody else's";
}

TEST_F(StreamSideTest, EachTimeoutHasItsReason) {
  To(S::kQueued);
  EXPECT_EQ(side_->deadline_ms(), clock_.now_ms() + 200);
  Pass(199);
  EXPECT_EQ(side_->Run(), SideWait::kSlot);
  Pass(1);
  side_->Run();
  ExpectClosed(CloseReason::kQueueTimeout);

  To(S::kConnecting);
  EXPECT_EQ(side_->deadline_ms(), clock_.now_ms() + 100);
  Pass(99);
  EXPECT_EQ(side_->Run(), SideWait::kConnect);
  Pass(1);
  side_->Run();
  ExpectClosed(CloseReason::kConnectTimeout);
  EXPECT_EQ(puppet_->calls, "detach:connect_timeout ");

  To(S::kTurnAround);
  EXPECT_EQ(side_->deadline_ms(), clock_.now_ms() + 50);
  Pass(49);
  EXPECT_EQ(side_->Run(), SideWait::kTimer);
  connect_ = ConnectResult::kFailed;
  Pass(1);
  side_->Run();
  ExpectClosed(CloseReason::kLocalPorts);

  To(S::kEstablished);
  EXPECT_EQ(side_->Run(), SideWait::kBytes);
  EXPECT_EQ(side_->deadline_ms(), clock_.now_ms() + 1000);
  Pass(999);
  EXPECT_EQ(side_->Run(), SideWait::kBytes);
  Pass(1);
  side_->Run();
  ExpectClosed(CloseReason::kServerTimeout);
}

TEST_F(StreamSideTest, NoTimeoutIsEarlyByPartOfAMillisecond) {
  clock_.Advance(999);  // of the millisecond that the clock tells, one microsecond is left
  for (const S state : {S::kQueued, S::kConnecting, S::kEstablished}) {
    To(state);
    const uint64_t wait_ms = state == S::kQueued ? 200 : state == S::kConnecting ? 100 : 1000;
    side_->Run();
    const uint64_t begun_us = clock_.now_us();
    clock_.Advance(wait_ms * 1000 - 1);
    side_->Run();
    EXPECT_EQ(side_->state(), state);
    clock_.AdvanceTo(side_->deadline_ms() * 1000);
    EXPECT_GE(clock_.now_us() - begun_us, wait_ms * 1000);
    side_->Run();
    EXPECT_TRUE(side_->closed() || side_->state() == S::kDisconnected);
    clock_.Advance(999);
  }
}

TEST_F(StreamSideTest, FinTimeoutOnceADirectionIsOver) {
  To(S::kEstablished);
  out_.End();
  side_->Run();
  EXPECT_EQ(puppet_->calls, "shut_write ");
  EXPECT_TRUE(side_->write_shut());
  EXPECT_EQ(side_->deadline_ms(), clock_.now_ms() + 300);
  Pass(300);
  side_->Run();
  ExpectClosed(CloseReason::kServerTimeout);
}

TEST_F(StreamSideTest, BytesThatLeaveAreActivity) {
  To(S::kEstablished);
  puppet_->unsent = 500;
  side_->Run();
  for (const size_t left : {400, 1}) {
    puppet_->unsent = left;
    Pass(1000);
    side_->Run();
    EXPECT_TRUE(side_->open());
  }
  Pass(1000);
  side_->Run();
  ExpectClosed(CloseReason::kServerTimeout);
}

TEST_F(StreamSideTest, BytesThatLieUnsentAreNoActivity) {
  To(S::kEstablished);
  puppet_->unsent = 500;
  side_->Run();
  Pass(1000);
  side_->Run();
  ExpectClosed(CloseReason::kServerTimeout);
}

TEST_F(StreamSideTest, NoIdleClockWhileNothingIsAwaited) {
  To(S::kEstablished);
  puppet_->Arrive(std::string(2000, 'x'));
  side_->Run();
  EXPECT_EQ(in_.bytes().size(), 1000u);
  EXPECT_FALSE(puppet_->wants) << "the channel is full";
  EXPECT_EQ(side_->deadline_ms(), 0u);
  Pass(10000);
  side_->Run();
  EXPECT_TRUE(side_->open()) << "it is the other side that stalls";
}

TEST_F(StreamSideTest, IdleClockStartsAnewWhenThereIsRoomAgain) {
  To(S::kEstablished);
  puppet_->Arrive(std::string(2000, 'x'));
  side_->Run();
  ASSERT_EQ(side_->deadline_ms(), 0u);
  Pass(10000);
  in_.bytes().Consume(in_.bytes().size());
  puppet_->arrived.Consume(puppet_->arrived.size());
  side_->Run();
  EXPECT_TRUE(side_->open());
  EXPECT_EQ(side_->deadline_ms(), clock_.now_ms() + 1000);
  side_->Run();
  EXPECT_TRUE(side_->open()) << "it was not this side that stalled";
}

TEST_F(StreamSideTest, AnAnswerThatComesLateIsNotLateForTheClient) {
  To(S::kEstablished);
  puppet_->Arrive("request");
  puppet_->ended = true;
  side_->Run();
  ASSERT_EQ(side_->deadline_ms(), 0u) << "the client has nothing to do";
  Pass(10000);
  ASSERT_EQ(out_.bytes().Append("answer", chunks_), 6u);
  side_->Run();
  EXPECT_TRUE(side_->open());
  EXPECT_EQ(puppet_->sent.size(), 6u);
}

TEST_F(StreamSideTest, HalfClosesInBothOrdersThenNormal) {
  To(S::kEstablished);
  puppet_->Arrive("last");
  puppet_->End();
  side_->Run();
  EXPECT_EQ(Out(in_), "last");
  EXPECT_TRUE(in_.ended());
  EXPECT_TRUE(side_->read_shut());
  EXPECT_TRUE(side_->open());
  out_.bytes().Append("answer", chunks_);
  out_.End();
  side_->Run();
  EXPECT_EQ(puppet_->calls, "shut_write detach:normal ");
  EXPECT_EQ(puppet_->sent.size(), 6u);
  ExpectClosed(CloseReason::kNormal);
  EXPECT_EQ(out_.bytes_consumed(), 6u);
  EXPECT_EQ(in_.bytes_produced(), 4u);

  To(S::kEstablished);
  puppet_->room = 3;
  out_.bytes().Append("answer", chunks_);
  out_.End();
  side_->Run();
  EXPECT_EQ(puppet_->calls, "") << "not before all is taken";
  side_->Run();
  EXPECT_EQ(puppet_->calls, "shut_write ");
  puppet_->End();
  side_->Run();
  ExpectClosed(CloseReason::kNormal);
}

TEST_F(StreamSideTest, AnEndpointThatIsStillNeededStaysUntilItIsNot) {
  To(S::kEstablished);
  may_leave_ = false;
  puppet_->End();
  out_.End();
  side_->Run();
  EXPECT_EQ(puppet_->calls, "shut_write ");
  EXPECT_EQ(side_->deadline_ms(), 0u) << "it is the other side that stalls";
  may_leave_ = true;
  side_->Run();
  EXPECT_EQ(puppet_->calls, "shut_write detach:normal ");
  ExpectClosed(CloseReason::kNormal);
}

TEST_F(StreamSideTest, NobodyReadsAnyMoreEndsReading) {
  To(S::kEstablished);
  in_.Shut();
  side_->Run();
  EXPECT_EQ(puppet_->calls, "shut_read ");
  EXPECT_TRUE(side_->read_shut());
}

TEST_F(StreamSideTest, HeldBytesAreNotTaken) {
  To(S::kEstablished);
  out_.bytes().Append("look first", chunks_);
  out_.Hold();
  out_.End();
  side_->Run();
  EXPECT_TRUE(puppet_->sent.empty());
  EXPECT_FALSE(side_->write_shut());
  out_.Release();
  side_->Run();
  EXPECT_EQ(puppet_->sent.size(), 10u);
  EXPECT_TRUE(side_->write_shut());
}

TEST_F(StreamSideTest, ErrorAfterDataStillDeliversTheData) {
  To(S::kEstablished);
  puppet_->Arrive("good");
  puppet_->events().OnError(CloseReason::kServerReset);
  puppet_->events().OnError(CloseReason::kServerAbort);
  side_->Run();
  EXPECT_EQ(Out(in_), "good");
  ExpectClosed(CloseReason::kServerReset);
}

TEST_F(StreamSideTest, FirstAbortGivesTheReason) {
  To(S::kConnecting);
  side_->Abort(CloseReason::kClientAbort);
  side_->Abort(CloseReason::kKilled);
  puppet_->events().OnConnected();
  side_->Run();
  ExpectClosed(CloseReason::kClientAbort);
  EXPECT_EQ(puppet_->calls, "detach:client_abort ");
}

TEST_F(StreamSideTest, FailedAssignmentClosesWithItsReason) {
  Renew();
  assign_ = AssignResult::kFailed;
  side_->Request();
  side_->Run();
  ExpectClosed(CloseReason::kNoServer);
}

}  // namespace
}  // namespace shard
