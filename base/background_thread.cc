#include "base/background_thread.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace base {
namespace {

// As sched_setattr(2) takes it. The C library has a name for neither.
struct SchedAttributes {
  uint32_t size;
  uint32_t policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime_ns;  // the length of a turn, with SCHED_OTHER
  uint64_t deadline_ns;
  uint64_t period_ns;
};

constexpr uint64_t kLongestTurnNs = 100'000'000;

}  // namespace

void BecomeBackgroundThread() noexcept {
  SchedAttributes attributes = {};
  if (syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0) != 0) return;
  if (attributes.policy != SCHED_OTHER) return;
  attributes.runtime_ns = kLongestTurnNs;
  (void)syscall(SYS_sched_setattr, 0, &attributes, 0);
}

}  // namespace base
