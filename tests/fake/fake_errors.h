// fake_errors.h - what a transfer over the scripted ring may fail with.
//
// Owns:    nothing.
// Threads: any.
// Units:   errno values.
// Errors:  none.
// States:  none.

#pragma once

#include <cerrno>

namespace tests {

// Any errno that the manual pages name for it, and a few that only firewalls bring up.
inline constexpr int kRecvErrors[] = {ECONNRESET,   ETIMEDOUT, EHOSTUNREACH, ENETUNREACH,
                                      ECONNREFUSED, EPIPE,     ENOTCONN,     EIO,
                                      ENOMEM,       EINTR,     EAGAIN,       ENOBUFS};
inline constexpr int kSendErrors[] = {EPIPE,    ECONNRESET, ETIMEDOUT, EHOSTUNREACH,
                                      ENETDOWN, ENOTCONN,   ENOBUFS,   ENOMEM,
                                      EIO,      EINTR,      EAGAIN};

// What a receive or a send may say although the stream goes on.
inline bool IsPassing(int error) {
  return error == EINTR || error == EAGAIN || error == ENOBUFS || error == ENOMEM;
}

}  // namespace tests
