// socket_options.h - opening a listening socket as a `bind` line asks for it, or making one that
// another process has opened what it asks for.
//
// Owns:    nothing; the descriptor it returns is the caller's.
// Threads: start-up.
// Units:   backlog in connections.
// Errors:  a message fit for the operator: what failed, on which address, and why.
// States:  bound -> listening. Bound, nobody can reach it, and a unix path still is whose it was.
//          So a start that fails has taken no client from whom it was to replace.

#pragma once

#include <cstdint>
#include <string>

#include "shard/net/address.h"

namespace shard {

struct ListenOptions {
  Address address;
  int inherited_fd = -1;   // used as it is: never made non-blocking, never given options
  uint32_t backlog = 0;    // 0: the system's largest
  bool reuse_port = true;  // several sockets on one address, one per shard
  bool v6only = false;
  bool v4v6 = false;  // neither: as the system says
  bool transparent = false;
  bool tcp_fast_open = false;
  bool defer_accept = false;
  // The answer acknowledges a client's first bytes, if it comes within 40 ms: one packet less.
  // Inherited by what is accepted.
  bool delays_first_ack = false;
  uint32_t mss = 0;
  uint32_t user_timeout_ms = 0;  // TCP_USER_TIMEOUT, inherited by what is accepted; 0: the system's
  uint32_t save_syn = 0;  // TCP_SAVE_SYN: 1 keeps a client's first packet from IP on, 2 all of it
  std::string interface;
  int unix_mode = -1;  // -1: as umask says
  int64_t unix_uid = -1;
  int64_t unix_gid = -1;
};

// A bound, close-on-exec descriptor, or -1 with `*why` and errno set. One that is inherited listens
// already.
int BindListenSocket(const ListenOptions& options, std::string* why);
// `fd` was bound by it, with the same options, and listens from now on, or again after it was shut
// down for reading: 0, or -1 with errno.
int Listen(int fd, const ListenOptions& options);
// The same for the first time: one of a path is put in place.
[[nodiscard]] bool BeginListening(int fd, const ListenOptions& options, std::string* why);
// Of a unix socket that is not to listen after all: takes away the file it was bound by.
void RemoveBoundPath(int fd);

// Whether `fd`, which another process has opened, listens where and as `options` ask for in all
// that cannot be changed any more: address, interface, both families or one.
bool IsListenSocketFor(int fd, const ListenOptions& options);
// SO_REUSEPORT: others may be opened beside it.
bool SharesItsPort(int fd);
// Sets on such a socket what can be changed. Who waits in it stays.
[[nodiscard]] bool AdjustListenSocket(int fd, const ListenOptions& options, std::string* why);

// A TCP socket that is about to be closed: who begins to connect from now on is not heard, and asks
// again when it is gone. Who has begun may finish, and can be accepted: those who came while it is
// closed would be reset. Where the system refuses, nothing changes.
void IgnoreNewClients(int fd);
// Whether some socket listens where `options` would bind, SO_REUSEPORT set aside.
bool IsListenedOn(const ListenOptions& options);

}  // namespace shard
