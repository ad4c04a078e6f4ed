// pass_fds.h - descriptors that travel between processes, over a unix socket (SCM_RIGHTS).
//
// Owns:    nothing. What ReceiveWithFds() adds to `fds` is the caller's.
// Threads: any-thread. These are direct system calls: for the control path only.
// Units:   bytes and descriptors of one message.
// Errors:  -errno. A message that lost descriptors on the way (the process has none left) is
//          -EMFILE, and those that came are closed.
// States:  none.
//
//   SendWithFds(session, "sockets 1 0\n", sockets);
//   const int length = ReceiveWithFds(session, &text, &fds);   // 0: the other end has closed

#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace shard {

// Descriptors of one message: the kernel takes 253.
inline constexpr size_t kFdsPerMessageMax = 64;

// The number of bytes sent, or -errno; never a signal.
[[nodiscard]] int SendWithFds(int fd, std::string_view text, std::span<const int> fds);

// Reads one message of up to `text_max` bytes: replaces `*text`, adds to `*fds` (close-on-exec).
[[nodiscard]] int ReceiveWithFds(int fd, std::string* text, std::vector<int>* fds,
                                 size_t text_max = 4096);

}  // namespace shard
