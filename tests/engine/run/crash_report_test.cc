// A process dies, and what it leaves behind can be read.

#include "engine/run/crash_report.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <climits>
#include <cstdint>
#include <cstdlib>
#include <functional>

namespace engine {
namespace {

TEST(CrashWriterTest, NumbersTextsAndTheEnd) {
  char text[16];
  CrashWriter writer(text, sizeof(text));
  (writer << "a" << 0 << " " << 1234567890 << " 0x").Hex(255);
  EXPECT_EQ(std::string_view(text, writer.length()), "a0 1234567890 0x");
  EXPECT_TRUE(writer.is_full());
  writer << "more";
  EXPECT_EQ(writer.length(), sizeof(text));
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

class CrashReportTest : public testing::Test {
 protected:
  // The signal a child died of while it did `what`.
  int Die(const std::function<void()>& what) {
    const pid_t pid = fork();
    if (pid == 0) {
      const rlimit none = {0, 0};
      setrlimit(RLIMIT_CORE, &none);
      PrepareCrashReport(page_.fd());
      what();
      _exit(0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
  }
  CrashPage page_ = CrashPage::Create();
};

TEST_F(CrashReportTest, SaysWhatAndWhere) {
  EXPECT_EQ(page_.Read(), "");
  // The compiler is not to see it.
  static volatile uintptr_t nowhere = 16;
  EXPECT_EQ(Die([] { *reinterpret_cast<volatile int*>(uintptr_t{nowhere}) = 1; }), SIGSEGV);
  const std::string report = page_.Read();
  EXPECT_NE(report.find("killed by signal 11 (SIGSEGV), address 0x10, thread "), std::string::npos)
      << report;
  EXPECT_NE(report.find("\nat (addr2line -e ringway): 0x"), std::string::npos) << report;
}

TEST_F(CrashReportTest, AbortCountsAndTheSourceAddsItsPart) {
  EXPECT_EQ(Die([] {
              static const char* kText = "more\n";
              SetCrashSource(
                  [](CrashWriter& writer, void* context) noexcept {
                    writer << static_cast<const char*>(context);
                  },
                  const_cast<char*>(kText));
              std::abort();
            }),
            SIGABRT);
  const std::string report = page_.Read();
  EXPECT_NE(report.find("(SIGABRT)"), std::string::npos) << report;
  EXPECT_TRUE(report.ends_with("more\n")) << report;
}

TEST_F(CrashReportTest, AFaultWhileReportingEndsItWithWhatIsThere) {
  EXPECT_EQ(Die([] {
              SetCrashSource([](CrashWriter&, void*) noexcept { std::abort(); }, nullptr);
              raise(SIGSEGV);
            }),
            SIGABRT);
  EXPECT_NE(page_.Read().find("SIGSEGV"), std::string::npos);
}

volatile unsigned deepest = UINT_MAX;

unsigned Overflow(unsigned depth) {
  if (depth == deepest) return 0;
  volatile char room[4096];
  room[0] = char(depth);
  return Overflow(depth + 1) + unsigned(room[0]);
}

TEST_F(CrashReportTest, AStackThatOverflowsIsReportedToo) {
  EXPECT_EQ(Die([] { _exit(int(Overflow(0))); }), SIGSEGV);
  EXPECT_NE(page_.Read().find("SIGSEGV"), std::string::npos);
}

TEST_F(CrashReportTest, AnOrderlyEndLeavesNothing) {
  EXPECT_EQ(Die([] {}), 0);
  EXPECT_EQ(page_.Read(), "");
}

#endif

}  // namespace
}  // namespace engine
