// The poll driver: epoll making the calls that io_uring would, for places where that is forbidden.
//
// Submissions are kept in order and made at the start of the turn. An operation that cannot finish
// joins the line of its descriptor and is tried again when epoll reports it. epoll is used
// level-triggered: whatever is left (a full completion array, a short read, a read budget) is
// reported again, so nothing has to be remembered. A direction that is reported with nobody in line
// for it is dropped from the registration then and there.
//
// A descriptor may leave without Close(), and its number come back as another socket that this
// epoll does not know. So a registration is only trusted while operations wait in its line; the
// first one to join makes the system call. What Recv() was asked of is known to leave by Close() or
// Cancel() alone, and keeps its registration between two receives: a connection whose receives are
// armed one by one costs no system calls but those that move its bytes.

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <memory>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "base/errno_name.h"
#include "base/text.h"
#include "shard/ring/accept_guard.h"
#include "shard/ring/kernel_ring.h"

namespace shard {
namespace {

constexpr char kPollName[] = "poll";
constexpr uint32_t kPollCompletionsPerTurn = 1024;
constexpr int kEventsPerTurn = 512;
constexpr int kReadsPerEvent = 4;  // of one descriptor, before the others get their turn
constexpr int kAcceptsPerEvent = 16;
constexpr uint32_t kOpsPerBlock = 256;
constexpr uint32_t kBuckets = 4096;
constexpr size_t kPollSendEntriesMax = 1024;  // UIO_MAXIOV

enum class Call : uint8_t { kAccept, kConnect, kRecv, kSend, kPoll, kCancel, kClose };

struct PollOp {
  OpId op;
  Call call = Call::kClose;
  bool multishot = false;
  bool later = false;     // receive: nothing is there yet
  bool started = false;   // connect: the call has been made, its outcome is awaited
  bool blocking = false;  // accept: the listener is not O_NONBLOCK
  SendMode send_mode = SendMode::kWait;
  BufferSize size = BufferSize::kSmall;
  int fd = -1;
  uint32_t events = 0;  // poll
  const sockaddr* address = nullptr;
  socklen_t address_length = 0;
  std::vector<iovec> iovecs;  // keeps its memory when the record is reused
  PollOp* prev = nullptr;     // in the line of the descriptor
  PollOp* next = nullptr;     // there, or in the free list
  PollOp* next_same_hash = nullptr;
};

// The operations that wait for one descriptor, oldest first.
struct Line {
  PollOp* head = nullptr;
  PollOp* tail = nullptr;
  uint32_t registered = 0;  // epoll events; trusted while somebody is in line, or it is kept
  bool kept = false;        // it leaves by Close() or Cancel() alone
};

int ResultOf(ssize_t value) { return value < 0 ? -errno : int(value); }

uint32_t EventsFor(const PollOp& op) {
  switch (op.call) {
    case Call::kAccept:
    case Call::kRecv:
      return EPOLLIN;
    case Call::kConnect:
    case Call::kSend:
      return EPOLLOUT;
    case Call::kPoll:
      return op.events;  // poll(2) and epoll bits are the same
    case Call::kCancel:
    case Call::kClose:
      return 0;
  }
  return 0;
}

class PollRing final : public KernelRing {
 public:
  PollRing()
      : completions_(std::make_unique<Completion[]>(kPollCompletionsPerTurn)),
        buckets_(std::make_unique<PollOp*[]>(kBuckets)) {}
  ~PollRing() override;
  bool Open(const RingOptions& options, std::string* why);

  const char* name() const override { return kPollName; }
  void Accept(OpId op, int fd, bool multishot) override;
  void Connect(OpId op, int fd, const sockaddr* address, socklen_t length) override;
  void Recv(OpId op, int fd, RecvMode mode, BufferSize size) override;
  void Send(OpId op, int fd, std::span<const iovec> bytes, SendMode mode) override;
  void Poll(OpId op, int fd, uint32_t events, bool multishot) override;
  void Cancel(OpId op) override;
  void Close(int fd) override;
  std::span<const Completion> Turn(uint64_t deadline_us) override;
  void Wake(Ring* from) override;
  uint64_t enter_calls() const override { return calls_; }

 private:
  // What a try came to.
  enum class Tried : uint8_t {
    kAnswered,  // for the last time: the record is free
    kWaits,     // not yet, or a multishot that stays
    kNoRoom,    // the completion array is full; nothing was done
  };

  PollOp* Submit(Call call, OpId op, int fd);
  PollOp* TakeRecord();
  void FreeRecord(PollOp* record);
  Line& LineOf(int fd);

  bool HasRoom() const { return count_ < kPollCompletionsPerTurn; }
  void Answer(const PollOp& op, int result, bool more, Chunk* chunk = nullptr);
  Tried Try(PollOp& op);
  Tried TryAccept(PollOp& op);
  Tried TryConnect(PollOp& op);
  Tried TryRecv(PollOp& op);
  Tried TrySend(PollOp& op);
  Tried TryPoll(PollOp& op);

  void StartSubmitted();
  bool MustQueue(const PollOp& op);
  void Join(PollOp* op);
  void Leave(PollOp* op);
  void Register(int fd, Line& line);
  void OnEvents(int fd, uint32_t events);
  void DoCancel(OpId op);
  void DoClose(int fd);
  bool WaitForEvents(uint64_t deadline_us, int* event_count);

  PollOp*& BucketOf(OpId op) {
    return buckets_[(op.Pack() * 0x9e3779b97f4a7c15U >> 32) % kBuckets];
  }

  ChunkPool* small_ = nullptr;
  ChunkPool* large_ = nullptr;
  int epoll_fd_ = -1;
  int wake_fd_ = -1;
  bool woken_ = false;
  bool has_pwait2_ = true;
  uint64_t calls_ = 0;
  uint32_t count_ = 0;
  uint32_t awaited_ = 0;  // of count_, those that end the wait
  std::unique_ptr<Completion[]> completions_;
  std::unique_ptr<PollOp*[]> buckets_;  // waiting operations by OpId
  std::vector<Line> lines_;             // by descriptor
  std::vector<PollOp*> submitted_;
  std::vector<std::unique_ptr<PollOp[]>> blocks_;
  PollOp* free_ = nullptr;
  AcceptGuard accept_guard_;
  epoll_event events_[kEventsPerTurn];
};

bool PollRing::Open(const RingOptions& options, std::string* why) {
  small_ = options.small;
  large_ = options.large;
  submitted_.reserve(options.entries);
  epoll_fd_ = epoll_create1(EPOLL_CLOEXEC);
  wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.fd = wake_fd_;
  if (epoll_fd_ < 0 || wake_fd_ < 0 || epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, &event) != 0) {
    *why = base::Format("epoll: %s (%s)", base::ErrnoName(errno), base::ErrnoText(errno));
    return false;
  }
  return true;
}

PollRing::~PollRing() {
  for (const PollOp* op : submitted_) {
    if (op->call == Call::kClose) close(op->fd);
  }
  if (epoll_fd_ >= 0) close(epoll_fd_);
  if (wake_fd_ >= 0) close(wake_fd_);
}

// ---- records and lines ------------------------------------------------------------------------

PollOp* PollRing::TakeRecord() {
  if (free_ == nullptr) {
    blocks_.push_back(std::make_unique<PollOp[]>(kOpsPerBlock));
    for (uint32_t i = 0; i < kOpsPerBlock; ++i) FreeRecord(&blocks_.back()[i]);
  }
  PollOp* record = free_;
  free_ = record->next;
  return record;
}

void PollRing::FreeRecord(PollOp* record) {
  record->next = free_;
  free_ = record;
}

PollOp* PollRing::Submit(Call call, OpId op, int fd) {
  PollOp* record = TakeRecord();
  record->op = op;
  record->call = call;
  record->fd = fd;
  record->multishot = record->later = record->started = record->blocking = false;
  record->iovecs.clear();
  record->prev = record->next = record->next_same_hash = nullptr;
  submitted_.push_back(record);
  return record;
}

Line& PollRing::LineOf(int fd) {
  if (size_t(fd) >= lines_.size()) lines_.resize(std::max<size_t>(size_t(fd) + 1, 1024));
  return lines_[size_t(fd)];
}

void PollRing::Join(PollOp* op) {
  Line& line = LineOf(op->fd);
  const bool trusted = line.head != nullptr || line.kept;
  const bool receives = op->call == Call::kRecv;  // registering may answer it
  op->prev = line.tail;
  op->next = nullptr;
  (line.tail != nullptr ? line.tail->next : line.head) = op;
  line.tail = op;
  op->next_same_hash = BucketOf(op->op);
  BucketOf(op->op) = op;
  if (!trusted || (EventsFor(*op) & ~line.registered) != 0) Register(op->fd, line);
  line.kept |= receives && line.registered != 0;
}

void PollRing::Leave(PollOp* op) {
  Line& line = LineOf(op->fd);
  (op->prev != nullptr ? op->prev->next : line.head) = op->next;
  (op->next != nullptr ? op->next->prev : line.tail) = op->prev;
  PollOp** link = &BucketOf(op->op);
  while (*link != op) link = &(*link)->next_same_hash;
  *link = op->next_same_hash;
}

// Makes the registration what the line needs.
void PollRing::Register(int fd, Line& line) {
  uint32_t needed = 0;
  for (const PollOp* op = line.head; op != nullptr; op = op->next) needed |= EventsFor(*op);
  epoll_event event = {};
  event.events = needed;
  event.data.fd = fd;
  ++calls_;
  if (line.head == nullptr) {
    (void)epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, &event);
    line.registered = 0;
    line.kept = false;
    return;
  }
  const bool known = line.registered != 0;
  int result = epoll_ctl(epoll_fd_, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
  if (result != 0 && (errno == ENOENT || errno == EEXIST)) {
    ++calls_;
    result = epoll_ctl(epoll_fd_, known ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event);
  }
  if (result == 0) {
    line.registered = needed;
    return;
  }
  // A descriptor that cannot be waited for (closed, a plain file): say so instead of hanging.
  const int error = errno;
  line.registered = 0;
  line.kept = false;
  while (line.head != nullptr && HasRoom()) {
    PollOp* op = line.head;
    Leave(op);
    Answer(*op, -error, false);
    FreeRecord(op);
  }
}

// ---- submission -------------------------------------------------------------------------------

void PollRing::Accept(OpId op, int fd, bool multishot) {
  Submit(Call::kAccept, op, fd)->multishot = multishot;
}

void PollRing::Connect(OpId op, int fd, const sockaddr* address, socklen_t length) {
  PollOp* record = Submit(Call::kConnect, op, fd);
  record->address = address;
  record->address_length = length;
}

void PollRing::Recv(OpId op, int fd, RecvMode mode, BufferSize size) {
  PollOp* record = Submit(Call::kRecv, op, fd);
  record->multishot = mode == RecvMode::kMultishot;
  record->later = mode == RecvMode::kSingleLater;
  record->size = size;
}

void PollRing::Send(OpId op, int fd, std::span<const iovec> bytes, SendMode mode) {
  PollOp* record = Submit(Call::kSend, op, fd);
  record->send_mode = mode;
  const auto taken = bytes.first(std::min(bytes.size(), kPollSendEntriesMax));
  record->iovecs.assign(taken.begin(), taken.end());
}

void PollRing::Poll(OpId op, int fd, uint32_t events, bool) {
  // Never multishot: level-triggered, it would answer in every turn. The caller arms it again.
  Submit(Call::kPoll, op, fd)->events = events;
}

void PollRing::Cancel(OpId op) { Submit(Call::kCancel, op, -1); }

void PollRing::Close(int fd) { Submit(Call::kClose, {}, fd); }

void PollRing::Wake(Ring*) {
  const uint64_t one = 1;
  (void)!write(wake_fd_, &one, sizeof(one));
}

// ---- the calls --------------------------------------------------------------------------------

void PollRing::Answer(const PollOp& op, int result, bool more, Chunk* chunk) {
  completions_[count_++] = {op.op, result, more, chunk};
  const bool went_whole = op.call == Call::kSend && IsTry(op.send_mode) && result >= 0 &&
                          size_t(result) == TotalBytes(op.iovecs);
  if (!went_whole || need_send_answers_) ++awaited_;
}

PollRing::Tried PollRing::Try(PollOp& op) {
  if (!HasRoom()) return Tried::kNoRoom;
  switch (op.call) {
    case Call::kAccept:
      return TryAccept(op);
    case Call::kConnect:
      return TryConnect(op);
    case Call::kRecv:
      return TryRecv(op);
    case Call::kSend:
      return TrySend(op);
    case Call::kPoll:
      return TryPoll(op);
    case Call::kCancel:
    case Call::kClose:
      break;
  }
  return Tried::kAnswered;
}

PollRing::Tried PollRing::TryAccept(PollOp& op) {
  for (int i = 0; i < kAcceptsPerEvent && HasRoom(); ++i) {
    ++calls_;
    const int result =
        op.blocking ? accept_guard_.Accept(op.fd)
                    : ResultOf(accept4(op.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (result == -EAGAIN || result == -EINTR) return Tried::kWaits;
    const bool more = op.multishot && result >= 0;
    Answer(op, result, more);
    if (!more) return Tried::kAnswered;
  }
  return Tried::kWaits;
}

PollRing::Tried PollRing::TryConnect(PollOp& op) {
  ++calls_;
  int result = 0;
  if (!op.started) {
    op.started = true;
    result = ResultOf(connect(op.fd, op.address, op.address_length));
    if (result == -EINPROGRESS || result == -EINTR) return Tried::kWaits;
  } else {
    pollfd ready = {.fd = op.fd, .events = POLLOUT, .revents = 0};
    if (poll(&ready, 1, 0) <= 0) return Tried::kWaits;
    result = GetSocketError(op.fd);
  }
  Answer(op, result, false);
  return Tried::kAnswered;
}

PollRing::Tried PollRing::TryRecv(PollOp& op) {
  ChunkPool* pool = op.size == BufferSize::kSmall ? small_ : large_;
  for (int i = 0; i < kReadsPerEvent && HasRoom(); ++i) {
    Chunk* chunk = pool != nullptr ? pool->Take() : nullptr;
    int result = -ENOBUFS;
    if (chunk != nullptr) {
      ++calls_;
      result = ResultOf(recv(op.fd, chunk->data, chunk->capacity, MSG_DONTWAIT));
    } else {
      // Only bytes need a buffer: nothing to read waits, and an end or error can be told.
      char byte;
      ++calls_;
      const int seen = ResultOf(recv(op.fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK));
      if (seen <= 0) result = seen;
    }
    if (chunk != nullptr && result <= 0) {
      ChunkPool::Drop(chunk);
      chunk = nullptr;
    }
    if (result == -EAGAIN || result == -EINTR) return Tried::kWaits;
    const bool more = op.multishot && result > 0;
    Answer(op, result, more, chunk);
    if (!more) return Tried::kAnswered;
    if (uint32_t(result) < chunk->capacity) break;  // drained, as far as we know
  }
  return Tried::kWaits;
}

PollRing::Tried PollRing::TrySend(PollOp& op) {
  ++calls_;
  const int flags =
      MSG_DONTWAIT | MSG_NOSIGNAL | (op.send_mode == SendMode::kTryLast ? MSG_MORE : 0);
  int result;
  if (op.iovecs.size() == 1) {
    result = ResultOf(send(op.fd, op.iovecs[0].iov_base, op.iovecs[0].iov_len, flags));
  } else {
    msghdr header = {};
    header.msg_iov = op.iovecs.data();
    header.msg_iovlen = op.iovecs.size();
    result = ResultOf(sendmsg(op.fd, &header, flags));
  }
  if (result == -EAGAIN && !IsTry(op.send_mode)) return Tried::kWaits;
  Answer(op, result, false);
  return Tried::kAnswered;
}

PollRing::Tried PollRing::TryPoll(PollOp& op) {
  pollfd ready = {.fd = op.fd, .events = short(op.events), .revents = 0};
  ++calls_;
  const int result = ResultOf(poll(&ready, 1, 0));
  if (result == 0 || result == -EINTR) return Tried::kWaits;
  if ((ready.revents & POLLNVAL) != 0) {
    Answer(op, -EBADF, false);
  } else {
    Answer(op, result < 0 ? result : ready.revents, false);
  }
  return Tried::kAnswered;
}

// ---- turn -------------------------------------------------------------------------------------

// Somebody of the same direction is in line already, and goes first.
bool PollRing::MustQueue(const PollOp& op) {
  if (op.call == Call::kPoll || (op.call == Call::kSend && IsTry(op.send_mode))) {
    return false;
  }
  for (const PollOp* other = LineOf(op.fd).head; other != nullptr; other = other->next) {
    if (other->call != Call::kPoll && EventsFor(*other) == EventsFor(op)) return true;
  }
  return false;
}

void PollRing::StartSubmitted() {
  size_t started = 0;
  for (; started < submitted_.size(); ++started) {
    PollOp* op = submitted_[started];
    // A cancel or a close may answer many; those that find no room stay in line.
    if (!HasRoom()) break;
    if (op->call == Call::kCancel) {
      DoCancel(op->op);
      if (!HasRoom()) break;  // there may be more of them: again next turn
      FreeRecord(op);
      continue;
    }
    if (op->fd < 0) {
      if (op->call != Call::kClose) Answer(*op, -EBADF, false);
      FreeRecord(op);
      continue;
    }
    if (op->call == Call::kClose) {
      DoClose(op->fd);
      if (LineOf(op->fd).head != nullptr) break;
      FreeRecord(op);
      continue;
    }
    if (op->call == Call::kAccept) {
      const int flags = fcntl(op->fd, F_GETFL);
      op->blocking = flags >= 0 && (flags & O_NONBLOCK) == 0;
    }
    if (op->later || MustQueue(*op) || Try(*op) == Tried::kWaits) {
      Join(op);
    } else {
      FreeRecord(op);
    }
  }
  submitted_.erase(submitted_.begin(), submitted_.begin() + ptrdiff_t(started));
}

void PollRing::DoCancel(OpId op) {
  PollOp* waiting = BucketOf(op);
  while (waiting != nullptr && HasRoom()) {
    PollOp* next = waiting->next_same_hash;
    if (waiting->op == op) {
      Leave(waiting);
      // Whoever hears the answer may close the descriptor or give it to another shard, without this
      // ring: it must not be reported, or named, here any more.
      Line& line = LineOf(waiting->fd);
      if (line.head == nullptr && line.registered != 0) Register(waiting->fd, line);
      Answer(*waiting, -ECANCELED, false);
      FreeRecord(waiting);
    }
    waiting = next;
  }
}

// io_uring would keep the open file for operations that still wait; here they are answered instead.
// The descriptor itself goes only when its line is empty, or its number could be reused under them.
void PollRing::DoClose(int fd) {
  Line& line = LineOf(fd);
  while (line.head != nullptr) {
    if (!HasRoom()) return;
    PollOp* op = line.head;
    Leave(op);
    Answer(*op, -ECANCELED, false);
    FreeRecord(op);
  }
  if (line.registered != 0) {
    // Not left to close(): the open file may live on under another descriptor, and be reported.
    ++calls_;
    epoll_event event = {};
    (void)epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, &event);
    line.registered = 0;
    line.kept = false;
  }
  ++calls_;
  close(fd);
}

void PollRing::OnEvents(int fd, uint32_t events) {
  Line& line = LineOf(fd);
  const uint32_t always = events & (EPOLLERR | EPOLLHUP);
  bool reader_waits = false;
  bool writer_waits = false;
  bool served = false;
  for (PollOp* op = line.head; op != nullptr;) {
    PollOp* next = op->next;
    const uint32_t wants = EventsFor(*op);
    if ((wants & events) != 0 || always != 0) {
      served = true;
      bool* blocked = op->call == Call::kPoll ? nullptr
                      : wants == EPOLLIN      ? &reader_waits
                                              : &writer_waits;
      if (blocked == nullptr || !*blocked) {
        const Tried tried = Try(*op);
        if (tried == Tried::kNoRoom) return;
        if (tried == Tried::kAnswered) {
          Leave(op);
          FreeRecord(op);
        } else if (blocked != nullptr) {
          *blocked = true;
        }
      }
    }
    op = next;
  }
  // Reported for nobody: it would be again in every turn.
  if (!served) Register(fd, line);
}

bool PollRing::WaitForEvents(uint64_t deadline_us, int* event_count) {
  timespec timeout = {};
  bool forever = false;
  if (deadline_us == UINT64_MAX) {
    forever = true;
  } else if (deadline_us != 0) {
    const uint64_t now_us = base::MonotonicMicros();
    if (now_us < deadline_us) {
      timeout.tv_sec = time_t((deadline_us - now_us) / 1000000);
      timeout.tv_nsec = long((deadline_us - now_us) % 1000000) * 1000;
    }
  }
  ++calls_;
  *event_count = -1;
  if (has_pwait2_) {
    *event_count =
        epoll_pwait2(epoll_fd_, events_, kEventsPerTurn, forever ? nullptr : &timeout, nullptr);
    if (*event_count < 0 && errno == ENOSYS) has_pwait2_ = false;  // before Linux 5.11
  }
  if (!has_pwait2_) {
    const uint64_t ms =
        uint64_t(timeout.tv_sec) * 1000 + uint64_t(timeout.tv_nsec + 999999) / 1000000;
    *event_count = epoll_wait(epoll_fd_, events_, kEventsPerTurn,
                              forever ? -1 : int(std::min<uint64_t>(ms, INT_MAX)));
  }
  if (*event_count >= 0) return true;
  MUST(errno == EINTR);
  return false;
}

std::span<const Completion> PollRing::Turn(uint64_t deadline_us) {
  count_ = awaited_ = 0;
  woken_ = false;
  StartSubmitted();
  while (true) {
    // What is due at once does not keep us from looking at the other descriptors.
    const bool wait = awaited_ == 0 && submitted_.empty() && deadline_us != 0;
    const uint64_t until_us = wait ? deadline_us : 0;
    int event_count = 0;
    if (!WaitForEvents(until_us, &event_count)) break;
    for (int i = 0; i < event_count; ++i) {
      const int fd = events_[i].data.fd;
      if (fd == wake_fd_) {
        uint64_t drained;
        (void)!read(wake_fd_, &drained, sizeof(drained));
        woken_ = true;
      } else {
        OnEvents(fd, events_[i].events);
      }
    }
    if (awaited_ > 0 || woken_ || !wait) break;
    if (deadline_us != UINT64_MAX && base::MonotonicMicros() >= deadline_us) break;
  }
  need_send_answers_ = false;
  return {completions_.get(), count_};
}

}  // namespace

std::unique_ptr<Ring> OpenPoll(const RingOptions& options, std::string* why) {
  auto ring = std::make_unique<PollRing>();
  if (!ring->Open(options, why)) return nullptr;
  return ring;
}

}  // namespace shard
