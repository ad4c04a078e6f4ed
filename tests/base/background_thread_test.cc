#include "base/background_thread.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <thread>

namespace base {
namespace {

// The length of this thread's turns; 0: the kernel does not say.
uint64_t TurnNs() {
  uint64_t attributes[6] = {};  // runtime_ns is the fourth of its words (sched_setattr(2))
  return syscall(SYS_sched_getattr, 0, attributes, sizeof(attributes), 0) == 0 ? attributes[3] : 0;
}

TEST(BackgroundThread, TakesLongTurnsAndSoDoThoseItMakes) {
  uint64_t before_ns = 0, after_ns = 0, made_ns = 0;
  std::thread([&] {
    before_ns = TurnNs();
    BecomeBackgroundThread();
    after_ns = TurnNs();
    std::thread([&] { made_ns = TurnNs(); }).join();
  }).join();
  if (before_ns == 0) GTEST_SKIP() << "turns have no length of their own before Linux 6.12";
  EXPECT_LT(before_ns, after_ns);
  EXPECT_EQ(after_ns, 100'000'000u);
  EXPECT_EQ(made_ns, after_ns);
  EXPECT_EQ(TurnNs(), before_ns) << "of another thread";
}

}  // namespace
}  // namespace base
