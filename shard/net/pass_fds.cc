#include "shard/net/pass_fds.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace shard {
namespace {

// Room for what belongs to one message, aligned as the kernel's headers want it.
struct Control {
  alignas(cmsghdr) char bytes[CMSG_SPACE(sizeof(int) * kFdsPerMessageMax)];
};

}  // namespace

int SendWithFds(int fd, std::string_view text, std::span<const int> fds) {
  if (fds.size() > kFdsPerMessageMax) return -EINVAL;
  iovec bytes = {const_cast<char*>(text.data()), text.size()};
  msghdr message = {};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  Control control = {};
  if (!fds.empty()) {
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
  }
  const ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
  return sent < 0 ? -errno : int(sent);
}

int ReceiveWithFds(int fd, std::string* text, std::vector<int>* fds, size_t text_max) {
  text->assign(text_max, '\0');
  iovec bytes = {text->data(), text->size()};
  Control control = {};
  msghdr message = {};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof(control.bytes);
  const ssize_t length = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
  const int error = errno;
  text->resize(size_t(std::max<ssize_t>(length, 0)));
  if (length < 0) return -error;
  std::vector<int> came;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    const size_t before = came.size();
    came.resize(before + count);
    std::memcpy(came.data() + before, CMSG_DATA(header), count * sizeof(int));
  }
  if ((message.msg_flags & MSG_CTRUNC) != 0) {
    for (const int one : came) close(one);
    return -EMFILE;
  }
  fds->insert(fds->end(), came.begin(), came.end());
  return int(length);
}

}  // namespace shard
