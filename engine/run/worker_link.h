// worker_link.h - a worker's line to the master that has started it (-W): sockets that were kept
// for it, sockets it gives to be kept, clients of the master's command line.
//
// Owns:    its end of a SOCK_SEQPACKET pair.
// Threads: start-up, main thread.
// Units:   none.
// Errors:  a master that is gone is an event; what cannot be told it then is lost.
// States:  started -> (sockets taken) -> (sockets given) -> ready. The master reads in that order.
//
//   std::unique_ptr<WorkerLink> link = WorkerLink::FromEnvironment();   // null: no master
//   link->TakeSockets(&fds, &why);
//   sharing.Give(link->OpenSession());      // -1: it failed
//   link->ReportReady(global.max_reloads, version);
//   switch (link->Read(&client, &level)) ...        // whenever fd() is readable
//
// What is listened on changes: each session replaces the one before, which the master then ends.
// Master to worker: `sockets 1 LEFT` (handover.h), `cli LEVEL` with one descriptor. Worker to
// master: `session` with one descriptor, `ready MAX_RELOADS VERSION`. In the session is said what
// any two processes say that share listening sockets (socket_sharing.h). The descriptors of link,
// crash page and terminal come through fork and exec, their numbers by RINGWAY_MASTER.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/server/proxy_config.h"

namespace engine {

inline constexpr const char* kMasterVariable = "RINGWAY_MASTER";

// What a master starts a worker for.
enum class WorkerTask : uint8_t {
  kFirst,    // of this master
  kReplace,  // nobody serves
  kReload    // another serves, and goes on where this one refuses
};

class WorkerLink {
 public:
  enum class Event : uint8_t {
    kNone,
    kClient,  // of the master's command line
    kGone     // the master has died
  };

  // Takes the variable out of the environment.
  static std::unique_ptr<WorkerLink> FromEnvironment();
  // "LINK PAGE TERMINAL FIRST RELOAD", as the variable holds it. An older master says no RELOAD.
  static std::string Describe(int link, int page, int terminal, WorkerTask task);
  ~WorkerLink();
  WorkerLink(const WorkerLink&) = delete;
  WorkerLink& operator=(const WorkerLink&) = delete;

  int fd() const { return fd_; }
  // For PrepareCrashReport().
  int crash_page_fd() const { return crash_page_fd_; }
  // What the command line says of old processes is for the first worker alone.
  WorkerTask task() const { return task_; }
  [[nodiscard]] bool TakeSockets(std::vector<int>* sockets, std::string* why);
  // Our end of a session in which the master gets sockets, or -1.
  [[nodiscard]] int OpenSession();
  // From here on standard error is the master's own, no longer what it reads along.
  [[nodiscard]] bool ReportReady(uint32_t max_reloads, const std::string& version);
  Event Read(int* client, CliLevel* level);

 private:
  WorkerLink() = default;
  int fd_ = -1;
  int crash_page_fd_ = -1;
  int terminal_fd_ = -1;
  WorkerTask task_ = WorkerTask::kReplace;
};

}  // namespace engine
