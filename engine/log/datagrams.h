// datagrams.h - the system calls behind a log target that takes datagrams.
//
// Owns:    nothing; a descriptor belongs to who opened it.
// Threads: any-thread.
// Units:   none.
// Errors:  -errno.
// States:  none.
//
// One sendmmsg() carries all lines of a turn to a target. An entry in the ring per line was the
// other choice: it costs an entry and an answer each, and every line's bytes must stay until then.
// The call never waits: to a full socket it says so and the lines are lost.

#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <span>

namespace engine {

class Datagrams {
 public:
  static constexpr size_t kBatchMax = 64;

  virtual ~Datagrams() = default;
  // A connected socket that never waits.
  virtual int Open(const sockaddr* address, socklen_t length) = 0;
  // One datagram per entry, at most kBatchMax. How many went; an error concerns the first one.
  virtual int Send(int fd, std::span<const iovec> lines) = 0;
  virtual void Close(int fd) = 0;
};

// The kernel's. Stateless.
Datagrams& KernelDatagrams();

}  // namespace engine
