#include "shard/loop/mailbox.h"

#include <gtest/gtest.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <fstream>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "tests/shard/loop/idle_ring.h"

namespace shard {
namespace {

// A sleep that only Wake() ends.
class CountedRing : public IdleRing {
 public:
  void Wake(Ring* from) override {
    const std::lock_guard lock(mutex_);
    ++wakes;
    last_from = from;
    pending_ = true;
    woken_.notify_one();
  }
  // False: nobody woke us for much longer than anybody could need.
  bool Sleep() {
    std::unique_lock lock(mutex_);
    const bool woken = woken_.wait_for(lock, std::chrono::seconds(20), [&] { return pending_; });
    pending_ = false;
    return woken;
  }
  uint64_t wakes = 0;
  Ring* last_from = nullptr;

 private:
  std::mutex mutex_;
  std::condition_variable woken_;
  bool pending_ = false;
};

// What the handlers of these tests find behind their Shard&, which the mailroom never looks into.
struct Receiver {
  std::vector<uint64_t> got;
  Shard& AsShard() { return *reinterpret_cast<Shard*>(this); }
  static Receiver& Of(Shard& shard) { return *reinterpret_cast<Receiver*>(&shard); }
};
void Keep(Shard& shard, const Message& message) noexcept {
  Receiver::Of(shard).got.push_back(message.words[0]);
}
Message Number(uint64_t n) { return {&Keep, {n}}; }

TEST(Mailbox, DeliversInTheOrderOfOneSender) {
  Mailroom mailroom(2);
  Receiver receiver;
  for (uint64_t i = 0; i < 10; ++i) ASSERT_TRUE(mailroom.TryPost(0, 1, Number(i), nullptr));
  EXPECT_EQ(mailroom.Drain(1, receiver.AsShard(), 4), 4u);
  EXPECT_EQ(mailroom.Drain(1, receiver.AsShard(), 100), 6u);
  EXPECT_EQ(mailroom.Drain(1, receiver.AsShard(), 100), 0u);
  ASSERT_EQ(receiver.got.size(), 10u);
  for (uint64_t i = 0; i < 10; ++i) EXPECT_EQ(receiver.got[i], i);
}

int64_t ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  int64_t all = 0, resident = 0;
  file >> all >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

// There are 4,160 queues of 1,024 messages. What goes through one after the other takes no more
// than what was under way at once.
TEST(Mailbox, TakesTheMemoryOfWhatIsUnderWay) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer keeps books of what nobody has touched";
#endif
  (void)mallopt(M_PERTURB, 0);  // meson has it filled
  constexpr uint32_t kShards = 64;
  const int64_t before = ResidentBytes();
  Mailroom mailroom(kShards);
  EXPECT_LT(ResidentBytes() - before, 4 << 20);
  Receiver receiver;
  for (int round = 0; round < 1000; ++round) {
    receiver.got.clear();
    for (uint32_t from = 0; from <= kShards; ++from) {
      ASSERT_TRUE(mailroom.TryPost(from, 7, Number(from), nullptr));
    }
    ASSERT_EQ(mailroom.Drain(7, receiver.AsShard(), 256), kShards + 1);
  }
  EXPECT_LT(ResidentBytes() - before, 4 << 20);
}

TEST(Mailbox, KeepsReceiversApart) {
  Mailroom mailroom(3);
  Receiver receiver;
  ASSERT_TRUE(mailroom.TryPost(0, 2, Number(5), nullptr));
  EXPECT_EQ(mailroom.Drain(1, receiver.AsShard(), 10), 0u);
  EXPECT_EQ(mailroom.Drain(2, receiver.AsShard(), 10), 1u);
}

TEST(Mailbox, CarriesAllItsWords) {
  Mailroom mailroom(1);
  Receiver receiver;
  const Message message{[](Shard& shard, const Message& m) noexcept {
                          Receiver::Of(shard).got.assign(m.words, m.words + 7);
                        },
                        {1, 2, 3, 4, 5, 6, 7}};
  ASSERT_TRUE(mailroom.TryPost(mailroom.main_sender(), 0, message, nullptr));
  mailroom.Drain(0, receiver.AsShard(), 1);
  EXPECT_EQ(receiver.got, (std::vector<uint64_t>{1, 2, 3, 4, 5, 6, 7}));
}

TEST(Mailbox, AFullQueueRefusesAndTheOthersStillTake) {
  Mailroom mailroom(2);
  Receiver receiver;
  for (uint64_t i = 0; i < Mailroom::kMessagesMax; ++i) {
    ASSERT_TRUE(mailroom.TryPost(0, 1, Number(i), nullptr));
  }
  EXPECT_FALSE(mailroom.TryPost(0, 1, Number(0), nullptr));
  EXPECT_TRUE(mailroom.TryPost(1, 1, Number(0), nullptr));
  EXPECT_TRUE(mailroom.TryPost(mailroom.main_sender(), 1, Number(0), nullptr));
  mailroom.Drain(1, receiver.AsShard(), 2 * Mailroom::kMessagesMax);
  EXPECT_TRUE(mailroom.TryPost(0, 1, Number(0), nullptr));
}

// Senders that keep their queues full must not shut the others out of the receiver's budget.
TEST(Mailbox, NoSenderStarvesAnother) {
  Mailroom mailroom(3);
  Receiver receiver;
  constexpr uint64_t kBusy = 1, kQuiet = 2;
  ASSERT_TRUE(mailroom.TryPost(2, 1, Number(kQuiet), nullptr));
  for (int turn = 0; turn < 4; ++turn) {
    while (mailroom.TryPost(0, 1, Number(kBusy), nullptr)) {
    }
    mailroom.Drain(1, receiver.AsShard(), 64);
  }
  EXPECT_EQ(std::count(receiver.got.begin(), receiver.got.end(), kQuiet), 1);
}

TEST(Mailbox, AnOrderPicksTheSenderAndKeepsWhatEachOneSent) {
  // Senders 2, 0, 0 of those that have something, then no more in this turn.
  struct Picks final : MailOrder {
    uint32_t PickSender(uint32_t, uint32_t senders) noexcept override {
      seen.push_back(senders);
      return at < picks.size() ? picks[at++] : senders;
    }
    std::vector<uint32_t> picks{2, 0, 0};
    std::vector<uint32_t> seen;
    size_t at = 0;
  } order;
  Mailroom mailroom(3);
  mailroom.SetOrder(&order);
  Receiver receiver;
  for (uint64_t i : {0, 1}) {
    for (uint32_t from : {0, 1, 3}) {
      ASSERT_TRUE(mailroom.TryPost(from, 2, Number(10 * from + i), nullptr));
    }
  }
  EXPECT_EQ(mailroom.Drain(2, receiver.AsShard(), 100), 3u);
  EXPECT_EQ(receiver.got, (std::vector<uint64_t>{30, 0, 1}));
  EXPECT_EQ(order.seen, (std::vector<uint32_t>{3, 3, 3, 2}));
  EXPECT_TRUE(mailroom.HasMail(2));
  EXPECT_FALSE(mailroom.PrepareSleep(2)) << "what was left is looked at again";
}

TEST(Mailbox, AHandlerMayPostToItsOwnShard) {
  Mailroom mailroom(1);
  struct Self : Receiver {
    Mailroom* mailroom;
  } self;
  self.mailroom = &mailroom;
  const Message again{[](Shard& shard, const Message& m) noexcept {
    auto& receiver = static_cast<Self&>(Receiver::Of(shard));
    receiver.got.push_back(0);
    (void)receiver.mailroom->TryPost(0, 0, m, nullptr);
  }};
  ASSERT_TRUE(mailroom.TryPost(0, 0, again, nullptr));
  EXPECT_EQ(mailroom.Drain(0, self.AsShard(), 10), 10u) << "the budget bounds it";
}

TEST(Mailbox, WakesASleeperOnceAndNobodyElse) {
  Mailroom mailroom(2);
  CountedRing ring, sender_ring;
  Receiver receiver;
  mailroom.SetRing(1, &ring);
  ASSERT_TRUE(mailroom.TryPost(0, 1, Number(0), &sender_ring));
  EXPECT_EQ(ring.wakes, 0u) << "it has not said that it sleeps";
  EXPECT_FALSE(mailroom.PrepareSleep(1)) << "there is something to read";
  ASSERT_TRUE(mailroom.TryPost(0, 1, Number(1), &sender_ring));
  EXPECT_EQ(ring.wakes, 0u);
  mailroom.Drain(1, receiver.AsShard(), 10);
  EXPECT_TRUE(mailroom.PrepareSleep(1));
  ASSERT_TRUE(mailroom.TryPost(0, 1, Number(2), &sender_ring));
  EXPECT_EQ(ring.wakes, 1u);
  EXPECT_EQ(ring.last_from, &sender_ring);
  ASSERT_TRUE(mailroom.TryPost(0, 1, Number(3), &sender_ring));
  EXPECT_EQ(ring.wakes, 1u);
  mailroom.Awake(1);
}

TEST(Mailbox, WithoutARingItTakesAndWakesNobody) {
  Mailroom mailroom(2);
  EXPECT_TRUE(mailroom.PrepareSleep(1));
  EXPECT_TRUE(mailroom.TryPost(0, 1, Number(0), nullptr));
}

// The protocol of the loop: sleep only after PrepareSleep() said yes. A lost wake-up would leave
// the receiver asleep with its queue full of messages, for ever.
void RunSenders(uint32_t senders, uint64_t messages, bool pauses) {
  struct Ordered {
    std::vector<uint64_t> next;
    uint64_t received = 0;
    bool in_order = true;
  } ordered{std::vector<uint64_t>(senders + 1)};
  Mailroom mailroom(senders);
  CountedRing ring;
  mailroom.SetRing(0, &ring);
  const auto handler = [](Shard& shard, const Message& m) noexcept {
    auto& state = *reinterpret_cast<Ordered*>(&shard);
    uint64_t& next = state.next[m.words[0]];
    state.in_order = state.in_order && m.words[1] == next && m.words[6] == ~next;
    ++next;
    ++state.received;
  };
  std::vector<std::thread> threads;
  for (uint32_t sender = 1; sender <= senders; ++sender) {  // the last one is the main thread
    threads.emplace_back([&, sender] {
      std::mt19937 random(sender);
      for (uint64_t i = 0; i < messages; ++i) {
        const Message message{handler, {sender, i, 0, 0, 0, 0, ~i}};
        while (!mailroom.TryPost(sender, 0, message, nullptr)) std::this_thread::yield();
        // Short pauses, so that the receiver is often just about to sleep.
        if (pauses && random() % 4 == 0) {
          for (uint32_t spin = random() % 400; spin > 0; --spin) asm volatile("");
        }
      }
    });
  }
  uint64_t turns = 0;
  bool lost = false;
  while (ordered.received < senders * messages && !lost) {
    ++turns;
    if (mailroom.PrepareSleep(0)) lost = !ring.Sleep();
    mailroom.Awake(0);
    mailroom.Drain(0, *reinterpret_cast<Shard*>(&ordered), 256);
  }
  EXPECT_FALSE(lost) << "asleep after " << ordered.received << " messages";
  while (ordered.received < senders * messages) {
    mailroom.Drain(0, *reinterpret_cast<Shard*>(&ordered), 256);
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(ordered.in_order);
  EXPECT_LE(ring.wakes, turns) << "a turn is woken once";
}

TEST(Mailbox, LosesNoWakeUpWithOneSender) { RunSenders(1, 3000000, false); }
TEST(Mailbox, LosesNoWakeUpWithPauses) { RunSenders(1, 300000, true); }
TEST(Mailbox, LosesNoWakeUpWithThreeSenders) { RunSenders(3, 500000, true); }

}  // namespace
}  // namespace shard
