// intrusive_list.h - doubly linked list whose hooks are members of the listed objects, one hook per
// list.
//
// Owns:    nothing. An object leaves every list before it is destroyed (checked by the hook's
//          destructor).
// Threads: shard-local.
// Units:   none.
// Errors:  linking a linked hook is a broken invariant (MUST).
// States:  hook unlinked <-> linked.
//
//   struct Stream { base::ListHook run_hook; };
//   base::IntrusiveList<Stream, &Stream::run_hook> queue;
//   queue.PushBack(stream);  while (Stream* s = queue.PopFront()) ...

#pragma once

#include <cstddef>
#include <cstdint>

#include "base/check.h"

namespace base {

struct ListHook {
  ListHook* prev = nullptr;
  ListHook* next = nullptr;

  ListHook() = default;
  ~ListHook() { DEBUG_MUST(prev == nullptr); }
  ListHook(const ListHook&) = delete;
  ListHook& operator=(const ListHook&) = delete;

  bool linked() const { return prev != nullptr; }
  void Unlink() {
    if (prev == nullptr) return;
    prev->next = next;
    next->prev = prev;
    prev = next = nullptr;
  }
};

template <typename T, ListHook T::*kHook>
class IntrusiveList {
 public:
  IntrusiveList() { root_.prev = root_.next = &root_; }
  ~IntrusiveList() {
    DEBUG_MUST(empty());
    root_.prev = root_.next = nullptr;
  }
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;

  bool empty() const { return root_.next == &root_; }
  T* front() { return empty() ? nullptr : ObjectOf(root_.next); }
  T* back() { return empty() ? nullptr : ObjectOf(root_.prev); }
  void PushBack(T* object) { Insert(&(object->*kHook), root_.prev, &root_); }
  T* PopFront() {
    if (empty()) return nullptr;
    T* object = ObjectOf(root_.next);
    (object->*kHook).Unlink();
    return object;
  }
  // The successor of `object` in this list, or null at the end.
  T* Next(T* object) {
    ListHook* next = (object->*kHook).next;
    return next == &root_ ? nullptr : ObjectOf(next);
  }
  T* Previous(T* object) {
    ListHook* previous = (object->*kHook).prev;
    return previous == &root_ ? nullptr : ObjectOf(previous);
  }
  // Takes everything from `other`, behind what is here.
  void Append(IntrusiveList& other) {
    if (other.empty()) return;
    other.root_.next->prev = root_.prev;
    root_.prev->next = other.root_.next;
    other.root_.prev->next = &root_;
    root_.prev = other.root_.prev;
    other.root_.prev = other.root_.next = &other.root_;
  }

 private:
  static void Insert(ListHook* hook, ListHook* prev, ListHook* next) {
    MUST(!hook->linked());
    hook->prev = prev;
    hook->next = next;
    prev->next = hook;
    next->prev = hook;
  }
  static T* ObjectOf(ListHook* hook) {
    // The offset of a member given by pointer-to-member, which offsetof cannot take.
    const auto offset =
        reinterpret_cast<uintptr_t>(&(reinterpret_cast<T*>(sizeof(T) * 16)->*kHook)) -
        sizeof(T) * 16;
    return reinterpret_cast<T*>(reinterpret_cast<uintptr_t>(hook) - offset);
  }

  ListHook root_;
};

}  // namespace base
