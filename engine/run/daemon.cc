#include "engine/run/daemon.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/errno_name.h"
#include "base/text.h"
#include "engine/config/diagnostics.h"

namespace engine {
namespace {

std::string Because(int error) {
  return base::Format(": %s (%s)", base::ErrnoText(error), base::ErrnoName(error));
}

bool Fail(std::string* error, std::string message) {
  *error = std::move(message);
  return false;
}

}  // namespace

void FillStandardStreams() {
  for (int stream = 0; stream <= 2; ++stream) {
    if (fcntl(stream, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest free number is this one: those below are open by now.
    if (open("/dev/null", O_RDWR | O_NOCTTY) != stream) _exit(1);
  }
}

NullDevice::~NullDevice() {
  if (fd_ >= 0) close(fd_);
}

bool NullDevice::Open(std::string* error) {
  if (fd_ < 0) fd_ = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY);
  return fd_ >= 0 || Fail(error, "cannot open /dev/null" + Because(errno));
}

bool NullDevice::TakeStandardStreams(std::string* error) {
  if (!Open(error)) return false;
  for (int stream = 0; stream <= 2; ++stream) {
    if (dup2(fd_, stream) < 0) {
      return Fail(error, "cannot close the standard streams" + Because(errno));
    }
  }
  close(fd_);
  fd_ = -1;
  return true;
}

Daemon::~Daemon() {
  if (pipe_fd_ >= 0) close(pipe_fd_);
}

Daemon::Side Daemon::Detach(std::string* error) {
  int ends[2];
  // Where the root directory changes there may be none afterwards.
  if (!null_.Open(error)) return Side::kFailed;
  if (pipe2(ends, O_CLOEXEC) != 0) {
    *error = "cannot make a pipe for '-D'" + Because(errno);
    return Side::kFailed;
  }
  std::fflush(nullptr);  // or what is buffered would be printed twice
  const pid_t pid = fork();
  if (pid < 0) {
    *error = "cannot fork for '-D'" + Because(errno);
    close(ends[0]);
    close(ends[1]);
    return Side::kFailed;
  }
  if (pid > 0) {
    close(ends[1]);
    pipe_fd_ = ends[0];
    child_pid_ = pid;
    return Side::kParent;
  }
  close(ends[0]);
  pipe_fd_ = ends[1];
  setsid();  // a fresh child leads no group, so this cannot fail
  return Side::kChild;
}

int Daemon::WaitUntilReady(std::string* error) {
  char byte = 0;
  ssize_t got;
  do {
    got = read(pipe_fd_, &byte, 1);
  } while (got < 0 && errno == EINTR);
  if (got == 1) return 0;

  int status = 0;
  while (waitpid(child_pid_, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) {
    *error = base::Format("the background process %d was killed by signal %d (%s) while starting",
                          int(child_pid_), WTERMSIG(status), strsignal(WTERMSIG(status)));
  } else if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    *error = base::Format("the background process %d ended before it served", int(child_pid_));
  }
  return 1;
}

bool Daemon::ReportReady(std::string* error) {
  if (pipe_fd_ < 0) return true;  // not detached
  if (!null_.TakeStandardStreams(error)) return false;
  ssize_t sent;
  do {
    sent = write(pipe_fd_, "R", 1);
  } while (sent < 0 && errno == EINTR);
  // A parent that was killed meanwhile is no reason to stop.
  close(pipe_fd_);
  pipe_fd_ = -1;
  return true;
}

PidFile::~PidFile() {
  if (fd_ < 0) return;
  struct stat ours {};
  if (made_here_ && fstat(fd_, &ours) == 0 && ours.st_size == 0 && IsStillAtPath()) {
    unlink(path_.c_str());
  }
  close(fd_);
}

bool PidFile::Open(const std::string& path, std::string* error) {
  if (path.empty()) return true;
  path_ = path;
  if (path[0] != '/') {  // the directory changes with chroot
    if (char* here = getcwd(nullptr, 0)) {
      path_ = std::string(here) + "/" + path;
      std::free(here);
    }
  }
  // 0644 whatever the umask: scripts of other users read it, nobody else may write it.
  fd_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0644);
  made_here_ = fd_ >= 0;
  if (fd_ < 0 && errno == EEXIST) fd_ = open(path_.c_str(), O_RDWR | O_CLOEXEC | O_NOCTTY);
  if (fd_ < 0) {
    return Fail(error, "cannot write the pid file '" + Printable(path) + "'" + Because(errno) +
                           ": give another with '-p' or 'pidfile'");
  }
  if (made_here_) fchmod(fd_, 0644);
  return true;
}

bool PidFile::Write(pid_t pid, std::string* error) {
  if (fd_ < 0) return true;
  const std::string line = base::Format("%d\n", int(pid));
  if ((ftruncate(fd_, 0) != 0 && errno != EINVAL) ||  // EINVAL: not a plain file, /dev/null say
      pwrite(fd_, line.data(), line.size(), 0) != ssize_t(line.size())) {
    const int why = errno;
    if (why != ESPIPE || write(fd_, line.data(), line.size()) != ssize_t(line.size())) {
      return Fail(error, "cannot write the pid file '" + Printable(path_) + "'" + Because(why));
    }
  }
  written_pid_ = pid;
  return true;
}

bool PidFile::IsStillAtPath() const {
  struct stat ours {};
  struct stat there {};
  return fstat(fd_, &ours) == 0 && stat(path_.c_str(), &there) == 0 && S_ISREG(ours.st_mode) &&
         ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

void PidFile::Remove() {
  if (fd_ < 0 || written_pid_ == 0 || !IsStillAtPath()) return;
  const int fd = open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return;
  char text[32] = {};
  const ssize_t length = read(fd, text, sizeof text - 1);
  close(fd);
  if (length > 0 && std::atoi(text) == written_pid_) unlink(path_.c_str());
}

}  // namespace engine
