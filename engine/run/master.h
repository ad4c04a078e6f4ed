// master.h - the parent process of -W: it keeps the listening sockets and the privileges of the
// start, runs one worker after another on them, and serves nobody itself.
//
// Owns:    copies of the listening sockets of the worker that serves, a line and a crash page of
//          each worker, the messages of the last start, the command line of -S.
// Threads: the main thread, which is the only one.
// Units:   milliseconds, process ids.
// Errors:  a worker that dies while it serves is reported and replaced at once on the same sockets;
//          one that does not come up after a reload changes nothing. Where none serves and one
//          after the other cannot start, the master gives up with the last one's status.
// States:  of the master: starting -> serving <-> reloading -> stopping -> over; a reload is over
//          when the new worker serves and the one before accepts no more. Of a worker:
//          starting -> serving -> leaving -> gone.
//
//   Master master(options, settings, console);
//   if (!master.Listen(cli_binds, &why)) ...
//   const int status = master.Run(ready);    // `ready` is called when the first worker serves
//
// A worker is this program, started anew with the same arguments, so that a reload also brings a
// new binary; it reads the configuration and binds by itself, and knows its master by
// RINGWAY_MASTER (worker_link.h). Memory of the master: no configuration, no shard.
//
// When the master dies, its workers notice by the end of their lines and stop softly. Its sockets
// are offered to a successor (socket_sharing.h) as those of any process.

#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/log/console.h"
#include "engine/run/crash_report.h"
#include "engine/run/master_cli.h"
#include "engine/run/notify.h"
#include "engine/run/signals.h"
#include "engine/run/socket_sharing.h"
#include "engine/run/worker_link.h"

namespace engine {

struct MasterSettings {
  std::vector<std::string> arguments;    // of this process, its name first
  std::vector<std::string> environment;  // as it was given, before a configuration changed it
  bool notifies = false;                 // -Ws
  uint32_t reloads_max = 50;             // `mworker-max-reloads`, until a worker says another
  bool stays = false;                    // `master-worker no-exit-on-failure`
};

class Master final : MasterCliHost {
 public:
  Master(MasterSettings settings, Console& console);
  ~Master();
  Master(const Master&) = delete;
  Master& operator=(const Master&) = delete;

  // The command line (-S). The binds outlive this.
  [[nodiscard]] bool Listen(const std::vector<std::unique_ptr<BindConfig>>& binds,
                            std::string* why);
  // The exit status. `ready` may refuse, which ends everything.
  int Run(const std::function<bool()>& ready);

 private:
  enum class Phase : uint8_t { kStarting, kServing, kStopping };
  enum class WorkerState : uint8_t { kStarting, kServing, kLeaving };
  struct Worker {
    pid_t pid = 0;
    WorkerState state = WorkerState::kStarting;
    int link = -1;
    int session = -1;      // in which it has given its sockets; its end, when it holds none
    int messages_fd = -1;  // its standard error, until it serves
    CrashPage crash_page;
    std::vector<int> sockets;  // given by it; the master's own once it serves
    uint64_t started_us = 0;
    uint32_t reloads = 0;  // that it has survived
    std::string version;
    bool was_killed = false;  // by the master, so that its end is no crash
  };
  using WorkerPlace = std::list<Worker>::iterator;

  static constexpr uint32_t kFailedStartsMax = 10;  // in a row, with nobody serving
  static constexpr uint64_t kStopPatienceMs = 10000;
  static constexpr uint64_t kLetGoMs = 1000;

  // MasterCliHost
  std::string ProcessTable(bool with_lines) const override;
  std::string StartupLogs() const override { return startup_logs_; }
  bool HasFailedReload() const override { return last_reload_failed_; }
  pid_t FindWorker(std::string_view name) const override;
  int ConnectWorker(pid_t pid, CliLevel level) override;
  uint64_t AskReload(bool hard) override;

  bool StartWorker();
  [[noreturn]] void BecomeWorker(int link, int page, int messages, WorkerTask task) const;
  void BeginReload();
  void TakePendingReload();
  void OnReady(Worker& worker, std::string_view text);
  void OnWorkerSays(Worker& worker);
  void ReadMessages(Worker& worker);
  void TakeSockets(Worker& worker, int session);
  bool HoldsForOthers() const;
  // Instead of `sockets_`; one that is the same socket keeps its number.
  void Keep(std::vector<int> sockets);
  void Reap();
  void OnDeath(WorkerPlace place, int status);
  void OnStartFailed(int status);
  void RetryLater();
  void EndReload(bool good, const char* failure =
                                "Loading failure! The worker that serves goes on as it was.");
  // The new worker serves, or has died since; the one before has let go of the sockets, or takes
  // too long.
  void FinishReload(bool good);
  void OnSessionEnd(Worker& worker);
  // Answers who waits for the start that is over, with all that was said of it.
  void TellStarted(bool good);
  // Its sockets that `kept` has as well go on; of the others it takes who waits there.
  void LeaveSoftly(Worker& worker, const std::vector<int>& kept);
  void Stop(int signal, int exit_status);
  void ForwardToServing(int signal);
  void OnSignal(const SignalEvent& event);
  void OnEvents();
  int WaitMs() const;
  void Tick();
  Worker* Find(WorkerState state);
  void Watch(int fd) const;
  static uint64_t NowMs();

  const MasterSettings settings_;
  Console& console_;
  std::string program_;  // its path; what stands there at a reload is what is started
  ServiceNotifier notifier_;
  SocketSharing sharing_;
  MasterCli cli_;
  std::unique_ptr<SignalWaiter> signals_;
  int epoll_ = -1;
  rlimit files_ = {};  // as they were given, for the workers
  std::function<bool()> ready_;
  Phase phase_ = Phase::kStarting;
  std::list<Worker> workers_;
  std::vector<int> sockets_;  // kept for the next worker
  uint64_t started_us_ = 0;
  pid_t predecessor_ = 0;  // whose last accept a reload waits for
  uint64_t let_go_by_ms_ = UINT64_MAX;
  uint32_t reloads_ = 0;
  uint32_t failed_reloads_ = 0;
  uint32_t reloads_max_;
  uint32_t failed_starts_ = 0;  // since a worker has served
  uint32_t short_lives_ = 0;    // in a row, of workers that served
  uint64_t retry_at_ms_ = UINT64_MAX;
  uint64_t kill_at_ms_ = UINT64_MAX;
  std::string startup_logs_;  // of the last start: what its worker and the master have said
  bool was_started_ = false;  // a first worker has been started
  bool reloading_ = false;    // the worker that starts is to replace one that serves
  uint64_t reload_number_ = 0;
  bool reload_is_hard_ = false;
  bool next_reload_is_hard_ = false;
  bool reload_is_asked_ = false;  // while another is under way
  bool last_reload_failed_ = false;
  bool over_ = false;
  int exit_status_ = 0;
};

}  // namespace engine
