#include "engine/session/dialer.h"

#include <gtest/gtest.h>

#include "base/arena.h"

namespace engine {
namespace {

struct DialedHead {
  DialedHead() : head(arena) {}
  base::Arena arena;
  proto::RequestHead head;
};

// manual 4.2, source: the last value unless another one is asked for.
TEST(HeaderAddress, CountsValuesOverAllFieldsFromEitherEnd) {
  DialedHead head;
  proto::FieldList& fields = head.head.fields;
  ASSERT_TRUE(fields.Add("x-forwarded-for", "10.0.0.1, 10.0.0.2:80"));
  ASSERT_TRUE(fields.Add("x-other", "10.9.9.9"));
  ASSERT_TRUE(fields.Add("X-Forwarded-For", "[2001:db8::3]:443"));
  const auto find = [&](int32_t occurrence) {
    return FindHeaderAddress(fields, "x-forwarded-for", occurrence).Ip();
  };
  EXPECT_EQ(find(-1), "2001:db8::3");
  EXPECT_EQ(find(-2), "10.0.0.2");
  EXPECT_EQ(find(-3), "10.0.0.1");
  EXPECT_EQ(find(-4), "");
  EXPECT_EQ(find(1), "10.0.0.1");
  EXPECT_EQ(find(3), "2001:db8::3");
  EXPECT_EQ(find(4), "");
  EXPECT_EQ(FindHeaderAddress(fields, "x-other", -1).Ip(), "10.9.9.9");
  ASSERT_TRUE(fields.Set("x-other", "unknown"));
  EXPECT_EQ(FindHeaderAddress(fields, "x-other", -1).Ip(), "");
  ASSERT_TRUE(fields.Set("x-other", "::ffff:10.1.2.3"));
  EXPECT_EQ(FindHeaderAddress(fields, "x-other", -1).Ip(), "10.1.2.3");
  ASSERT_TRUE(fields.Set("x-other", "["));
  EXPECT_EQ(FindHeaderAddress(fields, "x-other", -1).Ip(), "");
}

// A connection that began with a PROXY header serves the client of that header alone.
TEST(DialPlan, AHeaderIsPartOfTheKey) {
  const auto key_of = [](const shard::Address& source, const shard::Address& destination) {
    DialPlan plan;
    PlanHeader(source, destination, &plan);
    return plan.key;
  };
  const shard::Address one = shard::Address::V4(0x01020304, 10);
  const shard::Address two = shard::Address::V4(0x01020304, 11);
  EXPECT_EQ(key_of(one, two), key_of(one, two));
  EXPECT_FALSE(key_of(one, two) == key_of(two, one));
  EXPECT_FALSE(key_of(one, two) == key_of(one, one));
  EXPECT_FALSE(key_of(one, two) == key_of(one, {}));
  EXPECT_FALSE(key_of(one, two) == PoolKey());
  EXPECT_FALSE(key_of({}, {}) == PoolKey()) << "UNKNOWN is a header, too";
}

}  // namespace
}  // namespace engine
