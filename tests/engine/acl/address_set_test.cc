#include "engine/acl/address_set.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <cstring>
#include <random>

namespace engine {
namespace {

shard::Address Of(const std::string& text) {
  shard::Address address;
  address.family = text.find(':') == std::string::npos ? AF_INET : AF_INET6;
  void* to = address.family == AF_INET ? static_cast<void*>(&address.v4) : &address.v6;
  EXPECT_EQ(inet_pton(address.family, text.c_str(), to), 1) << text;
  return address;
}

// Manual 7.1.6.
TEST(AddressSet, FamiliesMeetAsTheManualSays) {
  struct Row {
    const char* pattern;
    const char* address;
    bool holds;
  };
  const Row rows[] = {
      {"192.168.0.1", "192.168.0.1", true},
      {"192.168.1", "192.168.0.1", true},
      {"192.168.1/22", "192.168.3.255", true},
      {"192.168.1/22", "192.168.4.0", false},
      {"10.12/8", "10.200.1.1", true},
      {"127.1", "127.0.0.1", true},
      {"10.0.0.0/255.0.0.0", "10.1.2.3", true},
      {"10.0.0.7/255.0.0.255", "10.1.2.7", true},
      {"10.0.0.7/255.0.0.255", "10.1.2.8", false},
      {"0.0.0.0/0", "255.255.255.255", true},
      {"::1", "::1", true},
      {"2001:db8::/32", "2001:db8:ffff::1", true},
      {"2001:db8::/32", "2001:db9::1", false},
      {"2001:db8::/65", "2001:db8:0:0:8000::", false},
      {"1.2.3.4", "::ffff:1.2.3.4", true},
      {"1.2.3.4", "::1.2.3.4", true},
      {"1.2.3.4", "2002:102:304::", true},
      {"1.2.3.4", "2003:102:304::", false},
      {"::ffff:1.2.0.0/112", "1.2.3.4", true},
      {"::1.2.3.4", "1.2.3.4", false},
  };
  for (const Row& row : rows) {
    AddressSet set;
    std::string why;
    ASSERT_TRUE(set.Add(row.pattern, &why)) << why;
    set.Freeze();
    EXPECT_EQ(set.Holds(Of(row.address)), row.holds) << row.pattern << " " << row.address;
  }
}

TEST(AddressSet, WhatIsNoAddressIsRefused) {
  for (const char* text : {"", "1.2.3.4.5", "256.1", "1.2.3.4/33", "1.2.3.4/x", "::1/129", "::1/",
                           "www.example.com", "1.2.3.4/", "-1.2"}) {
    AddressSet set;
    std::string why;
    EXPECT_FALSE(set.Add(text, &why)) << text;
    EXPECT_FALSE(why.empty());
  }
}

TEST(AddressSet, AgreesWithTryingEachNetwork) {
  std::mt19937 random(3);
  for (int round = 0; round < 40; ++round) {
    struct Network {
      uint32_t value;
      unsigned bits;
    };
    std::vector<Network> networks(round < 20 ? 10 : 3000);
    AddressSet set;
    AddressSet wide;
    for (Network& network : networks) {
      network = {uint32_t(random()), 8 + unsigned(random() % 25)};
      set.AddNetwork(shard::Address::V4(network.value, 0), network.bits);
      shard::Address mapped;
      mapped.family = AF_INET6;
      const uint32_t big = htonl(network.value);
      std::memcpy(mapped.v6.s6_addr + 4, &big, 4);
      mapped.v6.s6_addr[0] = 0x20;
      wide.AddNetwork(mapped, 32 + network.bits);
    }
    set.Freeze();
    wide.Freeze();
    for (int i = 0; i < 500; ++i) {
      const Network& near = networks[random() % networks.size()];
      const uint32_t number = near.value ^ uint32_t(random() >> (random() % 32));
      bool holds = false;
      for (const Network& network : networks) {
        holds = holds || ((number ^ network.value) >> (32 - network.bits)) == 0;
      }
      EXPECT_EQ(set.Holds(shard::Address::V4(number, 0)), holds);
      shard::Address mapped;
      mapped.family = AF_INET6;
      const uint32_t big = htonl(number);
      std::memcpy(mapped.v6.s6_addr + 4, &big, 4);
      mapped.v6.s6_addr[0] = 0x20;
      EXPECT_EQ(wide.Holds(mapped), holds);
    }
  }
}

}  // namespace
}  // namespace engine
