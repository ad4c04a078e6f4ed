// The fake driver itself: its mischief stays within the contract, and a seed is one run.

#include "tests/fake/fake_ring.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <random>

#include "base/text.h"

namespace shard {
namespace {

sockaddr_in AddressOf(uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}
const sockaddr* Plain(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

// An echo server written against the contract alone, and its clients, with mischief on.
class EchoRun {
 public:
  explicit EchoRun(uint64_t seed)
      : net_(clock_, seed, tests::FakeModes::Mischief()), random_(seed * 7 + 1) {
    RingOptions options;
    options.small = options.large = &small_;
    ring_ = net_.OpenRing(options);
    const sockaddr_in address = AddressOf(80);
    listener_ = net_.Listen(Plain(address), sizeof(address));
    for (Client& client : clients_) {
      client.peer = net_.Dial(Plain(address), sizeof(address));
      client.peer->SetCapacity(700, 900);
      for (size_t n = random_() % 20000; n > 0; --n) {
        client.unwritten += char('a' + random_() % 26);
      }
      client.wanted = client.unwritten;
    }
  }
  // True: every client got back what it wrote.
  bool Run() {
    for (int turn = 0; turn < 20000 && closed_ < kClients; ++turn) {
      for (Client& client : clients_) client.Act(random_);
      Submit();
      for (const Completion& answer : ring_->Turn(clock_.now_us() + 1000)) OnAnswer(answer);
      transcript_ += base::Format("/%llu\n", (unsigned long long)clock_.now_us());
    }
    bool intact = closed_ == kClients;
    for (Client& client : clients_) {
      client.got += client.peer->Read();
      intact = intact && client.got == client.wanted;
    }
    if (accepting_) ring_->Cancel(kAcceptOp);
    for (int i = 0; i < 100 && ring_->outstanding() > 0; ++i) {
      (void)ring_->Turn(clock_.now_us() + 1000);
    }
    ring_->Close(listener_);
    (void)ring_->Turn(0);
    EXPECT_EQ(net_.Leaks(), "");
    return intact;
  }
  const std::string& transcript() const { return transcript_; }

 private:
  static constexpr size_t kClients = 8;
  static constexpr OpId kAcceptOp = {OpKind::kAccept, {0, 1}};
  struct Client {
    std::unique_ptr<tests::FakePeer> peer;
    std::string unwritten, wanted, got;

    void Act(std::mt19937_64& random) {
      unwritten.erase(0, peer->Write(unwritten.substr(0, random() % 600)));
      got += peer->Read(random() % 600);
      if (unwritten.empty()) peer->CloseWrite();
    }
  };
  struct Echo {
    int fd = -1;
    std::string unsent, sending;
    bool ended = false, receiving = false;
  };

  void Submit() {
    if (!accepting_ && accepted_ < kClients) {
      ring_->Accept(kAcceptOp, listener_, true);
      accepting_ = true;
    }
    for (uint32_t i = 0; i < accepted_; ++i) {
      Echo& echo = echoes_[i];
      if (echo.fd < 0) continue;
      if (!echo.receiving && !echo.ended) {
        echo.receiving = true;
        ring_->Recv({OpKind::kConnRecv, {i, 1}}, echo.fd, RecvMode(random_() % 3),
                    BufferSize::kSmall);
      }
      if (echo.sending.empty() && !echo.unsent.empty()) {
        echo.sending.swap(echo.unsent);
        const size_t half = echo.sending.size() / 2;
        const iovec vecs[] = {{echo.sending.data(), half},
                              {echo.sending.data() + half, echo.sending.size() - half}};
        ring_->Send({OpKind::kConnSend, {i, 1}}, echo.fd, vecs, SendMode(random_() % 3));
      } else if (echo.ended && echo.sending.empty()) {
        ring_->Close(echo.fd);
        echo.fd = -1;
        ++closed_;
      }
    }
  }
  void OnAnswer(const Completion& answer) {
    const uint32_t i = answer.op.handle.slot;
    transcript_ +=
        base::Format("%d:%u=%d%s ", int(answer.op.kind), i, answer.result, answer.more ? "+" : "");
    if (answer.op.kind == OpKind::kAccept) {
      accepting_ = answer.more;
      if (answer.result >= 0) echoes_[accepted_++].fd = answer.result;
      return;
    }
    Echo& echo = echoes_[i];
    if (answer.op.kind == OpKind::kConnRecv) {
      if (!answer.more) echo.receiving = false;
      if (answer.chunk != nullptr) {
        echo.unsent.append(answer.chunk->data, size_t(answer.result));
        ChunkPool::Drop(answer.chunk);
      }
      if (answer.result == 0) echo.ended = true;
      return;
    }
    // What was not sent comes before what arrived meanwhile.
    ASSERT_EQ(answer.op.kind, OpKind::kConnSend);
    echo.unsent.insert(0, echo.sending.substr(answer.result > 0 ? size_t(answer.result) : 0));
    echo.sending.clear();
  }

  tests::FakeClock clock_;
  ChunkPool small_{512, 64};
  tests::FakeNet net_;
  std::mt19937_64 random_;
  std::unique_ptr<tests::FakeRing> ring_;
  int listener_ = -1;
  Client clients_[kClients];
  Echo echoes_[kClients];
  size_t accepted_ = 0, closed_ = 0;
  bool accepting_ = false;
  std::string transcript_;
};

TEST(FakeRing, MischiefKeepsEveryStreamWhole) {
  for (uint64_t seed = 1; seed <= 60; ++seed) ASSERT_TRUE(EchoRun(seed).Run()) << "seed " << seed;
}

TEST(FakeRing, SameSeedSameRun) {
  EchoRun first(42), second(42), other(43);
  for (EchoRun* run : {&first, &second, &other}) EXPECT_TRUE(run->Run());
  EXPECT_EQ(first.transcript(), second.transcript());
  EXPECT_NE(first.transcript(), other.transcript());
}

TEST(FakeRing, ConnectsFollowTheirScript) {
  tests::FakeClock clock;
  tests::FakeNet net(clock, 1);
  const auto ring = net.OpenRing({});
  struct {
    uint16_t port;
    tests::ConnectScript script;
    int result;
    uint64_t after_us;
  } rows[] = {
      {1, {tests::ConnectOutcome::kOk, 0}, 0, 0},
      {2, {tests::ConnectOutcome::kOk, 7000}, 0, 7000},
      {3, {tests::ConnectOutcome::kRefused, 0}, -ECONNREFUSED, 0},
      {4, {tests::ConnectOutcome::kRefused, 3000}, -ECONNREFUSED, 3000},
      {5, {tests::ConnectOutcome::kUnreachable, 100}, -EHOSTUNREACH, 100},
  };
  for (const auto& row : rows) {
    const sockaddr_in address = AddressOf(row.port);
    net.ScriptConnect(Plain(address), sizeof(address), row.script);
    const int fd = ring->Socket(AF_INET, SOCK_STREAM, 0);
    const OpId op = {OpKind::kConnConnect, {row.port, 1}};
    const uint64_t start_us = clock.now_us();
    ring->Connect(op, fd, Plain(address), sizeof(address));
    const auto answers = ring->Turn(start_us + 1000000);
    ASSERT_EQ(answers.size(), 1U) << row.port;
    EXPECT_EQ(answers[0].op, op);
    EXPECT_EQ(answers[0].result, row.result) << row.port;
    EXPECT_EQ(clock.now_us() - start_us, row.after_us) << row.port;
    const auto server = net.TakeServerPeer(Plain(address), sizeof(address));
    EXPECT_EQ(server != nullptr, row.result == 0);
    ring->Close(fd);
    (void)ring->Turn(0);
    if (server != nullptr) {
      EXPECT_TRUE(server->AtEnd());
    }
  }
}

TEST(FakeRing, LeaksAreNamed) {
  tests::FakeClock clock;
  ChunkPool small(100, 4);
  tests::FakeNet net(clock, 5);
  RingOptions options;
  options.small = &small;
  const auto ring = net.OpenRing(options);
  std::unique_ptr<tests::FakePeer> peer;
  const int fd = net.Pair(&peer);
  ring->Recv({OpKind::kConnRecv, {1, 1}}, fd, RecvMode::kMultishot, BufferSize::kSmall);
  peer->Write("x");
  const auto answers = ring->Turn(0);
  ASSERT_EQ(answers.size(), 1U);
  const std::string leaks = net.Leaks();
  EXPECT_NE(leaks.find("(stream) is open"), std::string::npos) << leaks;
  EXPECT_NE(leaks.find("1 operations are pending"), std::string::npos) << leaks;
  EXPECT_NE(leaks.find("1 chunks of 100 bytes"), std::string::npos) << leaks;
  ChunkPool::Drop(answers[0].chunk);
  ring->Cancel({OpKind::kConnRecv, {1, 1}});
  ring->Close(fd);
  (void)ring->Turn(0);
  EXPECT_EQ(net.Leaks(), "");
}

TEST(FakeRing, DescriptorLimitRefusesAcceptAndKeepsTheClient) {
  tests::FakeClock clock;
  tests::FakeNet net(clock, 5);
  const auto ring = net.OpenRing({});
  const sockaddr_in address = AddressOf(80);
  const int listener = net.Listen(Plain(address), sizeof(address));
  const auto client = net.Dial(Plain(address), sizeof(address));
  net.set_fds_max(1);
  const OpId op = {OpKind::kAccept, {1, 1}};
  ring->Accept(op, listener, true);
  auto answers = ring->Turn(0);
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].result, -EMFILE);
  EXPECT_FALSE(answers[0].more);
  net.set_fds_max(10);
  ring->Accept(op, listener, false);
  answers = ring->Turn(0);
  ASSERT_EQ(answers.size(), 1U);
  ASSERT_GE(answers[0].result, 0);
  ring->Close(answers[0].result);
  ring->Close(listener);
  (void)ring->Turn(0);
}

}  // namespace
}  // namespace shard
