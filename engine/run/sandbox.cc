#include "engine/run/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstring>
#include <vector>

#include "base/errno_name.h"

namespace engine {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
constexpr uint32_t kForeignNumbers = 0x40000000;  // x32, whose calls have other numbers
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
constexpr uint32_t kForeignNumbers = 0;
#else
#define RINGWAY_NO_SANDBOX
constexpr uint32_t kArchitecture = 0;
constexpr uint32_t kForeignNumbers = 0;
#endif

// Looked at by their number alone, so that the kernel remembers its answer and asks the filter no
// more.
constexpr int kAllowed[] = {
    // Serving: the ring, or epoll in its place.
    SYS_io_uring_enter,
    SYS_io_uring_register,
    SYS_epoll_pwait,
    SYS_epoll_ctl,
    SYS_epoll_create1,
    SYS_eventfd2,
    SYS_read,
    SYS_readv,
    SYS_write,
    SYS_writev,
    SYS_recvfrom,
    SYS_recvmsg,
    SYS_recvmmsg,
    SYS_sendto,
    SYS_sendmsg,
    SYS_sendmmsg,
    SYS_accept,
    SYS_accept4,
    SYS_connect,
    SYS_shutdown,
    SYS_close,
    SYS_splice,
    SYS_pipe2,
    SYS_getsockopt,
    SYS_setsockopt,
    SYS_getsockname,
    SYS_getpeername,
    SYS_fcntl,
    SYS_ppoll,
    SYS_dup,
    SYS_dup3,
    SYS_socketpair,
    // Memory, threads, time.
    SYS_mmap,
    SYS_munmap,
    SYS_mremap,
    SYS_mprotect,
    SYS_madvise,
    SYS_brk,
    SYS_futex,
    SYS_sched_yield,
    SYS_sched_getaffinity,
    SYS_sched_setaffinity,
    SYS_set_robust_list,
    SYS_rseq,
    SYS_get_robust_list,
    SYS_membarrier,
    SYS_clock_gettime,
    SYS_clock_getres,
    SYS_clock_nanosleep,
    SYS_timer_create,  // shard/ring/accept_guard.h
    SYS_timer_settime,
    SYS_timer_delete,
    SYS_nanosleep,
    SYS_wait4,          // for the helper that keeps the rights of the start
    SYS_rt_sigpending,  // whether a reload is to be given up
    SYS_gettimeofday,
    SYS_getrandom,
    SYS_exit,
    SYS_exit_group,
    SYS_prctl,
    // Signals, and the report of a crash.
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_rt_sigtimedwait,
    SYS_sigaltstack,
    SYS_signalfd4,
    SYS_tgkill,
    SYS_restart_syscall,
    // Facts.
    SYS_getpid,
    SYS_gettid,
    SYS_getppid,
    SYS_getuid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getegid,
    SYS_getrlimit,
    SYS_getrusage,
    SYS_sysinfo,
    SYS_uname,
    SYS_getcwd,
    SYS_getresuid,
    SYS_getresgid,
    SYS_getgroups,
    SYS_capget,
    SYS_umask,
    // A reload, and the end: what is read again, listening sockets, the files of unix sockets and
    // of the pid.
    SYS_bind,
    SYS_listen,
    SYS_newfstatat,
    SYS_fstat,
    SYS_statx,
    SYS_lseek,
    SYS_pread64,
    SYS_getdents64,
    SYS_readlinkat,
    SYS_faccessat,
    SYS_faccessat2,
    SYS_unlinkat,
    SYS_renameat,
    SYS_renameat2,
    SYS_fchmodat,
    SYS_fchownat,
    SYS_ftruncate,
    SYS_fsync,
    SYS_linkat,
#ifdef SYS_epoll_pwait2
    SYS_epoll_pwait2,
#endif
#if defined(__x86_64__)
    SYS_epoll_wait,
    SYS_poll,
    SYS_select,
    SYS_pipe,
    SYS_dup2,
    SYS_stat,
    SYS_lstat,
    SYS_access,
    SYS_readlink,
    SYS_unlink,
    SYS_rename,
    SYS_chmod,
    SYS_chown,
    SYS_lchown,
    SYS_link,
    SYS_arch_prctl,
    SYS_time,
#endif
};

// Said by name when it is refused.
struct Named {
  int number;
  const char* name;
};
constexpr Named kNames[] = {
    {SYS_execve, "execve"},
    {SYS_execveat, "execveat"},
    {SYS_clone, "clone"},
    {SYS_ptrace, "ptrace"},
    {SYS_mount, "mount"},
    {SYS_umount2, "umount2"},
    {SYS_openat, "openat"},
    {SYS_socket, "socket"},
    {SYS_ioctl, "ioctl"},
    {SYS_kill, "kill"},
    {SYS_chroot, "chroot"},
    {SYS_setuid, "setuid"},
    {SYS_setgid, "setgid"},
    {SYS_prlimit64, "prlimit64"},
    {SYS_wait4, "wait4"},
    {SYS_unshare, "unshare"},
    {SYS_setns, "setns"},
    {SYS_bpf, "bpf"},
    {SYS_io_uring_setup, "io_uring_setup"},
    {SYS_mkdirat, "mkdirat"},
#if defined(__x86_64__)
    {SYS_fork, "fork"},
    {SYS_vfork, "vfork"},
    {SYS_open, "open"},
#endif
};

constexpr int kNumbersMax = 1024;
std::atomic<bool> said[kNumbersMax];
std::atomic<uint64_t> refusals{0};

// Everything here may be called in a handler.
void SayRefusal(int number) {
  char text[128];
  size_t length = 0;
  const auto add = [&](const char* part) {
    for (; *part != '\0' && length < sizeof(text); ++part) text[length++] = *part;
  };
  const auto add_number = [&](uint32_t value) {
    char digits[11] = {};
    char* at = digits + sizeof(digits) - 1;
    do {
      *--at = char('0' + value % 10);
      value /= 10;
    } while (value != 0);
    add(at);
  };
  add("[WARNING]  (");
  add_number(uint32_t(getpid()));
  add(") : tune.sandbox: system call ");
  add_number(uint32_t(number));
  for (const Named& one : kNames) {
    if (one.number != number) continue;
    add(" (");
    add(one.name);
    add(")");
  }
  add(" was refused\n");
  (void)!write(STDERR_FILENO, text, length);
}

// The call has not happened: it answers EPERM, and whoever made it goes on.
void OnRefused(int, siginfo_t* info, void* context) {
  const int before = errno;
  auto* interrupted = static_cast<ucontext_t*>(context);
  const int number = info->si_syscall;
#if defined(__x86_64__)
  interrupted->uc_mcontext.gregs[REG_RAX] = -EPERM;
#elif defined(__aarch64__)
  interrupted->uc_mcontext.regs[0] = uint64_t(-EPERM);
#else
  (void)interrupted;
#endif
  refusals.fetch_add(1, std::memory_order_relaxed);
  if (number >= 0 && number < kNumbersMax &&
      !said[number].exchange(true, std::memory_order_relaxed)) {
    SayRefusal(number);
  }
  errno = before;
}

class Program {
 public:
  Program();
  bool Install(std::string* error);

 private:
  static constexpr uint32_t kNumberAt = offsetof(seccomp_data, nr);
  static constexpr uint32_t kArchitectureAt = offsetof(seccomp_data, arch);

  // The low half of an argument: none that is looked at is longer.
  static uint32_t ArgumentAt(uint32_t index) {
    static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
    return uint32_t(offsetof(seccomp_data, args)) + index * uint32_t(sizeof(uint64_t));
  }
  void Add(uint16_t code, uint32_t k, uint8_t if_true = 0, uint8_t if_false = 0) {
    code_.push_back({code, if_true, if_false, k});
  }
  void Load(uint32_t offset) { Add(BPF_LD | BPF_W | BPF_ABS, offset); }
  void Return(uint32_t action) { Add(BPF_RET | BPF_K, action); }
  // Answers `action` where the loaded word is `value`.
  void ReturnIf(uint32_t value, uint32_t action) {
    Add(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
    Return(action);
  }
  // Goes past the next `count` instructions unless the loaded word is `value`.
  void SkipUnless(uint32_t value, uint8_t count) {
    Add(BPF_JMP | BPF_JEQ | BPF_K, value, 0, count);
  }
  void AllowReading(int number, uint32_t flags_argument);
  void AllowArgument(int number, uint32_t argument, std::vector<uint32_t> values);
  void AllowThreads();

  std::vector<sock_filter> code_;
};

Program::Program() {
  Load(kArchitectureAt);
  Add(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0);
  Return(SECCOMP_RET_KILL_PROCESS);
  Load(kNumberAt);
  if (kForeignNumbers != 0) {
    Add(BPF_JMP | BPF_JGE | BPF_K, kForeignNumbers, 0, 1);
    Return(SECCOMP_RET_KILL_PROCESS);
  }
  for (const int number : kAllowed) ReturnIf(uint32_t(number), SECCOMP_RET_ALLOW);
  // Its arguments are in memory, where no filter can look. Without it libc uses clone().
  ReturnIf(SYS_clone3, SECCOMP_RET_ERRNO | ENOSYS);
  AllowThreads();
  AllowReading(SYS_openat, 2);
#if defined(__x86_64__)
  AllowReading(SYS_open, 1);
#endif
  AllowArgument(SYS_socket, 0, {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK});
  AllowArgument(SYS_ioctl, 1, {FIONREAD, FIONBIO, TCGETS, TIOCOUTQ});
  // Of itself, and to read: the limits do not change any more.
  AllowArgument(SYS_prlimit64, 2, {0});
  // The report of a crash, and abort().
  AllowArgument(SYS_kill, 0, {uint32_t(getpid())});
  Return(SECCOMP_RET_TRAP);
}

// Flags with which nothing is written.
void Program::AllowReading(int number, uint32_t flags_argument) {
  SkipUnless(uint32_t(number), 4);
  Load(ArgumentAt(flags_argument));
  Add(BPF_JMP | BPF_JSET | BPF_K, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 1, 0);
  Return(SECCOMP_RET_ALLOW);
  Return(SECCOMP_RET_TRAP);
}

void Program::AllowArgument(int number, uint32_t argument, std::vector<uint32_t> values) {
  SkipUnless(uint32_t(number), uint8_t(2 + 2 * values.size()));
  Load(ArgumentAt(argument));
  for (const uint32_t value : values) ReturnIf(value, SECCOMP_RET_ALLOW);
  Return(SECCOMP_RET_TRAP);
}

// Threads of this process, and no new namespace.
void Program::AllowThreads() {
  constexpr uint32_t kThread = CLONE_VM | CLONE_THREAD | CLONE_SIGHAND;
  constexpr uint32_t kLooked = kThread | CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET |
                               CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
  SkipUnless(SYS_clone, 5);
  Load(ArgumentAt(0));
  Add(BPF_ALU | BPF_AND | BPF_K, kLooked);
  ReturnIf(kThread, SECCOMP_RET_ALLOW);
  Return(SECCOMP_RET_TRAP);
}

bool Program::Install(std::string* error) {
  struct sigaction action = {};
  action.sa_sigaction = &OnRefused;
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  const auto fail = [error](const std::string& what) {
    *error = "tune.sandbox: " + what + ": " + base::ErrnoText(errno) + " (" +
             base::ErrnoName(errno) + ")";
    return false;
  };
  if (sigaction(SIGSYS, &action, nullptr) != 0) return fail("cannot handle SIGSYS");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail("cannot forbid new privileges");
  sock_fprog program = {static_cast<unsigned short>(code_.size()), code_.data()};
  const long left_out =
      syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
  if (left_out == 0) return true;
  if (left_out > 0) errno = EBUSY;  // a thread that has a filter of its own
  return fail("the kernel does not take the filter");
}

}  // namespace

bool EnterSandbox(std::string* error) {
#ifdef RINGWAY_NO_SANDBOX
  *error = "tune.sandbox: nobody has written down the system calls of this processor";
  return false;
#else
  return Program().Install(error);
#endif
}

uint64_t SandboxRefusals() { return refusals.load(std::memory_order_relaxed); }

}  // namespace engine
