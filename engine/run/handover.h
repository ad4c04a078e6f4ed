// handover.h - listening sockets on their way from one process to another, in as many messages as
// they need. docs/cli.md has the session they are part of.
//
// Owns:    nothing; what ReceiveSockets() adds is the caller's.
// Threads: main thread. Both wait: a second for room, five for what is to come.
// Units:   descriptors.
// Errors:  all or nothing: when a part is missing the rest is closed.
// States:  none.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace engine {

[[nodiscard]] bool SendSockets(int session, const std::vector<int>& sockets);
[[nodiscard]] bool ReceiveSockets(int session, std::vector<int>* sockets, std::string* why);

// Whether there is something to read within the time that a process which lives needs to answer.
bool IsReadableSoon(int fd);
// The same in every process that holds the socket; 0: unknown.
uint64_t CookieOf(int socket);
// Those that are not -1.
void CloseFds(const std::vector<int>& fds);

}  // namespace engine
