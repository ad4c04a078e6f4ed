// client_renewal.h - how the clients of a shard that are between two requests go over to the
// configuration in use, after a reload.
//
// Owns:    a timer, a place in the run queue.
// Threads: shard-local.
// Units:   milliseconds.
// Errors:  none.
// States:  resting -> looking at all clients, some in each turn -> resting. While there are clients
//          that have nowhere to go over to, all are looked at again now and then: such a client is
//          parted with as in a soft stop. Its next answer is its last, and when it asks for nothing
//          it is closed, once it has rested: a request may be on its way.
//
//   renewal.Begin();      // another configuration is in use
//   renewal.NoteLeft();   // this client has come to rest, and has nowhere to go over to

#pragma once

#include <cstdint>

#include "shard/loop/run_queue.h"
#include "shard/loop/timer_wheel.h"

namespace engine {

class Worker;

class ClientRenewal final : shard::Task, shard::TimerClient {
 public:
  explicit ClientRenewal(Worker& worker) : worker_(worker), timer_(this) {}

  void Begin();
  void NoteLeft();

 private:
  static constexpr uint32_t kPerTurn = 256;
  static constexpr uint64_t kStepMs = 100;

  void Run() noexcept override;
  void OnTimer() noexcept override { Begin(); }

  Worker& worker_;
  shard::Timer timer_;
  uint32_t unseen_ = 0;  // clients to look at
};

}  // namespace engine
