#include "engine/session/tls_counts.h"

namespace engine {

using Side = tls::Context::Side;

TlsCounts::TlsCounts(uint32_t connections_max, uint32_t per_second, uint32_t shards)
    : session_limit(per_second),
      sessions(shards),
      front_keys(shards),
      back_keys(shards),
      parts_(new Part[shards]),
      shards_(shards) {
  if (connections_max == 0) return;
  connection_limit_ = std::make_unique<shard::SharedLimit>(connections_max, shards);
}

TlsCounts::Sums TlsCounts::Sum() const {
  Sums sums;
  for (uint32_t shard = 0; shard < shards_; ++shard) {
    sums.current += parts_[shard].current.Get();
    sums.total += parts_[shard].total.Get();
    sums.cache_lookups += parts_[shard].cache_lookups.Get();
    sums.cache_misses += parts_[shard].cache_misses.Get();
  }
  return sums;
}

ShardTlsCounts::ShardTlsCounts(TlsCounts& counts, uint32_t shard, const base::Clock& clock)
    : counts_(counts), part_(counts.part(shard)), shard_(shard), clock_(clock) {
  shard::SharedLimit* limit = counts.connection_limit();
  if (limit != nullptr) share_ = std::make_unique<shard::LimitShare>(*limit, shard);
}

void ShardTlsCounts::OnLinkMade(Side) noexcept {
  part_.current.Add();
  part_.total.Add();
}

void ShardTlsCounts::OnLinkGone(Side, bool counted) noexcept {
  part_.current.Sub();
  if (counted) GiveBack();
}

void ShardTlsCounts::OnHandshake(Side side, bool resumed) noexcept {
  if (resumed) return;
  Rates& keys = side == Side::kServer ? counts_.front_keys : counts_.back_keys;
  keys.Count(shard_, clock_.now_us());
}

void ShardTlsCounts::OnSessionAsked(bool found) noexcept {
  part_.cache_lookups.Add();
  if (!found) part_.cache_misses.Add();
}

}  // namespace engine
