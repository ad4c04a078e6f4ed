#include "shard/loop/timer_wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace shard {
namespace {

constexpr uint64_t kDayMs = uint64_t(24) * 3600 * 1000;
// The wheel's levels together: 64^5 ms, about 12 days.
constexpr uint64_t kRotationMs = uint64_t(1) << 30;

struct WheelAlarm : TimerClient {
  void OnTimer() noexcept override {
    ++fired;
    if (then) then();
  }
  Timer timer{this};
  int fired = 0;
  std::function<void()> then;
};

// Turns of a loop that sleeps until NextDeadlineMs(), up to `limit_ms`. Returns how many it took.
int TurnsUntil(TimerWheel& wheel, uint64_t limit_ms, int turns_max) {
  int turns = 0;
  while (turns < turns_max) {
    const uint64_t next = wheel.NextDeadlineMs();
    if (next > limit_ms) break;
    wheel.Advance(next);
    ++turns;
  }
  return turns;
}

TEST(TimerWheel, AnEmptyOneHasNoDeadline) {
  TimerWheel wheel(1000);
  EXPECT_EQ(wheel.NextDeadlineMs(), UINT64_MAX);
  EXPECT_EQ(wheel.Advance(1000 + 60 * kDayMs), 0u);
  EXPECT_EQ(wheel.NextDeadlineMs(), UINT64_MAX);
}

TEST(TimerWheel, FiresAtItsDeadlineAndNotBefore) {
  TimerWheel wheel(1000);
  WheelAlarm alarm;
  alarm.timer.Set(wheel, 1500);
  EXPECT_EQ(alarm.timer.deadline_ms(), 1500u);
  EXPECT_EQ(wheel.Advance(1499), 0u);
  EXPECT_EQ(wheel.Advance(1500), 1u);
  EXPECT_EQ(alarm.fired, 1);
  EXPECT_EQ(alarm.timer.deadline_ms(), 0u);
  EXPECT_EQ(wheel.Advance(5000), 0u);
}

TEST(TimerWheel, ADeadlineInThePastFiresInTheNextMillisecond) {
  TimerWheel wheel(1000);
  WheelAlarm past, present;
  past.timer.Set(wheel, 3);
  present.timer.Set(wheel, 1000);
  EXPECT_EQ(wheel.NextDeadlineMs(), 1001u);
  EXPECT_EQ(wheel.Advance(1000), 0u) << "this millisecond has been run already";
  EXPECT_EQ(wheel.Advance(1001), 2u);
}

TEST(TimerWheel, ZeroClears) {
  TimerWheel wheel(1000);
  WheelAlarm alarm;
  alarm.timer.Set(wheel, 1500);
  alarm.timer.Set(wheel, 0);
  EXPECT_EQ(alarm.timer.deadline_ms(), 0u);
  EXPECT_EQ(wheel.NextDeadlineMs(), UINT64_MAX);
  EXPECT_EQ(wheel.Advance(2000), 0u);
}

TEST(TimerWheel, MovedEarlierItFiresEarlier) {
  TimerWheel wheel(1000);
  WheelAlarm alarm;
  alarm.timer.Set(wheel, 1000 + kDayMs);
  alarm.timer.Set(wheel, 1010);
  EXPECT_EQ(wheel.NextDeadlineMs(), 1010u);
  EXPECT_EQ(wheel.Advance(1010), 1u);
}

TEST(TimerWheel, MovedLaterItIsPutOffUntilThen) {
  TimerWheel wheel(1000);
  WheelAlarm alarm;
  alarm.timer.Set(wheel, 1010);
  alarm.timer.Set(wheel, 1200);
  EXPECT_EQ(wheel.Advance(1199), 0u);
  EXPECT_EQ(wheel.Advance(1200), 1u);
}

TEST(TimerWheel, MovedLaterAndBackItStillFiresInTime) {
  TimerWheel wheel(1000);
  WheelAlarm alarm;
  alarm.timer.Set(wheel, 1010);
  alarm.timer.Set(wheel, 9000);
  wheel.Advance(1100);
  alarm.timer.Set(wheel, 1150);
  EXPECT_EQ(wheel.Advance(1149), 0u);
  EXPECT_EQ(wheel.Advance(1150), 1u);
}

TEST(TimerWheel, OneJumpFiresEverythingOnTheWay) {
  TimerWheel wheel(1000);
  std::vector<std::unique_ptr<WheelAlarm>> alarms;
  for (uint64_t in = 1; in < 60 * kDayMs; in = in * 3 / 2 + 1) {
    alarms.push_back(std::make_unique<WheelAlarm>());
    alarms.back()->timer.Set(wheel, 1000 + in);
  }
  EXPECT_EQ(wheel.Advance(1000 + 61 * kDayMs), alarms.size());
  for (const auto& alarm : alarms) EXPECT_EQ(alarm->fired, 1);
}

TEST(TimerWheel, FiresInTheOrderOfDeadlines) {
  TimerWheel wheel(5);
  std::vector<uint64_t> order;
  std::vector<std::unique_ptr<WheelAlarm>> alarms;
  for (uint64_t deadline : {90000u, 70u, 64u, 5000u, 63u, 4096u, 4095u, 262144u, 6u}) {
    alarms.push_back(std::make_unique<WheelAlarm>());
    alarms.back()->then = [&order, deadline] { order.push_back(deadline); };
    alarms.back()->timer.Set(wheel, deadline);
  }
  wheel.Advance(300000);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_EQ(order.size(), alarms.size());
}

// A timer set just before the wheel's top level starts over was filed as if it were 12 days away.
TEST(TimerWheel, FiresInTimeAcrossTheEndOfItsTopLevel) {
  for (const uint64_t now : {kRotationMs - 1, kRotationMs - 5000, 7 * kRotationMs - 1}) {
    for (const uint64_t in : {uint64_t(1), uint64_t(6), uint64_t(64), uint64_t(5001),
                              uint64_t(1) << 24, kRotationMs - (uint64_t(1) << 24)}) {
      SCOPED_TRACE(std::to_string(now) + " + " + std::to_string(in));
      TimerWheel wheel(now);
      WheelAlarm alarm;
      alarm.timer.Set(wheel, now + in);
      EXPECT_LE(wheel.NextDeadlineMs(), now + in);
      EXPECT_EQ(wheel.Advance(now + in - 1), 0u);
      EXPECT_EQ(wheel.Advance(now + in), 1u);
    }
  }
}

TEST(TimerWheel, ADeadlineThatNeverComesIsKept) {
  TimerWheel wheel(1000);
  WheelAlarm alarm;
  alarm.timer.Set(wheel, UINT64_MAX);
  EXPECT_EQ(wheel.Advance(1000 + 1000 * kDayMs), 0u);
  EXPECT_EQ(alarm.timer.deadline_ms(), UINT64_MAX);
}

// A loop that sleeps until NextDeadlineMs() looks at a timer a few times, whatever its distance.
TEST(TimerWheel, ASleepingLoopTurnsAFewTimesPerTimer) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 2000; ++round) {
    const uint64_t now = random() % (4 * kRotationMs);
    const uint64_t in = 1 + random() % (uint64_t(1) << (1 + random() % 33));
    SCOPED_TRACE(std::to_string(now) + " + " + std::to_string(in));
    TimerWheel wheel(now);
    WheelAlarm alarm;
    alarm.timer.Set(wheel, now + in);
    TurnsUntil(wheel, now + in, 20);
    ASSERT_EQ(alarm.fired, 1);
  }
}

TEST(TimerWheel, AnIdleTimeoutPushedAheadCostsOneTurnPerTimeout) {
  constexpr uint64_t kIdleMs = 50000;
  TimerWheel wheel(1000);
  WheelAlarm alarm;
  int turns = 0;
  uint64_t now = 1000;
  for (int request = 0; request < 10000; ++request) {  // one every 100 ms
    alarm.timer.Set(wheel, now + kIdleMs);
    now += 100;
    turns += TurnsUntil(wheel, now, 100);
    wheel.Advance(now);
  }
  EXPECT_EQ(alarm.fired, 0);
  // 1,000 seconds are 20 timeouts; each may cascade through a few levels.
  EXPECT_LE(turns, 20 * 6);
}

TEST(TimerWheel, OnTimerMayDestroyAnyTimer) {
  TimerWheel wheel(1000);
  auto self = std::make_unique<WheelAlarm>();
  auto other = std::make_unique<WheelAlarm>();
  WheelAlarm last;
  WheelAlarm* first_to_run = self.get();
  bool done = false;
  const auto destroy_both = [&] {
    if (done) return;
    done = true;
    self.reset();
    other.reset();
  };
  first_to_run->then = [&destroy_both] {
    const auto copy = destroy_both;  // the function dies with its WheelAlarm
    copy();
  };
  other->then = first_to_run->then;
  self->timer.Set(wheel, 1005);
  other->timer.Set(wheel, 1005);
  last.timer.Set(wheel, 1005);
  EXPECT_EQ(wheel.Advance(1005), 2u);
  EXPECT_EQ(last.fired, 1);
}

TEST(TimerWheel, OnTimerMaySetItselfAgainWithoutAnEnd) {
  TimerWheel wheel(1000);
  WheelAlarm alarm;
  alarm.then = [&] { alarm.timer.Set(wheel, 1); };  // always overdue
  alarm.timer.Set(wheel, 1001);
  EXPECT_EQ(wheel.Advance(1010), 10u) << "once a millisecond, not for ever";
}

TEST(TimerWheel, ATimerMayOutliveItsWheel) {
  WheelAlarm alarm;
  {
    TimerWheel wheel(1000);
    alarm.timer.Set(wheel, 1010);
  }
  EXPECT_EQ(alarm.timer.deadline_ms(), 0u);
}

// The wheel beside a plain list of deadlines. Timers set, move, clear and destroy each other,
// inside OnTimer too.
class Model {
 public:
  Model(uint64_t seed, uint64_t now_ms) : random_(seed), now_ms_(now_ms), wheel_(now_ms) {
    for (size_t i = 0; i < kTimers; ++i) entries_.push_back(std::make_unique<Entry>(*this));
  }

  void Step() {
    switch (random_() % 8) {
      case 0:
      case 1:
      case 2:
      case 3:
        return SetAny();
      case 4:
        return DropOne(Any());
      default:
        return Advance();
    }
  }

 private:
  static constexpr size_t kTimers = 60;

  struct Entry : TimerClient {
    explicit Entry(Model& m) : model(m) {}
    void OnTimer() noexcept override { model.OnFired(*this); }
    Model& model;
    std::unique_ptr<Timer> timer = std::make_unique<Timer>(this);
    uint64_t due_ms = 0;  // when it must fire; 0: unarmed
  };

  Entry& Any() { return *entries_[random_() % kTimers]; }
  uint64_t Distance() {
    const uint64_t distance = random_() % (uint64_t(1) << (1 + random_() % 33));
    return std::min(distance, 60 * kDayMs);
  }

  void Set(Entry& entry, uint64_t deadline_ms) {
    entry.timer->Set(wheel_, deadline_ms);
    EXPECT_EQ(entry.timer->deadline_ms(), deadline_ms);
    entry.due_ms = std::max(deadline_ms, now_ms_ + 1);
  }
  void SetAny() {
    Entry& entry = Any();
    const uint64_t kind = random_() % 10;
    if (entry.due_ms != 0 && kind < 3) {  // a little later, a little earlier
      Set(entry, entry.due_ms + 1 + Distance());
    } else if (entry.due_ms > now_ms_ + 1 && kind < 5) {
      Set(entry, now_ms_ + 1 + random_() % (entry.due_ms - now_ms_));
    } else if (entry.due_ms == 0 && kind == 9) {  // overdue
      Set(entry, now_ms_ - std::min(now_ms_ - 1, Distance()));
    } else {
      Set(entry, now_ms_ + 1 + Distance());
    }
  }
  void DropOne(Entry& entry) {
    if (random_() % 2 == 0) {
      entry.timer->Clear();
    } else {
      entry.timer = std::make_unique<Timer>(&entry);
    }
    entry.due_ms = 0;
  }
  uint64_t FirstDue() const {
    uint64_t first = UINT64_MAX;
    for (const auto& entry : entries_) {
      if (entry->due_ms != 0) first = std::min(first, entry->due_ms);
    }
    return first;
  }

  void Advance() {
    const uint64_t first = FirstDue();
    const uint64_t next = wheel_.NextDeadlineMs();
    ASSERT_LE(next, first);
    ASSERT_GT(next, now_ms_) << "a loop would turn without end";
    if (first == UINT64_MAX) {
      ASSERT_EQ(next, UINT64_MAX);
    }
    const uint64_t kind = random_() % 4;
    target_ms_ = kind == 0 || next == UINT64_MAX ? now_ms_ + 1 + Distance()
                 : kind == 1                     ? next
                 : kind == 2                     ? first
                                                 : now_ms_ + 1 + random_() % 100;
    fired_ = 0;
    ASSERT_EQ(wheel_.Advance(target_ms_), fired_);
    now_ms_ = target_ms_;
    ASSERT_GT(FirstDue(), now_ms_) << "late";
  }
  void OnFired(Entry& entry) {
    ++fired_;
    EXPECT_EQ(entry.timer->deadline_ms(), 0u);
    EXPECT_NE(entry.due_ms, 0u) << "fired unarmed";
    EXPECT_LE(entry.due_ms, target_ms_) << "early";
    EXPECT_EQ(entry.due_ms, FirstDue()) << "out of order";
    now_ms_ = entry.due_ms;  // the wheel's own time while it catches up
    entry.due_ms = 0;
    for (uint64_t acts = random_() % 3; acts > 0; --acts) {
      if (random_() % 3 == 0) {
        DropOne(random_() % 2 == 0 ? entry : Any());
      } else {
        SetAny();
      }
    }
  }

  std::mt19937_64 random_;
  uint64_t now_ms_;
  uint64_t target_ms_ = 0;
  uint32_t fired_ = 0;
  TimerWheel wheel_;
  std::vector<std::unique_ptr<Entry>> entries_;
};

TEST(TimerWheel, FollowsAPlainModel) {
  const uint64_t seed = std::random_device()();
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    SCOPED_TRACE("seed " + std::to_string(seed) + " round " + std::to_string(round));
    // Some rounds begin right before a level, or all of them, start over.
    uint64_t start = 1 + random() % (uint64_t(1) << 40);
    if (round % 3 == 0) start = (start | (kRotationMs - 1)) - random() % 100;
    Model model(random(), start);
    for (int step = 0; step < 2000 && !testing::Test::HasFailure(); ++step) model.Step();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace shard
