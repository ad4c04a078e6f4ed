// log_ring.h - the latest lines of a `ring` section, in memory, for `show events` (manual 12.5).
//
// Owns:    its lines, what is counted of its servers.
// Threads: any-thread. The writer thread appends under a lock; readers only try it, so that a shard
//          never waits for it. What is counted of a server is written by whoever sends to it.
// Units:   bytes, line feeds included.
// Errors:  none: the oldest lines make room for new ones, whether they were read or not.
// States:  none.

#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/counters.h"
#include "engine/log/log_plan.h"

namespace engine {

// What marks the end of a line: a line feed or a NUL behind it, or its length in front of it
// (RFC 6587 section 3.4.1).
enum class LogFraming : uint8_t { kLineFeed, kNul, kOctetCount };

// Of what was read, for whoever must know.
struct LogRingRead {
  uint64_t lost = 0;                // lines that had gone before they were read
  std::vector<uint32_t> line_ends;  // where each line ends in the text
};

// Told by the writer thread, once, that there are lines after a reader had come to the end.
class LogRingListener {
 public:
  virtual void OnLines() noexcept = 0;

 protected:
  ~LogRingListener() = default;
};

// How it goes with a server.
struct LogRingServerFacts {
  base::Counter lines_sent;
  base::Counter lines_lost;
  base::Counter connects;  // that came about
  std::atomic<bool> connected{false};
};

class LogRing {
 public:
  explicit LogRing(const LogRingPlan& plan)
      : plan_(plan), servers_(new LogRingServerFacts[plan.servers.size()]) {}

  const LogRingPlan& plan() const { return plan_; }
  void Append(std::string_view line);

  enum class Read : uint8_t { kBusy, kSome, kEnd };
  // Appends to `*out` the lines from number `*next` on, up to about `bytes_max`. Numbers that are
  // gone are passed over.
  Read TryRead(uint64_t* next, size_t bytes_max, LogFraming framing, std::string* out,
               LogRingRead* read = nullptr);
  // The number that the next line will have. False: busy.
  [[nodiscard]] bool TryFindEnd(uint64_t* next);
  // At most one; null before it is destroyed. May wait for the writer thread.
  void SetListener(LogRingListener* listener);
  LogRingServerFacts& server(size_t index) { return servers_[index]; }

 private:
  const LogRingPlan plan_;
  const std::unique_ptr<LogRingServerFacts[]> servers_;
  std::mutex mutex_;
  LogRingListener* listener_ = nullptr;
  bool awaited_ = false;  // a reader has come to the end
  std::deque<std::string> lines_;
  uint64_t first_ = 0;  // number of lines_.front()
  size_t bytes_ = 0;
};

}  // namespace engine
