// slow_start.h - servers of one backend that have come back and take load bit by bit (manual 5.2,
// slowstart).
//
// Owns:    a timer. How much a server takes stands in its ServerState.
// Threads: shard-local, one object per shard: the shard on which a server came back sees it
//          through. Should it go and come again elsewhere meanwhile, both count from the last time.
// Units:   milliseconds; percent of the configured weight and of the limit.
// Errors:  none.
// States:  per server: full -> 0 % -> steps of 5 % of the time -> 100 %, or gone meanwhile.
//
//   starts.Begin(server);   // it has been down, and may be used from now on

#pragma once

#include <cstdint>
#include <vector>

#include "shard/loop/event_loop.h"
#include "shard/loop/timer_wheel.h"

namespace engine {

class ServerState;

class ThrottleListener {
 public:
  // What some servers take has changed.
  virtual void OnThrottleChanged(uint32_t shard) noexcept = 0;

 protected:
  ~ThrottleListener() = default;
};

class SlowStarts final : shard::TimerClient {
 public:
  static constexpr uint64_t kSteps = 20;

  struct Server {
    ServerState* state = nullptr;
    uint32_t slowstart_ms = 0;  // 0: at once
  };

  SlowStarts(ThrottleListener& listener, std::vector<Server> servers, uint32_t shard)
      : listener_(listener), servers_(std::move(servers)), shard_(shard), timer_(this) {}

  // On the shard's thread, before it serves. What had begun before a reload goes on.
  void Attach(shard::EventLoop* loop);
  // When the shard's loop has ended.
  void Detach() {
    timer_.Clear();
    loop_ = nullptr;
  }
  void Begin(uint32_t server);

 private:
  void OnTimer() noexcept override;
  bool Step(uint32_t server, uint64_t now_us);
  void Arm();

  ThrottleListener& listener_;
  const std::vector<Server> servers_;
  const uint32_t shard_;
  shard::EventLoop* loop_ = nullptr;
  shard::Timer timer_;
  std::vector<uint32_t> starting_;
};

}  // namespace engine
