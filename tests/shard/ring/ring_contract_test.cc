// What ring.h promises, held against every driver. (Longer than most: one file, so that the whole
// contract can be read in one place.)

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <thread>

#include "base/clock.h"
#include "tests/shard/ring/ring_contract.h"

namespace shard {
namespace {

OpId Op(OpKind kind, uint32_t slot) { return {kind, {slot, 0xabcdef}}; }

std::string Pattern(size_t bytes) {
  std::string text(bytes, '\0');
  uint32_t state = 12345;
  for (char& c : text) {
    state = state * 1664525 + 1013904223;
    c = char('a' + (state >> 24) % 26);
  }
  return text;
}

iovec Vec(std::string_view bytes) { return {const_cast<char*>(bytes.data()), bytes.size()}; }

class RingContract : public testing::TestWithParam<const char*> {
 protected:
  bool Open(const RingWorldOptions& options = {}) {
    std::string why;
    world_ = MakeWorld(GetParam(), options, &why);
    if (world_ == nullptr) why_ = why;
    return world_ != nullptr;
  }
  // Ends the world, and checks that nothing is left of it.
  void TearDown() override {
    if (world_ == nullptr) return;
    world_->DropRing();
    EXPECT_EQ(world_->small().in_use(), 0U);
    EXPECT_EQ(world_->large().in_use(), 0U);
  }
  Ring& ring() { return world_->ring(); }
  void SendOne(OpId op, int fd, std::string_view bytes, SendMode mode) {
    const iovec vec = Vec(bytes);
    ring().Send(op, fd, {&vec, 1}, mode);
  }

  std::unique_ptr<RingWorld> world_;
  std::string why_;
};

#define OPEN_OR_SKIP(...) \
  if (!Open(__VA_ARGS__)) GTEST_SKIP() << why_

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
  std::unique_ptr<RingPeer> peer;
  const int fd = world_->Pair(&peer);
  const OpId op = Op(OpKind::kConnSend, 1);
  SendOne(op, fd, "goodbye", SendMode::kTry);
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

// Answers of kTry sends do not end the wait, but they are not held back for long either: one may
// have failed, and its caller has to go on.
TEST_P(RingContract, TryShortensTheWait) {
  OPEN_OR_SKIP();
  Answers answers(*world_);
  std::unique_ptr<RingPeer> peer;
  const int fd = world_->Pair(&peer);
  const OpId op = Op(OpKind::kConnSend, 1);
  SendOne(op, fd, "x", SendMode::kTry);
  const uint64_t start_us = world_->NowMicros();
  answers.Turn(1000000);
  EXPECT_LT(world_->NowMicros() - start_us, 50000U);
  EXPECT_EQ(answers.CountOf(op), 1U);
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
    const OpId in_op = Op(OpKind::kConnPoll, 1);
    const OpId out_op = Op(OpKind::kConnPoll, 2);
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
  const OpId op = Op(OpKind::kConnPoll, 1);
  ring().Poll(op, fd, POLLIN | POLLRDHUP, false);
  answers.Turn(0);
  peer->Close();
  ASSERT_TRUE(answers.TurnUntil([&] { return answers.CountOf(op) == 1; }));
  EXPECT_NE(answers.LastOf(op)->result & POLLRDHUP, 0);
  ring().Close(fd);
  answers.Turn(0);
}

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
  const OpId ops[] = {Op(OpKind::kConnRecv, 1), Op(OpKind::kConnPoll, 1), Op(OpKind::kAccept, 1),
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

TEST_P(RingContract, CancelEndsAllOfOneName) {
  OPEN_OR_SKIP();
  Answers answers(*world_);
  std::unique_ptr<RingPeer> peer;
  const int fd = world_->Pair(&peer);
  const OpId op = Op(OpKind::kConnPoll, 1);
  for (int i = 0; i < 3; ++i) ring().Poll(op, fd, POLLIN, false);
  answers.Turn(0);
  ring().Cancel(op);
  ASSERT_TRUE(answers.TurnUntil([&] { return answers.CountOf(op) == 3; }));
  for (const Answer& answer : answers.all()) EXPECT_EQ(answer.result, -ECANCELED);
  ring().Close(fd);
  answers.TurnFor(2000);
  EXPECT_EQ(answers.CountOf(op), 3U);
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
    EXPECT_TRUE(ring().Turn(deadline_us).empty());
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
    for (uint32_t i = 0; i < kCount; ++i) peers[i]->Write("ping" + std::to_string(i));
    EXPECT_TRUE(answers.TurnUntil([&] {
      bool all = true;
      for (uint32_t i = 0; i < kCount; ++i) {
        const OpId op = Op(OpKind::kConnRecv, i);
        if (answers.FinalsOf(op) > armed[i]) {
          ++armed[i];
          ring().Recv(op, fds[i], RecvMode::kMultishot, BufferSize::kSmall);
        }
        all = all && answers.BytesOf(op) == "ping" + std::to_string(i);
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
      ring().Poll(Op(OpKind::kConnPoll, i), fds[i], POLLOUT, false);
    }
    EXPECT_TRUE(answers.TurnUntil([&] { return answers.all().size() >= 3 * kCount; }));
    for (uint32_t i = 0; i < kCount; ++i) {
      EXPECT_EQ(answers.FinalsOf(Op(OpKind::kConnRecv, i)), 1U) << i;
      EXPECT_EQ(answers.FinalsOf(Op(OpKind::kConnSend, i)), 1U) << i;
      EXPECT_EQ(answers.FinalsOf(Op(OpKind::kConnPoll, i)), 1U) << i;
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
  ring().Poll(Op(OpKind::kConnPoll, 1), fd, POLLOUT, false);
  const uint64_t start_us = world_->NowMicros();
  for (int i = 0; i < 20 && answers.all().size() < 5001; ++i) answers.Turn(1000000);
  EXPECT_LT(world_->NowMicros() - start_us, 900000U) << "it waited with answers at hand";
  EXPECT_EQ(answers.all().size(), 5001U);
  ring().Close(fd);
  answers.Turn(0);
}

INSTANTIATE_TEST_SUITE_P(Drivers, RingContract, testing::Values("uring", "poll", "fake"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace shard
