// Addresses as values: to the kernel and back, compared, and printed.

#include "shard/net/address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

namespace shard {
namespace {

Address RoundTrip(const Address& address) {
  sockaddr_storage storage;
  const socklen_t length = address.ToSockaddr(&storage);
  return Address::FromSockaddr(storage, length);
}

Address V6(const char* text, uint16_t port, uint32_t scope = 0) {
  Address address;
  address.family = AF_INET6;
  address.port = port;
  address.scope_id = scope;
  inet_pton(AF_INET6, text, &address.v6);
  return address;
}

TEST(AddressTest, IpAddressesSurviveTheKernelsShape) {
  const Address cases[] = {Address::V4(0x7f000001, 80), Address::V4(0, 65535), V6("::1", 443),
                           V6("fe80::1", 1, 7), V6("::", 0)};
  const char* texts[] = {"127.0.0.1:80", "0.0.0.0:65535", "[::1]:443", "[fe80::1]:1", "[::]:0"};
  for (size_t i = 0; i < std::size(cases); ++i) {
    EXPECT_EQ(RoundTrip(cases[i]), cases[i]) << texts[i];
    EXPECT_EQ(cases[i].ToString(), texts[i]);
    for (size_t j = 0; j < std::size(cases); ++j) EXPECT_EQ(cases[i] == cases[j], i == j);
  }
  EXPECT_FALSE(V6("fe80::1", 1, 7) == V6("fe80::1", 1, 8));
  EXPECT_TRUE(cases[1].is_wildcard());
  EXPECT_TRUE(cases[4].is_wildcard());
  EXPECT_FALSE(cases[0].is_wildcard());
}

TEST(AddressTest, ShortOrForeignSockaddrIsEmpty) {
  sockaddr_storage storage = {};
  storage.ss_family = AF_INET6;
  EXPECT_EQ(Address::FromSockaddr(storage, sizeof(sockaddr_in)).family, AF_UNSPEC);
  storage.ss_family = AF_NETLINK;
  EXPECT_EQ(Address::FromSockaddr(storage, sizeof(storage)).family, AF_UNSPEC);
  EXPECT_EQ(Address().ToSockaddr(&storage), 0u);
}

TEST(AddressTest, UnixPathsAndAbstractNamesFillExactlyTheirBytes) {
  for (bool abstract : {false, true}) {
    for (size_t length : {1u, 106u, 107u, 108u}) {
      const std::string path(length, 'p');
      Address address;
      address.family = AF_UNIX;
      address.local = {path.data(), uint32_t(length), abstract};
      sockaddr_storage storage;
      const socklen_t got = address.ToSockaddr(&storage);
      // A path needs its NUL, an abstract name the NUL before it: 107 bytes for either.
      const bool fits = length <= 107;
      EXPECT_EQ(got, fits ? socklen_t(offsetof(sockaddr_un, sun_path) + length + 1) : 0u)
          << length << abstract;
      if (!fits) continue;
      const char* bytes = reinterpret_cast<const sockaddr_un&>(storage).sun_path;
      EXPECT_EQ(std::string(bytes + (abstract ? 1 : 0), length), path);
    }
  }
}

}  // namespace
}  // namespace shard
