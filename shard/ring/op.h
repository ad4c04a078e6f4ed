// op.h - what a ring operation's user_data means: who is answered, and for what.
//
// Owns:    nothing: an OpId is a value.
// Threads: any-thread.
// Units:   64 bits: 32 slot, 24 generation, 8 operation.
// Errors:  a completion whose handle is stale finds nothing and is counted by the loop.
// States:  none.
//
// This file alone writes user_data, and it is written on every entry: liburing hands entries out
// with the old value still in them. An operation's kind also says which table its handle belongs
// to.

#pragma once

#include <cstdint>

#include "base/handle.h"

namespace shard {

enum class OpKind : uint8_t {
  kIgnored,   // nobody waits for it (close, cancel, wake-ups sent)
  kConnRecv,  // Connection
  kConnSend,
  kConnConnect,
  kConnPollIn,  // of a connection that splices
  kConnPollOut,
  kAccept,  // Listener
  kWake,    // the loop: somebody posted a message
  kCount
};

struct OpId {
  OpKind kind = OpKind::kIgnored;
  base::Handle handle;

  bool operator==(const OpId&) const = default;
  uint64_t Pack() const { return (uint64_t(kind) << 56) | handle.Pack(); }
  static OpId Unpack(uint64_t user_data) {
    return {OpKind(user_data >> 56), base::Handle::Unpack(user_data & 0x00ffffffffffffff)};
  }
};

}  // namespace shard
