#include "engine/run/signals.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <set>
#include <string>
#include <thread>

namespace engine {
namespace {

// Runs `body` in a child, because the mask and the dispositions are the process's.
int InChild(const std::function<int()>& body) {
  const pid_t pid = fork();
  if (pid == 0) _exit(body());
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

struct SignalRow {
  int signal;
  SignalRequest request;
  const char* name;
};
const SignalRow kSignalRows[] = {
    {SIGINT, SignalRequest::kStop, "SIGINT"},       {SIGTERM, SignalRequest::kStop, "SIGTERM"},
    {SIGUSR1, SignalRequest::kSoftStop, "SIGUSR1"}, {SIGUSR2, SignalRequest::kReload, "SIGUSR2"},
    {SIGHUP, SignalRequest::kReload, "SIGHUP"},     {SIGQUIT, SignalRequest::kDump, "SIGQUIT"},
    {SIGTTOU, SignalRequest::kPause, "SIGTTOU"},    {SIGTTIN, SignalRequest::kResume, "SIGTTIN"},
    {SIGCHLD, SignalRequest::kChild, "SIGCHLD"},
};

TEST(SignalsTest, EachSignalHasItsRequest) {
  for (const SignalRow& row : kSignalRows) {
    SCOPED_TRACE(row.name);
    EXPECT_STREQ(SignalName(row.signal), row.name);
    EXPECT_EQ(InChild([&] {
                BlockSignals();
                std::string error;
                auto waiter = SignalWaiter::Create(&error);
                if (!waiter) return 1;
                kill(getpid(), row.signal);
                const SignalEvent event = waiter->Wait(5000);
                if (event.request != row.request || event.signal != row.signal) return 2;
                if (event.sender_pid != getpid() || event.sender_uid != getuid()) return 3;
                return waiter->Wait(0).request == SignalRequest::kTimeout ? 0 : 4;
              }),
              0);
  }
}

TEST(SignalsTest, SoftStopTwiceIsReportedTwice) {
  EXPECT_EQ(InChild([] {
              BlockSignals();
              std::string error;
              auto waiter = SignalWaiter::Create(&error);
              for (int i = 0; i < 2; ++i) {
                kill(getpid(), SIGUSR1);
                if (waiter->Wait(5000).request != SignalRequest::kSoftStop) return 1;
              }
              return 0;
            }),
            0);
}

TEST(SignalsTest, BrokenPipeIsNoSignal) {
  EXPECT_EQ(InChild([] {
              BlockSignals();
              int ends[2];
              if (pipe(ends) != 0) return 1;
              close(ends[0]);
              return write(ends[1], "x", 1) == -1 && errno == EPIPE ? 0 : 2;
            }),
            0);
}

// nohup and a shell's `&` start programs with some signals ignored; we are stoppable all the same.
TEST(SignalsTest, InheritedIgnoresAreUndone) {
  EXPECT_EQ(InChild([] {
              signal(SIGINT, SIG_IGN);
              signal(SIGHUP, SIG_IGN);
              BlockSignals();
              std::string error;
              auto waiter = SignalWaiter::Create(&error);
              kill(getpid(), SIGINT);
              if (waiter->Wait(5000).signal != SIGINT) return 1;
              kill(getpid(), SIGHUP);
              return waiter->Wait(5000).signal == SIGHUP ? 0 : 2;
            }),
            0);
}

TEST(SignalsTest, ThreadsInheritTheMaskAndTheWaiterGetsAll) {
  EXPECT_EQ(InChild([] {
              BlockSignals();
              std::string error;
              auto waiter = SignalWaiter::Create(&error);
              bool blocked = false;
              std::thread([&] {
                sigset_t set;
                pthread_sigmask(SIG_SETMASK, nullptr, &set);
                blocked = sigismember(&set, SIGTERM) == 1 && sigismember(&set, SIGURG) == 0 &&
                          sigismember(&set, SIGTSTP) == 0 && sigismember(&set, SIGSEGV) == 0;
                kill(getpid(), SIGTERM);
              }).join();
              if (!blocked) return 1;
              return waiter->Wait(5000).request == SignalRequest::kStop ? 0 : 2;
            }),
            0);
}

TEST(SignalsTest, WakeDescriptorEndsTheWait) {
  EXPECT_EQ(InChild([] {
              BlockSignals();
              std::string error;
              auto waiter = SignalWaiter::Create(&error);
              const int wakes[] = {eventfd(0, EFD_CLOEXEC), -1};
              if (waiter->Wait(1, wakes).request != SignalRequest::kTimeout) return 1;
              if (eventfd_write(wakes[0], 1) != 0) return 2;
              if (waiter->Wait(5000, wakes).request != SignalRequest::kWake) return 3;
              kill(getpid(), SIGTERM);  // goes first
              return waiter->Wait(5000, wakes).request == SignalRequest::kStop ? 0 : 4;
            }),
            0);
}

TEST(SignalsTest, RestoredSignalsActAgain) {
  EXPECT_EQ(InChild([] {
              BlockSignals();
              RestoreSignals();
              kill(getpid(), SIGTERM);
              return 0;
            }),
            1000 + SIGTERM);
}

TEST(SignalsTest, EveryRequestHasAName) {
  std::set<std::string> names;
  for (int i = 0; i < int(SignalRequest::kCount); ++i) {
    names.insert(RequestName(SignalRequest(i)));
  }
  EXPECT_EQ(names.size(), size_t(SignalRequest::kCount));
  EXPECT_FALSE(names.contains("?"));
}

}  // namespace
}  // namespace engine
