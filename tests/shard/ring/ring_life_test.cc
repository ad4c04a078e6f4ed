// What ring.h promises about the life of operations, rings and turns: cancel, close, deadlines,
// wake-ups, and more of everything than the queues hold. On every driver.

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <thread>

#include "base/clock.h"
#include "base/text.h"
#include "tests/shard/ring/ring_contract.h"

namespace shard {
namespace {

// ---- cancel, close ----------------------------------------------------------------------------

TEST_P(RingContract, WhatIsCancelledIsAnsweredOnce) {
  OPEN_OR_SKIP();
  Answers answers(*world_);
  std::unique_ptr<RingPeer> recv_peer, poll_peer, send_peer;
  const int recv_fd = world_->Pair(&recv_peer);
  const int poll_fd = world_->Pair(&poll_peer);
  const int send_fd = world_->Pair(&send_peer);
  sockaddr_in address;
  const int listener = world_->Listen(&address);
  const OpId ops[] = {Op(OpKind::kConnRecv, 1), Op(OpKind::kConnPollIn, 1), Op(OpKind::kAccept, 1),
                      Op(OpKind::kConnSend, 1)};
  const OpId fill = Op(OpKind::kConnSend, 99);
  const std::string big = Pattern(1 << 20);
  do {
    answers.Forget();
    SendOne(fill, send_fd, big, SendMode::kTry);
    ASSERT_TRUE(answers.TurnUntil([&] { return answers.CountOf(fill) == 1; }));
  } while (answers.LastOf(fill)->result > 0);
  answers.Forget();
  ring().Recv(ops[0], recv_fd, RecvMode::kMultishot, BufferSize::kSmall);
  ring().Poll(ops[1], poll_fd, POLLIN, false);
  ring().Accept(ops[2], listener, true);
  SendOne(ops[3], send_fd, big, SendMode::kWait);
  answers.TurnFor(5000);
  ASSERT_TRUE(answers.all().empty());
  for (const OpId op : ops) ring().Cancel(op);
  ring().Cancel(Op(OpKind::kConnRecv, 555));  // unknown: nobody is told
  answers.TurnUntil([&] { return answers.all().size() == 4; });
  answers.TurnFor(5000);
  for (const OpId op : ops) {
    EXPECT_EQ(answers.CountOf(op), 1U);
    ASSERT_NE(answers.LastOf(op), nullptr);
    EXPECT_EQ(answers.LastOf(op)->result, -ECANCELED);
    EXPECT_FALSE(answers.LastOf(op)->more);
  }
  EXPECT_EQ(answers.all().size(), 4U);
  // A cancelled operation has taken nothing: a later one gets it all.
  recv_peer->Write("whole");
  answers.Forget();
  ring().Recv(ops[0], recv_fd, RecvMode::kSingle, BufferSize::kSmall);
  ASSERT_TRUE(answers.TurnUntil([&] { return answers.FinalsOf(ops[0]) >= 1; }));
  for (const int fd : {recv_fd, poll_fd, send_fd, listener}) ring().Close(fd);
  answers.Turn(0);
}

TEST_P(RingContract, CancelOfWhatWasSubmittedInTheSameTurn) {
  OPEN_OR_SKIP();
  Answers answers(*world_);
  std::unique_ptr<RingPeer> peer;
  const int fd = world_->Pair(&peer);
  const OpId op = Op(OpKind::kConnRecv, 1);
  ring().Recv(op, fd, RecvMode::kMultishot, BufferSize::kSmall);
  ring().Cancel(op);
  ASSERT_TRUE(answers.TurnUntil([&] { return answers.FinalsOf(op) == 1; }));
  answers.TurnFor(2000);
  EXPECT_EQ(answers.FinalsOf(op), 1U);
  ring().Close(fd);
  answers.Turn(0);
}

// The number of a closed descriptor comes back as another socket; nothing of the old one may stick
// to it.
// Another shard may have it now: what happens to it is none of this ring's business.
TEST_P(RingContract, CancelledDescriptorIsLeftAlone) {
  OPEN_OR_SKIP();
  Answers answers(*world_);
  std::unique_ptr<RingPeer> peer;
  const int fd = world_->Pair(&peer);
  const OpId op = Op(OpKind::kConnRecv, 3);
  ring().Recv(op, fd, RecvMode::kMultishot, BufferSize::kSmall);
  answers.TurnFor(1000);
  ring().Cancel(op);
  ASSERT_TRUE(answers.TurnUntil([&] { return answers.FinalsOf(op) == 1; }));
  peer->Write("for whoever has it now");
  const uint64_t calls = ring().enter_calls();
  answers.Turn(20000);
  // To wait, and perhaps once more for the rest of the time.
  EXPECT_LE(ring().enter_calls() - calls, 2U);
  EXPECT_EQ(answers.BytesOf(op), "");
  world_->CloseNow(fd);
}

TEST_P(RingContract, DescriptorNumbersAreReused) {
  OPEN_OR_SKIP();
  Answers answers(*world_);
  for (uint32_t i = 0; i < 50; ++i) {
    std::unique_ptr<RingPeer> peer;
    const int fd = world_->Pair(&peer);
    const OpId op = Op(OpKind::kConnRecv, i);
    ring().Recv(op, fd, RecvMode::kMultishot, BufferSize::kSmall);
    peer->Write("hello");
    ASSERT_TRUE(answers.TurnUntil([&] { return answers.BytesOf(op) == "hello"; })) << i;
    if (i % 3 == 0) {
      ring().Cancel(op);
      ring().Close(fd);
    } else if (i % 3 == 1) {
      ring().Close(fd);
      ring().Cancel(op);
    } else {
      // It leaves without the ring's knowledge, as a connection that moves to another shard does.
      ring().Cancel(op);
      ASSERT_TRUE(answers.TurnUntil([&] { return answers.FinalsOf(op) == 1; }));
      world_->CloseNow(fd);
    }
    ASSERT_TRUE(answers.TurnUntil([&] { return answers.FinalsOf(op) == 1; })) << i;
  }
  answers.TurnFor(2000);
  for (uint32_t i = 0; i < 50; ++i) EXPECT_EQ(answers.FinalsOf(Op(OpKind::kConnRecv, i)), 1U);
}

// What is armed again and again stays known to the kernel between two receives.
TEST_P(RingContract, SingleReceivesCostNoPreparation) {
  OPEN_OR_SKIP();
  Answers answers(*world_);
  std::unique_ptr<RingPeer> peer;
  const int fd = world_->Pair(&peer);
  const OpId op = Op(OpKind::kConnRecv, 7);
  constexpr uint64_t kRounds = 20;
  const uint64_t calls = ring().enter_calls();
  for (uint64_t i = 1; i <= kRounds; ++i) {
    ring().Recv(op, fd, RecvMode::kSingleLater, BufferSize::kSmall);
    answers.Turn(0);
    peer->Write("x");
    ASSERT_TRUE(answers.TurnUntil([&] { return answers.FinalsOf(op) == i; })) << i;
  }
  // To arm, to wait, to take; and the first time to make the descriptor known.
  EXPECT_LE(ring().enter_calls() - calls, 3 * kRounds + 2);
  ring().Close(fd);
  answers.TurnFor(1000);
}

TEST_P(RingContract, RingEndsWithEverythingArmed) {
  OPEN_OR_SKIP();
  std::vector<int> fds;
  std::vector<std::unique_ptr<RingPeer>> peers(20);
  Answers answers(*world_);
  for (uint32_t i = 0; i < 20; ++i) {
    fds.push_back(world_->Pair(&peers[i]));
    ring().Recv(Op(OpKind::kConnRecv, i), fds.back(), RecvMode::kMultishot, BufferSize::kSmall);
    if (i == 10) answers.Turn(0);  // the rest is never even submitted
    peers[i]->Write("never read");
  }
  const int last = fds.back();
  fds.pop_back();
  ring().Close(last);
  world_->DropRing();
  EXPECT_EQ(world_->small().in_use(), 0U);
  if (world_->is_kernel()) {
    EXPECT_EQ(fcntl(last, F_GETFD), -1) << "a close that was submitted is made";
  }
  for (const int fd : fds) world_->CloseNow(fd);
}

// ---- time, wake-ups ---------------------------------------------------------------------------

TEST_P(RingContract, DeadlinesAreKept) {
  OPEN_OR_SKIP();
  Answers answers(*world_);
  answers.Turn(0);  // set-up is not counted
  for (const uint64_t wait_us : {300U, 1000U, 5000U, 20000U}) {
    const uint64_t start_us = world_->NowMicros();
    const uint64_t deadline_us = start_us + wait_us;
    // A signal may end a turn early, and a uring that ended on this thread sends something like it.
    int turns = 0;
    while (world_->NowMicros() < deadline_us && turns < 4) {
      ++turns;
      EXPECT_TRUE(ring().Turn(deadline_us).empty());
    }
    EXPECT_LE(turns, 2);
    const uint64_t end_us = world_->NowMicros();
    EXPECT_GE(end_us, deadline_us) << "early";
    EXPECT_LT(end_us, deadline_us + 20000) << "late";
  }
  const uint64_t start_us = world_->NowMicros();
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(ring().Turn(0).empty());
  EXPECT_TRUE(ring().Turn(start_us - 1).empty()) << "a deadline that is over";
  EXPECT_LT(world_->NowMicros() - start_us, 20000U);
}

TEST_P(RingContract, WokenByAnotherThread) {
  OPEN_OR_SKIP();
  if (!world_->is_kernel()) GTEST_SKIP() << "one thread only";
  // Before the first turn already, and several at once count as one or more.
  ring().Wake(nullptr);
  ring().Wake(nullptr);
  EXPECT_TRUE(ring().Turn(UINT64_MAX).empty());
  for (int i = 0; i < 20; ++i) {
    const uint64_t start_us = world_->NowMicros();
    std::thread waker([&] {
      usleep(2000);
      ring().Wake(nullptr);
    });
    while (world_->NowMicros() < start_us + 1900) (void)ring().Turn(world_->NowMicros() + 1000000);
    waker.join();
    EXPECT_LT(world_->NowMicros() - start_us, 500000U);
  }
}

TEST_P(RingContract, WokenByRingsOfEachKind) {
  OPEN_OR_SKIP();
  if (!world_->is_kernel()) GTEST_SKIP() << "one thread only";
  for (const char* driver : {"uring", "poll"}) {
    std::string why;
    const auto sender = MakeWorld(driver, {}, &why);
    if (sender == nullptr) continue;
    std::atomic<bool> ended = false;
    std::thread thread([&] {
      Ring& from = sender->ring();
      while (!ended) {
        ring().Wake(&from);
        (void)from.Turn(base::MonotonicMicros() + 500);
      }
      sender->DropRing();
    });
    const uint64_t start_us = world_->NowMicros();
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(ring().Turn(start_us + 5000000).empty());
    EXPECT_LT(world_->NowMicros() - start_us, 1000000U) << driver;
    ended = true;
    thread.join();
  }
  ring().Wake(&ring());  // itself
  const uint64_t start_us = world_->NowMicros();
  (void)ring().Turn(start_us + 1000000);
  EXPECT_LT(world_->NowMicros() - start_us, 500000U);
}

// A ring is built on one thread and used by another.
TEST_P(RingContract, BelongsToTheThreadThatTurnsFirst) {
  OPEN_OR_SKIP();
  std::unique_ptr<RingPeer> peer;
  const int fd = world_->Pair(&peer);
  const OpId op = Op(OpKind::kConnRecv, 1);
  ring().Recv(op, fd, RecvMode::kSingle, BufferSize::kSmall);  // submitted here
  std::thread shard([&] {
    Answers answers(*world_);
    peer->Write("x");
    EXPECT_TRUE(answers.TurnUntil([&] { return answers.CountOf(op) == 1; }));
    ring().Recv(op, fd, RecvMode::kSingle, BufferSize::kSmall);
    answers.Turn(0);
  });
  shard.join();
  world_->DropRing();  // with a receive armed by a thread that is gone
  EXPECT_EQ(world_->small().in_use(), 0U);
  world_->CloseNow(fd);
}

// ---- many -------------------------------------------------------------------------------------

TEST_P(RingContract, HundredsOfDescriptors) {
  OPEN_OR_SKIP();
  Answers answers(*world_);
  constexpr uint32_t kCount = 300;
  std::vector<int> fds;
  std::vector<std::unique_ptr<RingPeer>> peers(kCount);
  std::vector<size_t> armed(kCount, 1);
  for (uint32_t i = 0; i < kCount; ++i) {
    fds.push_back(world_->Pair(&peers[i]));
    ring().Recv(Op(OpKind::kConnRecv, i), fds[i], RecvMode::kMultishot, BufferSize::kSmall);
  }
  for (int round = 0; round < 3; ++round) {
    answers.Forget();
    std::fill(armed.begin(), armed.end(), 0);
    for (uint32_t i = 0; i < kCount; ++i) peers[i]->Write(base::Format("ping%u", i));
    EXPECT_TRUE(answers.TurnUntil([&] {
      bool all = true;
      for (uint32_t i = 0; i < kCount; ++i) {
        const OpId op = Op(OpKind::kConnRecv, i);
        if (answers.FinalsOf(op) > armed[i]) {
          ++armed[i];
          ring().Recv(op, fds[i], RecvMode::kMultishot, BufferSize::kSmall);
        }
        all = all && answers.BytesOf(op) == base::Format("ping%u", i);
      }
      return all;
    }));
  }
  for (uint32_t i = 0; i < kCount; ++i) {
    ring().Cancel(Op(OpKind::kConnRecv, i));
    ring().Close(fds[i]);
  }
  answers.Turn(0);
}

// More operations in a turn than the queues hold: submissions, and answers.
TEST_P(RingContract, QueuesOverflowWithoutLoss) {
  RingWorldOptions options;
  options.entries = 8;
  OPEN_OR_SKIP(options);
  for (int round = 0; round < 2; ++round) {
    Answers answers(*world_);
    constexpr uint32_t kCount = 200;
    std::vector<int> fds;
    std::vector<std::unique_ptr<RingPeer>> peers(kCount);
    for (uint32_t i = 0; i < kCount; ++i) {
      fds.push_back(world_->Pair(&peers[i]));
      peers[i]->Write("in");
      ring().Recv(Op(OpKind::kConnRecv, i), fds[i], RecvMode::kSingle, BufferSize::kSmall);
      const std::string_view out = "out";
      const iovec vecs[] = {Vec(out.substr(0, 1)), Vec(out.substr(1))};
      ring().Send(Op(OpKind::kConnSend, i), fds[i], vecs, SendMode::kTry);
      ring().Poll(Op(OpKind::kConnPollIn, i), fds[i], POLLOUT, false);
    }
    EXPECT_TRUE(answers.TurnUntil([&] { return answers.all().size() >= 3 * kCount; }));
    for (uint32_t i = 0; i < kCount; ++i) {
      EXPECT_EQ(answers.FinalsOf(Op(OpKind::kConnRecv, i)), 1U) << i;
      EXPECT_EQ(answers.FinalsOf(Op(OpKind::kConnSend, i)), 1U) << i;
      EXPECT_EQ(answers.FinalsOf(Op(OpKind::kConnPollIn, i)), 1U) << i;
      ring().Close(fds[i]);
    }
    answers.TurnFor(2000);
    EXPECT_EQ(answers.all().size(), 3 * kCount);
  }
}

TEST_P(RingContract, ThousandsOfAnswersInOneTurn) {
  OPEN_OR_SKIP();
  Answers answers(*world_);
  std::unique_ptr<RingPeer> peer;
  const int fd = world_->Pair(&peer);
  for (uint32_t i = 0; i < 5000; ++i) {
    SendOne(Op(OpKind::kConnSend, i), fd, "x", SendMode::kTry);
  }
  ring().Poll(Op(OpKind::kConnPollIn, 1), fd, POLLOUT, false);
  const uint64_t start_us = world_->NowMicros();
  for (int i = 0; i < 20 && answers.all().size() < 5001; ++i) answers.Turn(1000000);
  EXPECT_LT(world_->NowMicros() - start_us, 900000U) << "it waited with answers at hand";
  EXPECT_EQ(answers.all().size(), 5001U);
  ring().Close(fd);
  answers.Turn(0);
}

}  // namespace
}  // namespace shard
