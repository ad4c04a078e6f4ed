#include "shard/ring/accept_guard.h"

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

namespace shard {

AcceptGuard::~AcceptGuard() {
  if (prepared_) timer_delete(timer_);
}

bool AcceptGuard::Prepare() {
  if (prepared_) return true;
  struct sigaction action = {};
  action.sa_handler = [](int) {};  // without SA_RESTART: accept4 returns EINTR
  if (sigaction(SIGURG, &action, nullptr) != 0) return false;
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGURG);
  if (pthread_sigmask(SIG_UNBLOCK, &set, nullptr) != 0) return false;
  sigevent event = {};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = SIGURG;
  event.sigev_notify_thread_id = int(syscall(SYS_gettid));
  prepared_ = timer_create(CLOCK_MONOTONIC, &event, &timer_) == 0;
  return prepared_;
}

void AcceptGuard::Arm(bool on) {
  itimerspec when = {};
  if (on) {
    // Repeated, in case the first signal comes before accept4 has gone to sleep.
    when.it_value.tv_nsec = when.it_interval.tv_nsec = kPatienceMs * 1000000L;
  }
  timer_settime(timer_, 0, &when, nullptr);
}

int AcceptGuard::Accept(int listener) {
  pollfd ready = {.fd = listener, .events = POLLIN, .revents = 0};
  if (poll(&ready, 1, 0) <= 0) return -EAGAIN;
  if (!Prepare()) return -EAGAIN;
  Arm(true);
  const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  const int error = errno;
  Arm(false);
  if (fd >= 0) return fd;
  return error == EINTR ? -EAGAIN : -error;
}

}  // namespace shard
