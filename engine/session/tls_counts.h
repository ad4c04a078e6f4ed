// tls_counts.h - how much TLS the process does, and how much it may (manual 3.2, maxsslconn and
// maxsslrate).
//
// Owns:    TlsCounts the process's limits, rates and counters; ShardTlsCounts one shard's share of
//          the limit on connections.
// Threads: TlsCounts any-thread, its parts have one writer each. ShardTlsCounts shard-local.
// Units:   connections; events per second.
// Errors:  a full limit refuses (false).
// States:  none.
//
// A connection from a client takes its place when it is accepted, as with maxconn: without one it
// waits in the listener. One to a server takes it when it is dialled, or is not made.

#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "base/clock.h"
#include "base/counters.h"
#include "engine/server/rates.h"
#include "shard/net/limit.h"
#include "shard/net/rate_limit.h"
#include "tls/link_events.h"

namespace engine {

class TlsCounts {
 public:
  // 0: no limit.
  TlsCounts(uint32_t connections_max, uint32_t per_second, uint32_t shards);

  struct alignas(64) Part {
    base::Gauge current;  // connections of both sides
    base::Counter total;
    base::Counter cache_lookups;
    base::Counter cache_misses;
  };
  struct Sums {
    int64_t current = 0;
    uint64_t total = 0;
    uint64_t cache_lookups = 0;
    uint64_t cache_misses = 0;
  };
  Sums Sum() const;
  Part& part(uint32_t shard) { return parts_[shard]; }
  // Null: no limit.
  shard::SharedLimit* connection_limit() const { return connection_limit_.get(); }

  shard::RateLimit session_limit;  // maxsslrate
  Rates sessions;                  // clients, before their handshake
  Rates front_keys;                // handshakes that were not resumed
  Rates back_keys;

 private:
  std::unique_ptr<shard::SharedLimit> connection_limit_;
  std::unique_ptr<Part[]> parts_;
  const uint32_t shards_;
};

class ShardTlsCounts final : public tls::LinkEvents {
 public:
  ShardTlsCounts(TlsCounts& counts, uint32_t shard, const base::Clock& clock);

  // Of this shard; null: no limit.
  shard::LimitShare* share() const { return share_.get(); }
  // For a connection to a server. False: no room; the places that others have leased and do not use
  // are then to be asked back.
  [[nodiscard]] bool TryTake() { return share_ == nullptr || share_->TryTake(); }
  void GiveBack() {
    if (share_ != nullptr) waiting_ |= share_->Release();
  }
  // Shards that wait for a place given back since the last call, a bit each.
  uint64_t TakeWaiting() { return std::exchange(waiting_, uint64_t(0)); }

  void OnLinkMade(tls::Context::Side side) noexcept override;
  void OnLinkGone(tls::Context::Side side, bool counted) noexcept override;
  void OnHandshake(tls::Context::Side side, bool resumed) noexcept override;
  void OnSessionAsked(bool found) noexcept override;

 private:
  TlsCounts& counts_;
  TlsCounts::Part& part_;
  const uint32_t shard_;
  const base::Clock& clock_;
  std::unique_ptr<shard::LimitShare> share_;
  uint64_t waiting_ = 0;
};

}  // namespace engine
