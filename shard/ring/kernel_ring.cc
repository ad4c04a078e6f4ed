#include "shard/ring/kernel_ring.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/check.h"

namespace shard {
namespace {

int ResultOf(int value) { return value < 0 ? -errno : value; }

}  // namespace

int KernelRing::Socket(int family, int type, int protocol) {
  return ResultOf(socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
}

int KernelRing::SetOption(int fd, int level, int option, const void* value, socklen_t length) {
  return ResultOf(setsockopt(fd, level, option, value, length));
}

int KernelRing::GetOption(int fd, int level, int option, int* value) {
  socklen_t length = sizeof(*value);
  return ResultOf(getsockopt(fd, level, option, value, &length));
}

int KernelRing::Bind(int fd, const sockaddr* address, socklen_t length) {
  return ResultOf(bind(fd, address, length));
}

int KernelRing::Shutdown(int fd, int how) { return ResultOf(shutdown(fd, how)); }

int KernelRing::GetPeerName(int fd, sockaddr_storage* address, socklen_t* length) {
  return ResultOf(getpeername(fd, reinterpret_cast<sockaddr*>(address), length));
}

int KernelRing::GetLocalName(int fd, sockaddr_storage* address, socklen_t* length) {
  return ResultOf(getsockname(fd, reinterpret_cast<sockaddr*>(address), length));
}

int KernelRing::GetSocketError(int fd) {
  int error = 0;
  socklen_t length = sizeof(error);
  const int result = ResultOf(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length));
  return result < 0 ? result : -error;
}

int KernelRing::PollNow(std::span<pollfd> asked) {
  return ResultOf(poll(asked.data(), asked.size(), 0));
}

int KernelRing::OpenPipe(int fds[2], uint32_t* bytes) {
  const int result = ResultOf(pipe2(fds, O_NONBLOCK | O_CLOEXEC));
  if (result < 0) return result;
  // Refused beyond fs.pipe-max-size, or past what the user's pipes may hold: smaller ones do.
  (void)fcntl(fds[1], F_SETPIPE_SZ, int(*bytes));
  const int size = fcntl(fds[1], F_GETPIPE_SZ);
  *bytes = size > 0 ? uint32_t(size) : 65536;
  return 0;
}

void KernelRing::ClosePipe(int read_fd, int write_fd) {
  close(read_fd);
  close(write_fd);
}

int KernelRing::Splice(int from, int to, size_t max) {
  constexpr size_t kSpliceBytesMax = size_t{1} << 30;
  return ResultOf(int(splice(from, nullptr, to, nullptr, std::min(max, kSpliceBytesMax),
                             SPLICE_F_MOVE | SPLICE_F_NONBLOCK)));
}

int KernelRing::RecvNow(int fd, void* to, size_t max) {
  return ResultOf(int(recv(fd, to, max, MSG_DONTWAIT)));
}

int KernelRing::SendNow(int fd, std::span<const iovec> bytes) {
  DEBUG_MUST(bytes.size() <= kNowEntriesMax);
  msghdr header = {};
  header.msg_iov = const_cast<iovec*>(bytes.data());
  header.msg_iovlen = bytes.size();
  return ResultOf(int(sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL)));
}

}  // namespace shard
