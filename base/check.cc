#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace base {
namespace {

std::atomic<BugSite*> first_site{nullptr};
std::atomic<uint64_t> bug_count{0};
std::atomic<CrashReporter> crash_reporter{nullptr};

}  // namespace

void CheckFailed(const char* file, int line, const char* what) noexcept {
  std::fprintf(stderr, "[ALERT]    ringway: check failed at %s:%d: %s\n", file, line, what);
  // Exchanged so that a check that fails inside the reporter does not run it again.
  if (CrashReporter reporter = crash_reporter.exchange(nullptr)) reporter();
  std::abort();
}

void RecordBug(BugSite* site) noexcept {
  bug_count.fetch_add(1, std::memory_order_relaxed);
  if (site->hits.fetch_add(1, std::memory_order_relaxed) != 0) return;
  std::fprintf(stderr, "[WARNING]  ringway: contained bug '%s' at %s:%d\n", site->name, site->file,
               site->line);
  site->next = first_site.load(std::memory_order_relaxed);
  while (!first_site.compare_exchange_weak(site->next, site, std::memory_order_release)) {
  }
}

uint64_t BugCount() noexcept { return bug_count.load(std::memory_order_relaxed); }

void ForEachBug(void (*visit)(const BugSite&, void*), void* context) noexcept {
  for (BugSite* site = first_site.load(std::memory_order_acquire); site != nullptr;
       site = site->next) {
    visit(*site, context);
  }
}

void SetCrashReporter(CrashReporter reporter) noexcept { crash_reporter.store(reporter); }

}  // namespace base
