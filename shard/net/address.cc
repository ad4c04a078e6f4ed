#include "shard/net/address.h"

#include <arpa/inet.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

namespace shard {

Address Address::V4(uint32_t host_order_ip, uint16_t port) {
  Address address;
  address.family = AF_INET;
  address.port = port;
  address.v4.s_addr = htonl(host_order_ip);
  return address;
}

Address Address::FromText(std::string_view text) {
  Address address;
  char buffer[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof(buffer)) return address;
  buffer[text.copy(buffer, text.size())] = '\0';
  if (inet_pton(AF_INET, buffer, &address.v4) == 1) {
    address.family = AF_INET;
  } else if (inet_pton(AF_INET6, buffer, &address.v6) == 1) {
    address.family = AF_INET6;
  }
  return address;
}

Address Address::FromSockaddr(const sockaddr_storage& from, socklen_t length) {
  Address address;
  if (length < sizeof(from.ss_family)) return address;  // nothing was written, not even a family
  if (from.ss_family == AF_INET && length >= sizeof(sockaddr_in)) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(from);
    address.family = AF_INET;
    address.port = ntohs(in.sin_port);
    address.v4 = in.sin_addr;
  } else if (from.ss_family == AF_INET6 && length >= sizeof(sockaddr_in6)) {
    const auto& in6 = reinterpret_cast<const sockaddr_in6&>(from);
    address.family = AF_INET6;
    address.port = ntohs(in6.sin6_port);
    address.scope_id = in6.sin6_scope_id;
    address.v6 = in6.sin6_addr;
  } else if (from.ss_family == AF_UNIX) {
    // A peer's path is not kept: it is unnamed in practice, and nobody would own the text.
    address.family = AF_UNIX;
    address.local = {"", 0, false};
  }
  return address;
}

socklen_t Address::ToSockaddr(sockaddr_storage* to) const {
  std::memset(to, 0, sizeof(*to));
  if (family == AF_INET) {
    auto* in = reinterpret_cast<sockaddr_in*>(to);
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    in->sin_addr = v4;
    return sizeof(sockaddr_in);
  }
  if (family == AF_INET6) {
    auto* in6 = reinterpret_cast<sockaddr_in6*>(to);
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(port);
    in6->sin6_scope_id = scope_id;
    in6->sin6_addr = v6;
    return sizeof(sockaddr_in6);
  }
  if (family == AF_UNIX) {
    auto* un = reinterpret_cast<sockaddr_un*>(to);
    const size_t start = local.abstract ? 1 : 0;
    if (start + local.length + (local.abstract ? 0 : 1) > sizeof(un->sun_path)) return 0;
    un->sun_family = AF_UNIX;
    std::memcpy(un->sun_path + start, local.path, local.length);
    return socklen_t(offsetof(sockaddr_un, sun_path) + start + local.length +
                     (local.abstract ? 0 : 1));
  }
  return 0;
}

bool Address::is_wildcard() const {
  if (family == AF_INET) return v4.s_addr == INADDR_ANY;
  return family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&v6);
}

Address Address::Unmapped() const {
  if (family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&v6)) return *this;
  Address address;
  address.family = AF_INET;
  address.port = port;
  std::memcpy(&address.v4, v6.s6_addr + 12, sizeof(address.v4));
  return address;
}

bool Address::operator==(const Address& other) const {
  if (family != other.family || port != other.port) return false;
  if (family == AF_INET) return v4.s_addr == other.v4.s_addr;
  if (family == AF_INET6)
    return std::memcmp(&v6, &other.v6, sizeof(v6)) == 0 && scope_id == other.scope_id;
  if (family == AF_UNIX) {
    return local.abstract == other.local.abstract && local.length == other.local.length &&
           std::memcmp(local.path, other.local.path, local.length) == 0;
  }
  return true;
}

uint64_t Address::Hash() const {
  uint64_t hash = (uint64_t(family) << 16 | port) + 0x9e3779b97f4a7c15u;
  const auto mix = [&hash](uint64_t word) {
    hash = (hash ^ word) * 0xff51afd7ed558ccdu;
    hash ^= hash >> 32;
  };
  if (family == AF_INET) mix(v4.s_addr);
  if (family == AF_INET6) {
    uint64_t words[2];
    std::memcpy(words, &v6, sizeof(words));
    mix(words[0]);
    mix(words[1]);
    mix(scope_id);
  }
  if (family == AF_UNIX) {
    mix(local.abstract ? 1 : 0);
    for (uint32_t i = 0; i < local.length; ++i) mix(uint8_t(local.path[i]));
  }
  return hash;
}

std::string Address::Ip() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (family == AF_INET) inet_ntop(AF_INET, &v4, text, sizeof(text));
  if (family == AF_INET6) inet_ntop(AF_INET6, &v6, text, sizeof(text));
  if (family == AF_UNIX) {
    return (local.abstract ? "abns@" : "unix:") + std::string(local.path, local.length);
  }
  return text;
}

std::string Address::ToString() const {
  if (!is_ip()) return Ip();
  return (family == AF_INET6 ? "[" + Ip() + "]" : Ip()) + ":" + std::to_string(port);
}

}  // namespace shard
