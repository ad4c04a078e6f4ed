// chunk.h - counted memory that bytes travel in, and the slices that name parts of it.
//
// Owns:    a Chunk is one buffer of a ChunkPool; it is given back when its last reference goes.
// Threads: shard-local: the count is a plain integer. Nothing here crosses shards but by copy.
// Units:   bytes.
// Errors:  none.
// States:  free (0 references, in the pool) -> lent to the kernel (0 references, in the ring) ->
//          held (1 or more).
//
//   Slice slice{chunk, 0, 512};   // the caller counts its reference, or a ByteQueue does

#pragma once

#include <cstdint>
#include <string_view>

namespace shard {

class ChunkPool;

struct Chunk {
  char* data = nullptr;
  ChunkPool* pool = nullptr;
  Chunk* next_free = nullptr;
  uint32_t capacity = 0;
  uint32_t references = 0;
  uint32_t index = 0;  // in its pool
};

// `length` bytes at `offset` of a chunk. A plain value: whoever stores one for later holds a
// reference for it.
struct Slice {
  Chunk* chunk = nullptr;
  uint32_t offset = 0;
  uint32_t length = 0;

  char* begin() const { return chunk->data + offset; }
  std::string_view view() const { return {begin(), length}; }
};

}  // namespace shard
