// guard_page.h - memory that ends at a page nobody may touch: reading one byte too far crashes.
//
// Owns:    its mapping.
// Threads: shard-local.
// Units:   bytes.
// Errors:  dies when mmap fails or the text does not fit.
// States:  none.
//
//   GuardPage guard(4096);
//   std::string_view bytes = guard.Place(text);   // its last byte is the last one that may be read

#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <string_view>

#include "base/check.h"

namespace fake {

class GuardPage {
 public:
  explicit GuardPage(size_t capacity) {
    const size_t page = size_t(sysconf(_SC_PAGESIZE));
    bytes_ = (capacity + page - 1) / page * page;
    void* memory =
        mmap(nullptr, bytes_ + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(memory != MAP_FAILED);
    start_ = static_cast<char*>(memory);
    mapped_ = bytes_ + page;
    MUST(mprotect(start_ + bytes_, page, PROT_NONE) == 0);
  }
  ~GuardPage() { munmap(start_, mapped_); }
  GuardPage(const GuardPage&) = delete;
  GuardPage& operator=(const GuardPage&) = delete;

  // `text` right before the guard. The previous text placed here is gone.
  std::string_view Place(std::string_view text) {
    MUST(text.size() <= bytes_);
    char* place = start_ + bytes_ - text.size();
    if (!text.empty()) std::memmove(place, text.data(), text.size());
    return {place, text.size()};
  }
  // Room for `bytes` that ends at the guard, for output that must not run over.
  char* Room(size_t bytes) {
    MUST(bytes <= bytes_);
    return start_ + bytes_ - bytes;
  }

 private:
  char* start_;
  size_t bytes_;
  size_t mapped_;
};

}  // namespace fake
