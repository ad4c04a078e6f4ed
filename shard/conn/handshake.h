// handshake.h - the steps a connection owes before its first byte of data: PROXY header, TLS,
// SOCKS4, in order.
//
// Owns:    a step is one object per process and kind; what it keeps of a connection lives in the
//          data layer's state or in the connection's handshake scratch.
// Threads: shard-local per connection; the object itself is immutable.
// Units:   none.
// Errors:  kFailed, with the reason in the connection.
// States:  each step owns one pending bit of the connection, clears it on success, and knows
//          nothing of the others.
//
// Steps run in the order of their bits, from the connection's own task, before any mux exists. None
// wakes a stream. The first that succeeds on an outgoing connection proves the connect.

#pragma once

#include <cstddef>
#include <cstdint>

#include "shard/conn/close_reason.h"

namespace shard {

class Connection;

enum class HandshakeStep : uint8_t {
  kCipRecv,  // before PROXY, as haproxy 2.6 does it: who says both is the proxy in front of both
  kProxyRecv,
  kTlsAccept,
  kSocks4,
  kProxySend,
  kTlsConnect,
  kCount
};
inline constexpr uint8_t Bit(HandshakeStep step) { return uint8_t(1u << unsigned(step)); }

// kWantTurn: there is more to compute, and others may go first.
enum class HandshakeResult : uint8_t { kDone, kWantRecv, kWantSend, kWantTurn, kFailed };

class Handshake {
 public:
  virtual const char* name() const = 0;
  // May consume from the wire queue and append to it. Called again whenever bytes came or went, or
  // its turn has come, until kDone or kFailed.
  virtual HandshakeResult Run(Connection& connection) = 0;
  // The next Run() computes for long: it stands in line for that (CostlyLane).
  virtual bool IsCostly(const Connection&) const { return false; }
  // How a connection's end is called when time runs out in the middle of this step, or the peer
  // breaks off. kNone: as the kernel's error says.
  virtual CloseReason timeout_reason() const { return CloseReason::kClientHandshakeTimeout; }
  virtual CloseReason abort_reason() const { return CloseReason::kNone; }

 protected:
  ~Handshake() = default;
};

// Step objects of the process, by kind; null where the build or the configuration has none. Filled
// at start-up.
struct HandshakeTable {
  Handshake* steps[size_t(HandshakeStep::kCount)] = {};
};

}  // namespace shard
