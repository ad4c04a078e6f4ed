// The contract's world made of real sockets, for the drivers uring and poll.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "base/check.h"
#include "base/clock.h"
#include "tests/shard/ring/ring_contract.h"

namespace shard {
namespace {

class SocketPeer final : public RingPeer {
 public:
  explicit SocketPeer(int fd) : fd_(fd) {}
  ~SocketPeer() override { Close(); }
  size_t Write(std::string_view bytes) override {
    const ssize_t n = send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    return n < 0 ? 0 : size_t(n);
  }
  std::string Read(size_t max) override {
    std::string bytes(max, '\0');
    const ssize_t n = recv(fd_, bytes.data(), max, MSG_DONTWAIT);
    bytes.resize(n < 0 ? 0 : size_t(n));
    return bytes;
  }
  bool AtEnd() override {
    char byte;
    const ssize_t n = recv(fd_, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
    return n == 0 || (n < 0 && errno != EAGAIN);
  }
  void CloseWrite() override { shutdown(fd_, SHUT_WR); }
  void Close() override {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  void Reset() override {
    const linger hard = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    Close();
  }

 private:
  int fd_;
};

int BoundListener(int backlog, bool blocking, sockaddr_in* address) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (blocking ? 0 : SOCK_NONBLOCK), 0);
  *address = {};
  address->sin_family = AF_INET;
  address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(*address);
  MUST(bind(fd, reinterpret_cast<sockaddr*>(address), length) == 0);
  MUST(listen(fd, backlog) == 0);
  MUST(getsockname(fd, reinterpret_cast<sockaddr*>(address), &length) == 0);
  return fd;
}

class KernelWorld final : public RingWorld {
 public:
  using RingWorld::RingWorld;
  ~KernelWorld() override {
    ring_.reset();
    for (const int fd : extra_) close(fd);
  }
  bool Open(std::string_view driver, const RingWorldOptions& options, std::string* why) {
    RingOptions ring_options;
    ring_options.entries = options.entries;
    ring_options.small = &small_;
    ring_options.large = &large_;
    ring_ = driver == "uring" ? OpenUring(ring_options, why) : OpenPoll(ring_options, why);
    return ring_ != nullptr;
  }
  bool is_kernel() const override { return true; }
  uint64_t NowMicros() override { return base::MonotonicMicros(); }
  int Pair(std::unique_ptr<RingPeer>* peer) override {
    if (pair_listener_ < 0) {
      pair_listener_ = BoundListener(4096, true, &pair_address_);
      extra_.push_back(pair_listener_);
    }
    *peer = Dial(pair_address_);
    const int fd = accept4(pair_listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    MUST(fd >= 0);
    return fd;
  }
  int Listen(sockaddr_in* address) override { return BoundListener(128, false, address); }
  std::unique_ptr<RingPeer> Dial(const sockaddr_in& address) override {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MUST(fd >= 0);
    MUST(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return std::make_unique<SocketPeer>(fd);
  }
  sockaddr_in RefusingAddress() override {
    sockaddr_in address;
    close(BoundListener(1, false, &address));
    return address;
  }
  sockaddr_in SilentAddress() override {
    // A full queue of unaccepted connections: the kernel drops further SYNs.
    sockaddr_in address;
    extra_.push_back(BoundListener(0, false, &address));
    for (int i = 0; i < 3; ++i) {
      const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      (void)connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address));
      extra_.push_back(fd);
    }
    return address;
  }
  void CloseNow(int fd) override { close(fd); }

 private:
  int pair_listener_ = -1;
  sockaddr_in pair_address_ = {};
  std::vector<int> extra_;
};

}  // namespace

std::unique_ptr<RingWorld> MakeKernelWorld(std::string_view driver, const RingWorldOptions& options,
                                           std::string* why) {
  auto world = std::make_unique<KernelWorld>(options);
  if (!world->Open(driver, options, why)) return nullptr;
  return world;
}

}  // namespace shard
