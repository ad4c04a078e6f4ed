#include "tests/simulation/runner.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

#include "base/check.h"

namespace simulation {
namespace {

// A run takes milliseconds; under a sanitizer on a busy machine, less than this.
constexpr unsigned kRunSecondsMax = 120;
constexpr int kShrinkTriesMax = 400;

// What a process tells the one that started it.
struct Progress {
  uint64_t seed = 0;  // under way
  uint64_t failed_seed = 0;
  uint64_t done = 0;
  char failure[2000] = {};
  Reached reached;
};

class SharedProgress {
 public:
  explicit SharedProgress(size_t count) : bytes_(count * sizeof(Progress)) {
    void* memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    MUST(memory != MAP_FAILED);
    progress_ = static_cast<Progress*>(memory);
    for (size_t i = 0; i < count; ++i) new (&progress_[i]) Progress();
  }
  ~SharedProgress() { munmap(progress_, bytes_); }
  Progress& operator[](size_t index) { return progress_[index]; }

 private:
  const size_t bytes_;
  Progress* progress_;
};

// Runs `body` in a process of its own. Nothing is flushed or destroyed in it but what it does
// itself.
pid_t Fork(const std::function<void()>& body) {
  std::fflush(nullptr);
  const pid_t pid = fork();
  MUST(pid >= 0);
  if (pid != 0) return pid;
  body();
  std::fflush(nullptr);
  _exit(0);
}

std::string Death(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
  }
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    return signal == SIGALRM ? "it never ends" : std::string("it died: ") + strsignal(signal);
  }
  if (WEXITSTATUS(status) != 0) return "it exited with " + std::to_string(WEXITSTATUS(status));
  return {};
}

void Keep(Progress& progress, uint64_t seed, const std::string& failure) {
  progress.failed_seed = seed;
  std::snprintf(progress.failure, sizeof(progress.failure), "%s", failure.c_str());
}

void RunShare(const Batch& batch, uint32_t job, Progress& progress) {
  for (uint64_t i = job; i < batch.seeds; i += batch.jobs) {
    progress.seed = batch.first + i;
    alarm(kRunSecondsMax);
    const RunResult result = RunScript(ScriptOf(progress.seed), false);
    ++progress.done;
    progress.reached.Add(result.reached);
    if (!result.failure.empty()) return Keep(progress, progress.seed, result.failure);
  }
}

// What the proxy warns of in thousands of runs nobody reads; the one that fails is run again aloud.
bool Silence() { return std::freopen("/dev/null", "w", stderr) != nullptr; }

// Whether it fails, tried in a process of its own that says nothing.
bool Fails(const Script& script) {
  SharedProgress shared(1);
  const pid_t pid = Fork([&] {
    if (!Silence()) return;
    alarm(kRunSecondsMax / 4);
    const RunResult result = RunScript(script, false);
    if (!result.failure.empty()) Keep(shared[0], script.seed, result.failure);
  });
  return !Death(pid).empty() || shared[0].failed_seed != 0;
}

}  // namespace

RunResult RunScript(const Script& script, bool trace) {
  RunResult result;
  Journal journal(trace);
  if (trace) setenv("RINGWAY_MOVES", "1", 1);  // the rig lets streams print their moves
  {
    World world(script, journal);
    world.Run();
    result.fingerprint = world.Fingerprint();
    result.reached = world.reached();
  }
  result.failure = journal.failure();
  return result;
}

Script Shrink(Script script) {
  int tries = 0;
  for (size_t part = script.events.size() / 2; part > 0 && tries < kShrinkTriesMax;) {
    bool dropped = false;
    for (size_t at = script.events.size(); at > 0 && tries < kShrinkTriesMax;) {
      const size_t from = at > part ? at - part : 0;
      Script fewer = script;
      fewer.events.erase(fewer.events.begin() + ptrdiff_t(from),
                         fewer.events.begin() + ptrdiff_t(at));
      ++tries;
      if (Fails(fewer)) {
        script = std::move(fewer);
        dropped = true;
      }
      at = std::min(from, script.events.size());
    }
    if (!dropped || part > script.events.size()) part /= 2;
  }
  return script;
}

bool RunBatch(const Batch& batch) {
  const auto started = std::chrono::steady_clock::now();
  SharedProgress shared(batch.jobs);
  std::vector<pid_t> pids;
  for (uint32_t job = 0; job < batch.jobs; ++job) {
    pids.push_back(Fork([&, job] {
      if (Silence()) RunShare(batch, job, shared[job]);
    }));
  }
  uint64_t failed_seed = 0;
  uint64_t done = 0;
  Reached reached;
  for (uint32_t job = 0; job < batch.jobs; ++job) {
    const std::string death = Death(pids[job]);
    Progress& progress = shared[job];
    if (!death.empty()) Keep(progress, progress.seed, death);
    done += progress.done;
    reached.Add(progress.reached);
    if (progress.failed_seed == 0) continue;
    std::printf("seed %llu: %s\n", (unsigned long long)progress.failed_seed, progress.failure);
    failed_seed = progress.failed_seed;
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  std::printf("%llu seeds in %.1f s: %s\n", (unsigned long long)done, seconds,
              reached.Text().c_str());
  if (failed_seed == 0) return true;
  Script script = ScriptOf(failed_seed);
  const size_t before = script.events.size();
  if (batch.shrink && Fails(script)) script = Shrink(std::move(script));
  std::printf("seed %llu, %zu of its %zu events:\n", (unsigned long long)failed_seed,
              script.events.size(), before);
  (void)Death(Fork([&] {
    alarm(kRunSecondsMax);
    (void)RunScript(script, true);
  }));
  return false;
}

}  // namespace simulation
