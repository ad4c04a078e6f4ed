#include "engine/log/log_ring.h"

#include <algorithm>

namespace engine {

void LogRing::Append(std::string_view line) {
  while (line.ends_with('\n')) line.remove_suffix(1);
  line = line.substr(0, plan_.line_bytes_max);
  const size_t bytes = line.size() + 1;
  const std::lock_guard<std::mutex> lock(mutex_);
  if (bytes > plan_.size_bytes) return;
  while (bytes_ + bytes > plan_.size_bytes) {
    bytes_ -= lines_.front().size() + 1;
    lines_.pop_front();
    ++first_;
  }
  lines_.emplace_back(line);
  bytes_ += bytes;
}

LogRing::Read LogRing::TryRead(uint64_t* next, size_t bytes_max, char end, std::string* out) {
  const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return Read::kBusy;
  *next = std::max(*next, first_);
  const uint64_t stop = first_ + lines_.size();
  for (const size_t begin = out->size(); *next < stop && out->size() - begin < bytes_max; ++*next) {
    *out += lines_[size_t(*next - first_)];
    *out += end;
  }
  return *next < stop ? Read::kSome : Read::kEnd;
}

}  // namespace engine
