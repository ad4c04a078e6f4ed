// byte_queue.h - bytes in order, as a chain of slices of shared chunks; moving them copies nothing.
//
// Owns:    one chunk reference per slice, and the nodes of the chain (from the shard's SlicePool).
// Threads: shard-local.
// Units:   bytes.
// Errors:  none from moving; Append (a copy) gives back how many bytes found room.
// States:  none.
//
//   queue.Push(slice);                    // takes the reference
//   to.MoveFrom(from, 4096);              // splits a slice where it must, sharing its chunk
//   int n = queue.Fill(iovecs, 16);       // what a send names
//   queue.Consume(sent);

#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "shard/buf/chunk_pool.h"

namespace shard {

struct SliceNode {
  Slice slice;
  SliceNode* next;
};

// Free list of chain nodes, one per shard. Grows by blocks, never shrinks: bounded by the chunks of
// the pools, since queues are bounded in bytes and no slice is empty.
class SlicePool {
 public:
  SlicePool() = default;
  SlicePool(const SlicePool&) = delete;
  SlicePool& operator=(const SlicePool&) = delete;

  SliceNode* Take() {
    if (__builtin_expect(free_ == nullptr, 0)) Grow();
    SliceNode* node = free_;
    free_ = node->next;
    ++in_use_;
    return node;
  }
  void GiveBack(SliceNode* node) {
    node->next = free_;
    free_ = node;
    --in_use_;
  }
  uint32_t in_use() const { return in_use_; }

 private:
  static constexpr size_t kNodesPerBlock = 512;
  void Grow();

  SliceNode* free_ = nullptr;
  uint32_t in_use_ = 0;
  std::vector<std::unique_ptr<SliceNode[]>> blocks_;
};

class ByteQueue {
 public:
  explicit ByteQueue(SlicePool& pool) : pool_(&pool) {}
  ~ByteQueue() { Clear(); }
  ByteQueue(const ByteQueue&) = delete;
  ByteQueue& operator=(const ByteQueue&) = delete;

  bool empty() const { return head_ == nullptr; }
  size_t size() const { return bytes_; }
  // The first slice; the queue must not be empty.
  const Slice& front() const { return head_->slice; }
  const SliceNode* head() const { return head_; }

  // Takes over the caller's reference. An empty slice is dropped at once; a small one is copied
  // behind the last where its chunk has room and is this queue's alone: a peer that sends bytes
  // one by one must not hold a buffer for each.
  void Push(Slice slice);
  // Shares `slice`: takes a reference of its own.
  void PushShared(Slice slice) {
    ChunkPool::Hold(slice.chunk);
    Push(slice);
  }
  // The same for a slice behind the last one in the same chunk, where nobody needs the bytes
  // between them: a small one is moved up to it, so that data in tiny pieces goes out in few
  // entries.
  void PushBehind(Slice slice);
  // Copies bytes in, into the last chunk's free tail if this queue alone holds that chunk, then
  // into chunks of `pool`. Returns how many were copied: fewer only when the pool is empty.
  size_t Append(std::string_view bytes, ChunkPool& pool);
  // Moves up to `max` bytes from the front of `from` to the end of this queue. Returns how many
  // moved.
  size_t MoveFrom(ByteQueue& from, size_t max = SIZE_MAX);
  // Puts everything of `front` before what is here.
  void Prepend(ByteQueue& front);
  void Consume(size_t bytes);
  void Clear() { Consume(bytes_); }
  // Describes the front of the queue; returns how many entries were filled.
  int Fill(iovec* iovecs, int max) const;
  // Copies up to `max` bytes from `offset` on without consuming; returns how many.
  size_t Peek(char* to, size_t max, size_t offset = 0) const;
  // Copies what follows the first slice behind it, as far as its chunk has room and is ours alone.
  void JoinFront();
  // Re-homes slices that use less than a quarter of their chunk into `pool`'s chunks, packed, so
  // that little data waiting on a slow peer does not pin big buffers. A queue it cannot pack better
  // is left alone.
  void Compact(ChunkPool& pool);

 private:
  // True when `slice` was copied behind the last, and its reference dropped.
  bool TryJoin(Slice slice);
  void PushNode(SliceNode* node) {
    node->next = nullptr;
    if (tail_ != nullptr) {
      tail_->next = node;
    } else {
      head_ = node;
    }
    tail_ = node;
    bytes_ += node->slice.length;
  }

  SlicePool* pool_;
  SliceNode* head_ = nullptr;
  SliceNode* tail_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace shard
