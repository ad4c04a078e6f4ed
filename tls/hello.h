// hello.h - what a ClientHello says about the certificates that its sender can verify.
//
// Owns:    nothing.
// Threads: any-thread (pure functions).
// Units:   none.
// Errors:  what is malformed counts as not said; the library refuses it later.
// States:  none.

#pragma once

#include "tls/handles.h"

namespace tls {

// It takes a certificate with an ECDSA key: it has an algorithm to verify it with (RFC 8446
// section 4.2.3), and a cipher suite for it where TLS 1.3 is not spoken.
bool VerifiesEcdsa(const SSL_CLIENT_HELLO& hello);

}  // namespace tls
