// script.h - what happens in a run, as a list of events that hangs on the seed alone.
//
// Owns:    its events.
// Threads: one thread.
// Units:   an event's argument is 64 random bits: whoever carries it out draws from them, so that
//          an event means the same, or nearly, when others before it are dropped.
// Errors:  none.
// States:  none.

#pragma once

#include <cstdint>
#include <vector>

namespace simulation {

enum class EventKind : uint8_t {
  kTurn,        // a shard turns its loop
  kClient,      // a client acts: reads, writes, ends
  kServer,      // a server's end of a connection acts
  kDial,        // a new client
  kClock,       // time passes while nobody turns
  kRun,         // all shards turn until they rest, and time moves on
  kRounds,      // for a while everybody acts, and all shards turn: so that much gets to its end
  kAdmin,       // a server is enabled, disabled or drained, as by the CLI
  kWeight,      // a server's weight is set, as by the CLI
  kHealth,      // a check, an agent or an operator says how a server is
  kServerDown,  // connects to a server fail from now on, in one way or another
  kServerUp,
  kServerKill,  // every connection of a server ends
  kFaults,      // operations begin to fail, or no longer do
  kFds,         // descriptors run out, or there are enough again
  kStarve,      // a shard's buffers are taken away
  kFeed,        // and given back
  kKill,        // a stream is killed, as by the CLI
  kPause,       // a frontend is paused, as by the CLI
  kResume,
  kCount
};
const char* EventName(EventKind kind);

struct Event {
  EventKind kind = EventKind::kTurn;
  uint64_t argument = 0;
};

struct Script {
  uint64_t seed = 0;
  // Every peer keeps to the protocol, nothing fails and nobody is in a hurry: everything must
  // arrive whole.
  bool orderly = false;
  std::vector<Event> events;
};

Script ScriptOf(uint64_t seed);

}  // namespace simulation
