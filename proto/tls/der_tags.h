// der_tags.h - the tags of DER that certificates and OCSP responses are made of (X.690, 8.1.2).
//
// Owns:    constants.
// Threads: immutable.
// Units:   one byte each.
// Errors:  none.
// States:  none.

#pragma once

#include <cstdint>

namespace proto::der {

inline constexpr uint8_t kInteger = 0x02;
inline constexpr uint8_t kOctets = 0x04;
inline constexpr uint8_t kIdentifier = 0x06;
inline constexpr uint8_t kEnumerated = 0x0a;
inline constexpr uint8_t kUtcTime = 0x17;
inline constexpr uint8_t kGeneralizedTime = 0x18;
inline constexpr uint8_t kSequence = 0x30;
inline constexpr uint8_t kSet = 0x31;

}  // namespace proto::der
