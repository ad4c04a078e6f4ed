// spread_close.h - how a stopping shard parts with clients that are between two requests
// (manual 3.1, close-spread-time).
//
// Owns:    a timer.
// Threads: shard-local.
// Units:   milliseconds.
// Errors:  none.
// States:  waiting -> spreading -> over. Without a time it is over at once; with an infinite one it
//          spreads for ever and closes nobody. When it is over, clients go once they have rested
//          for kRestMs: who has just connected, or had an answer, may have a request on its way,
//          and a close would meet it.
//
//   spread.Start(now_ms, 5000);         // a soft stop begins
//   if (spread.EndsNow()) keep_alive_ = false;   // for each exchange that ends meanwhile

#pragma once

#include <cstdint>

#include "shard/loop/timer_wheel.h"

namespace engine {

class Worker;

class SpreadClose final : shard::TimerClient {
 public:
  static constexpr uint64_t kRestMs = 500;

  explicit SpreadClose(Worker& worker) : worker_(worker), timer_(this) {}

  // `spread_ms` 0: all idle clients go as soon as they have rested. kSpreadForEver: none does.
  void Start(uint64_t spread_ms);
  // Whether the connection of an exchange that ends now ends with it. The part that does grows
  // evenly over the time.
  bool EndsNow();

 private:
  static constexpr uint64_t kSteps = 50;  // idle clients are closed in so many portions
  static constexpr uint64_t kRestStepMs = 100;

  void OnTimer() noexcept override;
  uint64_t ElapsedMs() const;

  Worker& worker_;
  shard::Timer timer_;
  uint64_t start_ms_ = 0;
  uint64_t spread_ms_ = 0;
  double owed_ = 0;  // of the next client to close; a few clients are less than one per step
};

}  // namespace engine
