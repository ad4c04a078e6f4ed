#include "proto/tls/certificate_view.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace proto {
namespace {

// Made by "openssl req -x509" with what the test below expects.
constexpr std::string_view kHex =
    "3082029130820238A0030201020203009A01300A06082A86"
    "48CE3D0403023070310B3009060355040613024652311130"
    "0F060355040A0C084F6E652C2054776F310A300806035504"
    "0B0C0161310A3008060355040B0C01623118301606035504"
    "030C0F7777772E6578616D706C652E636F6D311C301A0609"
    "2A864886F70D010901160D78406578616D706C652E636F6D"
    "3020170D3236313132383030353735325A180F3230383130"
    "3833313030353735325A3070310B30090603550406130246"
    "523111300F060355040A0C084F6E652C2054776F310A3008"
    "060355040B0C0161310A3008060355040B0C016231183016"
    "06035504030C0F7777772E6578616D706C652E636F6D311C"
    "301A06092A864886F70D010901160D78406578616D706C65"
    "2E636F6D3059301306072A8648CE3D020106082A8648CE3D"
    "0301070342000400A462010E2FF76F992FAABD716D1915E4"
    "90AE9D3A5CB190398BFC9F8491C1072B47D6BEA99CEB07FC"
    "F4BCD6A5CBE44F4D58971E7EC9C80138ADC03BD2D6B457A3"
    "81BE3081BB301D0603551D0E0416041479B874008A335128"
    "84281FA64F82BC8563A88B3A301F0603551D230418301680"
    "1479B874008A33512884281FA64F82BC8563A88B3A300F06"
    "03551D130101FF040530030101FF304C0603551D11044530"
    "43820F7777772E6578616D706C652E636F6D87047F000001"
    "871000000000000000000000000000000001860968747470"
    "3A2F2F752F810D78406578616D706C652E636F6D301A0603"
    "551D20041330113008060604008E460104300506032A0304"
    "300A06082A8648CE3D0403020347003044022003071BA35B"
    "1DC54DFE10F5C8FC1C6CD1988FC107BDE06F724D7D3D5758"
    "CF4CCD022049E36C0963AC9A0A2E449E81AE18643B4F72C6"
    "453D6A83EE25668CBFD5A41134";

std::string Der() {
  std::string der;
  for (size_t i = 0; i < kHex.size(); i += 2) {
    der += char(std::stoi(std::string(kHex.substr(i, 2)), nullptr, 16));
  }
  return der;
}

std::vector<std::string> Entries(std::string_view name) {
  std::vector<std::string> entries;
  NameReader reader(name);
  for (NameEntry entry; reader.Next(&entry);) {
    entries.push_back(std::string(entry.name) + "=" + std::string(entry.value));
  }
  return entries;
}

TEST(CertificateView, ReadsItsParts) {
  const std::string der = Der();
  CertificateView view;
  ASSERT_TRUE(ReadCertificate(der, &view));
  EXPECT_EQ(view.version, 3);
  EXPECT_EQ(view.serial, "\x9a\x01");
  EXPECT_EQ(view.not_before, "261128005752Z");
  EXPECT_EQ(view.not_after, "810831005752Z");  // of a time with its century
  EXPECT_EQ(AlgorithmName(view.signature), "ecdsa-with-SHA256");
  EXPECT_EQ(AlgorithmName(view.key), "id-ecPublicKey");
  const std::vector<std::string> kExpected = {
      "C=FR", "O=One, Two", "OU=a", "OU=b", "CN=www.example.com", "emailAddress=x@example.com"};
  EXPECT_EQ(Entries(view.subject), kExpected);
  EXPECT_EQ(Entries(view.issuer), kExpected);
  EXPECT_FALSE(FindExtension(view, std::string_view("\x55\x1d\x11", 3)).empty());
  EXPECT_TRUE(FindExtension(view, std::string_view("\x55\x1d\x7f", 3)).empty());
}

// Cut anywhere, or with any byte changed: it stays inside, whatever it says.
TEST(CertificateView, StaysInsideWhateverIsWrong) {
  const std::string good = Der();
  CertificateView view;
  for (size_t cut = 0; cut < good.size(); ++cut) {
    const auto copy = std::make_unique<char[]>(cut);
    std::copy(good.begin(), good.begin() + long(cut), copy.get());
    EXPECT_FALSE(ReadCertificate({copy.get(), cut}, &view)) << cut;
  }
  for (size_t at = 0; at < good.size(); ++at) {
    for (const int value : {0, 1, 0x7f, 0x84, 0xff}) {
      std::string bad = good;
      bad[at] = char(value);
      const auto copy = std::make_unique<char[]>(bad.size());
      std::copy(bad.begin(), bad.end(), copy.get());
      if (!ReadCertificate({copy.get(), bad.size()}, &view)) continue;
      (void)Entries(view.subject);
      (void)FindExtension(view, std::string_view("\x55\x1d\x20", 3));
    }
  }
}

TEST(CertificateView, WritesIdentifiers) {
  char out[32];
  const auto write = [&](std::string_view identifier) {
    return std::string(out, WriteIdentifier(identifier, out, sizeof(out)));
  };
  EXPECT_EQ(write(std::string_view("\x55\x04\x03", 3)), "2.5.4.3");
  EXPECT_EQ(write(std::string_view("\x2a\x86\x48\x86\xf7\x0d", 6)), "1.2.840.113549");
  EXPECT_EQ(write(std::string_view("\x88\x37", 2)), "2.999");
  EXPECT_EQ(write(std::string_view("\x55\x84", 2)), "");  // it never ends
  EXPECT_EQ(WriteIdentifier(std::string_view("\x55\x04\x03", 3), out, 4), 0u);
}

}  // namespace
}  // namespace proto
