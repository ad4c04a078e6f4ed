// connector.h - outgoing sockets: opened, configured and bound to their source, ready to connect.
//
// Owns:    nothing; the descriptor it returns is the caller's.
// Threads: shard-local.
// Units:   milliseconds; ports in host order.
// Errors:  -errno of the step that failed; the socket is closed again. -EADDRINUSE: no port was
//          free, of the range or of those that were tried.
// States:  none.

#pragma once

#include <optional>
#include <string_view>

#include "shard/net/address.h"
#include "shard/net/keep_alive.h"
#include "shard/ring/ring.h"

namespace shard {

struct OutgoingOptions {
  uint16_t family = AF_UNSPEC;  // of the destination
  bool keep_alive = false;
  KeepAliveProbes keep_alive_probes;
  // Where the connection comes from. Empty: the kernel chooses; port 0: it chooses the port.
  Address source;
  std::string_view interface;  // the only one it may use; empty: any
  // The source need not be an address of this machine. Needs CAP_NET_ADMIN or CAP_NET_RAW.
  bool transparent = false;
  // Ports of a range that begins with source.port, to be tried from `first_port` on, which counts
  // from its beginning and may be beyond its end. 0: source.port alone.
  uint32_t ports = 0;
  uint32_t first_port = 0;
  uint32_t user_timeout_ms = 0;  // TCP_USER_TIMEOUT; 0: the system's
  // The handshake's last packet leaves with the first bytes, which it waits for 40 ms at most.
  bool delays_first_ack = false;
  std::optional<uint32_t>
      mark;  // SO_MARK, which needs CAP_NET_ADMIN; without the right there is none
  std::optional<uint8_t> tos;
};

// How many ports of a range one call tries.
inline constexpr uint32_t kSourcePortTriesMax = 64;

// Why this process may not use a source that is not the machine's, as errno; 0: it may.
int TransparentError();

// What the kernel puts on the packets of a socket. Without the right to, it puts nothing.
void SetMark(Ring& ring, int fd, uint32_t mark);
void SetTos(Ring& ring, int fd, uint16_t family, uint8_t tos);
// Asks for segments that are `bytes` shorter than what the peer advertised, as HAProxy does. Linux
// (6.18) takes it of a connected socket and sends as before; other sockets stay as they are.
void ReduceMss(Ring& ring, int fd, uint32_t bytes);

// A non-blocking socket to connect with, or -errno.
[[nodiscard]] int OpenOutgoingSocket(Ring& ring, const OutgoingOptions& options);

}  // namespace shard
