#include "engine/run/sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netdb.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>

namespace engine {
namespace {

struct Ending {
  int status = 0;    // as of waitpid()
  std::string said;  // on standard error
};

// Runs `inside` in a process that has shut itself in; its answer is the exit status.
Ending InSandbox(const std::function<int()>& inside) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    std::string error;
    if (!EnterSandbox(&error)) {
      (void)!write(STDERR_FILENO, error.data(), error.size());
      _exit(100);
    }
    _exit(inside());
  }
  close(ends[1]);
  Ending ending;
  char bytes[4096];
  for (ssize_t got; (got = read(ends[0], bytes, sizeof(bytes))) > 0;) {
    ending.said.append(bytes, size_t(got));
  }
  close(ends[0]);
  waitpid(child, &ending.status, 0);
  return ending;
}

// The errno of a call that must fail; 0: it did not.
int Failure(long result) { return result < 0 ? errno : 0; }

const struct {
  const char* name;
  int (*call)();
} kRefused[] = {
    {"execve",
     [] {
       char* const words[] = {const_cast<char*>("/bin/true"), nullptr};
       return Failure(execve("/bin/true", words, words + 1));
     }},
    {"execveat",
     [] {
       char* const words[] = {const_cast<char*>("/bin/true"), nullptr};
       return Failure(syscall(SYS_execveat, AT_FDCWD, "/bin/true", words, words + 1, 0));
     }},
    {"clone", [] { return Failure(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)); }},
    {"ptrace", [] { return Failure(ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)); }},
    {"mount", [] { return Failure(mount("none", "/", "tmpfs", 0, nullptr)); }},
    {"unshare", [] { return Failure(unshare(CLONE_NEWUSER)); }},
    {"openat", [] { return Failure(open("/tmp/ringway-sandbox-test", O_WRONLY | O_CREAT, 0600)); }},
    {"socket", [] { return Failure(socket(AF_PACKET, SOCK_RAW, 0)); }},
    {"kill", [] { return Failure(kill(getppid(), 0)); }},
    {"bpf", [] { return Failure(syscall(SYS_bpf, 0, nullptr, 0)); }},
    {"io_uring_setup", [] { return Failure(syscall(SYS_io_uring_setup, 8, nullptr)); }},
};

TEST(Sandbox, RefusesAndSaysSo) {
  for (const auto& row : kRefused) {
    const Ending ending = InSandbox([&row] {
      const int first = row.call();
      const int second = row.call();
      return first == EPERM && second == EPERM && SandboxRefusals() == 2 ? 0 : 1;
    });
    EXPECT_EQ(ending.status, 0) << row.name << ": " << ending.said;
    const std::string wanted = std::string("(") + row.name + ") was refused\n";
    EXPECT_NE(ending.said.find(wanted), std::string::npos) << row.name << ": " << ending.said;
    // Once, however often it is tried.
    EXPECT_EQ(ending.said.find("was refused"), ending.said.rfind("was refused")) << ending.said;
  }
}

TEST(Sandbox, ForkOfLibcFails) {
  const Ending ending = InSandbox([] {
    const pid_t child = fork();
    if (child == 0) _exit(0);
    return child == -1 && errno == EPERM ? 0 : 1;
  });
  EXPECT_EQ(ending.status, 0) << ending.said;
}

TEST(Sandbox, LeavesWhatServingNeeds) {
  const Ending ending = InSandbox([] {
    std::atomic<int> done{0};
    std::thread([&done] { done = 1; }).join();
    if (done != 1) return 1;
    const int file = open("/etc/hosts", O_RDONLY | O_CLOEXEC);
    if (file < 0) return 2;
    close(file);
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) return 3;
    if (listen(listener, 1) != 0) return 4;
    addrinfo* found = nullptr;
    if (getaddrinfo("localhost", "80", nullptr, &found) != 0) return 5;
    freeaddrinfo(found);
    void* memory = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory != MAP_FAILED && SandboxRefusals() == 0 ? 0 : 6;
  });
  EXPECT_EQ(ending.status, 0) << ending.said;
  EXPECT_EQ(ending.said, "");
}

TEST(Sandbox, HoldsEveryThread) {
  const Ending ending = InSandbox([] { return 0; });
  ASSERT_EQ(ending.status, 0) << ending.said;
  const pid_t child = fork();
  if (child == 0) {
    // A thread that was there before.
    std::atomic<bool> is_shut{false};
    std::atomic<int> error{-1};
    std::thread before([&] {
      while (!is_shut) std::this_thread::yield();
      error = kRefused[0].call();
    });
    std::string why;
    if (!EnterSandbox(&why)) _exit(1);
    is_shut = true;
    before.join();
    _exit(error == EPERM ? 0 : 2);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(Sandbox, AbortStillAborts) {
  const Ending ending = InSandbox([]() -> int { abort(); });
  EXPECT_TRUE(WIFSIGNALED(ending.status) && WTERMSIG(ending.status) == SIGABRT) << ending.said;
}

}  // namespace
}  // namespace engine
