// log_queue.h - lines on their way from one thread to the writer thread: a ring of bytes.
//
// Owns:    its bytes, all of them from the start.
// Threads: any-thread, but fixed ones: one producer calls TryPush, one consumer TryPop.
// Units:   bytes; capacity a power of two.
// Errors:  a full queue refuses (false): the line is lost and the producer counts it.
// States:  none.
//
// base/spsc_queue.h has cells of one size; lines are from 50 bytes to 64 kilobytes long.

#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace engine {

class LogQueue {
 public:
  explicit LogQueue(uint32_t capacity_bytes = 1u << 18)
      : mask_(capacity_bytes - 1), bytes_(new char[capacity_bytes]) {}

  [[nodiscard]] bool TryPush(uint32_t target, std::string_view line) {
    const uint64_t tail = tail_.load(std::memory_order_relaxed);
    const size_t needed = sizeof(Header) + line.size();
    if (needed > mask_ + 1 - (tail - head_.load(std::memory_order_acquire))) return false;
    const Header header{target, uint32_t(line.size())};
    Put(tail, reinterpret_cast<const char*>(&header), sizeof(header));
    Put(tail + sizeof(header), line.data(), line.size());
    tail_.store(tail + needed, std::memory_order_release);
    return true;
  }
  // The next line, taken out; `*line` keeps its memory from call to call.
  [[nodiscard]] bool TryPop(uint32_t* target, std::string* line) {
    const uint64_t head = head_.load(std::memory_order_relaxed);
    if (head == tail_.load(std::memory_order_acquire)) return false;
    Header header;
    Get(head, reinterpret_cast<char*>(&header), sizeof(header));
    line->resize(header.bytes);
    Get(head + sizeof(header), line->data(), header.bytes);
    *target = header.target;
    head_.store(head + sizeof(header) + header.bytes, std::memory_order_release);
    return true;
  }

 private:
  struct Header {
    uint32_t target;
    uint32_t bytes;
  };
  void Put(uint64_t at, const char* from, size_t bytes) {
    const size_t offset = size_t(at & mask_);
    const size_t first = std::min(bytes, size_t(mask_) + 1 - offset);
    std::memcpy(&bytes_[offset], from, first);
    std::memcpy(&bytes_[0], from + first, bytes - first);
  }
  void Get(uint64_t at, char* to, size_t bytes) const {
    const size_t offset = size_t(at & mask_);
    const size_t first = std::min(bytes, size_t(mask_) + 1 - offset);
    std::memcpy(to, &bytes_[offset], first);
    std::memcpy(to + first, &bytes_[0], bytes - first);
  }

  const uint64_t mask_;
  const std::unique_ptr<char[]> bytes_;
  alignas(64) std::atomic<uint64_t> tail_{0};  // written by the producer
  alignas(64) std::atomic<uint64_t> head_{0};  // written by the consumer
};

}  // namespace engine
