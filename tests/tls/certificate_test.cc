// What is wrong with a certificate is said with the name of its file.

#include "tls/certificate.h"

#include <gtest/gtest.h>

#include "tests/tls/test_certificates.h"
#include "tls/trust.h"

namespace tls {
namespace {

std::string ErrorOf(const std::string& text, const NamedText& key = {}) {
  std::string error;
  EXPECT_EQ(Certificate::Load({"the.pem", text}, key, &error), nullptr);
  EXPECT_NE(error.find("'the.pem'"), std::string::npos) << error;
  return error;
}

TEST(Certificate, TakesChainAndKeyInAnyOrder) {
  const PemPair pem = MakePem({.names = {"A.example.com", "b"}});
  std::string error;
  for (const std::string& text : {pem.certificate + pem.key, pem.key + pem.certificate}) {
    auto certificate = Certificate::Load({"x", text}, {}, &error);
    ASSERT_NE(certificate, nullptr) << error;
    // Of its subjectAltName, and of its subject.
    EXPECT_EQ(certificate->names(), (std::vector<std::string>{"a.example.com", "b", "test"}));
    EXPECT_EQ(certificate->kind(), KeyKind::kEcdsa);
    EXPECT_EQ(certificate->warning(), "");
  }
  EXPECT_NE(Certificate::Load({"x", pem.certificate}, {"x.key", pem.key}, &error), nullptr);
}

TEST(Certificate, CommonNameCountsWithoutOtherNames) {
  const PemPair pem = MakePem({});
  std::string error;
  auto certificate = Certificate::Load({"x", pem.certificate + pem.key}, {}, &error);
  ASSERT_NE(certificate, nullptr) << error;
  EXPECT_EQ(certificate->names(), std::vector<std::string>{"test"});
}

TEST(Certificate, ErrorsNameTheFile) {
  const PemPair pem = MakePem({.names = {"a"}});
  const PemPair other = MakePem({.names = {"a"}, .kind = KeyKind::kRsa});
  EXPECT_EQ(ErrorOf(""), "no certificate in 'the.pem'");
  EXPECT_EQ(ErrorOf(pem.certificate), "no private key in 'the.pem'");
  EXPECT_EQ(ErrorOf(pem.certificate, {"k", pem.certificate}),
            "no private key in 'the.pem' nor in 'k'");
  EXPECT_NE(ErrorOf(pem.certificate + other.key).find("does not belong to certificate '/CN=test'"),
            std::string::npos);
  EXPECT_NE(ErrorOf(pem.certificate.substr(0, 200)).find("is broken after 0 certificates"),
            std::string::npos);
  std::string garbled = pem.certificate;
  garbled[100] = garbled[100] == 'A' ? 'B' : 'A';
  garbled[60] = '!';
  ErrorOf(garbled + pem.key);
}

TEST(Certificate, WarnsOfWhatWorksBadly) {
  std::string error;
  const auto warning = [&](const std::string& text) {
    auto certificate = Certificate::Load({"x", text}, {}, &error);
    EXPECT_NE(certificate, nullptr) << error;
    return certificate == nullptr ? std::string() : certificate->warning();
  };
  const PemPair old = MakePem({.names = {"a"}, .lives_from_s = -7200, .lives_to_s = -3600});
  EXPECT_NE(warning(old.certificate + old.key).find("has expired"), std::string::npos);
  const PemPair young = MakePem({.names = {"a"}, .lives_from_s = 3600});
  EXPECT_NE(warning(young.certificate + young.key).find("not valid yet"), std::string::npos);
}

TEST(Trust, OnlyAnEndedCertificateIsCalledExpired) {
  EXPECT_EQ(AlertOf({X509_V_ERR_CERT_HAS_EXPIRED, 0}), SSL_AD_CERTIFICATE_EXPIRED);
  EXPECT_EQ(AlertOf({X509_V_ERR_CERT_NOT_YET_VALID, 0}), SSL_AD_BAD_CERTIFICATE);
}

}  // namespace
}  // namespace tls
