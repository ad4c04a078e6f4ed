#include "proto/http1/version.h"

#include <gtest/gtest.h>

namespace proto {
namespace {

TEST(VersionTest, StrictAndOdd) {
  struct Row {
    const char* text;
    bool strict;
    bool odd;
    Version version;
    const char* other;
  };
  const Row rows[] = {
      {"HTTP/1.1", true, true, {1, 1}, ""},
      {"HTTP/1.0", true, true, {1, 0}, ""},
      {"HTTP/1.2", true, true, {1, 2}, ""},
      {"HTTP/1.10", false, true, {1, 10}, ""},
      {"HTTP/01.1", false, true, {1, 1}, ""},
      {"HTTP/2.0", false, true, {2, 0}, ""},
      {"HTTP/0.9", false, true, {0, 9}, ""},
      {"RTSP/1.0", false, true, {1, 0}, "RTSP/1.0"},
      {"http/1.1", false, true, {1, 1}, "http/1.1"},
      {"HTTP/1.65535", false, true, {1, 65535}, ""},
      {"HTTP/1.65536", false, false, {}, ""},
      {"HTTP/1.", false, false, {}, ""},
      {"HTTP/.1", false, false, {}, ""},
      {"HTTP/11", false, false, {}, ""},
      {"HTTP1.1", false, false, {}, ""},
      {"/1.1", false, false, {}, ""},
      {"HTTP/1.1x", false, false, {}, ""},
      {"HT TP/1.1", false, false, {}, ""},
      {"HTTP/+1.1", false, false, {}, ""},
      {"", false, false, {}, ""},
  };
  for (const Row& row : rows) {
    for (bool odd : {false, true}) {
      Version version;
      std::string_view other;
      ASSERT_EQ(ParseVersion(row.text, odd, &version, &other), odd ? row.odd : row.strict)
          << row.text << (odd ? " odd" : "");
      if (!(odd ? row.odd : row.strict)) continue;
      EXPECT_EQ(version, row.version) << row.text;
      EXPECT_EQ(other, row.other) << row.text;
    }
  }
}

TEST(VersionTest, MismatchPointsAtTheFirstWrongByte) {
  EXPECT_EQ(VersionMismatch("HTTP/1.1", false), std::string_view::npos);
  EXPECT_EQ(VersionMismatch("HTT", false), std::string_view::npos);
  EXPECT_EQ(VersionMismatch("", false), std::string_view::npos);
  EXPECT_EQ(VersionMismatch("HTTX", false), 3u);
  EXPECT_EQ(VersionMismatch("HTTP/2", false), 5u);
  EXPECT_EQ(VersionMismatch("HTTP/1.x", false), 7u);
  EXPECT_EQ(VersionMismatch("HTTP/1.10", false), 8u);
}

}  // namespace
}  // namespace proto
