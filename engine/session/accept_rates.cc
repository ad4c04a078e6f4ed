#include "engine/session/accept_rates.h"

#include <iterator>

#include "engine/session/worker.h"
#include "shard/net/rate_limit.h"

namespace engine {

// A client is a connection and a session at once: nothing comes between the two yet.
bool AcceptRates::TryTake(const BindConfig& bind) {
  // An operator gets in.
  if (bind.frontend->is_internal) return true;
  ProcessShared& shared = worker_.shared();
  shard::RateLimit* const limits[] = {&bind.frontend->state->session_limit(), &shared.session_limit,
                                      &shared.connection_limit, &shared.tls.session_limit};
  const size_t limits_count = std::size(limits) - (bind.tls_context == nullptr ? 1 : 0);
  const uint64_t now_us = worker_.context().loop->clock().now_us();
  for (size_t i = 0; i < limits_count; ++i) {
    if (limits[i]->TryTake(now_us)) continue;
    for (size_t taken = 0; taken < i; ++taken) limits[taken]->GiveBack();
    const uint64_t at_ms = worker_.context().now_ms() + limits[i]->RetryAfterMs(now_us);
    if (retry_.deadline_ms() == 0 || at_ms < retry_.deadline_ms()) {
      retry_.Set(worker_.context().loop->timers(), at_ms);
    }
    return false;
  }
  return true;
}

bool AcceptRates::Limits(const BindConfig& bind) const {
  return bind.frontend->state->session_limit().is_set() ||
         worker_.shared().session_limit.is_set() || worker_.shared().connection_limit.is_set();
}

void AcceptRates::Count(const BindConfig& bind) {
  const uint64_t now_us = worker_.context().loop->clock().now_us();
  const uint32_t shard = worker_.index();
  bind.frontend->state->front_rates().Count(shard, now_us);
  if (!bind.frontend->is_internal) worker_.shared().rates.Count(shard, now_us);
  if (bind.tls_context != nullptr) worker_.shared().tls.sessions.Count(shard, now_us);
}

void AcceptRates::OnTimer() noexcept {
  retry_.Clear();
  worker_.shard().ResumeListeners();
}

}  // namespace engine
