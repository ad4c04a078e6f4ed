// The io_uring driver.
//
// The ring is set up where OpenUring() is called, disabled, and enabled by the first Turn(): with
// SINGLE_ISSUER the thread that enables is the only one that may submit, so a ring can be built on
// the main thread and handed to its shard. Until then submissions go to the backlog. Once enabled
// it takes only the operations that Restrict() names.
//
// The submission queue is filled and flushed here, not by liburing, whose
// submit_and_wait_timeout() may return without running deferred task work or without waiting for as
// many completions as asked. The array of indices is the identity, written once: liburing 2.3 and
// later ones both keep it mapped as long as NO_SQARRAY is not asked for.

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <thread>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "base/errno_name.h"
#include "base/text.h"
#include "shard/ring/batch_wait.h"
#include "shard/ring/buffer_ring.h"
#include "shard/ring/compat.h"
#include "shard/ring/kernel_ring.h"
#include "shard/ring/probe.h"

namespace shard {
namespace {

constexpr char kUringName[] = "uring";
constexpr uint32_t kUringCompletionsPerTurn = 1024;
constexpr uint32_t kTriesMax = 4096;  // unanswered kTry sends; one more is sent the dearer way
constexpr uint32_t kSmallSlots = 1024;
constexpr uint32_t kSmallStart = 64;
constexpr uint32_t kLargeSlots = 64;
constexpr uint32_t kLargeStart = 8;
constexpr uint32_t kUringSendEntriesMax = 1024;  // UIO_MAXIOV
constexpr size_t kSendBytesMax = 0x40000000;     // of one entry; the rest goes with the next send

// The driver's own operations carry kWake with a generation, which no caller's operation has.
enum WakeNote : uint32_t {
  kOwnEventfd = 1,  // the armed read of our eventfd
  kFromRing = 2,    // another ring's message
  kToRing = 3,      // our message to another ring failed; the slot is its eventfd
  kTrySend = 4,     // a kTry send that came short or failed; the slot is its place in tries_
};
uint64_t WakeData(WakeNote note, int fd = 0) {
  return OpId{OpKind::kWake, {uint32_t(fd), note}}.Pack();
}

// Memory for message headers and their iovecs until the kernel has copied them, at submission.
class SendScratch {
 public:
  msghdr* Copy(std::span<const iovec> bytes) {
    const size_t need = sizeof(msghdr) + bytes.size_bytes();
    if (used_ + need > kBlockBytes) {
      ++block_;
      used_ = 0;
    }
    if (block_ == blocks_.size()) blocks_.push_back(std::make_unique<Block>());
    char* at = blocks_[block_]->bytes + used_;
    used_ += need;
    msghdr* header = new (at) msghdr{};
    header->msg_iov = reinterpret_cast<iovec*>(at + sizeof(msghdr));
    header->msg_iovlen = bytes.size();
    std::memcpy(header->msg_iov, bytes.data(), bytes.size_bytes());
    return header;
  }
  void Reset() { block_ = used_ = 0; }

 private:
  static constexpr size_t kBlockBytes = 64 * 1024;
  struct Block {
    alignas(16) char bytes[kBlockBytes];
  };
  static_assert(sizeof(msghdr) + kUringSendEntriesMax * sizeof(iovec) <= kBlockBytes);

  std::vector<std::unique_ptr<Block>> blocks_;
  size_t block_ = 0;
  size_t used_ = 0;
};

// All that the driver ever asks of its ring. The kernel refuses the rest, such as opening a file:
// whoever could write to the submission queue would get no further than that.
int Restrict(io_uring* ring) {
  constexpr uint8_t kOperations[] = {IORING_OP_NOP,      IORING_OP_READ,     IORING_OP_ACCEPT,
                                     IORING_OP_CONNECT,  IORING_OP_RECV,     IORING_OP_SEND,
                                     IORING_OP_SENDMSG,  IORING_OP_POLL_ADD, IORING_OP_ASYNC_CANCEL,
                                     IORING_OP_MSG_RING, IORING_OP_CLOSE};
  constexpr uint8_t kRegistrations[] = {IORING_REGISTER_RING_FDS, IORING_UNREGISTER_RING_FDS};
  std::vector<io_uring_restriction> allowed;
  for (const uint8_t operation : kOperations) {
    allowed.push_back({});
    allowed.back().opcode = IORING_RESTRICTION_SQE_OP;
    allowed.back().sqe_op = operation;
  }
  for (const uint8_t registration : kRegistrations) {
    allowed.push_back({});
    allowed.back().opcode = IORING_RESTRICTION_REGISTER_OP;
    allowed.back().register_op = registration;
  }
  allowed.push_back({});
  allowed.back().opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
  allowed.back().sqe_flags = IOSQE_BUFFER_SELECT | IOSQE_CQE_SKIP_SUCCESS;
  return io_uring_register(uint32_t(ring->ring_fd), IORING_REGISTER_RESTRICTIONS, allowed.data(),
                           uint32_t(allowed.size()));
}

class UringRing final : public KernelRing {
 public:
  explicit UringRing(UringFeatures features)
      : features_(std::move(features)),
        completions_(std::make_unique<Completion[]>(kUringCompletionsPerTurn + kTriesMax)) {}
  ~UringRing() override;
  bool Open(const RingOptions& options, std::string* why);

  const char* name() const override { return kUringName; }
  void Accept(OpId op, int fd, bool multishot) override;
  void Connect(OpId op, int fd, const sockaddr* address, socklen_t length) override;
  void Recv(OpId op, int fd, RecvMode mode, BufferSize size) override;
  void Send(OpId op, int fd, std::span<const iovec> bytes, SendMode mode) override;
  void Poll(OpId op, int fd, uint32_t events, bool multishot) override;
  void Cancel(OpId op) override;
  void Close(int fd) override;
  std::span<const Completion> Turn(uint64_t deadline_us) override;
  void SubmitNow() override {
    if (enabled_ && Unsubmitted() > 0) SubmitMidTurn();
  }
  void Wake(Ring* from) override;
  uint64_t enter_calls() const override { return enter_calls_; }

 private:
  // An entry, zeroed but for `user_data`.
  io_uring_sqe* Entry(uint64_t user_data);
  io_uring_sqe* CallerEntry(OpId op) {
    DEBUG_MUST(op.kind != OpKind::kIgnored);
    ++outstanding_;
    return Entry(op.Pack());
  }
  io_uring_sqe* FreeEntry();
  unsigned Unsubmitted() const {
    return ring_.sq.sqe_tail - __atomic_load_n(ring_.sq.khead, __ATOMIC_ACQUIRE);
  }
  // `batch`: for BatchWait::kMicros it waits for more than one.
  int Enter(unsigned wait_nr, unsigned flags, const __kernel_timespec* timeout, bool batch = false);
  void Enable();
  void EndEverything();
  void SubmitMidTurn();
  void MoveBacklog();
  void ArmWake();
  bool CompletionsOverflowed() const {
    return (__atomic_load_n(ring_.sq.kflags, __ATOMIC_RELAXED) & IORING_SQ_CQ_OVERFLOW) != 0;
  }
  void Reap();
  void OnEntry(const io_uring_cqe& cqe);
  void OnOwnEntry(OpId op, int result);
  void AnswerTries();
  void WriteWakeFd();

  const UringFeatures features_;
  io_uring ring_ = {};
  bool opened_ = false;
  bool enabled_ = false;
  std::thread::id owner_;
  bool wake_armed_ = false;
  bool woken_ = false;
  bool more_waiting_ = false;  // the last turn left completions behind
  int wake_fd_ = -1;
  unsigned enter_flags_ = 0;
  int enter_fd_ = -1;        // the ring's, or its index among the owner's registered rings
  uint64_t wake_count_ = 0;  // where the armed read drains the eventfd to
  // Sends of mode kTry that were not answered yet. The kernel posts an answer only for one that
  // does not go whole (MSG_WAITALL makes a short one a failure, which CQE_SKIP_SUCCESS does not
  // skip), so when all are submitted and everything posted is read, the rest have gone.
  struct TrySend {
    OpId op;
    int32_t result;
  };
  std::vector<TrySend> tries_;
  uint32_t tries_failed_ = 0;
  BatchWait batch_wait_;
  uint64_t outstanding_ = 0;  // the caller's operations without their last answer
  uint64_t enter_calls_ = 0;
  uint32_t count_ = 0;
  std::unique_ptr<Completion[]> completions_;
  std::unique_ptr<BufferRing> small_;
  std::unique_ptr<BufferRing> large_;
  SendScratch scratch_;
  std::vector<io_uring_sqe> backlog_;  // what the submission queue had no room for, in order
};

bool UringRing::Open(const RingOptions& options, std::string* why) {
  io_uring_params params = {};
  params.flags = features_.setup_flags | IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL |
                 IORING_SETUP_CQSIZE | IORING_SETUP_R_DISABLED;
  params.cq_entries = options.entries * 4;
  const int result = io_uring_queue_init_params(options.entries, &ring_, &params);
  if (result < 0) {
    *why = ExplainSetupError(-result);
    return false;
  }
  opened_ = true;
  for (unsigned i = 0; i < ring_.sq.ring_entries; ++i) ring_.sq.array[i] = i;
  // A blocking eventfd: a read of a non-blocking one would be answered at once instead of waiting.
  wake_fd_ = eventfd(0, EFD_CLOEXEC);
  if (wake_fd_ < 0) {
    *why = base::Format("eventfd: %s", base::ErrnoName(errno));
    return false;
  }
  if (options.small != nullptr) {
    small_ = std::make_unique<BufferRing>(*options.small, 0, 0, kSmallSlots, kSmallStart);
  }
  if (options.large != nullptr) {
    large_ = std::make_unique<BufferRing>(*options.large, 1, kSmallSlots, kLargeSlots, kLargeStart);
  }
  for (BufferRing* buffers : {small_.get(), large_.get()}) {
    if (buffers == nullptr) continue;
    const int registered = buffers->Register(&ring_);
    if (registered < 0) {
      *why = base::Format("io_uring_register of a buffer ring: %s (%s)",
                          base::ErrnoName(registered), base::ErrnoText(registered));
      return false;
    }
  }
  if (const int restricted = Restrict(&ring_); restricted < 0) {
    *why = base::Format("io_uring_register of restrictions: %s (%s)", base::ErrnoName(-restricted),
                        base::ErrnoText(-restricted));
    return false;
  }
  return true;
}

UringRing::~UringRing() {
  if (opened_) {
    if (!enabled_) Enable();
    EndEverything();
    io_uring_queue_exit(&ring_);
  }
  if (wake_fd_ >= 0) close(wake_fd_);
}

void UringRing::EndEverything() {
  // Closing the ring ends its operations, but later and elsewhere; the lent buffers and the bytes
  // of sends are the kernel's until then. So everything is ended here first. Another thread than
  // the owner may not submit: if the owner has exited, its exit has ended them, and only answers
  // are left to be read.
  const bool is_owner = owner_ == std::this_thread::get_id();
  if (!is_owner) {
    enter_fd_ = ring_.ring_fd;
    enter_flags_ = 0;
  }
  MoveBacklog();
  for (int tries = 0; tries < 100; ++tries) {
    if (outstanding_ > 0 || wake_armed_) {
      io_uring_sqe* sqe = Entry(OpId{}.Pack());
      sqe->opcode = IORING_OP_ASYNC_CANCEL;
      sqe->fd = -1;
      sqe->cancel_flags = IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL;
    } else if (Unsubmitted() == 0 && backlog_.empty()) {
      break;
    }
    const __kernel_timespec timeout = {.tv_sec = 0, .tv_nsec = 10000000};
    const int result = Enter(1, IORING_ENTER_GETEVENTS, &timeout);
    do {
      count_ = 0;
      Reap();
      for (uint32_t i = 0; i < count_; ++i) {
        const Completion& answer = completions_[i];
        if (answer.chunk != nullptr) ChunkPool::Drop(answer.chunk);
        if (answer.op.kind == OpKind::kAccept && answer.result >= 0) close(answer.result);
      }
    } while (count_ > 0);
    if (result == -EEXIST) break;
  }
  if (enter_flags_ != 0) {
    io_uring_rsrc_update update = {};
    update.offset = uint32_t(enter_fd_);
    (void)io_uring_register(uint32_t(ring_.ring_fd), IORING_UNREGISTER_RING_FDS, &update, 1);
  }
}

// ---- submission -------------------------------------------------------------------------------

io_uring_sqe* UringRing::FreeEntry() {
  if (backlog_.empty()) {
    if (Unsubmitted() == ring_.sq.ring_entries && enabled_) SubmitMidTurn();
    if (Unsubmitted() < ring_.sq.ring_entries) {
      return &ring_.sq.sqes[ring_.sq.sqe_tail++ & ring_.sq.ring_mask];
    }
  }
  return &backlog_.emplace_back();
}

io_uring_sqe* UringRing::Entry(uint64_t user_data) {
  io_uring_sqe* sqe = FreeEntry();
  std::memset(sqe, 0, sizeof(*sqe));
  sqe->user_data = user_data;
  return sqe;
}

int UringRing::Enter(unsigned wait_nr, unsigned flags, const __kernel_timespec* timeout,
                     bool batch) {
  // The tail is published here alone. liburing's own head follows it, so that its helpers stay
  // true.
  __atomic_store_n(ring_.sq.ktail, ring_.sq.sqe_tail, __ATOMIC_RELEASE);
  ring_.sq.sqe_head = ring_.sq.sqe_tail;
  flags |= enter_flags_;
  ++enter_calls_;
  const int fd = enter_fd_;
  if (timeout == nullptr && !batch)
    return io_uring_enter(fd, Unsubmitted(), wait_nr, flags, nullptr);
  io_uring_getevents_arg argument = {};
  argument.sigmask_sz = _NSIG / 8;
  argument.ts = reinterpret_cast<uintptr_t>(timeout);
  argument.pad = batch ? BatchWait::kMicros : 0;  // min_wait_usec of newer headers
  return io_uring_enter2(fd, Unsubmitted(), wait_nr, flags | IORING_ENTER_EXT_ARG,
                         reinterpret_cast<sigset_t*>(&argument), sizeof(argument));
}

void UringRing::SubmitMidTurn() {
  (void)Enter(0, 0, nullptr);  // what the kernel does not take now stays queued
  if (Unsubmitted() == 0) scratch_.Reset();
}

void UringRing::MoveBacklog() {
  while (!backlog_.empty()) {
    size_t moved = 0;
    while (moved < backlog_.size() && Unsubmitted() < ring_.sq.ring_entries) {
      ring_.sq.sqes[ring_.sq.sqe_tail++ & ring_.sq.ring_mask] = backlog_[moved++];
    }
    backlog_.erase(backlog_.begin(), backlog_.begin() + ptrdiff_t(moved));
    if (backlog_.empty()) return;
    const unsigned before = Unsubmitted();
    (void)Enter(0, 0, nullptr);
    if (Unsubmitted() == before) return;  // the kernel takes nothing now: next turn
  }
}

void UringRing::Accept(OpId op, int fd, bool multishot) {
  io_uring_sqe* sqe = CallerEntry(op);
  sqe->opcode = IORING_OP_ACCEPT;
  sqe->fd = fd;
  sqe->accept_flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
  if (multishot && features_.accept_multishot) sqe->ioprio = IORING_ACCEPT_MULTISHOT;
}

void UringRing::Connect(OpId op, int fd, const sockaddr* address, socklen_t length) {
  io_uring_sqe* sqe = CallerEntry(op);
  sqe->opcode = IORING_OP_CONNECT;
  sqe->fd = fd;
  sqe->addr = reinterpret_cast<uintptr_t>(address);
  sqe->off = length;
}

void UringRing::Recv(OpId op, int fd, RecvMode mode, BufferSize size) {
  io_uring_sqe* sqe = CallerEntry(op);
  sqe->opcode = IORING_OP_RECV;
  sqe->fd = fd;
  sqe->flags = IOSQE_BUFFER_SELECT;
  sqe->buf_group = uint16_t(size);
  if (mode == RecvMode::kSingleLater) sqe->ioprio = IORING_RECVSEND_POLL_FIRST;
  if (mode == RecvMode::kMultishot && features_.recv_multishot) {
    sqe->ioprio = IORING_RECV_MULTISHOT;
  }
}

void UringRing::Send(OpId op, int fd, std::span<const iovec> bytes, SendMode mode) {
  bytes = bytes.first(std::min<size_t>(bytes.size(), kUringSendEntriesMax));
  const bool is_try = IsTry(mode);
  const uint32_t flags =
      MSG_NOSIGNAL | (is_try ? MSG_DONTWAIT : 0) | (mode == SendMode::kTryLast ? MSG_MORE : 0);
  io_uring_sqe* sqe = nullptr;
  // A larger one is cut short by the kernel and would pass for whole.
  if (is_try && tries_.size() < kTriesMax && TotalBytes(bytes) <= kSendBytesMax) {
    sqe = Entry(WakeData(kTrySend, int(tries_.size())));
    sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
    sqe->msg_flags = flags | MSG_WAITALL;
    tries_.push_back({op, int32_t(TotalBytes(bytes))});
  } else {
    sqe = CallerEntry(op);
    sqe->msg_flags = flags;
  }
  sqe->fd = fd;
  if (bytes.size() <= 1) {
    sqe->opcode = IORING_OP_SEND;
    if (bytes.empty()) return;
    sqe->addr = reinterpret_cast<uintptr_t>(bytes[0].iov_base);
    sqe->len = uint32_t(std::min(bytes[0].iov_len, kSendBytesMax));
    return;
  }
  sqe->opcode = IORING_OP_SENDMSG;
  sqe->addr = reinterpret_cast<uintptr_t>(scratch_.Copy(bytes));
  sqe->len = 1;
}

void UringRing::Poll(OpId op, int fd, uint32_t events, bool multishot) {
  io_uring_sqe* sqe = CallerEntry(op);
  io_uring_prep_poll_add(sqe, fd, events);
  if (multishot) sqe->len = IORING_POLL_ADD_MULTI;
  sqe->user_data = op.Pack();  // io_uring_prep_* of newer libraries clear it
}

void UringRing::Cancel(OpId op) {
  io_uring_sqe* sqe = Entry(OpId{}.Pack());
  sqe->opcode = IORING_OP_ASYNC_CANCEL;
  sqe->fd = -1;
  sqe->addr = op.Pack();  // the one of that name: looking for others costs as much again
  sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
}

void UringRing::Close(int fd) {
  io_uring_sqe* sqe = Entry(OpId{}.Pack());
  sqe->opcode = IORING_OP_CLOSE;
  sqe->fd = fd;
  sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
}

// ---- wake-ups ---------------------------------------------------------------------------------

void UringRing::WriteWakeFd() {
  const uint64_t one = 1;
  (void)!write(wake_fd_, &one, sizeof(one));
}

void UringRing::Wake(Ring* from) {
  if (from == nullptr || from->name() != kUringName || !features_.msg_ring) return WriteWakeFd();
  auto* sender = static_cast<UringRing*>(from);
  if (sender == this) {  // a ring cannot send to itself
    sender->Entry(WakeData(kFromRing))->opcode = IORING_OP_NOP;
    return;
  }
  io_uring_sqe* sqe = sender->Entry(WakeData(kToRing, wake_fd_));
  sqe->opcode = IORING_OP_MSG_RING;
  sqe->fd = ring_.ring_fd;
  sqe->off = WakeData(kFromRing);
  sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
}

void UringRing::ArmWake() {
  if (wake_armed_) return;
  wake_armed_ = true;
  io_uring_sqe* sqe = Entry(WakeData(kOwnEventfd));
  sqe->opcode = IORING_OP_READ;
  sqe->fd = wake_fd_;
  sqe->addr = reinterpret_cast<uintptr_t>(&wake_count_);
  sqe->len = sizeof(wake_count_);
}

void UringRing::OnOwnEntry(OpId op, int result) {
  switch (op.handle.generation) {
    case kOwnEventfd:
      wake_armed_ = false;
      woken_ = true;
      return;
    case kFromRing:
      woken_ = true;
      return;
    case kTrySend:
      tries_[op.handle.slot].result = result;
      ++tries_failed_;
      return;
    case kToRing: {
      // -EBADFD: the target has not turned yet. Its eventfd works from the start.
      if (result >= 0) return;
      const uint64_t one = 1;
      (void)!write(int(op.handle.slot), &one, sizeof(one));
      return;
    }
  }
}

// ---- turn -------------------------------------------------------------------------------------

void UringRing::Enable() {
  const int result = EnableRing(ring_.ring_fd);
  MUST(result >= 0);
  enabled_ = true;
  owner_ = std::this_thread::get_id();
  // Registered for the calling thread alone; it saves looking the descriptor up at each call. Not
  // by liburing, which would unregister that number in whichever thread destroys the ring.
  io_uring_rsrc_update update = {};
  update.offset = UINT32_MAX;  // any place
  update.data = uint64_t(ring_.ring_fd);
  const int registered =
      io_uring_register(uint32_t(ring_.ring_fd), IORING_REGISTER_RING_FDS, &update, 1);
  enter_fd_ = registered == 1 ? int(update.offset) : ring_.ring_fd;
  enter_flags_ = registered == 1 ? IORING_ENTER_REGISTERED_RING : 0;
}

void UringRing::OnEntry(const io_uring_cqe& cqe) {
  const OpId op = OpId::Unpack(cqe.user_data);
  const bool more = (cqe.flags & IORING_CQE_F_MORE) != 0;
  if (op.kind == OpKind::kIgnored) return;
  if (op.kind == OpKind::kWake) return OnOwnEntry(op, cqe.res);
  if (!more) --outstanding_;
  Chunk* chunk = nullptr;
  if ((cqe.flags & IORING_CQE_F_BUFFER) != 0) {
    const uint32_t id = cqe.flags >> IORING_CQE_BUFFER_SHIFT;
    BufferRing& buffers = small_ != nullptr && small_->Holds(id) ? *small_ : *large_;
    chunk = buffers.Filled(id);
    if (cqe.res <= 0) {
      ChunkPool::Drop(chunk);
      chunk = nullptr;
    }
  } else if (cqe.res == -ENOBUFS) {
    // Which size it asked for is not said; only a ring that is empty grows.
    if (small_ != nullptr) small_->RanDry();
    if (large_ != nullptr) large_->RanDry();
  }
  completions_[count_++] = {op, cqe.res, more, chunk};
}

void UringRing::Reap() {
  unsigned head = *ring_.cq.khead;
  const unsigned tail = __atomic_load_n(ring_.cq.ktail, __ATOMIC_ACQUIRE);
  while (head != tail && count_ < kUringCompletionsPerTurn) {
    OnEntry(ring_.cq.cqes[head & ring_.cq.ring_mask]);
    ++head;
  }
  __atomic_store_n(ring_.cq.khead, head, __ATOMIC_RELEASE);
  // Entries that did not fit are handed over by the kernel at the next enter.
  more_waiting_ = head != tail || CompletionsOverflowed();
}

void UringRing::AnswerTries() {
  for (const TrySend& send : tries_)
    completions_[count_++] = {send.op, send.result, false, nullptr};
  tries_.clear();
  tries_failed_ = 0;
}

std::span<const Completion> UringRing::Turn(uint64_t deadline_us) {
  if (!enabled_) Enable();
  count_ = 0;
  woken_ = false;
  if (small_ != nullptr) small_->Restock();
  if (large_ != nullptr) large_->Restock();
  ArmWake();
  MoveBacklog();
  while (true) {
    unsigned wait_nr = 0;
    __kernel_timespec timeout = {};
    bool timed = false;
    bool expired = deadline_us == 0 || more_waiting_ || !backlog_.empty() ||
                   (need_send_answers_ && !tries_.empty());
    if (!expired && deadline_us != UINT64_MAX) {
      const uint64_t now_us = base::MonotonicMicros();
      expired = now_us >= deadline_us;
      if (!expired) {
        timed = true;
        timeout.tv_sec = int64_t((deadline_us - now_us) / 1000000);
        timeout.tv_nsec = int64_t((deadline_us - now_us) % 1000000) * 1000;
      }
    }
    const bool batch = !expired && features_.batch_wait && batch_wait_.trying();
    if (!expired) wait_nr = batch ? BatchWait::kAnswers : 1;
    const int result = Enter(wait_nr, IORING_ENTER_GETEVENTS, timed ? &timeout : nullptr, batch);
    MUST(result >= 0 || result == -ETIME || result == -EINTR || result == -EAGAIN ||
         result == -EBUSY || result == -ENOMEM);
    const bool all_submitted = Unsubmitted() == 0 && backlog_.empty();
    if (all_submitted) scratch_.Reset();
    Reap();
    if (!expired) batch_wait_.Waited(count_);
    const bool end = count_ > 0 || tries_failed_ > 0 || woken_ || expired || result < 0;
    if (all_submitted && !more_waiting_) AnswerTries();
    if (end) break;
    // Only answers that nobody waits for (a failed close): go on waiting.
  }
  need_send_answers_ = false;
  return {completions_.get(), count_};
}

}  // namespace

std::unique_ptr<Ring> OpenUring(const RingOptions& options, std::string* why) {
  UringFeatures features = ProbeUring();
  if (!features.usable) {
    *why = features.why;
    return nullptr;
  }
  auto ring = std::make_unique<UringRing>(std::move(features));
  if (!ring->Open(options, why)) return nullptr;
  return ring;
}

}  // namespace shard
