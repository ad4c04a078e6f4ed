// check.h - the three checks of the project, from fatal to containable.
//
// Owns:    nothing.
// Threads: any-thread.
// Units:   none.
// Errors:  MUST dies: ownership or memory is broken and going on could leak traffic. DEBUG_MUST is
//          the same where the check is dear; it is compiled in with -Ddebug_checks=true. BUG_IF is
//          wrong yet containable: it is counted, logged once per place, and the caller closes what
//          it was working on.
// States:  none.
//
//   MUST(count > 0);
//   if (BUG_IF(length > capacity, "slice_past_chunk")) return Close(CloseReason::kInternal);
//
// Peer input never reaches any of them.

#pragma once

#include <atomic>
#include <cstdint>

namespace base {

[[noreturn]] void CheckFailed(const char* file, int line, const char* what) noexcept;

// One place in the code where a BUG_IF fired. Lives for ever in a static; listed by ForEachBug().
struct BugSite {
  const char* name;
  const char* file;
  int line;
  std::atomic<uint64_t> hits{0};
  BugSite* next = nullptr;
};
void RecordBug(BugSite* site) noexcept;
// Number of BUG_IF hits since the start of the process, over all sites.
uint64_t BugCount() noexcept;
void ForEachBug(void (*visit)(const BugSite&, void*), void* context) noexcept;

// A dying process calls this once before abort(): it prints what operators need (last traces).
// Null: nothing.
using CrashReporter = void (*)() noexcept;
void SetCrashReporter(CrashReporter reporter) noexcept;

}  // namespace base

#define MUST(condition)                                    \
  do {                                                     \
    if (__builtin_expect(!(condition), 0)) {               \
      ::base::CheckFailed(__FILE__, __LINE__, #condition); \
    }                                                      \
  } while (false)

#ifdef RINGWAY_DEBUG_CHECKS
#define DEBUG_MUST(condition) MUST(condition)
#else
#define DEBUG_MUST(condition)    \
  do {                           \
    (void)sizeof(!!(condition)); \
  } while (false)
#endif

#define BUG_IF(condition, site_name)                            \
  (__builtin_expect(!!(condition), 0) && [] {                   \
    static ::base::BugSite site{site_name, __FILE__, __LINE__}; \
    ::base::RecordBug(&site);                                   \
    return true;                                                \
  }())
