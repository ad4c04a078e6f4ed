// connector.h - outgoing sockets: opened, configured and bound to their source, ready to connect.
//
// Owns:    nothing; the descriptor it returns is the caller's.
// Threads: shard-local.
// Units:   none.
// Errors:  -errno of the step that failed; the socket is closed again.
// States:  none.

#pragma once

#include <string_view>

#include "shard/net/address.h"
#include "shard/ring/ring.h"

namespace shard {

struct OutgoingOptions {
  uint16_t family = AF_UNSPEC;  // of the destination
  bool keep_alive = false;
  // Where the connection comes from. Empty: the kernel chooses; port 0: it chooses the port.
  Address source;
  std::string_view interface;  // the only one it may use; empty: any
};

// A non-blocking socket to connect with, or -errno.
[[nodiscard]] int OpenOutgoingSocket(Ring& ring, const OutgoingOptions& options);

}  // namespace shard
