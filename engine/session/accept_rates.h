// accept_rates.h - how fast a shard may take clients (manual 4.2, rate-limit sessions; 3.2,
// maxconnrate, maxsessrate, maxsslrate), and how fast it does.
//
// Owns:    a timer. The limits are of the process and of its frontends; so is what is counted.
// Threads: shard-local.
// Units:   clients per second.
// Errors:  none: whoever comes too fast waits in the listener, then in the kernel's backlog.
// States:  none.
//
//   if (!rates.TryTake(bind)) ...;   // the listeners are resumed when there is room again
//   rates.Count(bind);               // it is served

#pragma once

#include <cstdint>

#include "engine/server/proxy_config.h"
#include "shard/loop/timer_wheel.h"

namespace engine {

class Worker;

class AcceptRates final : shard::TimerClient {
 public:
  explicit AcceptRates(Worker& worker) : worker_(worker), retry_(this) {}

  [[nodiscard]] bool TryTake(const BindConfig& bind);
  // There is a limit that clients of `bind` may come to.
  bool Limits(const BindConfig& bind) const;
  void Count(const BindConfig& bind);

 private:
  void OnTimer() noexcept override;

  Worker& worker_;
  shard::Timer retry_;
};

}  // namespace engine
