// address.h - a socket address as a small value: IPv4, IPv6, unix path or abstract name.
//
// Owns:    nothing: the path of a unix address belongs to the configuration (or to a static).
// Threads: any-thread (a value).
// Units:   port in host order.
// Errors:  FromSockaddr gives an empty address for a family it does not know.
// States:  empty (family AF_UNSPEC) or set.

#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace shard {

struct Address {
  uint16_t family = AF_UNSPEC;
  uint16_t port = 0;
  uint32_t scope_id = 0;  // IPv6 link-local
  union {
    in_addr v4;
    in6_addr v6;
    struct {
      const char* path;  // for an abstract name, what follows the NUL
      uint32_t length;
      bool abstract;
    } local;
  };

  Address() : v6{} {}
  static Address V4(uint32_t host_order_ip, uint16_t port);
  // An IPv4 or IPv6 address in its usual form, without a port; empty for anything else.
  static Address FromText(std::string_view text);
  static Address FromSockaddr(const sockaddr_storage& from, socklen_t length);
  // Returns the length to give to the kernel; 0 when empty or a unix path is too long.
  socklen_t ToSockaddr(sockaddr_storage* to) const;
  bool is_ip() const { return family == AF_INET || family == AF_INET6; }
  bool is_wildcard() const;
  // An IP address in network order, 4 or 16 bytes of this object; empty for any other.
  std::string_view Bytes() const {
    if (family == AF_INET) return {reinterpret_cast<const char*>(&v4), sizeof(v4)};
    if (family == AF_INET6) return {reinterpret_cast<const char*>(&v6), sizeof(v6)};
    return {};
  }
  // An IPv4 address that came in IPv6 form (a socket for both families), as IPv4.
  Address Unmapped() const;
  bool operator==(const Address& other) const;
  // Of what == compares; the same for equal addresses within a process.
  uint64_t Hash() const;
  // "127.0.0.1:80", "[::1]:80" as `brackets`, else "::1:80"; "unix:/path"; for messages and logs,
  // not the hot path.
  std::string ToString() const;
  // The address alone, without the port.
  std::string Ip() const;
};

}  // namespace shard
