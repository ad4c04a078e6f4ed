#include "engine/log/log_writer.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/check.h"

namespace engine {
namespace {

// Lines looked at before the next producer's turn.
constexpr int kLinesPerLook = 256;
// Looks in vain, a millisecond apart, before the writer has to be woken.
constexpr int kIdleLooks = 5;
constexpr int kPollMs = 100;
constexpr int kStopTriesMax = 100;

void SleepMs(int ms) { (void)poll(nullptr, 0, ms); }

}  // namespace

LogWriter::LogWriter(const LogPlan& plan, uint32_t producers) : state_(std::make_shared<State>()) {
  state_->targets = plan.targets;
  state_->pending.resize(plan.targets.size());
  for (const LogRingPlan& ring : plan.rings) {
    state_->rings.push_back(std::make_unique<LogRing>(ring));
  }
  for (uint32_t i = 0; i < producers; ++i) {
    queues_.push_back(std::make_shared<LogQueue>());
  }
  state_->queues = queues_;
  state_->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  MUST(state_->wake_fd >= 0);
}

LogWriter::~LogWriter() { Stop(); }

LogWriter::State::~State() { close(wake_fd); }

void LogWriter::Start() {
  thread_ = std::thread([state = state_] { state->Run(); });
  pthread_setname_np(thread_.native_handle(), "ringway/log");
}

void LogWriter::Stop() {
  if (!thread_.joinable()) return;
  state_->stopping.store(true, std::memory_order_seq_cst);
  const uint64_t one = 1;
  (void)!write(state_->wake_fd, &one, sizeof(one));
  for (int i = 0; i < kStopTriesMax && !state_->stopped.load(std::memory_order_acquire); ++i) {
    SleepMs(10);
  }
  if (state_->stopped.load(std::memory_order_acquire)) {
    thread_.join();
  } else {
    thread_.detach();
  }
}

void LogWriter::Wake() {
  // Pairs with Sleep(): either the writer sees the line, or we see that it sleeps.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!state_->asleep.load(std::memory_order_relaxed)) return;
  if (!state_->asleep.exchange(false, std::memory_order_relaxed)) return;
  const uint64_t one = 1;
  (void)!write(state_->wake_fd, &one, sizeof(one));
}

void LogWriter::State::Run() {
  // A pipe that nobody reads any more is an error to count, whatever the process does with signals.
  sigset_t broken_pipe;
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
  int idle_looks = 0;
  for (;;) {
    const bool last = stopping.load(std::memory_order_seq_cst);
    if (DrainOnce()) {
      idle_looks = 0;
    } else if (last) {
      break;
    } else if (++idle_looks < kIdleLooks) {
      SleepMs(1);
    } else {
      Sleep();
      idle_looks = 0;
    }
  }
  stopped.store(true, std::memory_order_release);
}

void LogWriter::State::Sleep() {
  asleep.store(true, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const bool found = DrainOnce() || stopping.load(std::memory_order_seq_cst);
  if (!found) {
    pollfd one{wake_fd, POLLIN, 0};
    (void)poll(&one, 1, -1);
  }
  asleep.store(false, std::memory_order_relaxed);
  uint64_t count = 0;
  (void)!read(wake_fd, &count, sizeof(count));
}

bool LogWriter::State::DrainOnce() {
  bool found = false;
  std::string line;
  for (const auto& queue : queues) {
    uint32_t target = 0;
    for (int i = 0; i < kLinesPerLook && queue->TryPop(&target, &line); ++i) {
      found = true;
      Take(target, line);
    }
  }
  if (found) WriteOutAll();
  return found;
}

void LogWriter::State::Take(uint32_t target, std::string_view line) {
  const LogTarget& to = targets[target];
  if (to.kind == LogTarget::Kind::kRing) return rings[to.ring]->Append(line);
  std::string& waiting = pending[target];
  if (!waiting.empty() && waiting.size() + line.size() > kWriteBytesMax) WriteOut(target);
  waiting += line;
}

void LogWriter::State::WriteOutAll() {
  for (uint32_t target = 0; target < targets.size(); ++target) {
    if (!pending[target].empty()) WriteOut(target);
  }
}

void LogWriter::State::WriteOut(uint32_t target) {
  std::string& bytes = pending[target];
  if (!WriteWhole(targets[target].fd, bytes)) {
    dropped.Add(uint64_t(std::count(bytes.begin(), bytes.end(), '\n')));
  }
  bytes.clear();
}

// A pipe or a terminal is asked first, so that a stop is noticed while nobody reads.
bool LogWriter::State::WriteWhole(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    pollfd one{fd, POLLOUT, 0};
    const int ready = poll(&one, 1, kPollMs);
    if (ready == 0 || (ready < 0 && errno == EINTR)) {
      if (stopping.load(std::memory_order_relaxed)) return false;
      continue;
    }
    const ssize_t written = write(fd, bytes.data(), std::min(bytes.size(), kWriteBytesMax));
    if (written >= 0) {
      bytes.remove_prefix(size_t(written));
    } else if (errno != EAGAIN && errno != EINTR) {
      return false;
    }
  }
  return true;
}

}  // namespace engine
