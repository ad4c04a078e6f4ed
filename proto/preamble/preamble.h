// preamble.h - what a header before the first byte of a connection says: who is behind it.
//
// Owns:    nothing: plain values.
// Threads: any-thread.
// Units:   ports in host order; IP addresses as their bytes stand on the wire.
// Errors:  kBad with the kind of what is wrong: three, as the manual (8.2.5) tells them apart.
// States:  none.
//
// Parsers of preambles are functions over everything that has arrived so far. They are called again
// with more until they say kDone or kBad, and say kBad as early as it is certain.

#pragma once

#include <cstddef>
#include <cstdint>

namespace proto {

// kNone: the header names no addresses that mean anything here, so the real ones stand.
enum class PreambleFamily : uint8_t { kNone, kIpv4, kIpv6 };

struct PreambleEndpoint {
  uint8_t ip[16] = {};  // 4 bytes of it with kIpv4
  uint16_t port = 0;
  friend bool operator==(const PreambleEndpoint&, const PreambleEndpoint&) = default;
};

struct Preamble {
  PreambleFamily family = PreambleFamily::kNone;
  PreambleEndpoint source;
  PreambleEndpoint destination;
  friend bool operator==(const Preamble&, const Preamble&) = default;
};

enum class PreambleResult : uint8_t { kDone, kNeedMore, kBad };

enum class PreambleError : uint8_t {
  kNone,
  kNotHeader,  // something else: what marks this kind of header is not there
  kMalformed,  // begins like one, but is none
  kProtocol,   // a good header about a protocol that nobody has defined
};

struct PreambleParse {
  PreambleResult result = PreambleResult::kNeedMore;
  PreambleError error = PreambleError::kNone;
  // kDone: of the header, for the caller to consume. kNeedMore: at least so many in all.
  size_t bytes = 0;
  friend bool operator==(const PreambleParse&, const PreambleParse&) = default;

  static PreambleParse Done(size_t bytes) { return {PreambleResult::kDone, {}, bytes}; }
  static PreambleParse NeedMore(size_t bytes) { return {PreambleResult::kNeedMore, {}, bytes}; }
  static PreambleParse Bad(PreambleError error) { return {PreambleResult::kBad, error, 0}; }
};

}  // namespace proto
