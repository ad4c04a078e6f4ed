// source_config.h - where connections to a server come from: what `source` says (manual 4.2, 5.2).
//
// Owns:    its texts.
// Threads: start-up while it is built, then immutable.
// Units:   ports in host order.
// Errors:  reported by the builder.
// States:  none.

#pragma once

#include <cstdint>
#include <string>

#include "shard/net/address.h"

namespace engine {

// `usesrc`: what the server is shown in place of `address`.
enum class UseSource : uint8_t {
  kNone,
  kAddress,   // ADDR2[:port2]
  kClient,    // the client's address and port
  kClientIp,  // the client's address
  kHeader,    // hdr_ip(NAME,OCCURRENCE) of the request
};

struct SourceConfig {
  bool is_given = false;
  shard::Address address;  // a wildcard: the kernel chooses
  uint16_t port_high = 0;  // the last port of a range that begins with address.port; 0: no range
  std::string interface;   // empty: any
  UseSource usesrc = UseSource::kNone;
  shard::Address presented;  // of kAddress
  std::string header;        // of kHeader
  int32_t occurrence = -1;   // 1: the first value; -1: the last one

  bool depends_on_client() const {
    return usesrc != UseSource::kNone && usesrc != UseSource::kAddress;
  }
  bool is_transparent() const { return usesrc != UseSource::kNone; }
  uint32_t ports() const { return port_high == 0 ? 0 : port_high - address.port + 1u; }
};

}  // namespace engine
