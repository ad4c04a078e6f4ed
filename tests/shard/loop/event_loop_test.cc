#include "shard/loop/event_loop.h"

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/shard/loop/idle_ring.h"

namespace shard {
namespace {

class ToldClock : public base::Clock {
 public:
  ToldClock() { Tell(5000000); }
  void Update() noexcept override { Set(next_us); }
  void Tell(uint64_t us) {
    next_us = us;
    Update();
  }
  uint64_t next_us = 0;
};

// Answers what the test has laid out for the turn, and writes down until when the loop would wait.
class ScriptedRing : public IdleRing {
 public:
  std::span<const Completion> Turn(uint64_t deadline_us) override {
    deadlines.push_back(deadline_us);
    if (during_turn) during_turn();
    now_ = std::move(next);
    next.clear();
    return now_;
  }
  void Wake(Ring*) override { ++wakes; }
  void SubmitNow() override { ++submits; }

  std::vector<Completion> next;
  std::vector<uint64_t> deadlines;
  std::function<void()> during_turn;
  int wakes = 0;
  int submits = 0;

 private:
  std::vector<Completion> now_;
};

// Everything that can happen in a turn writes its name here.
struct Journal {
  std::vector<std::string> lines;
  Shard& AsShard() { return *reinterpret_cast<Shard*>(this); }
  static Journal& Of(Shard& shard) { return *reinterpret_cast<Journal*>(&shard); }
};
const Message kNote{
    [](Shard& shard, const Message&) noexcept { Journal::Of(shard).lines.push_back("message"); }};

struct Sink : CompletionSink {
  explicit Sink(Journal& j) : journal(j) {}
  void OnCompletion(const Completion& completion) noexcept override {
    journal.lines.push_back("answer " + std::to_string(completion.result));
    if (then) then(completion);
  }
  Journal& journal;
  std::function<void(const Completion&)> then;
};
struct Job : Task {
  explicit Job(std::function<void()> w) : work(std::move(w)) {}
  virtual ~Job() = default;
  void Run() noexcept override { work(); }
  std::function<void()> work;
};
struct Alarm : TimerClient {
  explicit Alarm(Journal& j) : journal(j) {}
  void OnTimer() noexcept override { journal.lines.push_back("timer"); }
  Journal& journal;
  Timer timer{this};
};
struct Waiter : BufferWaiter {
  explicit Waiter(Journal& j) : journal(j) {}
  virtual ~Waiter() = default;
  void OnBufferAvailable() noexcept override { journal.lines.push_back("buffer"); }
  Journal& journal;
};
struct Hook : TurnHook {
  explicit Hook(Journal& j) : journal(j) {}
  void OnTurnEnd() noexcept override { journal.lines.push_back("end"); }
  Journal& journal;
};

class EventLoopTest : public testing::Test {
 protected:
  EventLoopTest() {
    auto ring = std::make_unique<ScriptedRing>();
    ring_ = ring.get();
    loop_ = std::make_unique<EventLoop>(journal_.AsShard(), 0, mailroom_, std::move(ring), clock_);
  }
  uint64_t LastDeadline() const { return ring_->deadlines.back(); }

  Journal journal_;
  ToldClock clock_;
  Mailroom mailroom_{2};
  ScriptedRing* ring_ = nullptr;
  std::unique_ptr<EventLoop> loop_;
};

TEST_F(EventLoopTest, APhaseComesAfterAnotherInAFixedOrder) {
  ChunkPool pool(64, 1);
  loop_->SetPools(&pool, nullptr);
  Waiter waiter(journal_);
  pool.WaitForChunk(&waiter);
  Sink sink(journal_);
  loop_->SetSink(OpKind::kConnSend, &sink);
  Hook hook(journal_);
  loop_->SetTurnHook(&hook);
  Alarm alarm(journal_);
  alarm.timer.Set(loop_->timers(), clock_.now_ms() + 5);
  Job job([&] { journal_.lines.push_back("task"); });
  loop_->run_queue().Add(&job);
  ASSERT_TRUE(mailroom_.TryPost(1, 0, kNote, nullptr));
  ring_->next = {{{OpKind::kConnSend, {}}, 1}, {{OpKind::kConnSend, {}}, 2}};
  clock_.next_us += 5000;
  loop_->TurnOnce();
  EXPECT_EQ(journal_.lines, (std::vector<std::string>{"answer 1", "answer 2", "message", "timer",
                                                      "task", "buffer", "end"}));
  EXPECT_EQ(loop_->counters().turns.Get(), 1u);
  EXPECT_EQ(loop_->counters().completions.Get(), 2u);
  EXPECT_EQ(loop_->counters().messages.Get(), 1u);
  EXPECT_EQ(loop_->counters().timers_fired.Get(), 1u);
  EXPECT_EQ(loop_->counters().tasks_run.Get(), 1u);
}

TEST_F(EventLoopTest, WaitsForEverWhenNothingIsDue) {
  loop_->TurnOnce();
  EXPECT_EQ(LastDeadline(), UINT64_MAX);
}

TEST_F(EventLoopTest, WaitsUntilTheFirstTimer) {
  Alarm alarm(journal_);
  alarm.timer.Set(loop_->timers(), clock_.now_ms() + 7);
  loop_->TurnOnce();
  EXPECT_EQ(LastDeadline(), (clock_.now_ms() + 7) * 1000);
  loop_->TurnOnce(clock_.now_us() + 10);
  EXPECT_EQ(LastDeadline(), clock_.now_us() + 10);
}

TEST_F(EventLoopTest, DoesNotWaitWithTasksLeft) {
  Job* self = nullptr;
  int runs = 0;
  Job job([&] {
    if (++runs < 3) loop_->run_queue().Add(self);
  });
  self = &job;
  loop_->run_queue().Add(&job);
  for (int i = 0; i < 4; ++i) loop_->TurnOnce();
  EXPECT_EQ(ring_->deadlines, (std::vector<uint64_t>{0, 0, 0, UINT64_MAX}));
}

TEST_F(EventLoopTest, DoesNotWaitWithMessagesLeft) {
  for (uint32_t i = 0; i <= EventLoop::kMessagesPerTurn; ++i) {
    ASSERT_TRUE(mailroom_.TryPost(1, 0, kNote, nullptr));
  }
  for (int i = 0; i < 3; ++i) loop_->TurnOnce();
  EXPECT_EQ(ring_->deadlines, (std::vector<uint64_t>{0, 0, UINT64_MAX}));
  EXPECT_EQ(journal_.lines.size(), EventLoop::kMessagesPerTurn + 1);
}

// A buffer given back by a task, after this turn's waiters were told: whoever is still in line must
// not sleep until something unrelated happens.
TEST_F(EventLoopTest, ABufferDroppedByATaskGoesToAWaiterInTheSameTurn) {
  ChunkPool pool(64, 1);
  loop_->SetPools(nullptr, &pool);
  Chunk* held = pool.Take();
  Waiter waiter(journal_);
  pool.WaitForChunk(&waiter);
  Job job([&] { ChunkPool::Drop(held); });
  loop_->run_queue().Add(&job);
  loop_->TurnOnce();
  EXPECT_EQ(journal_.lines, (std::vector<std::string>{"buffer"}));
  loop_->TurnOnce();
  EXPECT_EQ(LastDeadline(), UINT64_MAX);
}

TEST_F(EventLoopTest, WaitsWhileThereIsNoBufferForAnybody) {
  ChunkPool pool(64, 1);
  loop_->SetPools(&pool, nullptr);
  Chunk* held = pool.Take();
  Waiter waiter(journal_);
  pool.WaitForChunk(&waiter);
  loop_->TurnOnce();
  EXPECT_EQ(LastDeadline(), UINT64_MAX);
  waiter.waiter_hook.Unlink();
  ChunkPool::Drop(held);
}

TEST_F(EventLoopTest, IsWokenOnlyWhileItWaits) {
  ASSERT_TRUE(mailroom_.TryPost(1, 0, kNote, nullptr));
  EXPECT_EQ(ring_->wakes, 0);
  loop_->TurnOnce();
  ring_->during_turn = [&] {
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(mailroom_.TryPost(1, 0, kNote, nullptr));
  };
  loop_->TurnOnce();
  EXPECT_EQ(LastDeadline(), UINT64_MAX);
  EXPECT_EQ(ring_->wakes, 1);
  EXPECT_EQ(journal_.lines.size(), 4u) << "what arrived during the wait is read in the same turn";
  ring_->during_turn = nullptr;
  ASSERT_TRUE(mailroom_.TryPost(1, 0, kNote, nullptr));
  EXPECT_EQ(ring_->wakes, 1);
}

TEST_F(EventLoopTest, AnAnswerNobodyClaimsIsCountedAndItsBufferGivenBack) {
  ChunkPool pool(64, 2);
  Chunk* chunk = pool.Take();
  ring_->next = {{{OpKind::kConnRecv, {3, 1}}, 10, false, chunk}};
  loop_->TurnOnce();
  EXPECT_EQ(loop_->counters().stale_completions.Get(), 1u);
  EXPECT_EQ(pool.in_use(), 0u);
}

TEST_F(EventLoopTest, WakeUpsAreNotStale) {
  ring_->next = {{{OpKind::kWake, {}}, 0}, {{OpKind::kIgnored, {}}, -9}};
  loop_->TurnOnce();
  EXPECT_EQ(loop_->counters().stale_completions.Get(), 0u);
}

TEST_F(EventLoopTest, TasksOverTheBudgetWaitForTheNextTurn) {
  std::deque<Job> jobs;
  uint32_t runs = 0;
  for (uint32_t i = 0; i < EventLoop::kTasksPerTurn + 5; ++i) {
    loop_->run_queue().Add(&jobs.emplace_back([&] { ++runs; }));
  }
  loop_->TurnOnce();
  EXPECT_EQ(runs, EventLoop::kTasksPerTurn);
  loop_->TurnOnce();
  EXPECT_EQ(LastDeadline(), 0u);
  EXPECT_EQ(runs, EventLoop::kTasksPerTurn + 5);
}

// Costly tasks of 40 microseconds each.
class CostlyLaneTest : public EventLoopTest {
 protected:
  static constexpr uint64_t kTaskMicros = 40;
  static constexpr size_t kRunsOfABudget =
      (EventLoop::kCostlyMicros + kTaskMicros - 1) / kTaskMicros;
  void AddCostly(int count, CostlyLane::Urgency urgency = CostlyLane::Urgency::kUsual) {
    for (int i = 0; i < count; ++i) {
      const std::string name = urgency == CostlyLane::Urgency::kFirst ? "first" : "usual";
      costly_.push_back(std::make_unique<Job>([this, name] {
        EXPECT_TRUE(loop_->costly_lane().running());
        journal_.lines.push_back(name);
        clock_.next_us += kTaskMicros;
      }));
      loop_->costly_lane().Add(costly_.back().get(), urgency);
    }
  }
  size_t RunsOfATurn() {
    const uint64_t before = loop_->counters().costly_run.Get();
    loop_->TurnOnce();
    return size_t(loop_->counters().costly_run.Get() - before);
  }
  std::vector<std::unique_ptr<Job>> costly_;
};

TEST_F(CostlyLaneTest, TasksComeBeforeCostlyOnesAndTheirSendsGoOutFirst) {
  Job costly([&] {
    journal_.lines.push_back("costly");
    EXPECT_EQ(ring_->submits, 1);
  });
  loop_->costly_lane().Add(&costly, CostlyLane::Urgency::kUsual);
  Job job([&] {
    EXPECT_FALSE(loop_->costly_lane().running());
    EXPECT_EQ(ring_->submits, 0);
    journal_.lines.push_back("task");
  });
  loop_->run_queue().Add(&job);
  loop_->TurnOnce();
  EXPECT_EQ(journal_.lines, (std::vector<std::string>{"task", "costly"}));
  EXPECT_EQ(loop_->counters().tasks_run.Get(), 1u);
  loop_->TurnOnce();
  EXPECT_EQ(ring_->submits, 1) << "without costly tasks the next wait submits";
}

TEST_F(CostlyLaneTest, ATurnRunsThemUntilTheBudgetIsOver) {
  AddCostly(5);
  EXPECT_EQ(RunsOfATurn(), kRunsOfABudget) << "the last one may pass it";
  EXPECT_EQ(loop_->costly_lane().waiting(), 5 - kRunsOfABudget);
  EXPECT_EQ(loop_->counters().costly_put_off.Get(), 1u);
  EXPECT_EQ(RunsOfATurn(), 5 - kRunsOfABudget);
  EXPECT_EQ(LastDeadline(), 0u) << "with costly tasks in line the loop does not wait";
  EXPECT_EQ(RunsOfATurn(), 0u);
  EXPECT_EQ(LastDeadline(), UINT64_MAX);
}

TEST_F(CostlyLaneTest, WhoStandsInLineAgainRunsInAnotherTurn) {
  bool again = true;
  Job job([&] {
    clock_.next_us += EventLoop::kCostlyMicros;
    if (again) loop_->costly_lane().Add(&job, CostlyLane::Urgency::kFirst);
    again = false;
  });
  loop_->costly_lane().Add(&job, CostlyLane::Urgency::kUsual);
  AddCostly(1);
  EXPECT_EQ(RunsOfATurn(), 1u);
  EXPECT_EQ(RunsOfATurn(), 1u);
  EXPECT_FALSE(again);
  EXPECT_TRUE(journal_.lines.empty()) << "what has begun ends before others begin";
  EXPECT_EQ(RunsOfATurn(), 1u);
}

TEST_F(CostlyLaneTest, OneRunsInEveryTurnHoweverLongItTakes) {
  for (int i = 0; i < 2; ++i) {
    costly_.push_back(std::make_unique<Job>([&] { clock_.next_us += 5000; }));
    loop_->costly_lane().Add(costly_.back().get(), CostlyLane::Urgency::kUsual);
  }
  EXPECT_EQ(RunsOfATurn(), 1u);
  EXPECT_EQ(RunsOfATurn(), 1u);
}

TEST_F(CostlyLaneTest, TheFirstPassTheUsual) {
  AddCostly(2);
  AddCostly(1, CostlyLane::Urgency::kFirst);
  loop_->TurnOnce();
  EXPECT_EQ(journal_.lines, (std::vector<std::string>{"first", "usual", "usual"}));
}

TEST_F(CostlyLaneTest, WhoIsGoneIsNotRun) {
  AddCostly(3);
  costly_.erase(costly_.begin() + 1);
  EXPECT_EQ(loop_->costly_lane().waiting(), 2u);
  EXPECT_EQ(RunsOfATurn(), 2u);
}

TEST_F(EventLoopTest, RunsUntilStoppedByAMessage) {
  const Message stop{
      [](Shard&, const Message& m) noexcept { reinterpret_cast<EventLoop*>(m.words[0])->Stop(); },
      {reinterpret_cast<uint64_t>(loop_.get())}};
  ring_->during_turn = [&] {
    if (ring_->deadlines.size() == 3) {
      ASSERT_TRUE(mailroom_.TryPost(1, 0, stop, nullptr));
    }
  };
  loop_->Run();
  EXPECT_EQ(ring_->deadlines.size(), 3u);
  EXPECT_TRUE(loop_->stopping());
}

TEST_F(EventLoopTest, CountsATurnThatTookTooLong) {
  Job quick([&] { clock_.next_us += EventLoop::kLongTurnMicros; });
  Job slow([&] { clock_.next_us += EventLoop::kLongTurnMicros + 1; });
  loop_->run_queue().Add(&quick);
  loop_->TurnOnce();
  EXPECT_EQ(loop_->counters().long_turns.Get(), 0u);
  loop_->run_queue().Add(&slow);
  loop_->TurnOnce();
  EXPECT_EQ(loop_->counters().long_turns.Get(), 1u);
  EXPECT_EQ(loop_->now_ms(), clock_.next_us / 1000) << "what comes next starts from fresh time";
}

TEST_F(EventLoopTest, TheMeanOfTurnsFollowsSlowly) {
  Job slow([&] { clock_.next_us += 2000; });
  EXPECT_EQ(loop_->mean_turn_us(), 0u);
  uint64_t before_us = 0;
  for (int turn = 0; turn < 20000; ++turn) {
    loop_->run_queue().Add(&slow);
    loop_->TurnOnce();
    ASSERT_GE(loop_->mean_turn_us(), before_us);
    before_us = loop_->mean_turn_us();
    if (turn == 300) {
      EXPECT_LT(before_us, 1000u);
    } else if (turn == 1100) {
      EXPECT_GT(before_us, 1000u);
    }
  }
  EXPECT_NEAR(double(before_us), 2000, 2);
  for (int turn = 0; turn < 20000; ++turn) loop_->TurnOnce();
  EXPECT_LT(loop_->mean_turn_us(), 2u);
}

TEST_F(EventLoopTest, PostsToAnotherShardThroughTheMailroom) {
  Journal other;
  ASSERT_TRUE(loop_->TryPost(1, kNote));
  EXPECT_EQ(mailroom_.Drain(1, other.AsShard(), 10), 1u);
}

}  // namespace
}  // namespace shard
