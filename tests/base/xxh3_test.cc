#include "base/xxh3.h"

#include <gtest/gtest.h>

#include <string>

#include "base/xxh32.h"

namespace base {
namespace {

std::string Bytes(size_t count) {
  std::string bytes;
  for (size_t i = 0; i < count; ++i) bytes += char(i * 131 + 7);
  return bytes;
}

// What the reference library (xxHash 0.8.1) gives.
TEST(Xxh3, GivesWhatTheReferenceGives) {
  EXPECT_EQ(Xxh3(""), 0x2d06800538d394c2u);
  EXPECT_EQ(Xxh3("abc"), 0x78af5f94892f3950u);
  EXPECT_EQ(Xxh3("abcdefgh", 1), 0x7cdfdd84a400303cu);
  EXPECT_EQ(Xxh3("abcdefghijklmnop"), 0x3d3ccac9af14d8a8u);
  EXPECT_EQ(Xxh3(Bytes(100)), 0x5da67eac6d4093d5u);
  EXPECT_EQ(Xxh3(Bytes(200)), 0xc0fbc0f4e181c826u);
  EXPECT_EQ(Xxh3(Bytes(1000)), 0x571d5cbfef44331bu);
  EXPECT_EQ(Xxh3(Bytes(5000), 7), 0x5573c0a4291147a8u);
}

TEST(Xxh32, GivesWhatTheReferenceGives) {
  EXPECT_EQ(Xxh32(""), 0x02cc5d05u);
  EXPECT_EQ(Xxh32("abc"), 0x32d153ffu);
  EXPECT_EQ(Xxh32(Bytes(100), 5), 0xdbcb6416u);
}

}  // namespace
}  // namespace base
