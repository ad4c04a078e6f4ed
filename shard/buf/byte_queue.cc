#include "shard/buf/byte_queue.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace shard {
namespace {

// Up to here copying a slice is cheaper than what it pins: a node and most of a chunk.
constexpr uint32_t kJoinBytesMax = 1024;

}  // namespace

void SlicePool::Grow() {
  blocks_.push_back(std::make_unique<SliceNode[]>(kNodesPerBlock));
  SliceNode* nodes = blocks_.back().get();
  for (size_t i = 0; i < kNodesPerBlock; ++i) {
    nodes[i].next = free_;
    free_ = &nodes[i];
  }
}

void ByteQueue::Push(Slice slice) {
  if (slice.length == 0) {
    ChunkPool::Drop(slice.chunk);
    return;
  }
  if (TryJoin(slice)) return;
  SliceNode* node = pool_->Take();
  node->slice = slice;
  PushNode(node);
}

// What a send under way names stays where it is: only bytes behind it are written.
bool ByteQueue::TryJoin(Slice slice) {
  if (tail_ == nullptr || slice.length > kJoinBytesMax) return false;
  Slice& last = tail_->slice;
  if (last.chunk->references != 1) return false;
  if (last.chunk->capacity - last.offset - last.length < slice.length) return false;
  std::memcpy(last.begin() + last.length, slice.begin(), slice.length);
  last.length += slice.length;
  bytes_ += slice.length;
  ChunkPool::Drop(slice.chunk);
  return true;
}

void ByteQueue::PushBehind(Slice slice) {
  if (tail_ == nullptr || slice.length > kJoinBytesMax) return PushShared(slice);
  Slice& last = tail_->slice;
  const uint32_t end = last.offset + last.length;
  if (last.chunk != slice.chunk || slice.offset < end) return PushShared(slice);
  std::memmove(last.begin() + last.length, slice.begin(), slice.length);
  last.length += slice.length;
  bytes_ += slice.length;
}

size_t ByteQueue::Append(std::string_view bytes, ChunkPool& pool) {
  size_t copied = 0;
  if (tail_ != nullptr && tail_->slice.chunk->references == 1) {
    Slice& last = tail_->slice;
    const size_t room = last.chunk->capacity - last.offset - last.length;
    copied = std::min(room, bytes.size());
    std::memcpy(last.begin() + last.length, bytes.data(), copied);
    last.length += uint32_t(copied);
    bytes_ += copied;
  }
  while (copied < bytes.size()) {
    Chunk* chunk = pool.Take();
    if (chunk == nullptr) break;
    const size_t n = std::min<size_t>(chunk->capacity, bytes.size() - copied);
    std::memcpy(chunk->data, bytes.data() + copied, n);
    Push({chunk, 0, uint32_t(n)});
    copied += n;
  }
  return copied;
}

size_t ByteQueue::MoveFrom(ByteQueue& from, size_t max) {
  if (from.head_ == nullptr) return 0;
  if (max >= from.bytes_) {  // all of it: the chains are joined
    const size_t moved = from.bytes_;
    SliceNode* const first = from.head_;
    if (TryJoin(first->slice)) {
      from.head_ = first->next;
      from.bytes_ -= first->slice.length;
      pool_->GiveBack(first);
      if (from.head_ == nullptr) {
        from.tail_ = nullptr;
        return moved;
      }
    }
    if (tail_ != nullptr) {
      tail_->next = from.head_;
    } else {
      head_ = from.head_;
    }
    tail_ = from.tail_;
    bytes_ += from.bytes_;
    from.head_ = from.tail_ = nullptr;
    from.bytes_ = 0;
    return moved;
  }
  size_t left = max;
  while (left > 0) {
    SliceNode* node = from.head_;
    if (node->slice.length > left) {
      PushShared({node->slice.chunk, node->slice.offset, uint32_t(left)});
      node->slice.offset += uint32_t(left);
      node->slice.length -= uint32_t(left);
      from.bytes_ -= left;
      break;
    }
    from.head_ = node->next;  // never the last one: max < from.bytes_
    from.bytes_ -= node->slice.length;
    left -= node->slice.length;
    PushNode(node);
  }
  return max;
}

void ByteQueue::Prepend(ByteQueue& front) {
  if (front.head_ == nullptr) return;
  front.tail_->next = head_;
  if (tail_ == nullptr) tail_ = front.tail_;
  head_ = front.head_;
  bytes_ += front.bytes_;
  front.head_ = front.tail_ = nullptr;
  front.bytes_ = 0;
}

void ByteQueue::Consume(size_t bytes) {
  MUST(bytes <= bytes_);
  bytes_ -= bytes;
  while (bytes > 0) {
    SliceNode* node = head_;
    if (node->slice.length > bytes) {
      node->slice.offset += uint32_t(bytes);
      node->slice.length -= uint32_t(bytes);
      return;
    }
    bytes -= node->slice.length;
    head_ = node->next;
    if (head_ == nullptr) tail_ = nullptr;
    ChunkPool::Drop(node->slice.chunk);
    pool_->GiveBack(node);
  }
}

int ByteQueue::Fill(iovec* iovecs, int max) const {
  int n = 0;
  for (const SliceNode* node = head_; node != nullptr && n < max; node = node->next) {
    iovecs[n++] = {node->slice.begin(), node->slice.length};
  }
  return n;
}

size_t ByteQueue::Peek(char* to, size_t max, size_t offset) const {
  size_t copied = 0;
  for (const SliceNode* node = head_; node != nullptr && copied < max; node = node->next) {
    if (offset >= node->slice.length) {
      offset -= node->slice.length;
      continue;
    }
    const size_t n = std::min<size_t>(node->slice.length - offset, max - copied);
    std::memcpy(to + copied, node->slice.begin() + offset, n);
    copied += n;
    offset = 0;
  }
  return copied;
}

void ByteQueue::JoinFront() {
  if (head_ == nullptr || head_->slice.chunk->references != 1) return;
  Slice& first = head_->slice;
  while (head_->next != nullptr) {
    SliceNode* second = head_->next;
    const uint32_t room = first.chunk->capacity - first.offset - first.length;
    const uint32_t n = std::min(room, second->slice.length);
    if (n == 0) return;
    std::memcpy(first.begin() + first.length, second->slice.begin(), n);
    first.length += n;
    second->slice.offset += n;
    second->slice.length -= n;
    if (second->slice.length > 0) return;
    head_->next = second->next;
    if (tail_ == second) tail_ = head_;
    ChunkPool::Drop(second->slice.chunk);
    pool_->GiveBack(second);
  }
}

void ByteQueue::Compact(ChunkPool& pool) {
  size_t capacity = 0;
  for (const SliceNode* node = head_; node != nullptr; node = node->next) {
    capacity += node->slice.chunk->capacity;
  }
  if (bytes_ == 0 || bytes_ * 4 >= capacity) return;
  const size_t chunks_needed = (bytes_ + pool.chunk_bytes() - 1) / pool.chunk_bytes();
  if (chunks_needed * pool.chunk_bytes() >= capacity) return;
  ByteQueue packed(*pool_);
  for (const SliceNode* node = head_; node != nullptr; node = node->next) {
    if (packed.Append(node->slice.view(), pool) < node->slice.length)
      return;  // pool empty: as it was
  }
  Clear();
  MoveFrom(packed);
}

}  // namespace shard
