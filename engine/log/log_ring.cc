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
  if (!awaited_ || listener_ == nullptr) return;
  awaited_ = false;
  listener_->OnLines();
}

LogRing::Read LogRing::TryRead(uint64_t* next, size_t bytes_max, LogFraming framing,
                               std::string* out, LogRingRead* read) {
  const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return Read::kBusy;
  if (read != nullptr && *next < first_) read->lost += first_ - *next;
  *next = std::max(*next, first_);
  const uint64_t stop = first_ + lines_.size();
  for (const size_t begin = out->size(); *next < stop && out->size() - begin < bytes_max; ++*next) {
    const std::string& line = lines_[size_t(*next - first_)];
    if (framing == LogFraming::kOctetCount) {
      *out += std::to_string(line.size());
      *out += ' ';
    }
    *out += line;
    if (framing == LogFraming::kLineFeed) *out += '\n';
    if (framing == LogFraming::kNul) *out += '\0';
    if (read != nullptr) read->line_ends.push_back(uint32_t(out->size()));
  }
  if (*next < stop) return Read::kSome;
  awaited_ = true;
  return Read::kEnd;
}

bool LogRing::TryFindEnd(uint64_t* next) {
  const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return false;
  *next = first_ + lines_.size();
  return true;
}

void LogRing::SetListener(LogRingListener* listener) {
  const std::lock_guard<std::mutex> lock(mutex_);
  listener_ = listener;
  awaited_ = false;
}

}  // namespace engine
