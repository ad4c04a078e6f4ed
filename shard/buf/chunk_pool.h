// chunk_pool.h - the buffers of one size that one shard uses: the kernel fills them, and so do we.
//
// Owns:    the memory and the Chunk records. Address space is reserved at start, pages are
//          committed on first touch.
// Threads: shard-local.
// Units:   chunks; capacity at most 65535, because the index fits a 16-bit buffer id.
// Errors:  an empty pool gives null: the caller waits in the pool's line (see waiters below), never
//          on a timer.
// States:  see chunk.h. The chunk freed last is handed out first: the working set stays in cache.
//
//   Chunk* c = pool.Take();           // one reference, or null
//   pool.Drop(c);                     // last reference: back to the pool

#pragma once

#include <cstdint>
#include <memory>

#include "base/intrusive_list.h"
#include "shard/buf/chunk.h"

namespace shard {

// Something that could not go on without a buffer. Told once, when there is one again.
class BufferWaiter {
 public:
  virtual void OnBufferAvailable() noexcept = 0;
  base::ListHook waiter_hook;

 protected:
  ~BufferWaiter() = default;
};

class ChunkPool {
 public:
  static constexpr uint32_t kChunksMax = 65535;

  ChunkPool(uint32_t chunk_bytes, uint32_t capacity);
  ~ChunkPool();
  ChunkPool(const ChunkPool&) = delete;
  ChunkPool& operator=(const ChunkPool&) = delete;

  // A chunk with one reference, or null when all are in use.
  Chunk* Take() {
    Chunk* chunk = TakeForKernel();
    if (chunk != nullptr) chunk->references = 1;
    return chunk;
  }
  // A chunk without references, to be lent. Filled() or GiveBack() ends the loan.
  Chunk* TakeForKernel();
  void GiveBack(Chunk* chunk);
  // The kernel has filled buffer `index`: it now has one reference, the receiver's.
  Chunk* Filled(uint32_t index);

  static void Hold(Chunk* chunk) { ++chunk->references; }
  static void Drop(Chunk* chunk) {
    if (--chunk->references == 0) chunk->pool->GiveBack(chunk);
  }

  // Puts `waiter` in line. WakeWaiters() runs once per turn and tells as many as there are free
  // chunks.
  void WaitForChunk(BufferWaiter* waiter);
  void WakeWaiters();

  uint32_t chunk_bytes() const { return chunk_bytes_; }
  uint32_t capacity() const { return capacity_; }
  // Chunks neither free nor untouched: held by queues or lent to the kernel.
  uint32_t in_use() const { return in_use_; }
  bool has_waiters() { return !waiters_.empty(); }

 private:
  const uint32_t chunk_bytes_;
  const uint32_t capacity_;
  char* memory_ = nullptr;
  Chunk* chunks_ = nullptr;  // mapped, so that records too are committed on touch
  Chunk* free_ = nullptr;
  uint32_t touched_ = 0;
  uint32_t in_use_ = 0;
  base::IntrusiveList<BufferWaiter, &BufferWaiter::waiter_hook> waiters_;
};

}  // namespace shard
