// handoff.h - which shard serves an accepted connection: the one that took it, unless another is
// clearly lighter.
//
// Owns:    one padded count of connections per shard.
// Threads: any-thread. The count is raised by whoever decides (the acceptor, at once, so that a
//          burst does not all go to one shard) and lowered by the shard that served it: once per
//          connection, not per request.
// Units:   connections.
// Errors:  none.
// States:  none.

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

namespace shard {

class LoadBoard {
 public:
  explicit LoadBoard(uint32_t shards) : shards_(shards), loads_(new Load[shards]) {}

  // The shard to serve one more connection accepted by `self`, among those whose bit is set in
  // `allowed` (0: all). Its load is raised already.
  uint32_t PickAndRaise(uint32_t self, uint64_t allowed);
  void Raise(uint32_t shard) { loads_[shard].connections.fetch_add(1, std::memory_order_relaxed); }
  void Lower(uint32_t shard) { loads_[shard].connections.fetch_sub(1, std::memory_order_relaxed); }
  int32_t load(uint32_t shard) const {
    return loads_[shard].connections.load(std::memory_order_relaxed);
  }
  uint32_t shards() const { return shards_; }

 private:
  struct alignas(64) Load {
    std::atomic<int32_t> connections{0};
  };
  const uint32_t shards_;
  std::unique_ptr<Load[]> loads_;
};

}  // namespace shard
