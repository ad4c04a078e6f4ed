#include "base/background_thread.h"

#include <sched.h>
#include <sys/prctl.h>

#include <cstdint>
#include <ctime>

#include "base/clock.h"

namespace base {
namespace {

constexpr uint64_t kPieceMicros = 100;
constexpr uint64_t kPauseMicros = 20;
// Who comes back as late as this has met a CPU that is never idle, and gets more for the next one.
// Otherwise others could starve it.
constexpr uint64_t kLongWaitMicros = 3000;
constexpr uint64_t kLongPieceMicros = 1000;

struct Pieces {
  bool is_background = false;
  uint64_t piece_us = kPieceMicros;
  uint64_t used_us = 0;  // CPU time of the thread when this piece began
  uint64_t end_us = 0;   // it does not end before
};
thread_local Pieces pieces;

}  // namespace

bool IsBackgroundThread() noexcept { return pieces.is_background; }

void GiveWay() noexcept {
  if (!pieces.is_background) return;
  const uint64_t now_us = MonotonicMicros();
  if (now_us < pieces.end_us) return;
  const uint64_t used_us = ThreadCpuMicros() - pieces.used_us;
  if (used_us < pieces.piece_us) {  // others had the CPU meanwhile
    pieces.end_us = now_us + pieces.piece_us - used_us;
    return;
  }
  const timespec pause = {0, long(kPauseMicros * 1000)};
  (void)nanosleep(&pause, nullptr);
  const uint64_t back_us = MonotonicMicros();
  pieces.piece_us = back_us - now_us < kLongWaitMicros ? kPieceMicros : kLongPieceMicros;
  pieces.used_us = ThreadCpuMicros();
  pieces.end_us = back_us + pieces.piece_us;
}

void StayInBackground() noexcept { pieces.is_background = true; }

void BecomeBackgroundThread() noexcept {
  StayInBackground();
  (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);  // in nanoseconds; of this thread alone
  if (sched_getscheduler(0) != SCHED_OTHER) return;
  const sched_param ordinary = {};
  (void)sched_setscheduler(0, SCHED_BATCH, &ordinary);
}

}  // namespace base
