// daemon.h - going to the background (-D) without losing the exit status, and the pid file.
//
// Owns:    Daemon owns one end of a pipe; NullDevice a descriptor; PidFile another and, until it is
//          written, the file it made.
// Threads: start-up, main thread; fork comes before any thread and before any ring.
// Units:   process ids.
// Errors:  messages for the console. The parent exits 1 whenever its child ends before it serves.
// States:  Daemon: attached -> detached (fork) -> ready. PidFile: closed -> open -> written.
//
//   PidFile pid_file;
//   if (!pid_file.Open(path, &error)) return Refuse(error);     // before chroot and fork
//   Daemon daemon;
//   switch (daemon.Detach(&error)) {
//     case Daemon::Side::kParent: return daemon.WaitUntilReady(&error);  // an exit status
//     case Daemon::Side::kChild: break;
//     case Daemon::Side::kFailed: return Refuse(error);
//   }
//   ... drop privileges, start the shards ...
//   if (!pid_file.Write(getpid(), &error) || !daemon.ReportReady(&error)) return Refuse(error);
//
// The child keeps the terminal's standard error until it reports, so that its alerts are seen by
// who started it; then all three streams become /dev/null. As with haproxy the pid file is for -D
// and -W only: in the foreground it would take the place of a daemon that runs on the same file.

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace engine {

// /dev/null, opened while it can be seen: an empty root directory has none.
class NullDevice {
 public:
  NullDevice() = default;
  ~NullDevice();
  NullDevice(const NullDevice&) = delete;
  NullDevice& operator=(const NullDevice&) = delete;

  [[nodiscard]] bool Open(std::string* error);
  // Makes standard input, output and error /dev/null, which is then closed. Opens it if nobody has.
  [[nodiscard]] bool TakeStandardStreams(std::string* error);

 private:
  int fd_ = -1;  // above 2: FillStandardStreams() has seen to that
};

class Daemon {
 public:
  enum class Side : uint8_t { kParent, kChild, kFailed };

  Daemon() = default;
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Forks. The child leads a session of its own, without a terminal.
  Side Detach(std::string* error);
  // Parent: returns the exit status once the child serves (0) or has ended (1, with a message in
  // *error when the child could not have printed one).
  int WaitUntilReady(std::string* error);
  // Child: the streams go to /dev/null and the parent returns 0. Call it when every shard serves.
  [[nodiscard]] bool ReportReady(std::string* error);

 private:
  int pipe_fd_ = -1;  // parent: the end to read; child: the end to write
  pid_t child_pid_ = 0;
  NullDevice null_;
};

class PidFile {
 public:
  PidFile() = default;
  ~PidFile();
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;

  // Opens or makes the file, and leaves what stands in it. A file made by us is removed again
  // unless Write() succeeds. An empty path is a success, and everything else then does nothing.
  [[nodiscard]] bool Open(const std::string& path, std::string* error);
  [[nodiscard]] bool Write(pid_t pid, std::string* error);
  // Removes the file if it still is ours: the same file, with our pid in it. A successor's stays,
  // and so does one that cannot be reached any more (chroot, user).
  void Remove();

  bool is_open() const { return fd_ >= 0; }

 private:
  bool IsStillAtPath() const;

  std::string path_;  // absolute
  int fd_ = -1;
  bool made_here_ = false;
  pid_t written_pid_ = 0;  // by this process; 0: not written
};

// Puts /dev/null where a standard stream was closed by whoever started us, so that no socket gets
// its number and no message goes to a peer. First thing in main().
void FillStandardStreams();

}  // namespace engine
