#include "engine/run/handover.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/errno_name.h"
#include "base/text.h"
#include "shard/net/pass_fds.h"

namespace engine {
namespace {

constexpr int kSendWaitMs = 1000;
constexpr int kAnswerWaitMs = 5000;

}  // namespace

// In messages of as many as the kernel takes; the number is of those still to come.
bool SendSockets(int session, const std::vector<int>& sockets) {
  size_t sent = 0;
  do {
    const size_t count = std::min(shard::kFdsPerMessageMax, sockets.size() - sent);
    const std::string text = base::Format(
        "sockets 1 %llu\n", static_cast<unsigned long long>(sockets.size() - sent - count));
    int result = -EAGAIN;
    for (;;) {
      result = shard::SendWithFds(session, text, {sockets.data() + sent, count});
      pollfd room = {session, POLLOUT, 0};
      if (result != -EAGAIN || poll(&room, 1, kSendWaitMs) <= 0) break;
    }
    if (result < 0) return false;
    sent += count;
  } while (sent < sockets.size());
  return true;
}

bool IsReadableSoon(int fd) {
  pollfd ready = {fd, POLLIN, 0};
  int result;
  do {
    result = poll(&ready, 1, kAnswerWaitMs);
  } while (result < 0 && errno == EINTR);
  return result > 0;
}

uint64_t CookieOf(int socket) {
  uint64_t cookie = 0;
  socklen_t length = sizeof(cookie);
  return getsockopt(socket, SOL_SOCKET, SO_COOKIE, &cookie, &length) == 0 ? cookie : 0;
}

void CloseFds(const std::vector<int>& fds) {
  for (const int fd : fds) {
    if (fd >= 0) close(fd);
  }
}

bool ReceiveSockets(int session, std::vector<int>* sockets, std::string* why) {
  std::vector<int> came;
  for (;;) {
    std::string text;
    const int length =
        IsReadableSoon(session) ? shard::ReceiveWithFds(session, &text, &came) : -ETIMEDOUT;
    unsigned long long left = 0;
    unsigned version = 0;
    if (length > 0 && std::sscanf(text.c_str(), "sockets %u %llu", &version, &left) == 2 &&
        version == 1) {
      if (left > 0) continue;
      sockets->insert(sockets->end(), came.begin(), came.end());
      return true;
    }
    CloseFds(came);
    *why = length > 0    ? "it speaks another version of the transfer"
           : length == 0 ? "it hung up: another user's processes get none"
                         : base::Format("its sockets did not arrive: %s (%s)",
                                        base::ErrnoText(-length), base::ErrnoName(-length));
    return false;
  }
}

}  // namespace engine
