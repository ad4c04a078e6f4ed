#include "engine/mux/pool_key.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

namespace engine {
namespace {

using shard::Address;
using Part = PoolKey::Part;

PoolKey KeyOf(Part part, const Address& address) {
  PoolKey key;
  key.Set(part, address);
  return key;
}

TEST(PoolKey, EmptyKeysAreEqualAndDifferFromAnyOther) {
  EXPECT_TRUE(PoolKey().empty());
  EXPECT_EQ(PoolKey(), PoolKey());
  EXPECT_FALSE(PoolKey() == KeyOf(Part::kSource, Address()));
  EXPECT_FALSE(KeyOf(Part::kSource, Address()).empty());
}

TEST(PoolKey, TellsAddressesPortsAndPartsApart) {
  const Address one = Address::V4(0x0a000001, 80);
  EXPECT_EQ(KeyOf(Part::kSource, one), KeyOf(Part::kSource, one));
  EXPECT_FALSE(KeyOf(Part::kSource, one) == KeyOf(Part::kDestination, one));
  EXPECT_FALSE(KeyOf(Part::kSource, one) == KeyOf(Part::kSource, Address::V4(0x0a000001, 81)));
  EXPECT_FALSE(KeyOf(Part::kSource, one) == KeyOf(Part::kSource, Address::V4(0x0a000002, 80)));
}

TEST(PoolKey, EqualPartsMakeEqualKeysInAnyOrder) {
  Address v6;
  v6.family = AF_INET6;
  inet_pton(AF_INET6, "2001:db8::1", &v6.v6);
  const Address v4 = Address::V4(0x0a000001, 80);
  PoolKey a, b;
  a.Set(Part::kSource, v6);
  a.Set(Part::kDestination, v4);
  b.Set(Part::kDestination, v4);
  b.Set(Part::kSource, v6);
  EXPECT_EQ(a, b);
  EXPECT_FALSE(a == KeyOf(Part::kSource, v6));
}

}  // namespace
}  // namespace engine
