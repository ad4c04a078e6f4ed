#include "engine/run/worker_link.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "base/text.h"
#include "engine/run/handover.h"
#include "shard/net/pass_fds.h"

namespace engine {
namespace {

bool IsPacketSocket(int fd) {
  int type = 0;
  socklen_t length = sizeof(type);
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_SEQPACKET;
}

}  // namespace

std::string WorkerLink::Describe(int link, int page, int terminal, WorkerTask task) {
  return base::Format("%d %d %d %d %d", link, page, terminal, task == WorkerTask::kFirst ? 1 : 0,
                      task == WorkerTask::kReload ? 1 : 0);
}

std::unique_ptr<WorkerLink> WorkerLink::FromEnvironment() {
  const char* text = std::getenv(kMasterVariable);
  if (text == nullptr) return nullptr;
  std::unique_ptr<WorkerLink> link(new WorkerLink);
  int is_first = 0;
  int is_reload = 0;
  const bool good = std::sscanf(text, "%d %d %d %d %d", &link->fd_, &link->crash_page_fd_,
                                &link->terminal_fd_, &is_first, &is_reload) >= 4 &&
                    IsPacketSocket(link->fd_);
  unsetenv(kMasterVariable);
  // Set by somebody else: the numbers are not ours to close.
  if (!good) {
    link->fd_ = link->crash_page_fd_ = link->terminal_fd_ = -1;
    return nullptr;
  }
  link->task_ = is_first != 0    ? WorkerTask::kFirst
                : is_reload != 0 ? WorkerTask::kReload
                                 : WorkerTask::kReplace;
  for (const int fd : {link->fd_, link->crash_page_fd_, link->terminal_fd_}) {
    if (fd >= 0) (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
  return link;
}

WorkerLink::~WorkerLink() { CloseFds({fd_, crash_page_fd_, terminal_fd_}); }

bool WorkerLink::TakeSockets(std::vector<int>* sockets, std::string* why) {
  return ReceiveSockets(fd_, sockets, why);
}

int WorkerLink::OpenSession() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) return -1;
  const int theirs[] = {ends[1]};
  const bool sent = shard::SendWithFds(fd_, "session\n", theirs) > 0;
  close(ends[1]);
  if (sent) return ends[0];
  close(ends[0]);
  return -1;
}

bool WorkerLink::ReportReady(uint32_t max_reloads, const std::string& version) {
  std::fflush(nullptr);
  if (terminal_fd_ >= 0) {
    if (dup2(terminal_fd_, STDERR_FILENO) < 0) return false;
    close(terminal_fd_);
    terminal_fd_ = -1;
  }
  const std::string text = base::Format("ready %u %s\n", max_reloads, version.c_str());
  return shard::SendWithFds(fd_, text, {}) > 0;
}

WorkerLink::Event WorkerLink::Read(int* client, CliLevel* level) {
  std::string text;
  std::vector<int> fds;
  const int length = shard::ReceiveWithFds(fd_, &text, &fds);
  if (length == 0 || (length < 0 && length != -EAGAIN && length != -EINTR)) {
    close(fd_);
    fd_ = -1;
    return Event::kGone;
  }
  unsigned number = 0;
  if (length > 0 && fds.size() == 1 && std::sscanf(text.c_str(), "cli %u", &number) == 1 &&
      number <= unsigned(CliLevel::kAdmin)) {
    *client = fds[0];
    *level = CliLevel(number);
    return Event::kClient;
  }
  CloseFds(fds);
  return Event::kNone;
}

}  // namespace engine
