#include "proto/wire/byte_reader.h"

#include <gtest/gtest.h>

#include "tests/fake/guard_page.h"

namespace proto {
namespace {

using namespace std::string_view_literals;

TEST(ByteReaderTest, NumbersAreInNetworkOrder) {
  fake::GuardPage guard(64);
  ByteReader reader(
      guard.Place("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x81\x82\x83\x84\x85\x86\x87\x88"sv));
  uint8_t one;
  uint16_t two;
  uint32_t three, four;
  uint64_t eight;
  ASSERT_TRUE(reader.ReadU8(&one) && reader.ReadU16(&two) && reader.ReadU24(&three) &&
              reader.ReadU32(&four) && reader.ReadU64(&eight));
  EXPECT_EQ(one, 0x01);
  EXPECT_EQ(two, 0x0203);
  EXPECT_EQ(three, 0x040506u);
  EXPECT_EQ(four, 0x0708090au);
  EXPECT_EQ(eight, 0x8182838485868788u);
  EXPECT_TRUE(reader.empty());
}

TEST(ByteReaderTest, ReadPastTheEndFailsAndMovesNothing) {
  fake::GuardPage guard(64);
  ByteReader reader(guard.Place("\x01\x02\x03"sv));
  uint32_t four;
  uint64_t eight;
  std::string_view bytes;
  ByteReader section;
  EXPECT_FALSE(reader.ReadU32(&four));
  EXPECT_FALSE(reader.ReadU64(&eight));
  EXPECT_FALSE(reader.ReadBytes(4, &bytes));
  EXPECT_FALSE(reader.ReadBytes(SIZE_MAX, &bytes));
  EXPECT_FALSE(reader.ReadSection(4, &section));
  EXPECT_FALSE(reader.Skip(SIZE_MAX));
  EXPECT_EQ(reader.position(), 0u);
  EXPECT_EQ(reader.remaining(), 3u);
}

TEST(ByteReaderTest, SectionBoundsItsOwnReads) {
  ByteReader reader(
      "\x02"
      "abc"sv);
  uint8_t length, c;
  ByteReader section;
  ASSERT_TRUE(reader.ReadU8(&length) && reader.ReadSection(length, &section));
  EXPECT_EQ(section.rest(), "ab");
  EXPECT_TRUE(section.Skip(2));
  EXPECT_FALSE(section.ReadU8(&c));
  ASSERT_TRUE(reader.PeekU8(&c));
  EXPECT_EQ(c, 'c');
  EXPECT_EQ(reader.rest(), "c");
}

TEST(ByteReaderTest, EmptyReaderReadsNothingButNothing) {
  ByteReader reader;
  uint8_t c;
  std::string_view bytes = "x";
  EXPECT_FALSE(reader.PeekU8(&c));
  EXPECT_TRUE(reader.ReadBytes(0, &bytes));
  EXPECT_TRUE(bytes.empty());
}

}  // namespace
}  // namespace proto
