// arena.h - bump allocation for what lives and dies with one stream or one configuration.
//
// Owns:    its blocks. Nothing allocated from it is destroyed one by one: it must be trivially
//          destructible.
// Threads: shard-local (or start-up, for a configuration's arena).
// Units:   bytes.
// Errors:  none: a failed malloc dies, as everywhere.
// States:  none.
//
//   base::Arena arena(block, sizeof(block));  // the caller's memory is used up first
//   std::string_view copy = arena.Copy(name);
//   arena.Reset();                            // everything is gone; blocks of its own are freed

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

namespace base {

class Arena {
 public:
  static constexpr size_t kBlockBytes = 4096;

  Arena() = default;
  Arena(void* first_block, size_t bytes)
      : first_(static_cast<char*>(first_block)),
        first_bytes_(bytes),
        cursor_(first_),
        end_(first_ + bytes) {}
  ~Arena() { Reset(); }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Never null. `align` is a power of two, at most alignof(std::max_align_t).
  void* Allocate(size_t bytes, size_t align = 8) {
    const uintptr_t start =
        (reinterpret_cast<uintptr_t>(cursor_) + align - 1) & ~uintptr_t(align - 1);
    uintptr_t stop;  // a length that went below zero wraps around: AllocateSlow dies of it
    const bool wraps = __builtin_add_overflow(start, bytes, &stop);
    if (__builtin_expect(cursor_ == nullptr || wraps || stop > reinterpret_cast<uintptr_t>(end_),
                         0)) {
      return AllocateSlow(bytes, align);
    }
    cursor_ = reinterpret_cast<char*>(stop);
    return reinterpret_cast<void*>(start);
  }

  template <typename T, typename... Args>
  T* New(Args&&... args) {
    static_assert(std::is_trivially_destructible_v<T>);
    return new (Allocate(sizeof(T), alignof(T))) T(std::forward<Args>(args)...);
  }
  std::string_view Copy(std::string_view text);
  // Bytes taken from the system, the caller's first block not counted.
  size_t owned_bytes() const { return owned_bytes_; }
  void Reset();

 private:
  struct Block {
    Block* next;
    size_t bytes;
  };
  void* AllocateSlow(size_t bytes, size_t align);

  char* first_ = nullptr;
  size_t first_bytes_ = 0;
  char* cursor_ = nullptr;
  char* end_ = nullptr;
  Block* blocks_ = nullptr;
  size_t owned_bytes_ = 0;
};

}  // namespace base
