// log_writer.h - the one thread that writes lines to descriptors (`stdout`, `fd@`) and to rings.
//
// Owns:    the thread, a queue per producer, the rings.
// Threads: each producer uses its own queue from its own thread; Start and Stop by the main thread.
// Units:   bytes.
// Errors:  a line that cannot be written (a closed pipe, a full disk) is lost and counted.
// States:  made -> running -> stopped. A descriptor that blocks for ever does not keep the process:
//          Stop() waits a second, then leaves the thread behind.
//
// Whoever pushed calls Wake() once its turn is over; that is a system call only when the writer
// sleeps, which it does after it has found nothing for a few milliseconds.

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/counters.h"
#include "engine/log/log_plan.h"
#include "engine/log/log_queue.h"
#include "engine/log/log_ring.h"

namespace engine {

class LogWriter {
 public:
  // Pipes take this much at once or not at all (PIPE_BUF), so lines of several processes mix whole.
  static constexpr size_t kWriteBytesMax = 4096;

  LogWriter(const LogPlan& plan, uint32_t producers);
  ~LogWriter();

  void Start();
  void Stop();
  [[nodiscard]] bool TryPush(uint32_t producer, uint32_t target, std::string_view line) {
    return queues_[producer]->TryPush(target, line);
  }
  void Wake();
  LogRing& ring(uint32_t index) { return *state_->rings[index]; }
  uint32_t rings() const { return uint32_t(state_->rings.size()); }
  uint64_t dropped() const { return state_->dropped.Get(); }

 private:
  // Outlives the LogWriter where the thread had to be left behind.
  struct State {
    std::vector<LogTarget> targets;
    std::vector<std::unique_ptr<LogRing>> rings;
    std::vector<std::shared_ptr<LogQueue>> queues;
    std::vector<std::string> pending;  // by target
    base::Counter dropped;
    std::atomic<bool> stopping{false};
    std::atomic<bool> stopped{false};
    std::atomic<bool> asleep{false};
    int wake_fd = -1;

    ~State();
    void Run();
    bool DrainOnce();
    void Take(uint32_t target, std::string_view line);
    void WriteOut(uint32_t target);
    void WriteOutAll();
    bool WriteWhole(int fd, std::string_view bytes);
    void Sleep();
  };

  std::vector<std::shared_ptr<LogQueue>> queues_;
  std::shared_ptr<State> state_;
  std::thread thread_;
};

}  // namespace engine
