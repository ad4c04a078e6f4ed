// buffer_ring.h - lends chunks of a pool to the kernel: one provided buffer ring per buffer size.
//
// Owns:    the ring memory shared with the kernel, and every chunk while it is lent.
// Threads: shard-local.
// Units:   chunks. A buffer id is first_id plus the chunk's place in lent_, so that ids of the two
//          sizes differ: a completion says which buffer it used but not which group.
// Errors:  Register gives -errno. A dry pool is ordinary: fewer chunks are lent.
// States:  a chunk is lent from Restock() until Filled() or the destruction.
//
// Few buffers are lent: the kernel takes them in order, so with many lent each receive would touch
// the memory that has been cold the longest, and what is lent is missing elsewhere. The number
// doubles when the kernel runs dry and halves again when most of it lay unused for a while.

#pragma once

#include <cstdint>
#include <memory>

#include "shard/buf/chunk_pool.h"
#include "shard/ring/compat.h"

namespace shard {

class BufferRing {
 public:
  // `slots` is a power of two, at most 32768; `start` of them are used at first.
  BufferRing(ChunkPool& pool, uint16_t group, uint32_t first_id, uint32_t slots, uint32_t start);
  // The kernel's ring must be gone, or Unregister() called: it may not write any more.
  ~BufferRing();
  BufferRing(const BufferRing&) = delete;
  BufferRing& operator=(const BufferRing&) = delete;

  [[nodiscard]] int Register(io_uring* ring);

  bool Holds(uint32_t id) const { return id - first_id_ < slots_; }
  // The kernel has put bytes into buffer `id`: the chunk, with one reference for the receiver.
  Chunk* Filled(uint32_t id);
  // A receive has found no buffer. Nothing changes unless it is this ring that is empty.
  void RanDry();
  // Once per turn: lends what is missing.
  void Restock();

  uint32_t lent() const { return lent_count_; }
  uint32_t wanted() const { return wanted_; }

 private:
  // How many restocks the peak is taken over before the number of lent buffers may shrink.
  static constexpr uint32_t kShrinkAfter = 4096;

  ChunkPool& pool_;
  const uint16_t group_;
  const uint32_t first_id_;
  const uint32_t slots_;
  const uint32_t start_;
  uint32_t wanted_;
  uint32_t lent_count_ = 0;
  uint32_t used_peak_ = 0;  // most buffers missing at a restock, in this round
  uint32_t restocks_ = 0;
  uint16_t tail_ = 0;
  io_uring_buf* entries_ = nullptr;
  std::unique_ptr<Chunk*[]> lent_;        // by place; null: the place is free
  std::unique_ptr<uint16_t[]> free_ids_;  // a stack of free places
  uint32_t free_count_ = 0;
};

}  // namespace shard
