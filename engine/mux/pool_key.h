// pool_key.h - what tells kept connections of one server apart, besides the server.
//
// Owns:    nothing: an address of a configuration points there, a client's carries its own bytes.
// Threads: any-thread (a value).
// Units:   none.
// Errors:  none.
// States:  empty, the ordinary case: any connection to the server is as good as another.
//
// A connection that shows the server something of its client (its address as the source, a header
// of the PROXY protocol, the host it asks for) may only carry requests that would show the same.

#pragma once

#include <cstddef>
#include <cstdint>

#include "shard/net/address.h"

namespace engine {

class PoolKey {
 public:
  enum class Part : uint8_t {
    kSource,           // where it comes from, as far as the client decides
    kDestination,      // where it goes to, likewise
    kAnnouncedSource,  // what its PROXY header says
    kAnnouncedDestination,
    kServerName,   // of TLS, as a digest
    kMarks,        // of its packets, packed
    kClientFacts,  // TLVs of its PROXY header, as a digest
    kCount
  };

  // Once for each part. An empty address is a value, too: it differs from a part that was not set.
  void Set(Part part, const shard::Address& address) {
    parts_ |= uint8_t(1u << unsigned(part));
    addresses_[size_t(part)] = address;
    hash_ += (address.Hash() + uint64_t(part) + 1) * 0x9e3779b97f4a7c15u;
  }
  bool empty() const { return parts_ == 0; }
  bool operator==(const PoolKey& other) const {
    if (hash_ != other.hash_ || parts_ != other.parts_) return false;
    for (size_t part = 0; part < size_t(Part::kCount); ++part) {
      if ((parts_ >> part & 1) != 0 && !(addresses_[part] == other.addresses_[part])) return false;
    }
    return true;
  }

 private:
  uint64_t hash_ = 0;
  shard::Address addresses_[size_t(Part::kCount)];
  uint8_t parts_ = 0;
};

}  // namespace engine
