// The checksum of PROXY headers, by the values of RFC 3720 B.4.

#include "proto/preamble/crc32c.h"

#include <gtest/gtest.h>

#include <string>

namespace proto {
namespace {

TEST(Crc32c, KnownValues) {
  std::string rising, falling;
  for (int i = 0; i < 32; ++i) rising += char(i), falling += char(31 - i);
  EXPECT_EQ(Crc32c(""), 0u);
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(Crc32c(rising), 0x46dd794eu);
  EXPECT_EQ(Crc32c(falling), 0x113fdb5cu);
}

TEST(Crc32c, PiecesMakeTheWhole) {
  const std::string text = "the quick brown fox jumps over the lazy dog";
  for (size_t i = 0; i <= text.size(); ++i) {
    EXPECT_EQ(ExtendCrc32c(Crc32c(text.substr(0, i)), text.substr(i)), Crc32c(text));
  }
}

}  // namespace
}  // namespace proto
