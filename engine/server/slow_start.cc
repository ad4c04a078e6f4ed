#include "engine/server/slow_start.h"

#include <algorithm>

#include "engine/server/server_state.h"

namespace engine {

void SlowStarts::Attach(shard::EventLoop* loop) {
  if (loop_ != nullptr) return;
  loop_ = loop;
  // One shard is enough, whichever it began on.
  for (uint32_t server = 0; shard_ == 0 && server < servers_.size(); ++server) {
    if (servers_[server].state->throttle() < 100) starting_.push_back(server);
  }
  Arm();
}

void SlowStarts::Begin(uint32_t server) {
  if (loop_ == nullptr || servers_[server].slowstart_ms == 0) return;
  servers_[server].state->BeginSlowStart(loop_->clock().now_us());
  if (std::find(starting_.begin(), starting_.end(), server) == starting_.end()) {
    starting_.push_back(server);
  }
  listener_.OnThrottleChanged(shard_);
  Arm();
}

// False: it is over, or the server has gone.
bool SlowStarts::Step(uint32_t server, uint64_t now_us) {
  const Server& one = servers_[server];
  if (!one.state->usable()) {
    one.state->SetThrottle(100);  // its return begins another
    return false;
  }
  const uint64_t since_us = std::min(one.state->slow_start_us(), now_us);
  const uint64_t elapsed_ms = (now_us - since_us) / 1000;
  const uint64_t percent = std::min<uint64_t>(100, elapsed_ms * 100 / one.slowstart_ms);
  one.state->SetThrottle(uint32_t(percent));
  return percent < 100;
}

void SlowStarts::OnTimer() noexcept {
  const uint64_t now_us = loop_->clock().now_us();
  std::erase_if(starting_, [&](uint32_t server) { return !Step(server, now_us); });
  listener_.OnThrottleChanged(shard_);
  Arm();
}

void SlowStarts::Arm() {
  timer_.Clear();
  uint64_t step_ms = UINT64_MAX;
  for (const uint32_t server : starting_) {
    step_ms = std::min<uint64_t>(step_ms, servers_[server].slowstart_ms / kSteps);
  }
  if (starting_.empty()) return;
  timer_.Set(loop_->timers(), loop_->now_ms() + std::max<uint64_t>(step_ms, 1));
}

}  // namespace engine
