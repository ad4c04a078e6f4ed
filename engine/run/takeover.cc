#include "engine/run/takeover.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

#include "base/clock.h"
#include "base/errno_name.h"
#include "base/text.h"
#include "engine/config/diagnostics.h"
#include "engine/run/handover.h"
#include "engine/session/process_control.h"
#include "shard/net/pass_fds.h"

namespace engine {
namespace {

constexpr size_t kAnswerBytesMax = 512;

uint64_t NowMs() { return base::MonotonicMicros() / 1000; }

std::string Because(int error) {
  return base::Format(": %s (%s)", base::ErrnoText(error), base::ErrnoName(error));
}

bool Fail(std::string* error, std::string message) {
  *error = std::move(message);
  return false;
}

// A unix socket connected to `path`, or to the abstract name it is; -1 with errno.
int Connect(std::string_view name, bool abstract, int type) {
  shard::Address address;
  address.family = AF_UNIX;
  address.local = {name.data(), uint32_t(name.size()), abstract};
  sockaddr_storage storage;
  const socklen_t length = address.ToSockaddr(&storage);
  errno = ENAMETOOLONG;
  if (length == 0) return -1;
  const int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const timeval patience = {5, 0};  // where its backlog is full
  (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  if (connect(fd, reinterpret_cast<sockaddr*>(&storage), length) == 0) return fd;
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

ucred PeerOf(int fd) {
  ucred peer = {};
  socklen_t length = sizeof(peer);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) peer.pid = 0;
  return peer;
}

}  // namespace

Takeover::~Takeover() {
  GiveUp();
  for (const Session& session : sessions_) {
    CloseFds({session.fd});
    CloseFds(session.sockets);
  }
  for (const OldProcess& process : old_) {
    if (process.pid_fd >= 0) close(process.pid_fd);
  }
}

void Takeover::Find(const std::vector<pid_t>& pids, bool finishes,
                    std::vector<std::string>* notes) {
  for (const pid_t pid : pids) {
    const auto same = [pid](const OldProcess& process) { return process.pid == pid; };
    if (std::any_of(old_.begin(), old_.end(), same)) continue;
    const std::string name = base::Format("'%s': process %d ", finishes ? "-sf" : "-st", int(pid));
    // What a pid file says that outlived its machine, in a container say.
    if (pid == getpid()) {
      notes->push_back(name + "is this one: left alone");
      continue;
    }
    const int pid_fd = int(syscall(SYS_pidfd_open, pid, 0));
    if (pid_fd < 0 && errno == ESRCH) {
      notes->push_back(name + "is gone");
      continue;
    }
    // Without it (an old kernel) the number has to do.
    if (pid_fd >= 0) (void)fcntl(pid_fd, F_SETFD, FD_CLOEXEC);
    old_.push_back({pid, pid_fd, finishes});
  }
}

bool Takeover::HasGiven(pid_t pid) const {
  return std::any_of(sessions_.begin(), sessions_.end(),
                     [pid](const Session& session) { return session.giver == pid; });
}

// The same socket may come by two ways, and must not be listened on twice.
void Takeover::DropTwins(std::vector<int>& sockets) const {
  for (int& socket : sockets) {
    const uint64_t cookie = CookieOf(socket);
    if (cookie == 0) continue;
    for (const Session& session : sessions_) {
      const bool is_twin =
          std::any_of(session.sockets.begin(), session.sockets.end(),
                      [cookie](int other) { return other >= 0 && CookieOf(other) == cookie; });
      if (!is_twin) continue;
      close(socket);
      socket = -1;
      break;
    }
  }
}

bool Takeover::Receive(int session, pid_t giver, std::string* error) {
  std::vector<int> sockets;
  if (!ReceiveSockets(session, &sockets, error)) {
    close(session);
    return false;
  }
  DropTwins(sockets);
  sessions_.push_back({session, giver, std::move(sockets), {}, {}});
  return true;
}

bool Takeover::AskSocket(std::string_view name, std::string* error) {
  const std::string before = "'-x " + Printable(name) + "': ";
  std::string_view place = name;
  bool abstract = false;
  if (place.starts_with("unix@")) {
    place.remove_prefix(5);
  } else if (place.starts_with("abns@")) {
    place.remove_prefix(5);
    abstract = true;
  } else if (!place.starts_with('/') && place.find('@') != std::string_view::npos) {
    return Fail(error, before + "not a unix socket: write its path, or abns@NAME");
  }
  const int fd = Connect(place, abstract, SOCK_STREAM);
  if (fd < 0) return Fail(error, before + "cannot connect" + Because(errno));
  std::string said;
  std::vector<int> ends;
  constexpr std::string_view kAsk = "take listeners\n";
  if (shard::SendWithFds(fd, kAsk, {}) != int(kAsk.size()) || !IsReadableSoon(fd) ||
      shard::ReceiveWithFds(fd, &said, &ends, kAnswerBytesMax) < 0) {
    close(fd);
    return Fail(error, before + "whoever listens there does not answer");
  }
  close(fd);
  if (said.starts_with(kHandoverGreeting) && ends.size() == 1) {
    // Who made the pair is who answers.
    const pid_t giver = PeerOf(ends[0]).pid;
    if (Receive(ends[0], giver, error)) return true;
    return Fail(error, before + *error);
  }
  CloseFds(ends);
  said = said.substr(0, said.find('\n'));
  if (said.starts_with("Permission denied")) {
    return Fail(error, before +
                           "the process there does not hand over its sockets: add 'expose-fd "
                           "listeners' to its 'stats socket' line, and restart it");
  }
  return Fail(error, before +
                         "whoever listens there is no Ringway that can hand over its sockets, it "
                         "answered '" +
                         Printable(said.substr(0, 80)) +
                         "'; use the 'stats socket' of a Ringway, or "
                         "leave out '-x'");
}

// A name anybody may bind: only the process itself, started by our own user, is believed.
void Takeover::AskProcess(pid_t pid, std::vector<std::string>* notes) {
  const std::string before = base::Format("process %d gives no listening sockets: ", int(pid));
  const std::string name = SocketSharing::OfferName(pid);
  const int session = Connect(name, true, SOCK_SEQPACKET);
  if (session < 0) return notes->push_back(before + "it offers none");
  const ucred peer = PeerOf(session);
  if (peer.pid != pid || peer.uid != geteuid()) {
    close(session);
    return notes->push_back(before + "another process, or another user's, answers for it");
  }
  std::string error;
  if (!Receive(session, pid, &error)) notes->push_back(before + error);
}

void Takeover::AddKept(std::vector<int> sockets) {
  sessions_.push_back({-1, 0, std::move(sockets), {}, {}});
}

bool Takeover::Begin(std::vector<std::string>* notes, std::string* error) {
  Find(options_.finish_pids, true, notes);
  Find(options_.terminate_pids, false, notes);
  // /dev/null is how the manual turns the transfer off.
  if (options_.listeners_from == "/dev/null") return true;
  if (!options_.listeners_from.empty() && !AskSocket(options_.listeners_from, error)) return false;
  for (const OldProcess& process : old_) {
    if (!HasGiven(process.pid)) AskProcess(process.pid, notes);
  }
  return true;
}

uint16_t Takeover::PortOf(int socket) {
  sockaddr_storage bound = {};
  socklen_t length = sizeof(bound);
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&bound), &length) != 0) return 0;
  return shard::Address::FromSockaddr(bound, length).port;
}

bool Takeover::MayListenAt(uint16_t port) const {
  if (!old_.empty()) return true;
  return std::any_of(sessions_.begin(), sessions_.end(), [port](const Session& session) {
    const bool is_masters = session.fd < 0;
    return !is_masters || std::any_of(session.sockets.begin(), session.sockets.end(),
                                      [port](int socket) { return PortOf(socket) == port; });
  });
}

std::vector<int> Takeover::Match(const shard::ListenOptions& options) {
  std::vector<int> matched;
  for (Session& session : sessions_) {
    for (size_t i = 0; i < session.sockets.size(); ++i) {
      const int socket = session.sockets[i];
      if (socket < 0 || !shard::IsListenSocketFor(socket, options)) continue;
      matched.push_back(socket);
      session.kept.push_back(socket);
      session.kept_positions.push_back(i);
      session.sockets[i] = -1;
    }
  }
  return matched;
}

void Takeover::CloseUnmatched(SocketSharing& sharing) {
  for (Session& session : sessions_) {
    CloseFds(session.sockets);
    if (session.fd < 0) continue;
    std::string keeps = "keeps";
    for (const size_t position : session.kept_positions) keeps += ' ' + std::to_string(position);
    // Who cannot be told believes that all are shared, which is the safe side.
    (void)shard::SendWithFds(session.fd, keeps + '\n', {});
    sharing.Watch(session.fd, session.giver, std::move(session.kept));
  }
  sessions_.clear();
}

int Takeover::Signal(const OldProcess& process, int signal) {
  const int result = process.pid_fd >= 0
                         ? int(syscall(SYS_pidfd_send_signal, process.pid_fd, signal, nullptr, 0))
                         : kill(process.pid, signal);
  return result == 0 ? 0 : errno;
}

bool Takeover::MakeRoom() {
  if (!paused_) {
    for (const OldProcess& process : old_) paused_ |= Signal(process, SIGTTOU) == 0;
    room_deadline_ms_ = NowMs() + kRoomWaitMs;
  }
  if (!paused_ || NowMs() >= room_deadline_ms_) return false;
  usleep(kRoomStepMs * 1000);
  return true;
}

int Takeover::End(const OldProcess& process) {
  return Signal(process, process.finishes ? SIGUSR1 : SIGTERM);
}

bool Takeover::KeepRights(std::string* why) {
  if (old_.empty()) return true;
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return Fail(why, "cannot keep the rights to end the old processes" + Because(errno));
  }
  carrier_pid_ = fork();
  if (carrier_pid_ == 0) {
    close(ends[0]);
    CarryOut(ends[1]);
  }
  const int error = errno;
  close(ends[1]);
  carrier_ = ends[0];
  const timeval patience = {1, 0};
  (void)setsockopt(carrier_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  if (carrier_pid_ > 0) return true;
  close(std::exchange(carrier_, -1));
  return Fail(why, "cannot keep the rights to end the old processes" + Because(error));
}

// Nothing but system calls: a copy of a process that may have locked anything.
void Takeover::CarryOut(int order) const {
  prctl(PR_SET_NAME, "ringway-ending");
  for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) signal(number, SIG_DFL);
  // Of all that the process has open it keeps what it needs.
  unsigned next = 3;
  for (;;) {
    unsigned keep = unsigned(order) >= next ? unsigned(order) : UINT_MAX;
    for (const OldProcess& process : old_) {
      const auto fd = unsigned(process.pid_fd);
      if (process.pid_fd >= 0 && fd >= next) keep = std::min(keep, fd);
    }
    if (keep > next) (void)close_range(next, keep == UINT_MAX ? UINT_MAX : keep - 1, 0);
    if (keep == UINT_MAX) break;
    next = keep + 1;
  }
  char word;
  if (TEMP_FAILURE_RETRY(read(order, &word, sizeof(word))) == sizeof(word)) {
    for (const OldProcess& process : old_) {
      const int result = End(process);
      if (write(order, &result, sizeof(result)) != sizeof(result)) break;
    }
  } else if (paused_) {
    for (const OldProcess& process : old_) (void)Signal(process, SIGTTIN);
  }
  _exit(0);
}

void Takeover::ReleaseRights() {
  if (carrier_ < 0) return;
  close(std::exchange(carrier_, -1));
  (void)TEMP_FAILURE_RETRY(waitpid(carrier_pid_, nullptr, 0));
}

std::vector<int> Takeover::EndAll() {
  std::vector<int> results;
  const char word = 'e';
  const bool is_asked = carrier_ >= 0 && send(carrier_, &word, sizeof(word), MSG_NOSIGNAL) == 1;
  for (const OldProcess& process : old_) {
    int result = EPERM;
    const bool is_told = is_asked && TEMP_FAILURE_RETRY(recv(carrier_, &result, sizeof(result),
                                                             MSG_WAITALL)) == sizeof(result);
    results.push_back(is_told ? result : End(process));
  }
  ReleaseRights();
  return results;
}

void Takeover::Complete(const SocketSharing& sharing, std::vector<std::string>* warnings) {
  complete_ = true;
  const std::vector<int> results = EndAll();
  for (size_t i = 0; i < old_.size(); ++i) {
    const OldProcess& process = old_[i];
    const int error = results[i];
    if (error == 0 || error == ESRCH) continue;
    // It runs as another user than we were started as; but it has given us its sockets, and
    // listens.
    if (sharing.Send(process.pid, process.finishes ? "stop soft\n" : "stop now\n")) continue;
    warnings->push_back(base::Format("'%s': cannot tell process %d to %s, it goes on beside us",
                                     process.finishes ? "-sf" : "-st", int(process.pid),
                                     process.finishes ? "finish" : "stop") +
                        Because(error));
  }
}

void Takeover::GiveUp() {
  if (complete_) return;
  ReleaseRights();
  if (!paused_) return;
  paused_ = false;
  for (const OldProcess& process : old_) (void)Signal(process, SIGTTIN);
}

}  // namespace engine
