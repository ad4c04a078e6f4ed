// The PROXY protocol's binary header: what is understood, and what is refused.

#include "proto/preamble/proxy_v2.h"

#include "proto/preamble/crc32c.h"
#include "proto/preamble/proxy_tlv.h"
#include "tests/proto/preamble/preamble_ways.h"

namespace proto {
namespace {

using namespace std::string_literals;

const std::string kSignature = "\r\n\r\n\0\r\nQUIT\n"s;
const std::string kV4 = "\x01\x02\x03\x04\x05\x06\x07\x08\x00\x0a\x00\x14"s;
const std::string kV6 =
    std::string(15, '\0') + "\x01" + std::string(15, '\0') + "\x02\xff\xff\0\0"s;
const std::string kUnix = "/a"s + std::string(106, '\0') + "/b" + std::string(106, '\0');

std::string Header(int version_command, int family_transport, const std::string& block) {
  return kSignature + char(version_command) + char(family_transport) + char(block.size() >> 8) +
         char(block.size()) + block;
}

std::string Tlv(int type, const std::string& value) {
  return std::string(1, char(type)) + char(value.size() >> 8) + char(value.size()) + value;
}

// With the checksum that belongs there, and `flip` put over its last byte.
std::string Summed(int version_command, int family_transport, const std::string& before,
                   const std::string& after = "", int flip = 0) {
  std::string header =
      Header(version_command, family_transport, before + Tlv(0x03, std::string(4, '\0')) + after);
  const uint32_t crc = Crc32c(header);
  const size_t at = header.size() - after.size() - 4;
  for (int i = 0; i < 4; ++i) header[at + size_t(i)] = char(crc >> (24 - 8 * i));
  header[at + 3] = char(header[at + 3] ^ flip);
  return header;
}

PreambleOutcome ParseV2(std::string_view bytes) {
  ProxyV2Header header;
  const PreambleParse parse = ParseProxyV2(bytes, &header);
  std::string meaning = MeaningOf(parse, header.preamble);
  if (parse.result == PreambleResult::kDone) {
    ProxyTlvReader reader(header.tlvs);
    ProxyTlv tlv;
    while (reader.Next(&tlv)) meaning += " +" + std::to_string(int(tlv.type));
    EXPECT_FALSE(reader.bad());
  }
  return {meaning, parse.bytes};
}

struct V2Row {
  const char* name;
  std::string text;
  const char* meaning;
  size_t left = 0;
};

const char* const kV2V4Text = "1.2.3.4 10 5.6.7.8 20";

const V2Row kV2Rows[] = {
    {"v4", Header(0x21, 0x11, kV4), kV2V4Text},
    {"data follows", Header(0x21, 0x11, kV4) + "GET /", kV2V4Text, 5},
    {"another header follows", Header(0x21, 0x11, kV4) + Header(0x21, 0x11, kV4), kV2V4Text, 28},
    {"v6", Header(0x21, 0x21, kV6), "::1 65535 ::2 0"},
    {"TLVs", Header(0x21, 0x11, kV4 + Tlv(1, "h2") + Tlv(4, "") + Tlv(0xe0, "x")),
     "1.2.3.4 10 5.6.7.8 20 +1 +4 +224"},
    {"a type nobody knows", Header(0x21, 0x21, kV6 + Tlv(0x99, "?")), "::1 65535 ::2 0 +153"},
    {"unique id of 128", Header(0x21, 0x11, kV4 + Tlv(5, std::string(128, 'u'))),
     "1.2.3.4 10 5.6.7.8 20 +5"},
    {"a long value", Header(0x21, 0x11, kV4 + Tlv(0xef, std::string(60000, 'x'))),
     "1.2.3.4 10 5.6.7.8 20 +239"},
    {"checksum", Summed(0x21, 0x11, kV4), "1.2.3.4 10 5.6.7.8 20 +3"},
    {"checksum between", Summed(0x21, 0x21, kV6 + Tlv(1, "h2"), Tlv(4, "pad")),
     "::1 65535 ::2 0 +1 +3 +4"},
    // As haproxy 2.6 sends it (send-proxy-v2, proxy-v2-options crc32c).
    {"checksum of another", kSignature + "\x20\x00\x00\x07\x03\x00\x04\xa9\xb8\x7e\x8f"s, "none"},

    {"local", Header(0x20, 0x00, ""), "none"},
    {"local with addresses", Header(0x20, 0x11, kV4) + "data", "none", 4},
    {"local with half an address", Header(0x20, 0x11, "\x01\x02"), "none"},
    {"local of no family", Header(0x20, 0xff, "whatever it is"), "none"},
    {"local with TLVs", Header(0x20, 0x11, kV4 + Tlv(1, "h2")), "none"},
    {"local with a checksum", Summed(0x20, 0x00, ""), "none"},
    {"unspecified", Header(0x21, 0x00, ""), "none"},
    {"unspecified with something", Header(0x21, 0x00, "\x01\x02\x03\x04?"s), "none"},
    {"unspecified with TLVs", Header(0x21, 0x00, Tlv(2, "www")), "none +2"},
    {"unspecified with a checksum", Summed(0x21, 0x00, Tlv(2, "www")), "none +2 +3"},
    {"unspecified family", Header(0x21, 0x01, ""), "none"},
    {"unspecified transport", Header(0x21, 0x10, kV4), "none"},
    {"unspecified transport, TLVs", Header(0x21, 0x10, kV4 + Tlv(2, "www")), "none +2"},
    {"UDP over v4", Header(0x21, 0x12, kV4), "none"},
    {"UDP over v6", Header(0x21, 0x22, kV6), "none"},
    {"unix", Header(0x21, 0x31, kUnix), "none"},
    {"unix datagram", Header(0x21, 0x32, kUnix), "none"},
    {"unix with TLVs", Header(0x21, 0x31, kUnix + Tlv(5, "id")), "none +5"},

    {"nothing", "", "more"},
    {"half a signature", kSignature.substr(0, 7), "more"},
    {"no length yet", kSignature + "\x21\x11\x00"s, "more"},
    {"no addresses yet", Header(0x21, 0x11, kV4).substr(0, 20), "more"},

    {"HTTP", "GET / HTTP/1.1\r\n\r\n", "not a header"},
    {"an empty line", "\r\n\r\nGET / HTTP/1.1\r\n\r\n", "not a header"},
    {"signature without its NUL", "\r\n\r\n\r\nQUIT\n\x21\x11\0\0"s, "not a header"},
    {"signature in lower case", "\r\n\r\n\0\r\nquit\n\x21\x11\0\0"s, "not a header"},
    {"version 1", Header(0x11, 0x11, kV4), "malformed"},
    {"version 0", Header(0x01, 0x11, kV4), "malformed"},
    {"version 3", Header(0x31, 0x11, kV4), "malformed"},
    {"command 2", Header(0x22, 0x11, kV4), "malformed"},
    {"command 15", Header(0x2f, 0x00, ""), "malformed"},
    {"family 4", Header(0x21, 0x41, kV4), "protocol"},
    {"family 15", Header(0x21, 0xf1, kV4), "protocol"},
    {"transport 3", Header(0x21, 0x13, kV4), "protocol"},
    {"transport 15", Header(0x21, 0x0f, ""), "protocol"},
    {"v4 without addresses", Header(0x21, 0x11, ""), "malformed"},
    {"v4 one byte short", Header(0x21, 0x11, kV4.substr(0, 11)), "malformed"},
    {"v6 with v4 addresses", Header(0x21, 0x21, kV4), "malformed"},
    {"v6 one byte short", Header(0x21, 0x21, kV6.substr(0, 35)), "malformed"},
    {"unix one byte short", Header(0x21, 0x31, kUnix.substr(0, 215)), "malformed"},
    {"UDP one byte short", Header(0x21, 0x12, kV4.substr(0, 11)), "malformed"},
    {"TLV cut in its head", Header(0x21, 0x11, kV4 + "\x01"), "malformed"},
    {"TLV cut in its length", Header(0x21, 0x11, kV4 + "\x01\0"s), "malformed"},
    {"TLV cut in its value", Header(0x21, 0x11, kV4 + "\x01\0\x05h2"s), "malformed"},
    {"TLV cut behind a good one", Header(0x21, 0x11, kV4 + Tlv(1, "h2") + "\xff"), "malformed"},
    {"unix TLV cut", Header(0x21, 0x31, kUnix + "\x01"), "malformed"},
    {"unique id of 129", Header(0x21, 0x11, kV4 + Tlv(5, std::string(129, 'u'))), "malformed"},
    {"wrong checksum", Summed(0x21, 0x11, kV4, "", 1), "malformed"},
    {"wrong checksum of v6", Summed(0x21, 0x21, kV6 + Tlv(1, "h2"), "", 0x80), "malformed"},
    {"wrong checksum of local", Summed(0x20, 0x00, "", "", 1), "malformed"},
    {"wrong checksum of unspecified", Summed(0x21, 0x00, "", "", 1), "malformed"},
    {"wrong checksum of unix", Summed(0x21, 0x31, kUnix, "", 1), "malformed"},
    {"checksum of three bytes", Header(0x21, 0x11, kV4 + Tlv(3, "abc")), "malformed"},
    {"checksum of five bytes", Header(0x21, 0x11, kV4 + Tlv(3, "abcde")), "malformed"},
    {"an empty checksum", Header(0x21, 0x11, kV4 + Tlv(3, "")), "malformed"},
    // Neither can be right: each one's zeroes leave the other in place.
    {"two checksums", Summed(0x21, 0x11, kV4, Tlv(3, "abcd")), "malformed"},
};

TEST(ProxyV2, Rows) {
  for (const V2Row& row : kV2Rows) {
    SCOPED_TRACE(row.name);
    const PreambleOutcome outcome = ParseAllWays(row.text, ParseV2);
    EXPECT_EQ(outcome.meaning, row.meaning);
    if (outcome.bytes != 0 && outcome.meaning != "more") {
      EXPECT_EQ(outcome.bytes + row.left, row.text.size());
    }
  }
}

TEST(ProxyV2, TheLengthIsKnownAfterSixteenBytes) {
  ProxyV2Header header;
  EXPECT_EQ(ParseProxyV2(kSignature, &header), PreambleParse::NeedMore(kProxyV2FixedBytes));
  const std::string whole = Header(0x21, 0x11, kV4 + Tlv(4, std::string(65000, 'x')));
  EXPECT_EQ(ParseProxyV2(std::string_view(whole).substr(0, 16), &header),
            PreambleParse::NeedMore(whole.size()));
}

// One bit turned anywhere in a summed header is noticed, or changes what kind of header it is.
TEST(ProxyV2, ChecksumNoticesEachBit) {
  const std::string good = Summed(0x21, 0x11, kV4, Tlv(2, "www"));
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = char(bad[bit / 8] ^ 1 << bit % 8);
    const std::string meaning = ParseV2(bad).meaning;
    // A type that is no checksum's any more, or a family whose TLVs are not looked for, hides it.
    if (meaning.starts_with(kV2V4Text)) {
      EXPECT_EQ(bit / 8, 28u) << bit;
    }
  }
}

std::string Written(const Preamble& preamble, std::string_view tlvs, bool crc32c) {
  std::string buffer(kProxyV2BytesMax, '\0');
  ByteWriter writer(buffer.data(), buffer.size());
  EXPECT_TRUE(WriteProxyV2(preamble, tlvs, crc32c, writer));
  return std::string(writer.bytes());
}

TEST(ProxyV2, WhatIsWrittenIsUnderstood) {
  for (const std::string& text : {Header(0x21, 0x11, kV4), Header(0x21, 0x21, kV6)}) {
    ProxyV2Header header;
    ASSERT_EQ(ParseProxyV2(text, &header).result, PreambleResult::kDone);
    EXPECT_EQ(Written(header.preamble, "", false), text);
    for (const bool crc32c : {false, true}) {
      for (const std::string& tlvs : {""s, Tlv(0xe0, "mine"), Tlv(1, "h2") + Tlv(4, "")}) {
        const std::string again = Written(header.preamble, tlvs, crc32c);
        ProxyV2Header read;
        ASSERT_EQ(ParseProxyV2(again, &read), PreambleParse::Done(again.size()));
        EXPECT_EQ(read.preamble, header.preamble);
        EXPECT_TRUE(read.tlvs.ends_with(tlvs));
        EXPECT_EQ(read.tlvs.size(), tlvs.size() + (crc32c ? 7 : 0));
      }
    }
  }
  EXPECT_EQ(Written({}, "", false), Header(0x20, 0x00, ""));
  EXPECT_EQ(Written({}, "", true), kSignature + "\x20\x00\x00\x07\x03\x00\x04\xa9\xb8\x7e\x8f"s);
}

TEST(ProxyV2, TheChecksumIsOfTheHeaderAlone) {
  char buffer[128];
  ByteWriter writer(buffer, sizeof(buffer));
  ASSERT_TRUE(writer.WriteBytes("before"));
  ASSERT_TRUE(WriteProxyV2({}, "", true, writer));
  ProxyV2Header header;
  EXPECT_EQ(ParseProxyV2(writer.bytes().substr(6), &header).result, PreambleResult::kDone);
}

TEST(ProxyV2, DoesNotWriteHalfAHeader) {
  Preamble preamble;
  preamble.family = PreambleFamily::kIpv6;
  std::string buffer(100000, '\0');
  for (size_t room = 0; room < 16 + 36 + 7 + 5; ++room) {
    ByteWriter writer(buffer.data(), room);
    EXPECT_FALSE(WriteProxyV2(preamble, Tlv(4, "xx"), true, writer));
    EXPECT_EQ(writer.written(), 0u);
  }
  ByteWriter writer(buffer.data(), buffer.size());
  EXPECT_FALSE(WriteProxyV2(preamble, std::string(65535 - 36 - 7 + 1, '\4'), true, writer));
  EXPECT_TRUE(WriteProxyV2(preamble, std::string(65535 - 36 - 7, '\4'), true, writer));
}

}  // namespace
}  // namespace proto
