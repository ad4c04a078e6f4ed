#include "base/handle.h"

#include <gtest/gtest.h>

namespace base {
namespace {

TEST(Handle, IsNullByDefault) {
  EXPECT_FALSE(Handle());
  EXPECT_EQ(Handle().Pack(), 0u);
  EXPECT_FALSE(Handle::Unpack(0));
}

TEST(Handle, TravelsThroughFiftySixBits) {
  const struct {
    const char* name;
    Handle handle;
  } rows[] = {
      {"first", {0, 1}},
      {"slot at its end", {UINT32_MAX, 1}},
      {"generation at its end", {0, 0xffffff}},
      {"both at their end", {UINT32_MAX, 0xffffff}},
      {"mixed", {0x12345678, 0x9abcde}},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_TRUE(row.handle);
    EXPECT_EQ(row.handle.Pack() >> 56, 0u);
    EXPECT_EQ(Handle::Unpack(row.handle.Pack()), row.handle);
  }
}

TEST(Handle, UnpackIgnoresTheOperationTag) {
  const Handle handle{77, 5};
  EXPECT_EQ(Handle::Unpack(handle.Pack() | (uint64_t(0xff) << 56)), handle);
}

TEST(Handle, GenerationsCountUpAndPassOverZero) {
  EXPECT_EQ(NextGeneration(0), 1u);
  EXPECT_EQ(NextGeneration(1), 2u);
  EXPECT_EQ(NextGeneration(0xfffffe), 0xffffffu);
  EXPECT_EQ(NextGeneration(0xffffff), 1u);
}

}  // namespace
}  // namespace base
