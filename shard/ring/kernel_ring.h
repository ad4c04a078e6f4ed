// kernel_ring.h - the calls of Ring that the kernel's drivers share: made directly, they return at
// once.
//
// Owns:    nothing.
// Threads: shard-local.
// Units:   as ring.h.
// Errors:  -errno.
// States:  none.

#pragma once

#include "shard/ring/ring.h"

namespace shard {

class KernelRing : public Ring {
 public:
  int Socket(int family, int type, int protocol) final;
  int SetOption(int fd, int level, int option, const void* value, socklen_t length) final;
  int GetOption(int fd, int level, int option, int* value) final;
  int Bind(int fd, const sockaddr* address, socklen_t length) final;
  int Shutdown(int fd, int how) final;
  int GetPeerName(int fd, sockaddr_storage* address, socklen_t* length) final;
  int GetLocalName(int fd, sockaddr_storage* address, socklen_t* length) final;
  int GetSocketError(int fd) final;
  int PollNow(std::span<pollfd> asked) final;
  int OpenPipe(int fds[2], uint32_t* bytes) final;
  void ClosePipe(int read_fd, int write_fd) final;
  int Splice(int from, int to, size_t max) final;
  int RecvNow(int fd, void* to, size_t max) final;
  int SendNow(int fd, std::span<const iovec> bytes) final;
};

}  // namespace shard
