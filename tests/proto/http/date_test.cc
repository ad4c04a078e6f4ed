#include "proto/http/date.h"

#include <gtest/gtest.h>

#include <string>

namespace proto {
namespace {

constexpr int64_t kNow = 1700000000;  // Tue, 14 Nov 2023 22:13:20 GMT

std::string Format(int64_t seconds) {
  char out[kDateBytes];
  FormatDate(seconds, out);
  return std::string(out, sizeof(out));
}

TEST(DateTest, FormatsFixdate) {
  EXPECT_EQ(Format(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(Format(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(Format(-1), "Wed, 31 Dec 1969 23:59:59 GMT");
  EXPECT_EQ(Format(kNow), "Tue, 14 Nov 2023 22:13:20 GMT");
  EXPECT_EQ(Format(951782400), "Tue, 29 Feb 2000 00:00:00 GMT");
  EXPECT_EQ(Format(INT64_MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
  EXPECT_EQ(Format(INT64_MIN).substr(7), " Jan 0000 00:00:00 GMT");
}

TEST(DateTest, ReadsAllThreeFormats) {
  for (const char* text : {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                           "Sun Nov  6 08:49:37 1994"}) {
    EXPECT_EQ(ParseDate(text, kNow), 784111777) << text;
  }
  EXPECT_EQ(ParseDate("Sun Nov 16 08:49:37 1994", kNow), 784111777 + 864000);
}

TEST(DateTest, TwoDigitYearsLieWithinFiftyYears) {
  EXPECT_EQ(ParseDate("Friday, 01-Jan-73 00:00:00 GMT", kNow), 3250454400);  // 2073
  EXPECT_EQ(ParseDate("Tuesday, 01-Jan-74 00:00:00 GMT", kNow), 126230400);  // 1974
}

TEST(DateTest, EveryDayGoesBothWays) {
  for (int64_t day = -800000; day < 2900000; day += 97) {
    const int64_t seconds = day * 86400 + 3661;
    if (seconds < -62167219200) continue;
    EXPECT_EQ(ParseDate(Format(seconds), kNow), seconds);
  }
}

TEST(DateTest, RefusesWhatIsNoDate) {
  for (const char* text : {"", "Sun", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC",
                           "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT",
                           "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
                           "Sun, 06 Nov 1994 08:49:61 GMT", "Sun, 06 nov 1994 08:49:37 GMT",
                           "Xun, 06 Nov 1994 08:49:37 GMT", "Sun, 6 Nov 1994 08:49:37 GMT ",
                           "Sunday, 06-Nov-1994 08:49:37 GMT", "Sun Nov 6 08:49:37 1994",
                           "Sun Nov  6 08:49:37 94", "Sun, 06 Nov 1994 08:49:37 GMTx", "0", "-1"}) {
    EXPECT_EQ(ParseDate(text, kNow), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace proto
