// ring.h - the one door to the kernel: operations are submitted, completions come back once per
// turn.
//
// Owns:    the driver's kernel objects. Not the file descriptors, and not the bytes a send names.
// Threads: shard-local from construction on (the thread that calls Turn() first owns it); Wake()
//          alone is any-thread.
// Units:   results as the kernel gives them: >= 0 or -errno. Deadlines in microseconds of
//          base::Clock.
// Errors:  of an operation: in its completion. Of set-up: Open... returns null and says why.
// States:  submitted -> answered. A multishot operation is answered many times; the answer without
//          `more` is its last.
//
// Three drivers: uring; poll (epoll doing the same calls, for places where io_uring is forbidden);
// and the tests' scripted one. So a caller may not assume that an operation is slow or fast, that a
// cancel wins or loses, or that multishot goes on: `more == false` means "arm again if you still
// want it".
//
//   ring.Recv({OpKind::kConnRecv, handle}, fd, RecvMode::kMultishot, BufferSize::kSmall);
//   for (const Completion& c : ring.Turn(deadline_us)) ...
//
// What every driver promises (tests/shard/ring/ring_contract.h holds them to it):
//  - A ring is destroyed by its thread, or after that thread's end; what is outstanding then is
//    never answered, and every lent chunk is back in its pool.
//  - Nothing completes inside the submitting call; all answers come out of Turn().
//  - An operation is answered exactly once (multishot: once without `more`), also when cancelled
//    (-ECANCELED, or the result it had already reached) and also after Close(fd). Close() may
//    answer what waits with -ECANCELED (poll), or leave it waiting on the open file until it is
//    cancelled (uring): so cancel first.
//  - Recv hands out a chunk with one reference only when result > 0. No free chunk: -ENOBUFS,
//    nothing is lost.
//  - Send names bytes that stay valid until it is answered; the iovec array itself only until the
//    call returns.
//  - Operations of one fd that are submitted in one turn are started in that order.

#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "shard/buf/chunk_pool.h"
#include "shard/ring/op.h"

namespace shard {

struct Completion {
  OpId op;
  int32_t result = 0;
  bool more = false;  // multishot: further answers will come
  Chunk* chunk =
      nullptr;  // Recv with result > 0: bytes [0, result) of it, one reference, now the receiver's
};

enum class RecvMode : uint8_t {
  kSingle,       // try at once, wait if there is nothing
  kSingleLater,  // wait first: the caller knows nothing is there yet (IORING_RECVSEND_POLL_FIRST)
  kMultishot,    // stay armed
};
enum class BufferSize : uint8_t { kSmall, kLarge };
enum class SendMode : uint8_t {
  kTry,      // complete in this turn, with -EAGAIN or short when the socket is full
  kTryLast,  // the same; the caller closes the direction as soon as it is answered, so the kernel
             // may hold the bytes back for that (MSG_MORE)
  kWait,     // stay until something can be sent
};
inline constexpr bool IsTry(SendMode mode) { return mode != SendMode::kWait; }

struct RingOptions {
  uint32_t entries = 4096;
  ChunkPool* small = nullptr;  // where Recv takes its buffers from
  ChunkPool* large = nullptr;
};

class Ring {
 public:
  virtual ~Ring() = default;
  virtual const char* name() const = 0;  // "uring", "poll", ...

  // Answered with a new, non-blocking, close-on-exec descriptor, without the peer's address
  // (multishot accept has none).
  virtual void Accept(OpId op, int fd, bool multishot) = 0;
  // `address` must stay valid until the answer. 0 or -errno; never -EINPROGRESS.
  virtual void Connect(OpId op, int fd, const sockaddr* address, socklen_t length) = 0;
  // result 0 is end of file.
  virtual void Recv(OpId op, int fd, RecvMode mode, BufferSize size) = 0;
  virtual void Send(OpId op, int fd, std::span<const iovec> bytes, SendMode mode) = 0;
  // Answered with the ready events (poll(2) bits). A multishot one that goes on answers when they
  // change, not while they last.
  virtual void Poll(OpId op, int fd, uint32_t events, bool multishot) = 0;
  // Ends the operation submitted under `op` (at most one of a name is under way), which is still
  // answered; the cancel itself is not. Once a cancel has ended the last one on a descriptor, or
  // all were answered and Recv() was none of them, this ring names it no more: others may use it.
  virtual void Cancel(OpId op) = 0;
  // Unanswered. `fd` may be reused by the kernel as soon as Turn() is called.
  virtual void Close(int fd) = 0;

  // Calls that return at once and are cheaper made directly (the ring's own shutdown goes to a
  // worker thread). They are here so that the scripted driver sees them too. 0, a descriptor, or
  // -errno.
  virtual int Socket(int family, int type, int protocol) = 0;
  virtual int SetOption(int fd, int level, int option, const void* value, socklen_t length) = 0;
  virtual int GetOption(int fd, int level, int option, int* value) = 0;
  virtual int Bind(int fd, const sockaddr* address, socklen_t length) = 0;
  virtual int Shutdown(int fd, int how) = 0;
  virtual int GetPeerName(int fd, sockaddr_storage* address, socklen_t* length) = 0;
  virtual int GetLocalName(int fd, sockaddr_storage* address, socklen_t* length) = 0;
  virtual int GetSocketError(int fd) = 0;
  // poll(2) without waiting: fills `revents` and says how many have any.
  virtual int PollNow(std::span<pollfd> asked) = 0;
  // A non-blocking pipe, reading end first, for at least `*bytes` where the system allows it;
  // `*bytes` becomes what it holds.
  virtual int OpenPipe(int fds[2], uint32_t* bytes) = 0;
  virtual void ClosePipe(int read_fd, int write_fd) = 0;
  // Moves up to `max` bytes, one end being a pipe, without waiting: how many, 0 at the end of the
  // source, -EAGAIN where the source has none or the other end has no room. Both must be
  // non-blocking: to a full blocking socket splice(2) freezes the thread, whatever its flags.
  virtual int Splice(int from, int to, size_t max) = 0;
  // One piece of a large transfer at once, where an answer of Turn() would come when the caches
  // have forgotten it: bytes, 0 at the end (of RecvNow), -EAGAIN where there are none, or no room.
  // Only while no operation of the same direction is under way on `fd`; at most kNowEntriesMax
  // entries.
  static constexpr size_t kNowEntriesMax = 16;
  virtual int RecvNow(int fd, void* to, size_t max) = 0;
  virtual int SendNow(int fd, std::span<const iovec> bytes) = 0;

  // Submits everything, waits until something is answered or the deadline passes (0: does not wait;
  // UINT64_MAX: no deadline), and returns the answers, good until the next call. It may return
  // nothing before the deadline (a wake-up, a signal). A kTry send that went whole does not end the
  // wait: its answer comes along with the next one that does, because an answer nobody waits for
  // would cost a turn each. One that came short or failed ends it.
  virtual std::span<const Completion> Turn(uint64_t deadline_us) = 0;
  // Hands over at once what would wait for the next Turn(), in front of work that takes long, where
  // the driver can.
  virtual void SubmitNow() {}
  // The next Turn() does not hold the answers of kTry sends back: somebody goes on only when a send
  // is over (to shut down, to close, to send the rest).
  void NeedSendAnswers() { need_send_answers_ = true; }
  // Makes a Turn() that waits return (any-thread). `from` is the caller's own ring, or null outside
  // shards; with it the wake-up may travel with from's next Turn(). Several may count as one. Both
  // rings live until nobody wakes any more.
  virtual void Wake(Ring* from) = 0;

  // System calls of the driver so far, for `show info` and tests.
  virtual uint64_t enter_calls() const = 0;

 protected:
  bool need_send_answers_ = false;
};

// All that `bytes` names, in bytes.
inline size_t TotalBytes(std::span<const iovec> bytes) {
  size_t total = 0;
  for (const iovec& entry : bytes) total += entry.iov_len;
  return total;
}

// Null, with the reason in `*why` ("io_uring_setup: EPERM: ..., set tune.ring poll"), when the
// kernel refuses.
std::unique_ptr<Ring> OpenUring(const RingOptions& options, std::string* why);
std::unique_ptr<Ring> OpenPoll(const RingOptions& options, std::string* why);

}  // namespace shard
