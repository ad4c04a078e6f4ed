// rates.h - how often something happens in the process, now and at most: a meter per shard.
//
// Owns:    the meters.
// Threads: Count by each shard for itself; reads by any-thread.
// Units:   events per second; microseconds of the monotonic clock.
// Errors:  none. The highest rate is noticed by the shard whose own rate is at its highest, as with
//          GaugePeak.
// States:  none.

#pragma once

#include <cstdint>
#include <memory>

#include "base/counters.h"
#include "base/rate_meter.h"

namespace engine {

class Rates {
 public:
  explicit Rates(uint32_t shards) : parts_(new Part[shards]), shards_(shards) {}

  void Count(uint32_t shard, uint64_t now_us) {
    Part& part = parts_[shard];
    part.meter.Add(now_us);
    const uint64_t own = part.meter.MicroRate(now_us);
    if (own < part.own_max) return;
    part.own_max = own;
    part.seen.RaiseTo(Rate(now_us));
  }
  uint64_t Rate(uint64_t now_us) const {
    uint64_t sum = 0;
    for (uint32_t shard = 0; shard < shards_; ++shard) sum += parts_[shard].meter.MicroRate(now_us);
    return sum / base::RateMeter::kMicros;
  }
  uint64_t Highest() const {
    uint64_t highest = 0;
    for (uint32_t shard = 0; shard < shards_; ++shard) {
      const uint64_t seen = parts_[shard].seen.Get();
      if (seen > highest) highest = seen;
    }
    return highest;
  }
  // Forgets the highest rate, on the shard's own thread.
  void ClearHighest(uint32_t shard) {
    parts_[shard].own_max = 0;
    parts_[shard].seen.Set(0);
  }

 private:
  struct alignas(64) Part {
    base::RateMeter meter;
    base::Counter seen;
    uint64_t own_max = 0;  // the shard's
  };

  std::unique_ptr<Part[]> parts_;
  const uint32_t shards_;
};

}  // namespace engine
