// link_events.h - what a shard's TLS tells whoever counts it.
//
// Owns:    nothing.
// Threads: shard-local.
// Units:   none.
// Errors:  none.
// States:  none.

#pragma once

#include "tls/context.h"

namespace tls {

class LinkEvents {
 public:
  // A connection will speak TLS; and it does no more. `counted`: as Connect() was told.
  virtual void OnLinkMade(Context::Side side) noexcept = 0;
  virtual void OnLinkGone(Context::Side side, bool counted) noexcept = 0;
  // A handshake has succeeded; without `resumed` a key was computed with.
  virtual void OnHandshake(Context::Side side, bool resumed) noexcept = 0;
  // A client of TLS 1.2 without ticket named a session of before.
  virtual void OnSessionAsked(bool found) noexcept = 0;

 protected:
  ~LinkEvents() = default;
};

}  // namespace tls
