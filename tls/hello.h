// hello.h - what a ClientHello says about what its sender can verify, and what it asks for.
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
// It offers TLS 1.3 (RFC 8446 section 4.2.1).
bool SpeaksTls13(const SSL_CLIENT_HELLO& hello);
// It asks for a staple (RFC 6066 section 8).
bool AsksForStaple(const SSL_CLIENT_HELLO& hello);
// It names a session that only a cache can know (RFC 5246 section 7.3): no ticket, and not the
// identifier that TLS 1.3 sends for the looks of it.
bool NamesCachedSession(const SSL_CLIENT_HELLO& hello);

}  // namespace tls
