// quiet_watch.h - asks after connections that have gone quiet whether their peers have ended.
//
// Owns:    one timer. Refers to the table whose connections it looks at.
// Threads: shard-local.
// Units:   milliseconds of the shard's clock.
// Errors:  a kernel that cannot say leaves things as they are.
// States:  idle -> watching (somebody has received) -> idle (all are quiet and were asked after).
//
// io_uring's multishot receive can lose the end of a connection for good, up to Linux 6.19: where
// bytes and the end behind them wake it before it runs, it reads the bytes and forgets the second
// wake-up (liburing issue 1549; a reset behind a part of a request does it, and any end of a unix
// socket). So a connection from which nothing has come for one to two intervals is asked about once
// with poll(2), hundreds in one call; the receive of one that has ended is armed again, which reads
// the end. Busy connections and those asked about cost nothing.

#pragma once

#include <cstdint>

#include "shard/loop/timer_wheel.h"

namespace shard {

class ConnTable;
struct ShardContext;

class QuietWatch final : TimerClient {
 public:
  static constexpr uint64_t kIntervalMs = 1000;

  QuietWatch(ShardContext& context, ConnTable& table) : context_(context), table_(table) {}

  // A multishot receive that goes on has been answered.
  void OnHeard() {
    if (timer_.deadline_ms() == 0) Start();
  }

 private:
  void Start();
  void OnTimer() noexcept override;

  ShardContext& context_;
  ConnTable& table_;
  Timer timer_{this};
};

}  // namespace shard
