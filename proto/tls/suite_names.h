// suite_names.h - what OpenSSL calls the cipher suites that a ClientHello may offer.
//
// Owns:    nothing.
// Threads: any-thread.
// Units:   a suite's number, as it stands on the wire.
// Errors:  a suite that OpenSSL does not know has no name.
// States:  none.
//
// The TLS library has names for what it speaks alone, and clients offer more than that.

#pragma once

#include <cstdint>
#include <string_view>

namespace proto {

// "DHE-RSA-AES128-SHA256"; empty: none.
std::string_view SuiteName(uint16_t suite);

}  // namespace proto
