#include "engine/mux/h1_message.h"

namespace engine {

bool MakeContiguous(shard::ByteQueue& queue, shard::SlicePool& slices, shard::ChunkPool& small) {
  if (queue.empty() || queue.head()->next == nullptr) return true;
  // Usually the chunk of the first bytes has room for the rest.
  queue.JoinFront();
  if (queue.head()->next == nullptr) return true;
  shard::Chunk* chunk = small.Take();
  if (chunk == nullptr) return false;
  const uint32_t bytes = uint32_t(queue.Peek(chunk->data, chunk->capacity));
  queue.Consume(bytes);
  shard::ByteQueue packed(slices);
  packed.Push({chunk, 0, bytes});
  queue.Prepend(packed);
  return true;
}

}  // namespace engine
