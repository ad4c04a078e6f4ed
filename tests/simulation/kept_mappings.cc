// kept_mappings.cc - mmap() and munmap() of the simulator: they keep what slabs and pools return.
//
// A world maps some sixty ranges and touches little of them; it lives for milliseconds, and one
// seed after another maps the same lengths. On a virtual machine the kernel's part of that was
// more than half of a run. Only ranges mapped as slabs and pools do it are kept; all else goes to
// the kernel, and under a sanitizer, which has a mmap() of its own, this file is not linked.
//
// A small range is handed out again with zeros, as the kernel would. A large one is the bytes of
// chunks, which their pool hands out again unwashed anyhow; to wash them would touch them.
// What uses a range that was given back is the sanitizer's run to find.
// Threads: none but the main one; each process of the simulator has its own.

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <unordered_map>
#include <vector>

namespace {

constexpr size_t kWashedBytesMax = 256 << 10;
constexpr size_t kKeptBytesMax = 16 << 20;
constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

struct Kept {
  std::unordered_map<void*, size_t> length_of;            // each that was ever handed out
  std::unordered_map<size_t, std::vector<void*>> unused;  // by length
};

Kept& AllKept() {
  static Kept* const kept = new Kept();
  return *kept;
}

}  // namespace

extern "C" void* mmap(void* at, size_t length, int protection, int flags, int fd,
                      off_t offset) noexcept {
  const bool keeps = at == nullptr && fd == -1 && flags == kFlags && length <= kKeptBytesMax &&
                     protection == (PROT_READ | PROT_WRITE);
  if (keeps) {
    std::vector<void*>& unused = AllKept().unused[length];
    if (!unused.empty()) {
      void* range = unused.back();
      unused.pop_back();
      if (length <= kWashedBytesMax) std::memset(range, 0, length);
      return range;
    }
  }
  void* range =
      reinterpret_cast<void*>(syscall(SYS_mmap, at, length, protection, flags, fd, offset));
  if (keeps && range != MAP_FAILED) AllKept().length_of[range] = length;
  return range;
}

extern "C" int munmap(void* at, size_t length) noexcept {
  Kept& kept = AllKept();
  const auto found = kept.length_of.find(at);
  if (found == kept.length_of.end()) return int(syscall(SYS_munmap, at, length));
  kept.unused[found->second].push_back(at);
  return 0;
}
