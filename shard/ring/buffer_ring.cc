#include "shard/ring/buffer_ring.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstddef>

#include "base/check.h"

namespace shard {
namespace {

// Where the kernel reads the tail: on the `resv` field of the first entry.
static_assert(offsetof(io_uring_buf, resv) == 14 && sizeof(io_uring_buf) == 16);

size_t BytesOf(uint32_t slots) { return sizeof(io_uring_buf) * slots; }

}  // namespace

BufferRing::BufferRing(ChunkPool& pool, uint16_t group, uint32_t first_id, uint32_t slots,
                       uint32_t start)
    : pool_(pool),
      group_(group),
      first_id_(first_id),
      slots_(slots),
      // At most a quarter of the pool: what is lent and unused is missing to everybody else.
      start_(std::clamp<uint32_t>(start, 1, std::max(1U, pool.capacity() / 4))),
      wanted_(start_),
      lent_(new Chunk*[slots]()),
      free_ids_(new uint16_t[slots]) {
  void* memory =
      mmap(nullptr, BytesOf(slots), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  MUST(memory != MAP_FAILED);
  // Not io_uring_buf_ring: in C++ its `bufs` is displaced, as an empty struct has a size.
  entries_ = static_cast<io_uring_buf*>(memory);
  for (uint32_t i = 0; i < slots; ++i) free_ids_[free_count_++] = uint16_t(slots - 1 - i);
}

BufferRing::~BufferRing() {
  for (uint32_t i = 0; i < slots_; ++i) {
    if (lent_[i] != nullptr) pool_.GiveBack(lent_[i]);
  }
  munmap(entries_, BytesOf(slots_));
}

int BufferRing::Register(io_uring* ring) {
  io_uring_buf_reg registration = {};
  registration.ring_addr = reinterpret_cast<uintptr_t>(entries_);
  registration.ring_entries = slots_;
  registration.bgid = group_;
  return io_uring_register_buf_ring(ring, &registration, 0);
}

Chunk* BufferRing::Filled(uint32_t id) {
  const uint32_t place = id - first_id_;
  MUST(place < slots_);
  Chunk* chunk = lent_[place];
  MUST(chunk != nullptr);
  lent_[place] = nullptr;
  free_ids_[free_count_++] = uint16_t(place);
  --lent_count_;
  return pool_.Filled(chunk->index);
}

void BufferRing::RanDry() {
  if (lent_count_ != 0) return;
  // With the pool itself dry, more lending would only take from those who wait for a chunk.
  if (pool_.in_use() >= pool_.capacity()) return;
  wanted_ = std::min(wanted_ * 2, slots_);
  restocks_ = used_peak_ = 0;
}

void BufferRing::Restock() {
  const uint32_t missing = wanted_ > lent_count_ ? wanted_ - lent_count_ : 0;
  used_peak_ = std::max(used_peak_, missing);
  if (++restocks_ == kShrinkAfter) {
    if (used_peak_ < wanted_ / 4) wanted_ = std::max(wanted_ / 2, start_);
    restocks_ = used_peak_ = 0;
  }
  if (missing == 0) return;
  uint16_t tail = tail_;
  while (lent_count_ < wanted_) {
    Chunk* chunk = pool_.TakeForKernel();
    if (chunk == nullptr) break;
    const uint16_t place = free_ids_[--free_count_];
    lent_[place] = chunk;
    ++lent_count_;
    io_uring_buf& entry = entries_[tail & (slots_ - 1)];
    // `resv` is left alone: in the first entry it is the tail.
    entry.addr = reinterpret_cast<uintptr_t>(chunk->data);
    entry.len = chunk->capacity;
    entry.bid = uint16_t(first_id_ + place);
    ++tail;
  }
  if (tail == tail_) return;
  tail_ = tail;
  __atomic_store_n(&entries_[0].resv, tail, __ATOMIC_RELEASE);
}

}  // namespace shard
