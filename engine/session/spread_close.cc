#include "engine/session/spread_close.h"

#include <algorithm>

#include "engine/session/worker.h"

namespace engine {

void SpreadClose::Start(uint64_t spread_ms) {
  start_ms_ = worker_.context().now_ms();
  spread_ms_ = spread_ms;
  if (spread_ms_ == GlobalConfig::kSpreadForEver) return;
  OnTimer();
}

uint64_t SpreadClose::ElapsedMs() const { return worker_.context().now_ms() - start_ms_; }

bool SpreadClose::EndsNow() {
  if (spread_ms_ == GlobalConfig::kSpreadForEver) return false;
  const uint64_t elapsed_ms = ElapsedMs();
  return elapsed_ms >= spread_ms_ || worker_.Random() % spread_ms_ < elapsed_ms;
}

void SpreadClose::OnTimer() noexcept {
  const uint64_t elapsed_ms = ElapsedMs();
  if (elapsed_ms >= spread_ms_) {
    worker_.CloseIdleClients(UINT32_MAX, kRestMs);
    timer_.Set(worker_.context().loop->timers(), worker_.context().now_ms() + kRestStepMs);
    return;
  }
  // What is left is shared out over the steps that are left, so that clients which become idle
  // meanwhile are counted too.
  const uint64_t step_ms = std::max<uint64_t>(1, spread_ms_ / kSteps);
  const uint64_t steps_left = (spread_ms_ - elapsed_ms + step_ms - 1) / step_ms;
  if (elapsed_ms > 0) {
    owed_ += double(worker_.IdleClients()) / double(steps_left);
    const uint32_t count = uint32_t(owed_);
    owed_ -= count;
    worker_.CloseIdleClients(count, kRestMs);
  }
  timer_.Set(worker_.context().loop->timers(), worker_.context().now_ms() + step_ms);
}

}  // namespace engine
