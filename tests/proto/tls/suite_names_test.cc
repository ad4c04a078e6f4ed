// Names are those of OpenSSL, which HAProxy prints.

#include "proto/tls/suite_names.h"

#include <gtest/gtest.h>

namespace proto {
namespace {

TEST(SuiteNames, AreThoseOfOpenssl) {
  EXPECT_EQ(SuiteName(0x0001), "NULL-MD5");
  EXPECT_EQ(SuiteName(0x0067), "DHE-RSA-AES128-SHA256");
  EXPECT_EQ(SuiteName(0x00ff), "TLS_EMPTY_RENEGOTIATION_INFO_SCSV");
  EXPECT_EQ(SuiteName(0x1301), "TLS_AES_128_GCM_SHA256");
  EXPECT_EQ(SuiteName(0x5600), "TLS_FALLBACK_SCSV");
  EXPECT_EQ(SuiteName(0xc028), "ECDHE-RSA-AES256-SHA384");
  EXPECT_EQ(SuiteName(0xff87), "GOST2012-NULL-GOST12");
}

TEST(SuiteNames, OthersHaveNone) {
  for (const uint16_t suite : {0x0000, 0x0004, 0x0a0a, 0x1306, 0xffff}) {
    EXPECT_EQ(SuiteName(suite), "") << suite;
  }
}

}  // namespace
}  // namespace proto
