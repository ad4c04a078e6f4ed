#include "shard/ring/kernel_ring.h"

#include <cerrno>

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

}  // namespace shard
