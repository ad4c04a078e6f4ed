// OpenSSL's names, as far as the library knows them.

#include "tls/names.h"

#include <gtest/gtest.h>

#include "tls/info.h"

namespace tls {
namespace {

using Unknown = std::vector<std::string>;

TEST(Names, UnknownCiphersAreToldAndSkipped) {
  const NameList list = FilterCiphers(
      "ECDHE-ECDSA-AES128-GCM-SHA256:DHE-RSA-AES128-GCM-SHA256:!aNULL:!MD5:@SECLEVEL=1");
  EXPECT_EQ(list.unknown, (Unknown{"DHE-RSA-AES128-GCM-SHA256", "@SECLEVEL=1"}));
  EXPECT_NE(list.text.find("ECDHE-ECDSA-AES128-GCM-SHA256"), std::string::npos);
}

TEST(Names, NothingUsableIsEmpty) {
  EXPECT_EQ(FilterCiphers("NONSENSE").text, "");
  EXPECT_EQ(FilterCiphers("PROFILE=SYSTEM").text, "");
  EXPECT_EQ(FilterCiphers("!ALL").text, "");
  EXPECT_EQ(FilterCurves("brainpoolP256r1").text, "");
}

TEST(Names, CurvesAndSignaturesAreTranslated) {
  EXPECT_EQ(FilterCurves("X25519:prime256v1:secp384r1").text, "X25519:P-256:P-384");
  EXPECT_EQ(FilterCurves("X25519:X448").unknown, Unknown{"X448"});
  using Kinds = std::vector<uint16_t>;
  EXPECT_EQ(FilterSignatures("ECDSA+SHA256:rsa_pss_rsae_sha256:PSS+SHA256:ed25519").kinds,
            (Kinds{0x0403, 0x0804, 0x0807}));
  EXPECT_EQ(FilterSignatures("rsa_pss_pss_sha256::RSA+SHA1").kinds, Kinds{0x0201});
  EXPECT_EQ(FilterSignatures("ECDSA+SHA256:ed448").unknown, Unknown{"ed448"});
  EXPECT_EQ(FilterSuites("TLS_AES_128_GCM_SHA256:TLS_AES_128_CCM_SHA256").unknown,
            Unknown{"TLS_AES_128_CCM_SHA256"});
}

TEST(Names, OnlyAnAddressIsNoNameOfAHost) {
  EXPECT_EQ(NameOfHost("www.example.com:81"), "www.example.com");
  EXPECT_EQ(NameOfHost("a_b"), "a_b");
  for (const char* address : {"", "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:80"}) {
    EXPECT_EQ(NameOfHost(address), "") << address;
  }
  // What names nobody is checked as it is.
  EXPECT_EQ(NameOfHost("1.2.3:80"), "1.2.3");
  EXPECT_EQ(NameOfHost(":80"), ":80");
  EXPECT_EQ(NameOfHost("[junk]:80"), "[junk]:80");
  EXPECT_EQ(NameOfHost("["), "[");
  EXPECT_EQ(NameOfHost(std::string(300, 'x')).size(), 300u);
}

}  // namespace
}  // namespace tls
