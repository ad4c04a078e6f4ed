// log_hub.h - the process's log targets, and one ShardLog per thread that sends lines to them.
//
// Owns:    the writer thread (where a target needs it), the counts of what was lost.
// Threads: made, started and stopped by the main thread; a ShardLog by its own thread alone.
// Units:   microseconds of the shard's clock; bytes.
// Errors:  a target that takes nothing loses lines, never traffic: they are counted.
// States:  made -> running -> stopped. Of a datagram target: closed -> open; one that refuses is
//          opened again, at most five times a second, so a socket that comes back is found.
//
//   ShardLog log(hub, shard);
//   log.Sync(now_us);
//   log.Say(loggers, {.level = LogLevel::kInfo, .tag = tag}, text);   // into this turn's batch
//   log.Flush();                                                      // at the end of the turn

#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/counters.h"
#include "engine/log/datagrams.h"
#include "engine/log/log_dates.h"
#include "engine/log/log_line.h"
#include "engine/log/log_plan.h"
#include "engine/log/log_writer.h"

namespace engine {

class LogHub {
 public:
  // `plan` must outlive the hub.
  LogHub(const LogPlan& plan, uint32_t shards, Datagrams& datagrams = KernelDatagrams());
  ~LogHub();

  // After the last fork, because threads do not survive one.
  void Start();
  void Stop();
  // Lines lost since the start: a target was full, gone or too slow.
  uint64_t Dropped() const;
  LogRing* FindRing(std::string_view name);
  LogWriter* writer() { return writer_.get(); }
  const LogPlan& plan() const { return plan_; }
  Datagrams& datagrams() { return datagrams_; }
  uint32_t shards() const { return shards_; }
  std::string_view tag() const { return tag_; }
  std::string_view hostname() const { return hostname_; }  // of the system (%H)
  base::Counter& dropped(uint32_t producer) { return dropped_[producer].count; }

 private:
  struct alignas(64) Dropping {
    base::Counter count;
  };
  const LogPlan plan_;
  Datagrams& datagrams_;
  const uint32_t shards_;
  std::string tag_;
  std::string hostname_;
  std::unique_ptr<LogWriter> writer_;
  std::unique_ptr<Dropping[]> dropped_;  // by producer; the main thread is the last one
};

// What is the same for a line whichever `log` line it goes out by.
struct LogMessage {
  LogLevel level = LogLevel::kInfo;
  std::string_view tag;  // empty: the process's
  std::string_view structured_data;
};

class ShardLog {
 public:
  // Room for a line's text while it is written.
  static constexpr size_t kTextBytes = 65536 + 1024;

  // `producer`: the shard, or hub.shards() for the main thread.
  ShardLog(LogHub& hub, uint32_t producer);
  ~ShardLog();
  ShardLog(const ShardLog&) = delete;
  ShardLog& operator=(const ShardLog&) = delete;

  // The time that what follows is dated with. Once a second the wall clock is asked.
  void Sync(uint64_t now_us);
  uint64_t WallOf(uint64_t clock_us) const { return clock_us + wall_offset_us_; }
  void Say(std::span<const Logger> loggers, const LogMessage& message, std::string_view text);
  // One line for the sink of that name: as it is, to a ring in the form of the ring.
  void Note(std::string_view sink, std::string_view text);
  bool pending() const { return pending_; }
  void Flush();

  LogDates& dates() { return dates_; }
  // Scratch for who builds a text, and for its structured data.
  LogLine text() { return LogLine(text_.get(), kTextBytes); }
  LogLine structured_data() { return LogLine(structured_.get(), kTextBytes); }
  uint32_t pid() const { return pid_; }
  LogHub& hub() { return hub_; }

 private:
  // A socket that is gone is looked for again this often at most: three system calls, and lines are
  // lost that long after it has come back.
  static constexpr uint64_t kReopenMicros = 10000;
  struct Batch {
    int fd = -1;
    uint64_t reopen_us = 0;  // not before
    std::unique_ptr<char[]> bytes;
    size_t capacity = 0;
    size_t used = 0;
    size_t count = 0;
    iovec lines[Datagrams::kBatchMax];
  };
  void SayTo(const Logger& logger, const LogMessage& message, std::string_view text);
  std::string_view Compose(const Logger& logger, SyslogFormat format, uint32_t bytes_max,
                           const LogMessage& message, std::string_view text, char* out);
  void Queue(const Logger& logger, const LogMessage& message, std::string_view text);
  void FlushBatch(uint32_t target);
  bool Open(uint32_t target);
  void Lose(uint64_t lines) { hub_.dropped(producer_).Add(lines); }

  LogHub& hub_;
  const uint32_t producer_;
  const uint32_t pid_;
  LogDates dates_;
  uint64_t now_us_ = 0;
  uint64_t wall_offset_us_ = 0;
  uint64_t synced_us_ = 0;
  std::vector<Batch> batches_;  // by target; only those of datagrams are used
  std::unique_ptr<char[]> text_;
  std::unique_ptr<char[]> structured_;
  std::unique_ptr<char[]> line_;  // one whole line on its way to the writer
  bool pending_ = false;
  bool wake_writer_ = false;
};

}  // namespace engine
