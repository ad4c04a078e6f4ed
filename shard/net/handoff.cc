#include "shard/net/handoff.h"

namespace shard {
namespace {

// A hand-off costs the target a wake-up, so a shard keeps what it accepted while it is hardly
// heavier than the lightest.
int32_t Margin(int32_t lightest) { return 1 + lightest / 64; }

}  // namespace

uint32_t LoadBoard::PickAndRaise(uint32_t self, uint64_t allowed) {
  uint32_t target = self;
  if (shards_ > 1) {
    uint32_t lightest = self;
    bool self_allowed = false;
    int32_t least = INT32_MAX;
    for (uint32_t i = 0; i < shards_; ++i) {
      const uint32_t shard = (self + i) % shards_;
      if (allowed != 0 && (allowed & (uint64_t(1) << (shard % 64))) == 0) continue;
      if (shard == self) self_allowed = true;
      if (const int32_t connections = load(shard); connections < least) {
        least = connections;
        lightest = shard;
      }
    }
    if (!self_allowed || load(self) > least + Margin(least)) target = lightest;
  }
  loads_[target].connections.fetch_add(1, std::memory_order_relaxed);
  return target;
}

}  // namespace shard
