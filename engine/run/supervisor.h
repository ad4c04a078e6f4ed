// supervisor.h - start, pin and stop the shards of one process, and open the sockets they listen
// on.
//
// Owns:    the listening descriptors, the mailroom, the shards with their workers and threads.
// Threads: start-up, then the main thread; it speaks to running shards by messages only. Submit()
//          alone is for shards: they speak to it through a pipe.
// Units:   milliseconds.
// Errors:  messages fit for the operator, one per thing that failed; Bind() goes on to find them
//          all.
// States:  built -> bound -> open -> running -> draining -> stopped. While running, each frontend
//          listens, is paused, or was shut down.
//
//   Supervisor supervisor(std::move(configuration), settings);
//   // Before privileges are dropped, and BeginListening() last:
//   if (!supervisor.Bind(takeover, &errors, &warnings) || !supervisor.OpenShards(&why)) ...
//   supervisor.Start();      // threads; serves from here on
//   supervisor.SoftStop();
//   while (!supervisor.TryIdle()) ...
//   supervisor.Stop();

#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "engine/log/console.h"
#include "engine/run/socket_sharing.h"
#include "engine/server/generation.h"
#include "engine/server/proxy_config.h"
#include "engine/server/server_state.h"
#include "engine/session/process_control.h"
#include "engine/session/worker.h"
#include "shard/ring/accept_guard.h"
#include "shard/shard.h"

namespace engine {

class Takeover;

struct SupervisorSettings {
  uint32_t shards = 1;
  uint32_t maxconn = 2000;           // client connections of the process
  std::string ring_driver = "auto";  // auto, uring, poll
  uint32_t pipes_max = 0;            // for splicing, of the process; 0: none
  bool debug_moves = false;
  Console* console = nullptr;     // outlives this; null: nobody is told
  std::string startup_logs;       // what the start has said so far
  uint64_t sockets_max = 0;       // descriptors needed at maxconn
  uint64_t burst_max = 0;         // clients that are to fit beside them, or are taken one by one
  uint32_t memory_max_mb = 0;     // -m: for `show info`
  uint32_t small_chunks = 16384;  // of each shard
  uint32_t large_chunks = 2048;
  bool reuse_port = true;  // -dR: one socket per address, shared by all shards
};

class Supervisor final : public ProcessControl {
 public:
  Supervisor(std::unique_ptr<Configuration> configuration, const SupervisorSettings& settings);
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // How many shards a configuration asks for: nbthread, or the usable CPUs.
  static uint32_t ShardsFor(const GlobalConfig& global);
  // How many clients may stand in the backlogs of all listening sockets together.
  static uint64_t BacklogsOf(const Configuration& configuration, uint32_t shards);

  // Sockets that `takeover` brings are used where they fit. `warnings`: other processes, which are
  // not to be replaced, already listen where we are about to.
  [[nodiscard]] bool Bind(Takeover& takeover, std::vector<std::string>* errors,
                          std::vector<std::string>* warnings);
  // Nobody reaches what Bind() has opened before this, and nothing that fails earlier is noticed by
  // whom we are to replace. Before privileges are dropped: it puts unix sockets in their places.
  [[nodiscard]] bool BeginListening(std::vector<std::string>* errors);
  // A client of the master's command line; takes `fd`.
  void ServeMastersClient(int fd, CliLevel level);
  // Our sockets and those we share, for a successor and from a predecessor.
  SocketSharing& sharing() { return sharing_; }
  // Gives our master what we listen on, now and whenever that changes, in a session that `open`
  // makes (-1: it could not). False: it was not given.
  [[nodiscard]] bool ShareWithMaster(std::function<int()> open);
  // After privileges were dropped: whether servers may be shown addresses that are not the
  // machine's (`source ... usesrc`).
  [[nodiscard]] static bool CheckRights(const Configuration& configuration, std::string* why);
  [[nodiscard]] bool OpenShards(std::string* why);
  // Null, or why auto did not choose uring.
  const std::string& driver_note() const { return driver_note_; }
  const char* driver() const { return driver_; }
  void Start();

  void SoftStop();
  // From here on whoever asks is told that a soft stop will come, or has (manual 3.1, grace).
  void NoteStopping() { process_.shared->stopping = true; }
  // SIGTTOU and SIGTTIN: every frontend that `disable frontend` has left alone. A name for each
  // that changed, and a problem for each that could not listen again.
  std::vector<std::string> Pause();
  std::vector<std::string> Resume(std::vector<std::string>* problems);
  // Readable when a shard has asked something: TakeQuestions() then answers all there are.
  int question_fd() const { return question_fds_[0]; }
  void TakeQuestions();
  // Every session has ended since SoftStop(), and all that was written for them has been sent.
  // Asked now and then: it also closes the listening sockets as soon as no shard accepts on them.
  bool TryIdle();
  // A soft stop takes too long: who is still there. Stop() is to follow.
  void TellHardStop();
  // Ends what is open, stops the threads and joins them.
  void Stop();
  // Puts another configuration into the place of the one in use (reload.cc). False: nothing was
  // changed, `*errors` say why. What only a start can change must be the same in both. `*warnings`
  // say what an operator had done and is no more.
  [[nodiscard]] bool Reload(std::unique_ptr<Configuration> next, std::vector<std::string>* errors,
                            std::vector<std::string>* warnings);
  // Asks base::StartRights for every address of `next` that a reload may bind.
  static void RehearseBinding(const Configuration& next);
  // A line of the process's own, to the `log` lines of the section global.
  void LogProcess(LogLevel level, const std::string& text);
  // Who reads the files again when `reload` is asked for; its answer is that of the command.
  void SetReloader(std::function<std::string()> reloader) { reloader_ = std::move(reloader); }
  // Frees configurations that nobody uses any more, and closes sockets that are listened on no
  // longer. Asked now and then, while HasLeftovers().
  void CollectLeftovers();
  bool HasLeftovers() const { return !old_generations_.empty() || !leaving_sockets_.empty(); }
  Configuration& configuration() const { return generation_->configuration(); }
  // Each shard prints its pools and counters, one line of JSON for all (SIGQUIT).
  void Dump();
  uint32_t shards() const { return uint32_t(shards_.size()); }
  uint32_t listening_sockets() const { return uint32_t(sockets_.size()); }

 private:
  struct Socket {
    const BindConfig* bind = nullptr;  // null: the place is free, shards know a stopped listener
    bool inherited = false;
    int fd = -1;
    int shard = -1;  // -1: every allowed shard accepts on it
    uint64_t allowed = 0;
    const BindAddress* address = nullptr;
    bool is_adopted = false;  // from another process, which may still listen on it
    bool is_open = true;      // shards accept on it
    bool is_closing = false;  // left out by a reload or shut down: no shard accepts on it again
    // While a reload compares: what makes two sockets the same one, and where it stands among
    // `sockets_`; -1: not there.
    std::string key;
    int place = -1;
    // Without a descriptor: the master brings those who come.
    bool is_masters() const { return bind != nullptr && bind->is_masters; }
  };
  // Where the sockets of a `bind` line are accepted on.
  struct BindPlan {
    std::vector<uint32_t> accepting;  // shards
    uint64_t allowed = 0;
    uint32_t sockets = 0;  // of an address, where there is one for each shard
  };
  BindPlan PlanOf(const BindConfig& bind) const;
  bool TakesOneSocket(const BindAddress& address, const BindPlan& plan) const;
  void AdoptLine(const BindConfig& bind, Takeover& takeover);
  static constexpr uint32_t kBacklogMax = 65536;
  // Why a frontend does not listen; it does when there is no reason.
  struct Halt {
    bool by_signal = false;
    bool by_operator = false;
    bool for_ever = false;
    bool any() const { return by_signal || by_operator || for_ever; }
  };
  bool BindLine(const BindConfig& bind, Takeover& takeover, std::vector<std::string>* errors);
  bool OpenOne(const BindConfig& bind, const BindAddress& address, int shard, uint64_t allowed,
               Takeover& takeover, std::vector<std::string>* errors);
  std::vector<int> OfferedSockets() const;
  bool ShareListeners(int session) override { return sharing_.Give(session); }
  // What a line asks for, none of it open.
  std::vector<Socket> SocketsOf(const BindConfig& bind) const;
  // "Binding [FILE:LINE] for frontend NAME"
  static std::string BindingText(const BindConfig& bind);
  std::string KeyOf(const Socket& socket) const;
  bool Open(Socket& socket, std::vector<std::string>* errors);
  void PutToUse(Generation& generation, Generation* before);
  void FollowGlobal(const GlobalConfig& before, const GlobalConfig& next);
  bool OpenNewSockets(std::vector<Socket>& wanted, std::vector<std::string>* errors);
  // False: a master goes on to listen where we do not.
  bool SwitchShards(Generation& next, std::vector<Socket>& wanted);
  void MoveHalts(const Generation& before, std::vector<std::string>* notes);
  void FollowBacklog(const Socket& before, const Socket& now);
  bool IsListenedOnByOthers(const Socket& socket) const;
  static bool AcceptsOn(const Socket& socket, uint32_t shard);
  static bool RunsPrograms(const Configuration& configuration);
  bool IsLeaving(size_t place) const;
  void DropSockets(std::span<const size_t> places);
  bool TryFree(Generation& old);
  void FlushMail();
  std::string Reload() override { return reloader_ ? reloader_() : "Reloading is not possible.\n"; }
  bool Submit(Question& question) override;
  std::string DisableFrontend(const ProxyConfig& frontend) override;
  std::string EnableFrontend(const ProxyConfig& frontend) override;
  std::string ShutDownFrontend(const ProxyConfig& frontend) override;
  // Makes the sockets of frontends what their Halts say. What is returned cannot listen, and why.
  using Problems = std::map<const ProxyConfig*, std::string>;
  Problems ApplyHalts(std::span<const ProxyConfig* const> frontends);
  void PauseSockets(std::span<const size_t> places);
  void ShutDownSockets(std::span<const size_t> places);
  Problems ResumeSockets(std::span<const size_t> places);
  std::vector<const ProxyConfig*> ListeningFrontends() const;
  // The master holds what we listen on, and nothing else. False: it holds on to what it had, as
  // another worker is starting on it, or a successor.
  bool TellMaster();
  bool Reopen(Socket& socket, std::string* why);
  void CloseSocket(Socket& socket);
  // Returns when no shard and no ring names their descriptors.
  void EndAccepting(std::span<const size_t> sockets);
  // On each shard's thread; returns when all of them have done it.
  void OnAllShards(const std::function<void(shard::Shard&)>& work);
  void TellListeners(std::span<const size_t> sockets,
                     void (Supervisor::*change)(shard::Listener& listener));
  void Hold(shard::Listener& listener) { listener.SetPaused(true); }
  void Release(shard::Listener& listener) { listener.SetPaused(false); }
  void End(shard::Listener& listener) { listener.Stop(); }
  void CountAccepting(shard::Listener& listener) {
    still_accepting_ += listener.answered() ? 0 : 1;
  }
  void WarnOfOthers(const Takeover& takeover, std::vector<std::string>* warnings);
  // Of every frontend that is not disabled.
  template <typename Visit>
  void ForEachBind(Visit visit) const;
  void RunShard(uint32_t index);
  static void HandleDrain(shard::Shard& shard, const shard::Message& message) noexcept;
  // Asks every shard to say when that is so.
  void Drain(Worker::Drained what);
  void CloseSockets();
  // Those who came before the last accept are served by us. No shard accepts any more.
  void TakeBacklogs();
  void TakeBacklog(size_t place);
  // It is listened on, and by no other process.
  bool HasOwnBacklog(const Socket& socket) const;
  void Post(uint32_t shard, const shard::Message& message);
  void LogProxy(const ProxyConfig& proxy, const std::string& text);
  void LogHalt(const ProxyConfig& proxy, const char* what);
  // Logs it and says it on standard error.
  void Tell(const ProxyConfig& proxy, const std::string& text);
  // Once, by Tell() or LogProxy().
  void NoteAllStopped(void (Supervisor::*note)(const ProxyConfig&, const std::string&));

  const SupervisorSettings settings_;
  StateTable states_;
  std::unique_ptr<Generation> generation_;  // in use
  std::vector<std::unique_ptr<Generation>> old_generations_;
  std::vector<size_t> leaving_sockets_;  // of binds that are gone
  std::function<std::string()> reloader_;
  ProcessContext process_;
  std::unique_ptr<ExternalChecks> external_checks_;  // before the workers, likewise
  std::unique_ptr<LogHub> logs_;                     // before the workers, which use it to the end
  std::vector<Socket> sockets_;
  shard::AcceptGuard accept_guard_;  // of the main thread
  SocketSharing sharing_;
  std::function<int()> open_masters_session_;  // empty: there is no master
  bool listens_ = false;
  shard::Mailroom mailroom_;
  shard::LoadBoard board_;
  std::vector<std::unique_ptr<base::Clock>> clocks_;
  std::vector<std::unique_ptr<shard::Shard>> shards_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;
  std::vector<int> cpus_;  // usable ones, to pin to
  bool stop_is_noted_ = false;
  const char* driver_ = "";
  std::string driver_note_;
  std::map<const ProxyConfig*, Halt> halts_;
  int question_fds_[2] = {-1, -1};  // pointers to questions travel through it
  std::atomic<uint32_t> untold_shards_{0};
  std::unique_ptr<ShardLog> main_log_;  // from Start() on
  std::atomic<uint32_t> still_accepting_{0};
  Worker::Drained draining_ = Worker::Drained::kAccepts;
  std::atomic<uint32_t> busy_shards_{0};  // of the stage `draining_`
};

}  // namespace engine
