// external_check.h - programs that say whether a server works (manual 4.2, option external-check).
//
// Owns:    one helper thread, the programs it has started, and the jobs until both the thread and
//          the shard that asked are done with them.
// Threads: Start() and Stop() by the main thread; Submit() and what is said of a job by the shard
//          that asked. Shards never start a program themselves: that would stop their loop.
// Units:   milliseconds.
// Errors:  a program that cannot be started, ends badly or takes too long is an outcome.
// States:  of a job: running -> done, or given up by its shard; who comes second frees it.
//
//   ExternalJob* job = checks.Submit({.argv = ..., .environment = ..., .timeout_ms = 2000});
//   if (job->done()) { Use(job->result); checks.Drop(job); }   // looked at now and then

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "engine/server/check_status.h"

namespace engine {

struct ExternalResult {
  CheckStatus status = CheckStatus::kProcessError;
  int32_t code = 0;  // exit status, or the signal that ended it
  std::string text;
};

struct ExternalJob {
  std::vector<std::string> argv;         // the program first
  std::vector<std::string> environment;  // "NAME=value"
  uint64_t timeout_ms = 0;
  ExternalResult result;  // once done

  bool done() const { return state.load(std::memory_order_acquire) == State::kDone; }

 private:
  friend class ExternalChecks;
  enum class State : uint8_t { kRunning, kDone, kGivenUp };
  std::atomic<State> state{State::kRunning};
  int pid = -1;
  int pidfd = -1;
  uint64_t deadline_ms = 0;
  bool timed_out = false;
};

class ExternalChecks {
 public:
  ExternalChecks() = default;
  ~ExternalChecks() { Stop(); }
  ExternalChecks(const ExternalChecks&) = delete;
  ExternalChecks& operator=(const ExternalChecks&) = delete;

  // After the last fork. False: the system gives no event descriptor.
  [[nodiscard]] bool Start();
  // Ends every program.
  void Stop();

  ExternalJob* Submit(std::unique_ptr<ExternalJob> job);
  void Drop(ExternalJob* job);

 private:
  void Run();
  void TakeNew();
  void Begin(ExternalJob* job);
  void Watch();
  bool Look(ExternalJob* job, uint64_t now_ms);
  void End(ExternalJob* job);
  void Wake();

  int wake_fd_ = -1;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::vector<ExternalJob*> new_jobs_;  // under mutex_
  std::vector<ExternalJob*> running_;   // the thread's
  std::thread thread_;
};

}  // namespace engine
