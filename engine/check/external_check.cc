#include "engine/check/external_check.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "base/clock.h"
#include "base/errno_name.h"

namespace engine {
namespace {

uint64_t NowMs() { return base::MonotonicMicros() / 1000; }

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// In a group of its own, so that it goes with all it has started; with nothing of ours but the
// environment it is given.
int Spawn(ExternalJob& job, int* pid) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&attributes);
  for (int fd = 0; fd < 3; ++fd) {
    posix_spawn_file_actions_addopen(&files, fd, "/dev/null", fd == 0 ? O_RDONLY : O_WRONLY, 0);
  }
  posix_spawn_file_actions_addclosefrom_np(&files, 3);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  std::vector<char*> argv = Pointers(job.argv);
  std::vector<char*> environment = Pointers(job.environment);
  const int error = posix_spawn(pid, argv[0], &files, &attributes, argv.data(), environment.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return error;
}

}  // namespace

bool ExternalChecks::Start() {
  wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd_ < 0) return false;
  thread_ = std::thread([this] { Run(); });
  return true;
}

void ExternalChecks::Stop() {
  if (!thread_.joinable()) return;
  stopping_.store(true, std::memory_order_release);
  Wake();
  thread_.join();
  close(wake_fd_);
  wake_fd_ = -1;
}

void ExternalChecks::Wake() { (void)eventfd_write(wake_fd_, 1); }

ExternalJob* ExternalChecks::Submit(std::unique_ptr<ExternalJob> job) {
  ExternalJob* submitted = job.release();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    new_jobs_.push_back(submitted);
  }
  Wake();
  return submitted;
}

void ExternalChecks::Drop(ExternalJob* job) {
  const auto before = job->state.exchange(ExternalJob::State::kGivenUp, std::memory_order_acq_rel);
  if (before == ExternalJob::State::kDone) {
    delete job;
  } else {
    Wake();  // its program is of no use any more
  }
}

// The thread --------------------------------------------------------------------------------------

void ExternalChecks::Run() {
  while (!stopping_.load(std::memory_order_acquire)) {
    TakeNew();
    Watch();
  }
  TakeNew();
  for (ExternalJob* job : running_) {
    kill(-job->pid, SIGKILL);
    waitpid(job->pid, nullptr, 0);
    End(job);
  }
  running_.clear();
}

void ExternalChecks::TakeNew() {
  std::vector<ExternalJob*> jobs;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    jobs.swap(new_jobs_);
  }
  for (ExternalJob* job : jobs) Begin(job);
}

void ExternalChecks::Begin(ExternalJob* job) {
  const int error = Spawn(*job, &job->pid);
  if (error != 0) {
    job->result = {CheckStatus::kProcessError, error, base::ErrnoText(error)};
    return End(job);
  }
  job->pidfd = int(syscall(SYS_pidfd_open, job->pid, 0));
  job->deadline_ms = NowMs() + job->timeout_ms;
  running_.push_back(job);
}

void ExternalChecks::Watch() {
  std::vector<pollfd> polled = {{wake_fd_, POLLIN, 0}};
  uint64_t next_ms = UINT64_MAX;
  for (const ExternalJob* job : running_) {
    if (job->pidfd >= 0) polled.push_back({job->pidfd, POLLIN, 0});
    next_ms = std::min(next_ms, job->deadline_ms);
  }
  const uint64_t now_ms = NowMs();
  const int wait_ms = next_ms == UINT64_MAX
                          ? -1
                          : int(std::min<uint64_t>(next_ms - std::min(next_ms, now_ms), 60000));
  (void)poll(polled.data(), polled.size(), wait_ms);
  eventfd_t count = 0;
  (void)eventfd_read(wake_fd_, &count);
  const uint64_t then_ms = NowMs();
  std::erase_if(running_, [&](ExternalJob* job) { return Look(job, then_ms); });
}

// True: the job is over.
bool ExternalChecks::Look(ExternalJob* job, uint64_t now_ms) {
  int status = 0;
  const bool given_up = job->state.load(std::memory_order_acquire) == ExternalJob::State::kGivenUp;
  if (!job->timed_out && (given_up || now_ms >= job->deadline_ms)) {
    job->timed_out = true;
    kill(-job->pid, SIGKILL);
    job->deadline_ms = UINT64_MAX;
  }
  const pid_t ended = waitpid(job->pid, &status, WNOHANG);
  if (ended == 0) return false;
  if (job->timed_out) {
    job->result = {CheckStatus::kProcessTimeout, 0, {}};
  } else if (ended > 0 && WIFEXITED(status)) {
    const int code = WEXITSTATUS(status);
    job->result = {code == 0 ? CheckStatus::kProcessOk : CheckStatus::kProcessError, code, {}};
  } else if (ended > 0 && WIFSIGNALED(status)) {
    job->result = {CheckStatus::kProcessError, WTERMSIG(status), {}};
  }
  End(job);
  return true;
}

void ExternalChecks::End(ExternalJob* job) {
  if (job->pidfd >= 0) close(job->pidfd);
  job->pidfd = -1;
  const auto before = job->state.exchange(ExternalJob::State::kDone, std::memory_order_acq_rel);
  if (before == ExternalJob::State::kGivenUp) delete job;
}

}  // namespace engine
