#include "engine/run/signals.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

#include "base/check.h"
#include "base/errno_name.h"

namespace engine {
namespace {

struct Meaning {
  int signal;
  const char* name;
  SignalRequest request;
};

constexpr Meaning kMeanings[] = {
    {SIGINT, "SIGINT", SignalRequest::kStop},       {SIGTERM, "SIGTERM", SignalRequest::kStop},
    {SIGUSR1, "SIGUSR1", SignalRequest::kSoftStop}, {SIGUSR2, "SIGUSR2", SignalRequest::kReload},
    {SIGHUP, "SIGHUP", SignalRequest::kReload},     {SIGQUIT, "SIGQUIT", SignalRequest::kDump},
    {SIGTTOU, "SIGTTOU", SignalRequest::kPause},    {SIGTTIN, "SIGTTIN", SignalRequest::kResume},
    {SIGCHLD, "SIGCHLD", SignalRequest::kChild},
};

constexpr int kIgnored[] = {SIGPIPE, SIGALRM};

sigset_t Reported() {
  sigset_t set;
  sigemptyset(&set);
  for (const Meaning& meaning : kMeanings) sigaddset(&set, meaning.signal);
  return set;
}

void SetDisposition(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigaction(signal, &action, nullptr);
}

int64_t NowMs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1000000;
}

}  // namespace

void BlockSignals() {
  const sigset_t set = Reported();
  sigprocmask(SIG_BLOCK, &set, nullptr);
  // A shell starts background jobs with SIGINT and SIGQUIT ignored and nohup ignores SIGHUP. The
  // default action costs nothing while blocked, and an ignored SIGCHLD would reap our children.
  for (const Meaning& meaning : kMeanings) SetDisposition(meaning.signal, SIG_DFL);
  for (const int signal : kIgnored) SetDisposition(signal, SIG_IGN);
}

void RestoreSignals() {
  for (const int signal : kIgnored) SetDisposition(signal, SIG_DFL);
  const sigset_t set = Reported();
  sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

std::unique_ptr<SignalWaiter> SignalWaiter::Create(std::string* error) {
  const sigset_t set = Reported();
  const int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0) {
    *error = std::string("cannot wait for signals (signalfd): ") + base::ErrnoText(errno);
    return nullptr;
  }
  return std::unique_ptr<SignalWaiter>(new SignalWaiter(fd));
}

SignalWaiter::~SignalWaiter() { close(fd_); }

bool SignalWaiter::TakePending(SignalEvent& event) {
  signalfd_siginfo info{};
  if (read(fd_, &info, sizeof info) != ssize_t(sizeof info)) return false;
  for (const Meaning& meaning : kMeanings) {
    if (uint32_t(meaning.signal) != info.ssi_signo) continue;
    event.request = meaning.request;
    event.signal = meaning.signal;
    event.sender_pid = pid_t(info.ssi_pid);
    event.sender_uid = uid_t(info.ssi_uid);
    return true;
  }
  return false;
}

SignalEvent SignalWaiter::Wait(int timeout_ms, std::span<const int> wake_fds) {
  MUST(wake_fds.size() <= kWakeFdsMax);
  const int64_t deadline_ms = timeout_ms < 0 ? -1 : NowMs() + timeout_ms;
  for (;;) {
    SignalEvent event;
    if (TakePending(event)) return event;
    pollfd polled[1 + kWakeFdsMax] = {{fd_, POLLIN, 0}};
    nfds_t count = 1;
    for (const int fd : wake_fds) polled[count++] = {fd, POLLIN, 0};  // poll() passes over -1
    const int64_t left_ms = deadline_ms < 0 ? -1 : deadline_ms - NowMs();
    const int ready = poll(polled, count, deadline_ms < 0 ? -1 : int(left_ms > 0 ? left_ms : 0));
    if (ready == 0) return event;
    if (ready > 0 && polled[0].revents == 0) {
      event.request = SignalRequest::kWake;
      return event;
    }
  }
}

const char* SignalName(int signal) {
  for (const Meaning& meaning : kMeanings) {
    if (meaning.signal == signal) return meaning.name;
  }
  return "signal";
}

const char* RequestName(SignalRequest request) {
  switch (request) {
    case SignalRequest::kTimeout:
      return "timeout";
    case SignalRequest::kWake:
      return "wake";
    case SignalRequest::kStop:
      return "stop";
    case SignalRequest::kSoftStop:
      return "soft stop";
    case SignalRequest::kReload:
      return "reload";
    case SignalRequest::kDump:
      return "dump";
    case SignalRequest::kPause:
      return "pause";
    case SignalRequest::kResume:
      return "resume";
    case SignalRequest::kChild:
      return "child";
    case SignalRequest::kCount:
      break;
  }
  return "?";
}

}  // namespace engine
