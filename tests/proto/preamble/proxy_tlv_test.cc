// The values behind the addresses of a PROXY header.

#include "proto/preamble/proxy_tlv.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/fake/guard_page.h"

namespace proto {
namespace {

using namespace std::string_view_literals;

// "1=h2 4= ", with "bad" behind what could not be read.
std::string Listed(std::string_view tlvs) {
  static fake::GuardPage guard(4096);
  ProxyTlvReader reader(guard.Place(tlvs));
  ProxyTlv tlv;
  std::string text;
  while (reader.Next(&tlv)) {
    text += std::to_string(int(tlv.type)) + "=" + std::string(tlv.value) + " ";
  }
  EXPECT_FALSE(reader.Next(&tlv)) << "it goes on after its end";
  return text + (reader.bad() ? "bad" : "");
}

TEST(ProxyTlv, Walks) {
  EXPECT_EQ(Listed(""), "");
  EXPECT_EQ(Listed("\x01\0\x02h2"sv), "1=h2 ");
  EXPECT_EQ(Listed("\x04\0\0"sv), "4= ");
  EXPECT_EQ(Listed("\x04\0\0\x02\0\x03www\xe0\0\x01z"sv), "4= 2=www 224=z ");
  EXPECT_EQ(Listed("\x01\0\x02h2\x01\0\x02h3"sv), "1=h2 1=h3 ");
  EXPECT_EQ(Listed("\xff\0\x01?"sv), "255=? ");
}

TEST(ProxyTlv, LengthsPastTheEndAreBad) {
  EXPECT_EQ(Listed("\x01"sv), "bad");
  EXPECT_EQ(Listed("\x01\0"sv), "bad");
  EXPECT_EQ(Listed("\x01\0\x01"sv), "bad");
  EXPECT_EQ(Listed("\x01\xff\xffh2"sv), "bad");
  EXPECT_EQ(Listed("\x01\0\x02h2\x04"sv), "1=h2 bad");
  EXPECT_EQ(Listed("\x01\0\x02h2\x04\0\x02x"sv), "1=h2 bad");
}

TEST(ProxyTlv, FindsTheFirst) {
  const std::string_view tlvs =
      "\x04\0\0\x02\0\x01"
      "a\x02\0\x01"
      "b"sv;
  std::string_view value;
  ASSERT_TRUE(FindProxyTlv(tlvs, ProxyTlvType::kAuthority, &value));
  EXPECT_EQ(value, "a");
  EXPECT_FALSE(FindProxyTlv(tlvs, ProxyTlvType::kUniqueId, &value));
  EXPECT_FALSE(FindProxyTlv("", ProxyTlvType::kUniqueId, &value));
}

TEST(ProxyTlv, SslHoldsTlvsOfItsOwn) {
  ProxySslTlv ssl;
  ASSERT_TRUE(ReadProxySslTlv("\x05\0\0\0\x07\x21\0\x07TLSv1.3\x22\0\x02me"sv, &ssl));
  EXPECT_TRUE(ssl.over_tls);
  EXPECT_FALSE(ssl.certificate_now);
  EXPECT_TRUE(ssl.certificate_known);
  EXPECT_EQ(ssl.verify, 7u);
  std::string_view value;
  ASSERT_TRUE(FindProxyTlv(ssl.tlvs, ProxyTlvType::kSslVersion, &value));
  EXPECT_EQ(value, "TLSv1.3");
  ASSERT_TRUE(FindProxyTlv(ssl.tlvs, ProxyTlvType::kSslCommonName, &value));
  EXPECT_EQ(value, "me");
  ASSERT_TRUE(ReadProxySslTlv("\x02\0\0\0\0"sv, &ssl));
  EXPECT_TRUE(ssl.certificate_now);
  EXPECT_FALSE(ssl.over_tls);
  EXPECT_EQ(ssl.tlvs, "");
  for (const std::string_view bad :
       {""sv, "\x01\0\0\0"sv, "\x01\0\0\0\0\x21"sv, "\x01\0\0\0\0\x21\0\x09TLSv1.3"sv}) {
    EXPECT_FALSE(ReadProxySslTlv(bad, &ssl));
  }
}

TEST(ProxyTlv, WritesWholeOnes) {
  char buffer[8];
  ByteWriter writer(buffer, sizeof(buffer));
  EXPECT_TRUE(WriteProxyTlv(ProxyTlvType::kAlpn, "h2", writer));
  EXPECT_EQ(writer.bytes(), "\x01\0\x02h2"sv);
  EXPECT_FALSE(WriteProxyTlv(ProxyTlvType::kAlpn, "x", writer));
  EXPECT_EQ(writer.written(), 5u) << "nothing of it";
  EXPECT_TRUE(WriteProxyTlv(ProxyTlvType::kNoop, "", writer));
  std::string big(70000, 'x'), room(80000, '\0');
  ByteWriter roomy(room.data(), room.size());
  EXPECT_FALSE(
      WriteProxyTlv(ProxyTlvType::kCustomFirst, std::string_view(big).substr(0, 65536), roomy));
  EXPECT_TRUE(
      WriteProxyTlv(ProxyTlvType::kCustomFirst, std::string_view(big).substr(0, 65535), roomy));
}

}  // namespace
}  // namespace proto
