#include "shard/ring/probe.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/check.h"
#include "base/errno_name.h"
#include "base/text.h"
#include "shard/ring/compat.h"

namespace shard {
namespace {

constexpr uint16_t kGroup = 0;
constexpr uint32_t kBuffers = 8;
constexpr uint32_t kBufferBytes = 256;
constexpr uint64_t kOp = 1;
constexpr uint64_t kCancel = 2;

class ProbeFd {
 public:
  explicit ProbeFd(int fd = -1) : fd_(fd) {}
  ~ProbeFd() {
    if (fd_ >= 0) close(fd_);
  }
  ProbeFd(const ProbeFd&) = delete;
  ProbeFd& operator=(const ProbeFd&) = delete;
  void Set(int fd) { fd_ = fd; }
  int get() const { return fd_; }

 private:
  int fd_;
};

struct ProbeSocketPair {
  ProbeSocketPair() {
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) return;
    near.Set(fds[0]);
    far.Set(fds[1]);
  }
  ProbeFd near;
  ProbeFd far;
};

// What an operation answered, or that it waits.
struct Outcome {
  bool answered = false;
  int result = 0;
  bool more = false;

  bool IsWaiting() const { return !answered; }
};

// A small ring, set up as the driver's will be.
class ProbeRing {
 public:
  ~ProbeRing() {
    if (opened_) io_uring_queue_exit(&ring_);
    if (entries_ != MAP_FAILED) munmap(entries_, kMemoryBytes);
  }
  int Open(uint32_t flags) {
    io_uring_params params = {};
    params.flags = flags | IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE |
                   IORING_SETUP_R_DISABLED;
    params.cq_entries = 64;
    const int result = io_uring_queue_init_params(16, &ring_, &params);
    if (result < 0) return result;
    opened_ = true;
    features_ = params.features;
    return 0;
  }
  int Enable() { return EnableRing(ring_.ring_fd); }
  int LendBuffers() {
    entries_ =
        mmap(nullptr, kMemoryBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (entries_ == MAP_FAILED) return -errno;
    io_uring_buf_reg registration = {};
    registration.ring_addr = reinterpret_cast<uintptr_t>(entries_);
    registration.ring_entries = kBuffers;
    registration.bgid = kGroup;
    const int result = io_uring_register_buf_ring(&ring_, &registration, 0);
    if (result < 0) return result;
    auto* entries = static_cast<io_uring_buf*>(entries_);
    char* memory = static_cast<char*>(entries_) + 4096;
    for (uint32_t i = 0; i < kBuffers; ++i) {
      entries[i].addr = reinterpret_cast<uintptr_t>(memory + i * kBufferBytes);
      entries[i].len = kBufferBytes;
      entries[i].bid = uint16_t(i);
    }
    __atomic_store_n(&entries[0].resv, uint16_t(kBuffers), __ATOMIC_RELEASE);
    return 0;
  }
  uint32_t features() const { return features_; }
  int fd() const { return ring_.ring_fd; }

  io_uring_sqe* Entry() {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    MUST(sqe != nullptr);
    *sqe = {};
    sqe->user_data = kOp;
    return sqe;
  }
  // Submits and looks at once: does the operation wait?
  Outcome SubmitAndLook() {
    const int result = io_uring_submit_and_get_events(&ring_);
    if (result < 0) return {true, result, false};
    return Look();
  }
  Outcome WaitForAnswer() {
    __kernel_timespec timeout = {.tv_sec = 1, .tv_nsec = 0};
    io_uring_cqe* cqe = nullptr;
    const int result = io_uring_wait_cqe_timeout(&ring_, &cqe, &timeout);
    if (result < 0) return {};
    return Look();
  }
  // Ends what is armed, and forgets it.
  void CancelAll() {
    io_uring_sqe* sqe = Entry();
    sqe->opcode = IORING_OP_ASYNC_CANCEL;
    sqe->fd = -1;
    sqe->addr = kOp;
    sqe->cancel_flags = IORING_ASYNC_CANCEL_ALL;
    sqe->user_data = kCancel;
    (void)io_uring_submit_and_get_events(&ring_);
    while (WaitForAnswer().answered && io_uring_cq_ready(&ring_) > 0) continue;
  }

 private:
  static constexpr size_t kMemoryBytes = 4096 + kBuffers * kBufferBytes;
  Outcome Look() {
    io_uring_cqe* cqe = nullptr;
    if (io_uring_peek_cqe(&ring_, &cqe) != 0) return {};
    const Outcome outcome = {true, cqe->res, (cqe->flags & IORING_CQE_F_MORE) != 0};
    io_uring_cqe_seen(&ring_, cqe);
    return outcome;
  }

  io_uring ring_ = {};
  bool opened_ = false;
  uint32_t features_ = 0;
  void* entries_ = MAP_FAILED;
};

void PrepareRecv(io_uring_sqe* sqe, int fd, uint16_t flags) {
  sqe->opcode = IORING_OP_RECV;
  sqe->fd = fd;
  sqe->flags = IOSQE_BUFFER_SELECT;
  sqe->buf_group = kGroup;
  sqe->ioprio = flags;
}

std::string WaitRefusal(const char* what, const Outcome& outcome) {
  return base::Format(
      "io_uring: %s on a non-blocking socket answers %s instead of waiting on this kernel; "
      "set tune.ring poll",
      what, outcome.result < 0 ? base::ErrnoName(outcome.result) : "at once");
}

// Does a receive on an empty, a send on a full socket wait, although both are O_NONBLOCK?
bool TryWaiting(ProbeRing& ring, std::string* why) {
  ProbeSocketPair pair;
  PrepareRecv(ring.Entry(), pair.near.get(), 0);
  Outcome outcome = ring.SubmitAndLook();
  if (!outcome.IsWaiting()) {
    *why = WaitRefusal("a receive", outcome);
    return false;
  }
  (void)!write(pair.far.get(), "x", 1);
  outcome = ring.WaitForAnswer();
  if (!outcome.answered || outcome.result != 1) {
    *why = base::Format("io_uring: a receive into lent buffers answered %s; set tune.ring poll",
                        outcome.answered ? base::ErrnoName(outcome.result) : "nothing");
    return false;
  }
  char block[4096] = {};
  while (write(pair.near.get(), block, sizeof(block)) > 0) continue;
  io_uring_sqe* sqe = ring.Entry();
  sqe->opcode = IORING_OP_SEND;
  sqe->fd = pair.near.get();
  sqe->addr = reinterpret_cast<uintptr_t>(block);
  sqe->len = sizeof(block);
  sqe->msg_flags = MSG_NOSIGNAL;
  outcome = ring.SubmitAndLook();
  if (!outcome.IsWaiting()) {
    *why = WaitRefusal("a send", outcome);
    return false;
  }
  while (read(pair.far.get(), block, sizeof(block)) > 0) continue;
  outcome = ring.WaitForAnswer();
  if (!outcome.answered || outcome.result <= 0) {
    *why = "io_uring: a send did not go on when its socket drained; set tune.ring poll";
    return false;
  }
  return true;
}

bool TryRecvMultishot(ProbeRing& ring) {
  ProbeSocketPair pair;
  (void)!write(pair.far.get(), "x", 1);
  PrepareRecv(ring.Entry(), pair.near.get(), IORING_RECV_MULTISHOT);
  Outcome outcome = ring.SubmitAndLook();
  if (outcome.IsWaiting()) outcome = ring.WaitForAnswer();
  if (outcome.more) ring.CancelAll();
  return outcome.result == 1 && outcome.more;
}

bool TryAcceptMultishot(ProbeRing& ring) {
  ProbeFd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  ProbeFd client(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  // No name given: the kernel picks an abstract one.
  if (bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof(sa_family_t)) != 0 ||
      listen(listener.get(), 4) != 0) {
    return false;
  }
  socklen_t length = sizeof(address);
  getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length);
  if (connect(client.get(), reinterpret_cast<sockaddr*>(&address), length) != 0) return false;
  io_uring_sqe* sqe = ring.Entry();
  sqe->opcode = IORING_OP_ACCEPT;
  sqe->fd = listener.get();
  sqe->accept_flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
  sqe->ioprio = IORING_ACCEPT_MULTISHOT;
  Outcome outcome = ring.SubmitAndLook();
  if (outcome.IsWaiting()) outcome = ring.WaitForAnswer();
  ProbeFd accepted(outcome.answered && outcome.result >= 0 ? outcome.result : -1);
  if (outcome.more) ring.CancelAll();
  return accepted.get() >= 0 && outcome.more;
}

bool TryMsgRing(ProbeRing& from, uint32_t flags) {
  ProbeRing to;
  if (to.Open(flags) < 0 || to.Enable() < 0) return false;
  io_uring_sqe* sqe = from.Entry();
  sqe->opcode = IORING_OP_MSG_RING;
  sqe->fd = to.fd();
  sqe->off = kOp;
  const Outcome sent = from.SubmitAndLook();
  return sent.answered && sent.result >= 0 && to.WaitForAnswer().answered;
}

int ReadDisabledSysctl() {
  FILE* file = std::fopen("/proc/sys/kernel/io_uring_disabled", "re");
  if (file == nullptr) return -1;
  int value = -1;
  if (std::fscanf(file, "%d", &value) != 1) value = -1;
  std::fclose(file);
  return value;
}

}  // namespace

std::string ExplainSetupError(int error, int disabled, uint64_t memlock_bytes) {
  const std::string head =
      base::Format("io_uring_setup: %s (%s): ", base::ErrnoName(error), base::ErrnoText(error));
  switch (error) {
    case EPERM:
      if (disabled == 2) {
        return head +
               "io_uring is switched off on this machine; set sysctl kernel.io_uring_disabled=0, "
               "or tune.ring poll";
      }
      if (disabled == 1) {
        return head +
               "io_uring is kept for privileged processes; set sysctl kernel.io_uring_disabled=0, "
               "or put the process into the group of kernel.io_uring_group, or set tune.ring poll";
      }
      return head +
             "a seccomp filter or security module forbids it, as container runtimes do by "
             "default; allow io_uring_setup, io_uring_enter and io_uring_register there, or set "
             "tune.ring poll";
    case ENOSYS:
      return head +
             "this kernel has no io_uring, or a sandbox hides it; use Linux 6.1 or later, or set "
             "tune.ring poll";
    case ENOMEM:
      return head +
             base::Format(
                 "no memory for the rings; RLIMIT_MEMLOCK is %s: raise it (ulimit -l, "
                 "LimitMEMLOCK=) or the cgroup's memory limit, or set tune.ring poll",
                 memlock_bytes == UINT64_MAX
                     ? "unlimited"
                     : base::Format("%llu kB", (unsigned long long)(memlock_bytes / 1024)).c_str());
    case EMFILE:
    case ENFILE:
      return head + "raise the limit of open files (ulimit -n), or set tune.ring poll";
    case EINVAL:
      return head +
             "this kernel's io_uring lacks the set-up flags needed; use Linux 6.1 or later, or "
             "set tune.ring poll";
    default:
      return head + "set tune.ring poll to do without io_uring";
  }
}

std::string ExplainSetupError(int error) {
  rlimit limit = {};
  uint64_t memlock_bytes = UINT64_MAX;
  if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    memlock_bytes = limit.rlim_cur;
  }
  return ExplainSetupError(error, ReadDisabledSysctl(), memlock_bytes);
}

std::string UringFeatures::Describe() const {
  if (!usable) return why;
  std::string text = "io_uring";
  if ((setup_flags & IORING_SETUP_SINGLE_ISSUER) != 0) text += " +single_issuer";
  if ((setup_flags & IORING_SETUP_DEFER_TASKRUN) != 0) text += " +defer_taskrun";
  if ((setup_flags & IORING_SETUP_COOP_TASKRUN) != 0) text += " +coop_taskrun";
  text += accept_multishot ? " +accept_multishot" : " -accept_multishot";
  text += recv_multishot ? " +recv_multishot" : " -recv_multishot";
  text += msg_ring ? " +msg_ring" : " -msg_ring";
  text += batch_wait ? " +batch_wait" : " -batch_wait";
  return text;
}

UringFeatures ProbeUring() {
  constexpr uint32_t kFlagSets[] = {IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
                                    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN,
                                    IORING_SETUP_COOP_TASKRUN, 0};
  constexpr uint32_t kNeeded = IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE |
                               IORING_FEAT_FAST_POLL | IORING_FEAT_EXT_ARG | IORING_FEAT_CQE_SKIP;
  UringFeatures features;
  ProbeRing ring;
  int opened = -EINVAL;
  for (const uint32_t flags : kFlagSets) {
    opened = ring.Open(flags);
    features.setup_flags = flags;
    if (opened != -EINVAL) break;  // only an unknown flag is worth another try
  }
  if (opened < 0) {
    features.why = ExplainSetupError(-opened);
    return features;
  }
  if ((ring.features() & kNeeded) != kNeeded) {
    features.why = base::Format(
        "io_uring: this kernel's lacks features 0x%x; use Linux 6.1 or later, or set tune.ring "
        "poll",
        kNeeded & ~ring.features());
    return features;
  }
  if (const int lent = ring.LendBuffers(); lent < 0) {
    features.why = base::Format(
        "io_uring_register of a buffer ring: %s (%s); use Linux 6.1 or later, or set tune.ring "
        "poll",
        base::ErrnoName(lent), base::ErrnoText(lent));
    return features;
  }
  if (const int enabled = ring.Enable(); enabled < 0) {
    features.why = base::Format("io_uring_register (enable): %s; set tune.ring poll",
                                base::ErrnoName(enabled));
    return features;
  }
  if (!TryWaiting(ring, &features.why)) return features;
  features.recv_multishot = TryRecvMultishot(ring);
  features.accept_multishot = TryAcceptMultishot(ring);
  features.msg_ring = TryMsgRing(ring, features.setup_flags);
  // Without deferred task work each answer wakes the task, whatever it waits for.
  features.batch_wait = (ring.features() & IORING_FEAT_MIN_TIMEOUT) != 0 &&
                        (features.setup_flags & IORING_SETUP_DEFER_TASKRUN) != 0;
  features.usable = true;
  return features;
}

}  // namespace shard
