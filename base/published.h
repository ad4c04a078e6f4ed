// published.h - a small value that one thread writes now and then and any thread reads whole.
//
// Owns:    the value.
// Threads: Set() by one thread at a time, Get() by any-thread. Nobody waits for a lock; a reader
//          that meets a write reads again.
// Units:   the user's.
// Errors:  none.
// States:  none.
//
//   Published<Report> report;
//   report.Set({.code = 200});   // its owner
//   Report seen = report.Get();  // anybody

#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace base {

template <typename T>
class Published {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Published() { Set(T{}); }
  explicit Published(const T& value) { Set(value); }
  Published(const Published&) = delete;
  Published& operator=(const Published&) = delete;

  void Set(const T& value) {
    uint64_t words[kWords] = {};
    std::memcpy(words, &value, sizeof(T));
    const uint32_t before = sequence_.load(std::memory_order_relaxed);
    sequence_.store(before + 1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    for (size_t i = 0; i < kWords; ++i) words_[i].store(words[i], std::memory_order_relaxed);
    sequence_.store(before + 2, std::memory_order_release);
  }
  T Get() const {
    uint64_t words[kWords];
    uint32_t before;
    do {
      before = sequence_.load(std::memory_order_acquire);
      for (size_t i = 0; i < kWords; ++i) words[i] = words_[i].load(std::memory_order_relaxed);
      std::atomic_thread_fence(std::memory_order_acquire);
    } while ((before & 1) != 0 || sequence_.load(std::memory_order_relaxed) != before);
    T value;
    std::memcpy(static_cast<void*>(&value), words, sizeof(T));
    return value;
  }

 private:
  static constexpr size_t kWords = (sizeof(T) + 7) / 8;
  std::atomic<uint32_t> sequence_{0};  // odd while a write is under way
  std::atomic<uint64_t> words_[kWords] = {};
};

}  // namespace base
