// supervisor.h - start, pin and stop the shards of one process, and open the sockets they listen
// on.
//
// Owns:    the listening descriptors, the mailroom, the shards with their workers and threads.
// Threads: the main thread; it speaks to running shards by messages only.
// Units:   milliseconds.
// Errors:  messages fit for the operator, one per thing that failed; Bind() goes on to find them
//          all.
// States:  built -> bound -> open -> running -> draining -> stopped.
//
//   Supervisor supervisor(configuration, settings);
//   // Before privileges are dropped:
//   if (!supervisor.Bind(&errors) || !supervisor.OpenShards(&why)) ...
//   supervisor.Start();      // threads; serves from here on
//   supervisor.SoftStop();
//   while (!supervisor.TryIdle()) ...
//   supervisor.Stop();

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine/server/proxy_config.h"
#include "engine/server/server_state.h"
#include "engine/session/worker.h"
#include "shard/shard.h"

namespace engine {

struct SupervisorSettings {
  uint32_t shards = 1;
  uint32_t maxconn = 2000;           // client connections of the process
  std::string ring_driver = "auto";  // auto, uring, poll
  bool debug_moves = false;
  bool reuse_port = true;  // -dR: one socket per address, shared by all shards
};

class Supervisor {
 public:
  Supervisor(Configuration& configuration, const SupervisorSettings& settings);
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // How many shards a configuration asks for: nbthread, or the usable CPUs.
  static uint32_t ShardsFor(const GlobalConfig& global);

  [[nodiscard]] bool Bind(std::vector<std::string>* errors);
  // After privileges were dropped: whether servers may be shown addresses that are not the
  // machine's (`source ... usesrc`).
  [[nodiscard]] bool CheckRights(std::string* why) const;
  [[nodiscard]] bool OpenShards(std::string* why);
  // Null, or why auto did not choose uring.
  const std::string& driver_note() const { return driver_note_; }
  const char* driver() const { return driver_; }
  void Start();

  void SoftStop();
  // Every session has ended since SoftStop(). Asked now and then: it also closes the listening
  // sockets as soon as no shard accepts on them any more.
  bool TryIdle();
  // Ends what is open, stops the threads and joins them.
  void Stop();
  // Each shard prints its pools and counters, one line of JSON for all (SIGQUIT).
  void Dump();
  uint32_t shards() const { return uint32_t(shards_.size()); }
  uint32_t listening_sockets() const { return uint32_t(sockets_.size()); }

 private:
  struct Socket {
    const BindConfig* bind = nullptr;
    bool inherited = false;
    int fd = -1;
    int shard = -1;  // -1: every allowed shard accepts on it
    uint64_t allowed = 0;
  };
  bool BindLine(const BindConfig& bind, std::vector<std::string>* errors);
  bool OpenOne(const BindConfig& bind, const BindAddress& address, int shard, uint64_t allowed,
               bool reuse_port, std::vector<std::string>* errors);
  void RunShard(uint32_t index);
  void CloseSockets();
  void Post(uint32_t shard, const shard::Message& message);

  Configuration& configuration_;
  const SupervisorSettings settings_;
  StateTable states_;
  ProcessContext process_;
  std::vector<Socket> sockets_;
  shard::Mailroom mailroom_;
  shard::LoadBoard board_;
  std::vector<std::unique_ptr<base::Clock>> clocks_;
  std::vector<std::unique_ptr<shard::Shard>> shards_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;
  std::vector<int> cpus_;  // usable ones, to pin to
  const char* driver_ = "";
  std::string driver_note_;
  std::atomic<uint32_t> busy_shards_{0};
  std::atomic<uint32_t> accepting_shards_{0};
};

}  // namespace engine
