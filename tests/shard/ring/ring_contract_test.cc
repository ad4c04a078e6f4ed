// What ring.h promises about traffic: accept, connect, receive, send, poll. On every driver.

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <set>
#include <thread>

#include "base/clock.h"
#include "tests/shard/ring/ring_contract.h"

namespace shard {
namespace {

// ---- accept -----------------------------------------------------------------------------------

TEST_P(RingContract, AcceptAnswersOncePerClient) {
  OPEN_OR_SKIP();
  for (const bool multishot : {true, false}) {
    Answers answers(*world_);
    sockaddr_in address;
    const int listener = world_->Listen(&address);
    const OpId op = Op(OpKind::kAccept, 7);
    ring().Accept(op, listener, multishot);
    answers.Turn(0);
    EXPECT_TRUE(answers.all().empty());
    std::vector<std::unique_ptr<RingPeer>> clients;
    std::set<int> accepted;
    for (size_t i = 0; i < 5; ++i) {
      clients.push_back(world_->Dial(address));
      ASSERT_TRUE(answers.TurnUntil([&] { return answers.CountOf(op) == i + 1; }));
      const Answer answer = *answers.LastOf(op);
      ASSERT_GE(answer.result, 0);
      if (!multishot) {
        EXPECT_FALSE(answer.more);
      }
      if (!answer.more) ring().Accept(op, listener, multishot);
      accepted.insert(answer.result);
      if (world_->is_kernel()) {
        EXPECT_NE(fcntl(answer.result, F_GETFL) & O_NONBLOCK, 0);
        EXPECT_NE(fcntl(answer.result, F_GETFD) & FD_CLOEXEC, 0);
      }
    }
    EXPECT_EQ(accepted.size(), 5U);
    for (const int fd : accepted) ring().Close(fd);
    ring().Cancel(op);
    ring().Close(listener);
    answers.Forget();
    EXPECT_TRUE(answers.TurnUntil([&] { return answers.FinalsOf(op) == 1; }));
    EXPECT_TRUE(clients[0]->AtEnd());
  }
}

TEST_P(RingContract, ManyClientsAtOnce) {
  OPEN_OR_SKIP();
  Answers answers(*world_);
  sockaddr_in address;
  const int listener = world_->Listen(&address);
  const OpId op = Op(OpKind::kAccept, 1);
  std::vector<std::unique_ptr<RingPeer>> clients;
  for (int i = 0; i < 60; ++i) clients.push_back(world_->Dial(address));
  ring().Accept(op, listener, true);
  size_t seen = 0;
  EXPECT_TRUE(answers.TurnUntil([&] {
    for (; seen < answers.all().size(); ++seen) {
      EXPECT_GE(answers.all()[seen].result, 0);
      if (!answers.all()[seen].more) ring().Accept(op, listener, true);
    }
    return answers.CountOf(op) == 60;
  }));
  ring().Cancel(op);
  for (const Answer& answer : answers.all()) ring().Close(answer.result);
  ring().Close(listener);
  answers.Turn(0);
}

TEST_P(RingContract, AcceptForOneLeavesTheOthersInTheBacklog) {
  OPEN_OR_SKIP();
  Answers answers(*world_);
  sockaddr_in address;
  const int listener = world_->Listen(&address);
  const OpId op = Op(OpKind::kAccept, 1);
  std::vector<std::unique_ptr<RingPeer>> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(world_->Dial(address));
  for (size_t taken = 1; taken <= 5; ++taken) {
    ring().Accept(op, listener, false);
    ASSERT_TRUE(answers.TurnUntil([&] { return answers.CountOf(op) == taken; }));
    answers.TurnFor(5000);
    EXPECT_EQ(answers.CountOf(op), taken);
    EXPECT_FALSE(answers.LastOf(op)->more);
  }
  for (const Answer& answer : answers.all()) ring().Close(answer.result);
  ring().Close(listener);
  answers.Turn(0);
}

// The client stays in the backlog, and the accept ends: whoever armed it says when to try again.
TEST_P(RingContract, AcceptWithoutADescriptorLosesNobody) {
  OPEN_OR_SKIP();
  if (!world_->is_kernel()) GTEST_SKIP() << "the limit is the kernel's";
  rlimit limit;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  for (const bool multishot : {true, false}) {
    Answers answers(*world_);
    sockaddr_in address;
    const int listener = world_->Listen(&address);
    const OpId op = Op(OpKind::kAccept, 3);
    const auto client = world_->Dial(address);
    const int lowest_free = dup(listener);
    close(lowest_free);
    const rlimit none = {rlim_t(lowest_free), limit.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    ring().Accept(op, listener, multishot);
    EXPECT_TRUE(answers.TurnUntil([&] { return answers.CountOf(op) == 1; }));
    EXPECT_EQ(answers.LastOf(op)->result, -EMFILE);
    EXPECT_FALSE(answers.LastOf(op)->more);
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ring().Accept(op, listener, false);
    ASSERT_TRUE(answers.TurnUntil([&] { return answers.CountOf(op) == 2; }));
    EXPECT_GE(answers.LastOf(op)->result, 0);
    ring().Close(answers.LastOf(op)->result);
    ring().Close(listener);
    answers.Turn(0);
  }
}

// Two rings wait on one blocking listener, as two shards do on an inherited one: whoever loses the
// race must not get stuck in accept, and the listener's flags must stay.
TEST_P(RingContract, BlockingListenerSharedByTwoRings) {
  OPEN_OR_SKIP();
  if (!world_->is_kernel()) GTEST_SKIP() << "needs blocking sockets";
  std::string why;
  const auto other = MakeWorld(GetParam(), {}, &why);
  ASSERT_NE(other, nullptr) << why;
  sockaddr_in address;
  const int listener = world_->Listen(&address);
  ASSERT_EQ(fcntl(listener, F_SETFL, fcntl(listener, F_GETFL) & ~O_NONBLOCK), 0);
  const OpId op = Op(OpKind::kAccept, 1);
  std::atomic<int> accepted = 0;
  std::atomic<bool> stop = false;
  const auto serve = [&](RingWorld& world) {
    Answers answers(world);
    world.ring().Accept(op, listener, true);
    size_t seen = 0;
    while (!stop) {
      answers.Turn(5000);
      for (; seen < answers.all().size(); ++seen) {
        const Answer& answer = answers.all()[seen];
        if (answer.result >= 0) {
          ++accepted;
          close(answer.result);
        }
        if (!answer.more) world.ring().Accept(op, listener, true);
      }
    }
    world.ring().Cancel(op);
    answers.Turn(0);
    world.DropRing();
  };
  std::thread first([&] { serve(*world_); });
  std::thread second([&] { serve(*other); });
  for (int i = 0; i < 300; ++i) world_->Dial(address)->Close();
  const uint64_t give_up_us = base::MonotonicMicros() + 3000000;
  while (accepted < 300 && base::MonotonicMicros() < give_up_us) usleep(1000);
  stop = true;
  first.join();
  second.join();
  EXPECT_EQ(accepted, 300);
  EXPECT_EQ(fcntl(listener, F_GETFL) & O_NONBLOCK, 0);
  close(listener);
}

// ---- connect ----------------------------------------------------------------------------------

TEST_P(RingContract, ConnectSucceedsAndIsRefused) {
  OPEN_OR_SKIP();
  Answers answers(*world_);
  sockaddr_in address;
  const int listener = world_->Listen(&address);
  const sockaddr_in refusing = world_->RefusingAddress();
  const int good = ring().Socket(AF_INET, SOCK_STREAM, 0);
  const int bad = ring().Socket(AF_INET, SOCK_STREAM, 0);
  ASSERT_GE(good, 0);
  ASSERT_GE(bad, 0);
  const OpId good_op = Op(OpKind::kConnConnect, 1);
  const OpId bad_op = Op(OpKind::kConnConnect, 2);
  ring().Connect(good_op, good, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  ring().Connect(bad_op, bad, reinterpret_cast<const sockaddr*>(&refusing), sizeof(refusing));
  ASSERT_TRUE(answers.TurnUntil([&] { return answers.all().size() == 2; }));
  EXPECT_EQ(answers.LastOf(good_op)->result, 0);
  EXPECT_EQ(answers.LastOf(bad_op)->result, -ECONNREFUSED);
  ring().Close(good);
  ring().Close(bad);
  ring().Close(listener);
  answers.Turn(0);
}

TEST_P(RingContract, ConnectThatNeverEndsIsCancelled) {
  OPEN_OR_SKIP();
  Answers answers(*world_);
  const sockaddr_in address = world_->SilentAddress();
  const int fd = ring().Socket(AF_INET, SOCK_STREAM, 0);
  const OpId op = Op(OpKind::kConnConnect, 1);
  ring().Connect(op, fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  answers.TurnFor(20000);
  ASSERT_TRUE(answers.all().empty());
  ring().Cancel(op);
  ring().Close(fd);
  ASSERT_TRUE(answers.TurnUntil([&] { return answers.CountOf(op) == 1; }));
  EXPECT_EQ(answers.LastOf(op)->result, -ECANCELED);
  answers.TurnFor(10000);
  EXPECT_EQ(answers.all().size(), 1U);
}

// ---- receive ----------------------------------------------------------------------------------

TEST_P(RingContract, RecvInEachModeAndSize) {
  OPEN_OR_SKIP();
  for (const RecvMode mode : {RecvMode::kSingle, RecvMode::kSingleLater, RecvMode::kMultishot}) {
    for (const BufferSize size : {BufferSize::kSmall, BufferSize::kLarge}) {
      Answers answers(*world_);
      std::unique_ptr<RingPeer> peer;
      const int fd = world_->Pair(&peer);
      const OpId op = Op(OpKind::kConnRecv, 0xfffffff0);
      // Bytes before the receive, then after it.
      std::string sent = "early ";
      ASSERT_EQ(peer->Write(sent), sent.size());
      ring().Recv(op, fd, mode, size);
      size_t rearmed = 0;
      const auto arrived = [&] {
        if (answers.FinalsOf(op) > rearmed) {
          ++rearmed;
          ring().Recv(op, fd, mode, size);
        }
        return answers.BytesOf(op) == sent;
      };
      EXPECT_TRUE(answers.TurnUntil(arrived));
      for (int i = 0; i < 3; ++i) {
        ASSERT_EQ(peer->Write("later "), 6U);
        sent += "later ";
        EXPECT_TRUE(answers.TurnUntil(arrived)) << answers.BytesOf(op);
      }
      peer->CloseWrite();
      EXPECT_TRUE(answers.TurnUntil([&] {
        (void)arrived();
        return answers.LastOf(op)->result == 0;
      }));
      EXPECT_FALSE(answers.LastOf(op)->more);
      EXPECT_EQ(answers.BytesOf(op), sent);
      ring().Cancel(op);
      ring().Close(fd);
      answers.Turn(0);
    }
  }
}

TEST_P(RingContract, SingleRecvStopsAfterOneBuffer) {
  OPEN_OR_SKIP();
  Answers answers(*world_);
  std::unique_ptr<RingPeer> peer;
  const int fd = world_->Pair(&peer);
  const std::string sent = Pattern(20000);
  ASSERT_EQ(peer->Write(sent), sent.size());
  const OpId op = Op(OpKind::kConnRecv, 3);
  ring().Recv(op, fd, RecvMode::kSingle, BufferSize::kSmall);
  answers.TurnFor(10000);
  ASSERT_EQ(answers.CountOf(op), 1U);
  EXPECT_FALSE(answers.LastOf(op)->more);
  EXPECT_LE(answers.LastOf(op)->bytes.size(), 4096U);
  size_t armed = 1;
  EXPECT_TRUE(answers.TurnUntil([&] {
    if (answers.FinalsOf(op) == armed && answers.BytesOf(op).size() < sent.size()) {
      ++armed;
      ring().Recv(op, fd, RecvMode::kSingle, BufferSize::kLarge);
    }
    return answers.BytesOf(op) == sent;
  }));
  ring().Close(fd);
  answers.Turn(0);
}

TEST_P(RingContract, ResetIsAnError) {
  OPEN_OR_SKIP();
  Answers answers(*world_);
  std::unique_ptr<RingPeer> peer;
  const int fd = world_->Pair(&peer);
  const OpId op = Op(OpKind::kConnRecv, 3);
  ring().Recv(op, fd, RecvMode::kMultishot, BufferSize::kSmall);
  answers.Turn(0);
  peer->Reset();
  ASSERT_TRUE(answers.TurnUntil([&] { return answers.FinalsOf(op) == 1; }));
  EXPECT_EQ(answers.LastOf(op)->result, -ECONNRESET);
  // And a send there fails without a signal.
  const OpId send_op = Op(OpKind::kConnSend, 3);
  SendOne(send_op, fd, "x", SendMode::kWait);
  ASSERT_TRUE(answers.TurnUntil([&] { return answers.CountOf(send_op) == 1; }));
  EXPECT_LT(answers.LastOf(send_op)->result, 0);
  ring().Close(fd);
  answers.Turn(0);
}

TEST_P(RingContract, PiecesAreTakenAndSentAtOnce) {
  OPEN_OR_SKIP();
  std::unique_ptr<RingPeer> peer;
  const int fd = world_->Pair(&peer);
  char buffer[64];
  EXPECT_EQ(ring().RecvNow(fd, buffer, sizeof(buffer)), -EAGAIN);
  ASSERT_EQ(peer->Write("a large piece"), 13u);
  EXPECT_EQ(ring().RecvNow(fd, buffer, 7), 7);
  EXPECT_EQ(ring().RecvNow(fd, buffer + 7, sizeof(buffer) - 7), 6);
  EXPECT_EQ(std::string_view(buffer, 13), "a large piece");

  const iovec parts[] = {{buffer, 2}, {buffer + 8, 5}};
  EXPECT_EQ(ring().SendNow(fd, parts), 7);
  EXPECT_EQ(peer->Read(100), "a piece");
  // A full socket takes what it has room for, and then nothing.
  std::string many(size_t{1} << 20, 'x');
  size_t sent = 0;
  int result = 0;
  for (int tries = 0; tries < 1000; ++tries) {
    const iovec all[] = {{many.data(), many.size()}};
    result = ring().SendNow(fd, all);
    if (result < 0) break;
    sent += size_t(result);
  }
  EXPECT_EQ(result, -EAGAIN);
  size_t got = 0;
  Answers answers(*world_);
  ASSERT_TRUE(answers.TurnUntil([&] {
    got += peer->Read(1 << 20).size();
    return got == sent;
  }));

  peer->CloseWrite();
  const OpId poll = Op(OpKind::kConnPollIn, 1);
  ring().Poll(poll, fd, POLLIN, false);
  ASSERT_TRUE(answers.TurnUntil([&] { return answers.CountOf(poll) == 1; }));
  EXPECT_EQ(ring().RecvNow(fd, buffer, sizeof(buffer)), 0);
  peer->Reset();
  const OpId hang_up = Op(OpKind::kConnPollIn, 2);
  ring().Poll(hang_up, fd, POLLIN | POLLHUP, false);
  ASSERT_TRUE(answers.TurnUntil([&] { return answers.CountOf(hang_up) == 1; }));
  EXPECT_LT(ring().SendNow(fd, parts), 0);  // and no signal
  ring().Close(fd);
  answers.Turn(0);
}

TEST_P(RingContract, DryPoolLosesNothing) {
  RingWorldOptions options;
  options.small_chunks = 4;
  options.small_bytes = 1000;
  OPEN_OR_SKIP(options);
  Answers answers(*world_);
  std::unique_ptr<RingPeer> peer;
  const int fd = world_->Pair(&peer);
  const OpId op = Op(OpKind::kConnRecv, 3);
  const std::string sent = Pattern(30000);
  ASSERT_EQ(peer->Write(sent), sent.size());
  answers.KeepChunks(true);
  size_t armed = 1;
  int dry = 0;
  ring().Recv(op, fd, RecvMode::kMultishot, BufferSize::kSmall);
  EXPECT_TRUE(answers.TurnUntil([&] {
    if (answers.FinalsOf(op) == armed && answers.BytesOf(op).size() < sent.size()) {
      if (answers.LastOf(op)->result == -ENOBUFS) {
        ++dry;
        EXPECT_LE(answers.kept(), 4U);
        answers.DropKept();
      }
      ++armed;
      ring().Recv(op, fd, RecvMode::kMultishot, BufferSize::kSmall);
    }
    return answers.BytesOf(op).size() >= sent.size();
  }));
  EXPECT_EQ(answers.BytesOf(op), sent);
  EXPECT_GT(dry, 3);
  answers.DropKept();
  ring().Cancel(op);
  ring().Close(fd);
  answers.Turn(0);
}

// ---- send -------------------------------------------------------------------------------------

TEST_P(RingContract, TryFailsOnAFullSocketAndWaitGoesOn) {
  OPEN_OR_SKIP();
  Answers answers(*world_);
  std::unique_ptr<RingPeer> peer;
  const int fd = world_->Pair(&peer);
  const std::string sent = Pattern(16 << 20);
  const OpId op = Op(OpKind::kConnSend, 3);
  size_t done = 0;
  std::string got;
  bool saw_full = false;
  for (int i = 0; i < 1000 && !saw_full; ++i) {
    answers.Forget();
    SendOne(op, fd, std::string_view(sent).substr(done), SendMode::kTry);
    ASSERT_TRUE(answers.TurnUntil([&] { return answers.CountOf(op) == 1; }));
    const int result = answers.LastOf(op)->result;
    if (result == -EAGAIN) saw_full = true;
    if (result > 0) done += size_t(result);
  }
  ASSERT_TRUE(saw_full);
  answers.Forget();
  SendOne(op, fd, std::string_view(sent).substr(done), SendMode::kWait);
  answers.TurnFor(20000);
  EXPECT_EQ(answers.CountOf(op), 0U) << "nobody has read";
  ASSERT_TRUE(answers.TurnUntil([&] {
    if (answers.CountOf(op) == 1) {
      const int result = answers.LastOf(op)->result;
      EXPECT_GT(result, 0);
      if (result > 0) done += size_t(result);
      answers.Forget();
      if (done < sent.size()) {
        SendOne(op, fd, std::string_view(sent).substr(done), SendMode::kWait);
      }
    }
    got += peer->Read(1 << 20);
    return got.size() == sent.size();
  })) << got.size();
  EXPECT_EQ(got, sent);
  answers.TurnUntil([&] { return done == sent.size() || answers.CountOf(op) == 1; });
  ring().Close(fd);
  answers.Turn(0);
}

TEST_P(RingContract, SendsOfOneToSixtyFourPieces) {
  OPEN_OR_SKIP();
  for (const SendMode mode : {SendMode::kTry, SendMode::kWait}) {
    Answers answers(*world_);
    std::unique_ptr<RingPeer> peer;
    const int fd = world_->Pair(&peer);
    const std::string text = Pattern(64 * 33);
    for (size_t pieces = 1; pieces <= 64; ++pieces) {
      const OpId op = Op(OpKind::kConnSend, uint32_t(pieces));
      std::string got;
      size_t done = 0;
      const size_t total = pieces * 33;
      while (done < total) {
        answers.Forget();
        {
          // The array is gone as soon as Send() returns.
          std::vector<iovec> vecs;
          for (size_t at = done; at < total; at = (at / 33 + 1) * 33) {
            vecs.push_back(Vec(std::string_view(text).substr(at, (at / 33 + 1) * 33 - at)));
          }
          ring().Send(op, fd, vecs, mode);
          for (iovec& vec : vecs) vec = {nullptr, 77};
        }
        ASSERT_TRUE(answers.TurnUntil([&] { return answers.CountOf(op) == 1; }));
        const int result = answers.LastOf(op)->result;
        if (result == -EAGAIN) continue;
        ASSERT_GT(result, 0);
        done += size_t(result);
      }
      ASSERT_TRUE(answers.TurnUntil([&] {
        got += peer->Read(total);
        return got.size() == total;
      }));
      EXPECT_EQ(got, text.substr(0, total));
    }
    ring().Close(fd);
    answers.Turn(0);
  }
}

TEST_P(RingContract, SendsOfOneTurnKeepTheirOrder) {
  OPEN_OR_SKIP();
  Answers answers(*world_);
  std::unique_ptr<RingPeer> peer;
  const int fd = world_->Pair(&peer);
  const std::string text = Pattern(40 * 100);
  for (uint32_t i = 0; i < 40; ++i) {
    SendOne(Op(OpKind::kConnSend, i), fd, std::string_view(text).substr(i * 100, 100),
            SendMode::kWait);
  }
  ASSERT_TRUE(answers.TurnUntil([&] { return answers.all().size() == 40; }));
  std::string got;
  ASSERT_TRUE(answers.TurnUntil([&] {
    got += peer->Read(text.size());
    return got.size() == text.size();
  }));
  EXPECT_EQ(got, text);
  ring().Close(fd);
  answers.Turn(0);
}

TEST_P(RingContract, SendThenCloseInOneTurnSendsFirst) {
  OPEN_OR_SKIP();
  Answers answers(*world_);
  uint32_t slot = 0;
  for (const SendMode mode : {SendMode::kTry, SendMode::kTryLast, SendMode::kWait}) {
    std::unique_ptr<RingPeer> peer;
    const int fd = world_->Pair(&peer);
    const OpId op = Op(OpKind::kConnSend, ++slot);
    SendOne(op, fd, "goodbye", mode);
    ring().Close(fd);
    ASSERT_TRUE(answers.TurnUntil([&] { return answers.CountOf(op) == 1; }));
    EXPECT_EQ(answers.LastOf(op)->result, 7);
    std::string got;
    ASSERT_TRUE(answers.TurnUntil([&] {
      got += peer->Read(100);
      return peer->AtEnd();
    }));
    EXPECT_EQ(got, "goodbye");
  }
}

// The answer of a kTry send that went whole comes with the next one that ends a wait, or at once
// when somebody needs it.
TEST_P(RingContract, NeededSendAnswersEndTheWait) {
  OPEN_OR_SKIP();
  Answers answers(*world_);
  std::unique_ptr<RingPeer> peer;
  const int fd = world_->Pair(&peer);
  const OpId op = Op(OpKind::kConnSend, 1);
  SendOne(op, fd, "x", SendMode::kTry);
  ring().NeedSendAnswers();
  const uint64_t start_us = world_->NowMicros();
  answers.Turn(1000000);
  EXPECT_LT(world_->NowMicros() - start_us, 50000U);
  EXPECT_EQ(answers.CountOf(op), 1U);
  SendOne(op, fd, "y", SendMode::kTry);
  answers.TurnFor(20000);
  EXPECT_EQ(answers.CountOf(op), 2U);
  ring().Close(fd);
  answers.Turn(0);
}

// A kTry send that is refused or comes short ends the wait: its caller has to go on.
TEST_P(RingContract, FailedTryEndsTheWait) {
  OPEN_OR_SKIP();
  Answers answers(*world_);
  std::unique_ptr<RingPeer> peer;
  const int fd = world_->Pair(&peer);
  const OpId op = Op(OpKind::kConnSend, 1);
  const std::string big(32 << 20, 'x');
  for (uint32_t tries = 1; tries <= 3; ++tries) {
    SendOne(op, fd, big, SendMode::kTry);
    const uint64_t start_us = world_->NowMicros();
    answers.Turn(2000000);
    EXPECT_LT(world_->NowMicros() - start_us, 1000000U);
    ASSERT_EQ(answers.CountOf(op), tries);
    EXPECT_LT(answers.LastOf(op)->result, int(big.size()));
  }
  ring().Close(fd);
  answers.Turn(0);
}

// ---- poll -------------------------------------------------------------------------------------

TEST_P(RingContract, PollReportsBothDirections) {
  OPEN_OR_SKIP();
  for (const bool multishot : {false, true}) {
    Answers answers(*world_);
    std::unique_ptr<RingPeer> peer;
    const int fd = world_->Pair(&peer);
    const OpId in_op = Op(OpKind::kConnPollIn, 1);
    const OpId out_op = Op(OpKind::kConnPollIn, 2);
    ring().Poll(in_op, fd, POLLIN, multishot);
    ring().Poll(out_op, fd, POLLOUT, multishot);
    ASSERT_TRUE(answers.TurnUntil([&] { return answers.CountOf(out_op) == 1; }));
    EXPECT_NE(answers.LastOf(out_op)->result & POLLOUT, 0);
    answers.TurnFor(5000);
    EXPECT_EQ(answers.CountOf(in_op), 0U);
    peer->Write("x");
    ASSERT_TRUE(answers.TurnUntil([&] { return answers.CountOf(in_op) >= 1; }));
    EXPECT_NE(answers.LastOf(in_op)->result & POLLIN, 0);
    answers.TurnFor(5000);
    EXPECT_LE(answers.all().size(), 8U) << "it must not answer in every turn";
    ring().Cancel(in_op);
    ring().Cancel(out_op);
    ring().Close(fd);
    answers.TurnUntil(
        [&] { return answers.FinalsOf(in_op) == 1 && answers.FinalsOf(out_op) == 1; });
    EXPECT_EQ(answers.FinalsOf(in_op), 1U);
    EXPECT_EQ(answers.FinalsOf(out_op), 1U);
  }
}

TEST_P(RingContract, PollToldOfAHangUp) {
  OPEN_OR_SKIP();
  Answers answers(*world_);
  std::unique_ptr<RingPeer> peer;
  const int fd = world_->Pair(&peer);
  const OpId op = Op(OpKind::kConnPollIn, 1);
  ring().Poll(op, fd, POLLIN | POLLRDHUP, false);
  answers.Turn(0);
  peer->Close();
  ASSERT_TRUE(answers.TurnUntil([&] { return answers.CountOf(op) == 1; }));
  EXPECT_NE(answers.LastOf(op)->result & POLLRDHUP, 0);
  ring().Close(fd);
  answers.Turn(0);
}

INSTANTIATE_TEST_SUITE_P(Drivers, RingContract, testing::Values("uring", "poll", "fake"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace shard
