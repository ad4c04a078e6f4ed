#include "base/arena.h"

#include <cstdlib>
#include <cstring>

#include "base/check.h"

namespace base {

void* Arena::AllocateSlow(size_t bytes, size_t align) {
  MUST(bytes < (size_t(1) << 40));
  const size_t wanted = sizeof(Block) + bytes + align;
  const size_t block_bytes = wanted > kBlockBytes ? wanted : kBlockBytes;
  Block* block = static_cast<Block*>(std::malloc(block_bytes));
  MUST(block != nullptr);
  block->bytes = block_bytes;
  owned_bytes_ += block_bytes;
  // A large object gets a block to itself, behind the current one, whose rest stays usable.
  const bool keep_current = blocks_ != nullptr && wanted > kBlockBytes;
  char* start = reinterpret_cast<char*>(block + 1);
  start = reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(start) + align - 1) &
                                  ~uintptr_t(align - 1));
  if (keep_current) {
    block->next = blocks_->next;
    blocks_->next = block;
    return start;
  }
  block->next = blocks_;
  blocks_ = block;
  cursor_ = start + bytes;
  end_ = reinterpret_cast<char*>(block) + block_bytes;
  return start;
}

std::string_view Arena::Copy(std::string_view text) {
  if (text.empty()) return {};
  char* copy = static_cast<char*>(Allocate(text.size(), 1));
  std::memcpy(copy, text.data(), text.size());
  return {copy, text.size()};
}

void Arena::Reset() {
  while (blocks_ != nullptr) {
    Block* next = blocks_->next;
    std::free(blocks_);
    blocks_ = next;
  }
  owned_bytes_ = 0;
  cursor_ = first_;
  end_ = first_ + first_bytes_;
}

}  // namespace base
