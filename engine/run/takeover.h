// takeover.h - taking the place of processes that serve already (-sf, -st, -x): their listening
// sockets first, their ports where those do not fit, and their end once we serve.
//
// Owns:    the sockets it was given until Match() hands them on, a pidfd for each old process, and
//          the sessions until CloseUnmatched() gives them to SocketSharing; a child process that
//          KeepRights() makes, until Complete() or GiveUp().
// Threads: start-up, main thread.
// Units:   process ids.
// Errors:  that a process of -sf or -st has no sockets to give is no error: it may be gone, or
//          another program. What -x names must give them. A process that cannot be told to stop
//          is a warning, as we serve by then.
// States:  begun -> matched -> (making room: the old ones are paused) -> complete, or given up:
//          then the old ones listen again, and nothing of theirs was touched.
//
//   Takeover takeover(options);
//   if (!takeover.Begin(&notes, &error)) return Refuse(error);
//   supervisor.Bind(&takeover, ...);      // Match(), CloseUnmatched(), MakeRoom()
//   takeover.KeepRights(&error);          // and only then give them up
//   ... serve ...
//   takeover.Complete(sharing, &warnings);
//
// management.txt 4 has the order of signals.

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/run/options.h"
#include "engine/run/socket_sharing.h"
#include "shard/net/socket_options.h"

namespace engine {

class Takeover {
 public:
  explicit Takeover(const Options& options) : options_(options) {}
  // Gives up what is not complete.
  ~Takeover();
  Takeover(const Takeover&) = delete;
  Takeover& operator=(const Takeover&) = delete;

  // Sockets that a master has kept for us; they are matched as those of an old process.
  void AddKept(std::vector<int> sockets);
  // Gets the sockets. `notes` say what was not there; false: -x has failed.
  [[nodiscard]] bool Begin(std::vector<std::string>* notes, std::string* error);
  // Whether somebody who is to be replaced may listen at this port: that he does is what is wanted.
  // Asked before Match(). Of a master, what it has kept says all.
  bool MayListenAt(uint16_t port) const;
  // The sockets that listen where `options` want to. They are the caller's.
  std::vector<int> Match(const shard::ListenOptions& options);
  // What nobody asked for is closed here, and those who gave it are told.
  void CloseUnmatched(SocketSharing& sharing);
  // An address is taken: the old processes pause (SIGTTOU), and it may be tried again after a
  // while. False: there is nobody to pause, or it has lasted long enough.
  bool MakeRoom();
  // What is signalled may run as another user than we will. A child keeps the rights of now for
  // Complete(), and for GiveUp() or our death. No threads may have been started. False: it cannot
  // be, and what we may do then is tried.
  [[nodiscard]] bool KeepRights(std::string* why);
  // Everything serves: the old processes finish (SIGUSR1) or stop (SIGTERM).
  void Complete(const SocketSharing& sharing, std::vector<std::string>* warnings);
  // We do not serve: those who were paused listen again (SIGTTIN).
  void GiveUp();

 private:
  struct OldProcess {
    pid_t pid;
    int pid_fd;
    bool finishes;  // -sf; else -st
  };
  struct Session {
    int fd;  // -1: with the master, which is told by other means
    pid_t giver;
    std::vector<int> sockets;  // as they came; -1: matched
    std::vector<int> kept;     // their numbers here, once matched
    std::vector<size_t> kept_positions;
  };
  static constexpr uint64_t kRoomWaitMs = 1000;
  static constexpr uint64_t kRoomStepMs = 10;

  void Find(const std::vector<pid_t>& pids, bool finishes, std::vector<std::string>* notes);
  [[nodiscard]] bool AskSocket(std::string_view name, std::string* error);
  void AskProcess(pid_t pid, std::vector<std::string>* notes);
  [[nodiscard]] bool Receive(int session, pid_t giver, std::string* error);
  void DropTwins(std::vector<int>& sockets) const;
  bool HasGiven(pid_t pid) const;
  static uint16_t PortOf(int socket);
  // 0 or an errno.
  static int Signal(const OldProcess& process, int signal);
  static int End(const OldProcess& process);
  [[noreturn]] void CarryOut(int order) const;
  // What End() has returned for each, with the rights that were kept.
  std::vector<int> EndAll();
  void ReleaseRights();

  const Options& options_;
  std::vector<OldProcess> old_;
  std::vector<Session> sessions_;
  int carrier_ = -1;  // a socket to the child
  pid_t carrier_pid_ = -1;
  bool paused_ = false;
  bool complete_ = false;
  uint64_t room_deadline_ms_ = 0;
};

}  // namespace engine
