#include "engine/log/datagrams.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace engine {
namespace {

class Kernel final : public Datagrams {
 public:
  int Open(const sockaddr* address, socklen_t length) override {
    const int fd = socket(address->sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    if (connect(fd, address, length) != 0) {
      const int error = errno;
      close(fd);
      return -error;
    }
    // Nobody reads what a target might answer.
    (void)shutdown(fd, SHUT_RD);
    return fd;
  }
  int Send(int fd, std::span<const iovec> lines) override {
    mmsghdr messages[kBatchMax];
    const size_t count = std::min(lines.size(), kBatchMax);
    for (size_t i = 0; i < count; ++i) {
      messages[i] = {};
      messages[i].msg_hdr.msg_iov = const_cast<iovec*>(&lines[i]);
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    const int sent = sendmmsg(fd, messages, unsigned(count), MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent < 0 ? -errno : sent;
  }
  void Close(int fd) override { close(fd); }
};

}  // namespace

Datagrams& KernelDatagrams() {
  static Kernel kernel;
  return kernel;
}

}  // namespace engine
