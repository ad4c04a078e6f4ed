#include "proto/wire/byte_writer.h"

#include <gtest/gtest.h>

#include "proto/wire/byte_reader.h"
#include "tests/fake/guard_page.h"

namespace proto {
namespace {

TEST(ByteWriterTest, WhatIsWrittenReadsBack) {
  fake::GuardPage guard(64);
  ByteWriter writer(guard.Room(21), 21);
  ASSERT_TRUE(writer.WriteU8(1) && writer.WriteU16(0x0203) && writer.WriteU24(0x040506) &&
              writer.WriteU32(0x0708090a) && writer.WriteU64(0x0b0c0d0e0f101112) &&
              writer.WriteBytes("abc"));
  EXPECT_EQ(writer.room(), 0u);
  ByteReader reader(writer.bytes());
  uint8_t byte;
  for (int i = 1; i <= 0x12; ++i) {
    ASSERT_TRUE(reader.ReadU8(&byte));
    EXPECT_EQ(byte, i);
  }
  EXPECT_EQ(reader.rest(), "abc");
}

TEST(ByteWriterTest, WhatDoesNotFitIsNotStarted) {
  fake::GuardPage guard(64);
  ByteWriter writer(guard.Room(3), 3);
  EXPECT_FALSE(writer.WriteU32(1));
  EXPECT_FALSE(writer.WriteBytes("abcd"));
  EXPECT_EQ(writer.Reserve(4), nullptr);
  EXPECT_EQ(writer.written(), 0u);
  ASSERT_TRUE(writer.WriteU24(1));
  EXPECT_FALSE(writer.WriteU8(1));
}

TEST(ByteWriterTest, PatchOverwritesInPlace) {
  char buffer[16];
  ByteWriter writer(buffer, sizeof(buffer));
  ASSERT_TRUE(writer.WriteU16(0) && writer.WriteU24(0) && writer.WriteU32(0));
  writer.PatchU16(0, 0x0102);
  writer.PatchU24(2, 0x030405);
  writer.PatchU32(5, 0x06070809);
  EXPECT_EQ(writer.bytes(), "\x01\x02\x03\x04\x05\x06\x07\x08\x09");
}

TEST(ByteWriterDeathTest, PatchOutsideTheWrittenDies) {
  char buffer[16];
  ByteWriter writer(buffer, sizeof(buffer));
  ASSERT_TRUE(writer.WriteU16(0));
  EXPECT_DEATH(writer.PatchU16(1, 0), "");
}

}  // namespace
}  // namespace proto
