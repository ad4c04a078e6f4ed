// slab.h - a fixed number of equal slots in reserved address space, committed on first touch.
//
// Owns:    the address range and the objects in it. Slots never move, so pointers stay good while
//          an object lives.
// Threads: shard-local.
// Units:   capacity in slots.
// Errors:  a full slab gives null; the caller counts and refuses.
// States:  slot free -> live -> free. A freed slot is handed out again before an untouched one, so
//          memory follows the highest number of live objects and stays warm.
//
//   base::Slab<Stream> streams(capacity);
//   if (Stream* s = streams.New(shard)) { ... streams.Delete(s); }

#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#include "base/check.h"

namespace base {

template <typename T>
class Slab {
 public:
  explicit Slab(uint32_t capacity) : capacity_(capacity) {
    void* range = mmap(nullptr, bytes(), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    MUST(range != MAP_FAILED);
    slots_ = static_cast<Slot*>(range);
  }
  ~Slab() {
    // What the end of a process leaves in it is dropped with the memory; tests count it before.
    DEBUG_MUST(live_ == 0);
    munmap(slots_, bytes());
  }
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  template <typename... Args>
  T* New(Args&&... args) {
    Slot* slot = free_;
    if (slot != nullptr) {
      free_ = slot->next;
    } else if (touched_ < capacity_) {
      slot = &slots_[touched_++];
    } else {
      return nullptr;
    }
    ++live_;
    return new (slot->object) T(std::forward<Args>(args)...);
  }
  void Delete(T* object) {
    Slot* slot = reinterpret_cast<Slot*>(object);
    DEBUG_MUST(slot >= slots_ && slot < slots_ + touched_);
    MUST(live_ > 0);
    object->~T();
    --live_;
    slot->next = free_;
    free_ = slot;
  }
  // The index that the next New() will use; UINT32_MAX when the slab is full.
  uint32_t PeekNext() const {
    if (free_ != nullptr) return uint32_t(free_ - slots_);
    return touched_ < capacity_ ? touched_ : UINT32_MAX;
  }
  uint32_t IndexOf(const T* object) const {
    return uint32_t(reinterpret_cast<const Slot*>(object) - slots_);
  }
  // The slot's storage, live or not; the caller knows which. `index` must have been handed out
  // once.
  T* At(uint32_t index) { return reinterpret_cast<T*>(slots_[index].object); }
  const T* At(uint32_t index) const { return reinterpret_cast<const T*>(slots_[index].object); }
  uint32_t live() const { return live_; }
  uint32_t touched() const { return touched_; }
  uint32_t capacity() const { return capacity_; }

 private:
  union Slot {
    Slot* next;
    alignas(T) unsigned char object[sizeof(T)];
  };
  size_t bytes() const { return sizeof(Slot) * (capacity_ > 0 ? capacity_ : 1); }

  Slot* slots_ = nullptr;
  Slot* free_ = nullptr;
  uint32_t capacity_;
  uint32_t touched_ = 0;
  uint32_t live_ = 0;
};

}  // namespace base
