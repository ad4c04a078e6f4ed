// Rise, fall, and what operators and agents say, as a table of what each event makes of a value.

#include "engine/server/server_health.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace engine {
namespace {

using Event = HealthEvent;

ServerHealth& Configured(ServerHealth& health, const HealthRules& rules) {
  health.Configure(rules);
  return health;
}

// Counts after each event, with rise 2 and fall 3: 0 and 1 are down, 2 to 4 are up.
struct CountCase {
  const char* name;
  std::vector<Event> events;
  std::vector<uint32_t> counts;
};

const CountCase kCountCases[] = {
    {"FirstFailureIsEnough", {Event::kFailed}, {0}},
    {"FirstPassReachesTheTop", {Event::kPassed, Event::kPassed}, {4, 4}},
    {"FallsByThree",
     {Event::kPassed, Event::kFailed, Event::kFailed, Event::kFailed},
     {4, 3, 2, 0}},
    {"RisesByTwo", {Event::kFailed, Event::kPassed, Event::kPassed}, {0, 1, 4}},
    {"AFailureTakesAllProgress", {Event::kFailed, Event::kPassed, Event::kFailed}, {0, 1, 0}},
    {"APassTakesAllFailures",
     {Event::kPassed, Event::kFailed, Event::kFailed, Event::kPassed},
     {4, 3, 2, 4}},
    {"SuddenDeathLeavesOne", {Event::kPassed, Event::kSuddenDeath, Event::kFailed}, {4, 2, 0}},
    {"SuddenDeathTwice", {Event::kPassed, Event::kSuddenDeath, Event::kSuddenDeath}, {4, 2, 0}},
    {"SuddenDeathOfTheDead", {Event::kFailed, Event::kSuddenDeath}, {0, 0}},
    {"MarkDown", {Event::kPassed, Event::kMarkDown, Event::kPassed}, {4, 0, 1}},
    {"ConditionalCountsAsPassed", {Event::kConditional}, {4}},
    {"ConditionalOfTheDeadIsAFailure",
     {Event::kFailed, Event::kPassed, Event::kConditional},
     {0, 1, 0}},
    {"Forced", {Event::kForceDown, Event::kForceUp, Event::kForceDown}, {0, 4, 0}},
    {"LeavingMaintenance", {Event::kFailed, Event::kRestart}, {0, 2}},
    {"UncheckedIsUp", {Event::kFailed, Event::kDisableCheck}, {0, 4}},
};

class CountTest : public testing::TestWithParam<CountCase> {};

TEST_P(CountTest, Counts) {
  ServerHealth health;
  Configured(health, {.is_checked = true});
  for (size_t i = 0; i < GetParam().events.size(); ++i) {
    const HealthChange change = health.Apply(GetParam().events[i]);
    EXPECT_EQ(health.Get().count, GetParam().counts[i]) << i;
    EXPECT_EQ(change.value_after.count, GetParam().counts[i]) << i;
    EXPECT_EQ(change.after != Operational::kStopped, GetParam().counts[i] >= 2) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(ServerHealth, CountTest, testing::ValuesIn(kCountCases),
                         [](const auto& info) { return info.param.name; });

TEST(ServerHealth, RiseAndFallOfOne) {
  ServerHealth health;
  Configured(health, {.rise = 1, .fall = 1, .is_checked = true});
  EXPECT_EQ(health.count_max(), 1u);
  EXPECT_TRUE(health.Apply(Event::kFailed).went_down());
  EXPECT_EQ(health.Apply(Event::kPassed).after, Operational::kRunning);
}

TEST(ServerHealth, InitStates) {
  const std::pair<InitState, uint32_t> cases[] = {{InitState::kNone, 3},
                                                  {InitState::kUp, 3},
                                                  {InitState::kFullyUp, 6},
                                                  {InitState::kDown, 2},
                                                  {InitState::kFullyDown, 0}};
  for (const auto& [init, count] : cases) {
    ServerHealth health;
    Configured(health, {.rise = 3, .fall = 4, .init = init, .is_checked = true});
    EXPECT_EQ(health.Get().count, count);
    (void)health.Apply(Event::kForceUp);
    (void)health.Apply(Event::kRestart);
    EXPECT_EQ(health.Get().count, count);
  }
}

TEST(ServerHealth, StoppingEndsWithAPassOrADeath) {
  ServerHealth health;
  Configured(health, {.is_checked = true});
  EXPECT_EQ(health.Apply(Event::kConditional).after, Operational::kStopping);
  EXPECT_EQ(health.Apply(Event::kFailed).after, Operational::kStopping);
  EXPECT_EQ(health.Apply(Event::kPassed).after, Operational::kRunning);
  (void)health.Apply(Event::kConditional);
  (void)health.Apply(Event::kForceDown);
  (void)health.Apply(Event::kPassed);
  EXPECT_EQ(health.Apply(Event::kPassed).after, Operational::kRunning);
}

TEST(ServerHealth, AnAgentAndChecksMustBothAgree) {
  ServerHealth health;
  Configured(health, {.is_checked = true, .has_agent = true});
  EXPECT_TRUE(health.Apply(Event::kAgentDown).went_down());
  EXPECT_FALSE(health.Apply(Event::kPassed).changed());
  EXPECT_FALSE(health.Apply(Event::kMarkDown).changed());
  EXPECT_FALSE(health.Apply(Event::kAgentUp).changed());
  (void)health.Apply(Event::kPassed);
  EXPECT_EQ(health.Apply(Event::kPassed).after, Operational::kRunning);
}

TEST(ServerHealth, EachChangeIsToldToOne) {
  ServerHealth health;
  Configured(health, {.rise = 1, .fall = 1, .is_checked = true});
  std::atomic<int> balance{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < 20000; ++n) {
        const HealthChange change =
            health.Apply((n + i) % 2 == 0 ? Event::kPassed : Event::kFailed);
        if (change.changed()) balance += change.went_down() ? -1 : 1;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  // It began up: as many ups as downs, or one down more.
  EXPECT_EQ(balance, health.operational() == Operational::kStopped ? -1 : 0);
}

}  // namespace
}  // namespace engine
