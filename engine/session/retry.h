// retry.h - what to do after a connection attempt failed: the same server, another one, or none.
//
// Owns:    nothing; the count of retries left is the stream's.
// Threads: any-thread (pure).
// Units:   milliseconds.
// Errors:  none.
// States:  none.

#pragma once

#include <cstdint>
#include <optional>

#include "engine/server/proxy_config.h"
#include "shard/stream/stream_side.h"

namespace engine {

// What a retry finds.
struct RetryChoice {
  bool is_bound = false;    // a cookie or a hash ties the request to its server
  bool has_other = false;   // another server can be used
  bool has_waited = false;  // the attempt took all of its time, which is no shorter than the pause
  std::optional<uint32_t> retries_max = std::nullopt;  // of the stream; else the backend's
};

// `retry` counts from 1 for the first try after the original attempt. Manual 4.2, retries and
// option redispatch: a retry goes to another server than the last one. What a cookie or a hash
// binds is set free only now and then: a positive interval P does so on every Pth retry, a negative
// one -N on the Nth before the last. 0: never, for nobody.
bool IsRedispatch(const ProxyConfig& backend, RetryChoice choice, uint32_t retry);
shard::RetryDecision DecideRetryOf(const ProxyConfig& backend, RetryChoice choice, uint32_t retry,
                                   uint32_t* pause_ms);

}  // namespace engine
