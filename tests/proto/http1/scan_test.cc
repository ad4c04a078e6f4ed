#include "proto/http1/scan.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/fake/guard_page.h"

namespace proto {
namespace {

// Every byte at every place of texts of many lengths, against the portable definition and the
// guard.
TEST(ScanTest, AgreesWithThePortableVersion) {
  fake::GuardPage guard(256);
  for (size_t bytes = 0; bytes <= 50; ++bytes) {
    for (size_t at = 0; at < bytes; ++at) {
      for (int c = 0; c < 256; ++c) {
        std::string text(bytes, 'a');
        text[at] = char(c);
        const std::string_view placed = guard.Place(text);
        const char* const from = placed.data();
        const char* const end = from + placed.size();
        ASSERT_EQ(SkipValue(from, end), SkipValuePortable(from, end))
            << bytes << " " << at << " " << c;
        ASSERT_EQ(SkipTarget(from, end), SkipTargetPortable(from, end))
            << bytes << " " << at << " " << c;
      }
    }
  }
}

TEST(ScanTest, StopsAtTheFirstOfTwo) {
  const std::string text =
      "aaaaaaaaaaaaaaaaaaaa\x01"
      "aa\x02";
  EXPECT_EQ(SkipValue(text.data(), text.data() + text.size()), text.data() + 20);
  EXPECT_EQ(SkipTarget(text.data(), text.data() + text.size()), text.data() + 20);
}

}  // namespace
}  // namespace proto
