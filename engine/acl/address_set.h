// address_set.h - networks of IPv4 and IPv6, of which one holds an address (manual 7.1.6).
//
// Owns:    its ranges.
// Threads: start-up until Freeze(), then immutable.
// Units:   addresses as numbers in host order.
// Errors:  Add() says what an address looks like.
// States:  filling -> frozen.
//
//   AddressSet set;
//   std::string why;
//   set.Add("10.0.0.0/8", &why); set.Add("2001:db8::/32", &why);
//   set.Freeze();
//   set.Holds(address);
//
// Networks become disjoint ranges in order. An index over the first 16 bits of an IPv4 address
// leaves few of them to search, so that one of a million costs two or three cache lines.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shard/net/address.h"

namespace engine {

class AddressSet {
 public:
  // "192.168.0.1", "192.168.1/22" (192.168.0.1/22), "10.0.0.0/255.0.0.0", "::1", "2001:db8::/32".
  // False: no address.
  bool Add(std::string_view text, std::string* why);
  // The same for an address that is known: `bits` of it count.
  void AddNetwork(const shard::Address& address, unsigned bits);
  void Freeze();
  // The families meet as the manual says: IPv4 inside IPv6, and the other way round.
  bool Holds(const shard::Address& address) const;
  size_t size() const { return size_; }

 private:
  struct Wide {
    uint64_t high = 0;
    uint64_t low = 0;
    auto operator<=>(const Wide&) const = default;
  };
  template <typename Number>
  struct Range {
    Number first;
    Number last;
  };
  struct Masked {  // 10.0.0.1/255.0.0.255: no range
    uint32_t value;
    uint32_t mask;
  };
  template <typename Number>
  static void Merge(std::vector<Range<Number>>& ranges);
  bool HoldsV4(uint32_t number) const;
  bool HoldsV6(Wide number) const;

  std::vector<Range<uint32_t>> v4_;
  std::vector<uint32_t> v4_index_;  // by the first 16 bits: where to begin; empty: few ranges
  std::vector<Range<Wide>> v6_;
  std::vector<Masked> masked_;
  size_t size_ = 0;
};

}  // namespace engine
