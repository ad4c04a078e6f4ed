// netscaler_cip.h - the header that a NetScaler inserts before a client's bytes: a magic number,
// then the IP and TCP headers of the client's own packet.
//
// Owns:    nothing.
// Threads: any-thread.
// Units:   bytes.
// Errors:  kNotHeader: another magic number. kProtocol: not TCP over IPv4 or IPv6. kMalformed:
//          lengths that contradict each other, or that no IP and TCP header have.
// States:  none.
//
// Two forms exist, told apart by the ninth byte, which is the first of an IP header or the first of
// a type that is always 1:
//   before 10.5:  magic 4, length of the rest 4, IP header, TCP header
//   since 10.5:   magic 4, length of it all 4, type 2, length of the rest 2, IP header, TCP header
// What the third field of the newer form counts differs between descriptions, so only the last
// length is believed. Another type would be another form, whose bytes nobody has described: it is
// refused (HAProxy 2.6 does not look at the type).

#pragma once

#include <string_view>

#include "proto/preamble/preamble.h"

namespace proto {

PreambleParse ParseNetscalerCip(std::string_view received, uint32_t magic, Preamble* preamble);

// The longest that is accepted: an IP and a TCP header have 60 bytes each at most, and a sender may
// pad.
inline constexpr size_t kNetscalerCipBytesMax = 512;

}  // namespace proto
