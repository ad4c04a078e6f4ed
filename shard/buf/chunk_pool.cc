#include "shard/buf/chunk_pool.h"

#include <sys/mman.h>

#include "base/check.h"

namespace shard {
namespace {

void* Reserve(size_t bytes) {
  void* range = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  MUST(range != MAP_FAILED);
  return range;
}

}  // namespace

ChunkPool::ChunkPool(uint32_t chunk_bytes, uint32_t capacity)
    : chunk_bytes_(chunk_bytes), capacity_(capacity) {
  MUST(capacity > 0);
  MUST(capacity <= kChunksMax);
  memory_ = static_cast<char*>(Reserve(size_t(chunk_bytes) * capacity));
  chunks_ = static_cast<Chunk*>(Reserve(sizeof(Chunk) * capacity));
}

ChunkPool::~ChunkPool() {
  munmap(memory_, size_t(chunk_bytes_) * capacity_);
  munmap(chunks_, sizeof(Chunk) * capacity_);
}

Chunk* ChunkPool::TakeForKernel() {
  Chunk* chunk = free_;
  if (chunk != nullptr) {
    free_ = chunk->next_free;
  } else if (touched_ < capacity_) {
    chunk = &chunks_[touched_];
    chunk->data = memory_ + size_t(touched_) * chunk_bytes_;
    chunk->pool = this;
    chunk->capacity = chunk_bytes_;
    chunk->index = touched_++;
  } else {
    return nullptr;
  }
  ++in_use_;
  return chunk;
}

void ChunkPool::GiveBack(Chunk* chunk) {
  DEBUG_MUST(chunk->pool == this);
  MUST(chunk->references == 0);
  MUST(in_use_ > 0);
  --in_use_;
  chunk->next_free = free_;
  free_ = chunk;
}

Chunk* ChunkPool::Filled(uint32_t index) {
  MUST(index < touched_);
  Chunk* chunk = &chunks_[index];
  MUST(chunk->references == 0);
  chunk->references = 1;
  return chunk;
}

void ChunkPool::WaitForChunk(BufferWaiter* waiter) {
  if (!waiter->waiter_hook.linked()) waiters_.PushBack(waiter);
}

void ChunkPool::WakeWaiters() {
  uint32_t free_chunks = capacity_ - in_use_;
  while (free_chunks-- > 0) {
    BufferWaiter* waiter = waiters_.PopFront();
    if (waiter == nullptr) return;
    waiter->OnBufferAvailable();
  }
}

}  // namespace shard
