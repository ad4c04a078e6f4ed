#include "engine/session/retry.h"

#include <algorithm>

namespace engine {

using shard::RetryDecision;

bool IsRedispatch(const ProxyConfig& backend, RetryChoice choice, uint32_t retry) {
  if (!backend.redispatch || backend.redispatch_interval == 0 || !choice.has_other) return false;
  if (!choice.is_bound) return true;
  if (backend.redispatch_interval > 0) return retry % uint32_t(backend.redispatch_interval) == 0;
  const int64_t before_last =
      int64_t(backend.redispatch_interval) + 1;  // 0 for -1: the last retry itself
  return int64_t(retry) == int64_t(choice.retries_max.value_or(backend.retries)) + before_last;
}

RetryDecision DecideRetryOf(const ProxyConfig& backend, RetryChoice choice, uint32_t retry,
                            uint32_t* pause_ms) {
  if (retry > choice.retries_max.value_or(backend.retries)) return RetryDecision::kGiveUp;
  if (IsRedispatch(backend, choice, retry)) return RetryDecision::kAnotherServer;
  const uint32_t connect_ms = backend.timeouts.connect_ms;
  *pause_ms = connect_ms != 0 ? std::min(connect_ms, 1000u) : 1000u;
  if (choice.has_waited) *pause_ms = 0;
  return RetryDecision::kSameServer;
}

}  // namespace engine
