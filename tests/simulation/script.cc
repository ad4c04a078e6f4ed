#include "tests/simulation/script.h"

#include "tests/simulation/dice.h"

namespace simulation {
namespace {

constexpr const char* kNames[size_t(EventKind::kCount)] = {
    "turn",  "client", "server", "dial",        "clock",     "run",         "rounds",
    "admin", "weight", "health", "server down", "server up", "server kill", "faults",
    "fds",   "starve", "feed",   "kill",        "pause",     "resume"};

// How often each kind comes up, in some unit.
struct Mood {
  uint32_t of[size_t(EventKind::kCount)] = {};
  uint32_t& operator[](EventKind kind) { return of[size_t(kind)]; }
};

Mood MoodOf(bool orderly, Dice& dice) {
  Mood mood;
  mood[EventKind::kTurn] = 300;
  mood[EventKind::kClient] = 200;
  mood[EventKind::kServer] = 200;
  mood[EventKind::kDial] = uint32_t(dice.Between(20, 80));
  mood[EventKind::kClock] = 40;
  mood[EventKind::kRun] = 60;
  mood[EventKind::kRounds] = dice.Of({0u, 40u, 120u});
  mood[EventKind::kWeight] = 4;
  if (orderly) return mood;
  // Most seeds have some of these and not the others, so that what they do is not always hidden
  // behind something worse.
  const auto add = [&](std::initializer_list<EventKind> kinds, uint32_t share) {
    if (!dice.OneIn(3)) return;
    for (EventKind kind : kinds) mood[kind] = share;
  };
  add({EventKind::kAdmin, EventKind::kWeight}, 15);
  add({EventKind::kHealth}, 20);
  add({EventKind::kServerDown, EventKind::kServerUp}, 12);
  add({EventKind::kServerKill}, 8);
  add({EventKind::kFaults}, 10);
  add({EventKind::kFds}, 12);
  add({EventKind::kStarve, EventKind::kFeed}, 12);
  add({EventKind::kKill}, 10);
  add({EventKind::kPause, EventKind::kResume}, 6);
  return mood;
}

}  // namespace

const char* EventName(EventKind kind) { return kNames[size_t(kind)]; }

Script ScriptOf(uint64_t seed) {
  Script script;
  script.seed = seed;
  Dice dice(seed * 2 + 1);
  script.orderly = dice.OneIn(4);
  Mood mood = MoodOf(script.orderly, dice);
  uint32_t total = 0;
  for (uint32_t share : mood.of) total += share;
  for (uint64_t dials = dice.Below(6); dials > 0; --dials) {
    script.events.push_back({EventKind::kDial, dice.Next()});
  }
  const uint64_t count = dice.Between(40, 240);
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t draw = dice.Below(total);
    size_t kind = 0;
    while (draw >= mood.of[kind]) draw -= mood.of[kind++];
    script.events.push_back({EventKind(kind), dice.Next()});
  }
  return script;
}

}  // namespace simulation
