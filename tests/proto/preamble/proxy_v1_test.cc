// The PROXY protocol's line of text: what is understood, and what is refused.

#include "proto/preamble/proxy_v1.h"

#include "tests/proto/preamble/preamble_ways.h"

namespace proto {
namespace {

using namespace std::string_view_literals;

PreambleOutcome ParseV1(std::string_view bytes) {
  Preamble preamble;
  const PreambleParse parse = ParseProxyV1(bytes, &preamble);
  return {MeaningOf(parse, preamble), parse.bytes};
}

struct V1Row {
  const char* name;
  std::string_view text;
  const char* meaning;
  size_t left = 0;  // bytes that are not the header's
};

constexpr std::string_view kLongestV6 =
    "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
    "65535 65535\r\n"sv;
// The worst case of the specification: 107 bytes.
constexpr std::string_view kLongestUnknown =
    "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
    "65535 65535\r\n"sv;
static_assert(kLongestV6.size() == 104 && kLongestUnknown.size() == kProxyV1BytesMax);

constexpr V1Row kV1Rows[] = {
    {"plain", "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n"sv,
     "192.168.0.1 56324 192.168.0.11 443"},
    {"data follows", "PROXY TCP4 1.2.3.4 5.6.7.8 10 20\r\nGET / HTTP/1.1\r\n\r\n"sv,
     "1.2.3.4 10 5.6.7.8 20", 18},
    {"another header follows", "PROXY TCP4 1.2.3.4 5.6.7.8 10 20\r\nPROXY UNKNOWN\r\n"sv,
     "1.2.3.4 10 5.6.7.8 20", 15},
    {"a line feed follows", "PROXY TCP4 1.2.3.4 5.6.7.8 10 20\r\n\n"sv, "1.2.3.4 10 5.6.7.8 20", 1},
    {"bounds", "PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n"sv,
     "255.255.255.255 65535 0.0.0.0 0"},
    {"v6", "PROXY TCP6 2001:db8::1 ::1 1 2\r\n"sv, "2001:db8::1 1 ::1 2"},
    {"v6 upper case", "PROXY TCP6 2001:DB8::A ::1 1 2\r\n"sv, "2001:db8::a 1 ::1 2"},
    {"v6 in full", kLongestV6,
     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535"},
    {"v4 in v6", "PROXY TCP6 ::ffff:1.2.3.4 ::ffff:5.6.7.8 1 2\r\n"sv,
     "::ffff:1.2.3.4 1 ::ffff:5.6.7.8 2"},

    {"unknown", "PROXY UNKNOWN\r\n"sv, "none"},
    {"unknown with addresses", "PROXY UNKNOWN 1.2.3.4 5.6.7.8 10 20\r\nx"sv, "none", 1},
    {"unknown with anything", "PROXY UNKNOWN \0\x01\xff\t what?\r\n"sv, "none"},
    {"unknown and a space", "PROXY UNKNOWN \r\n"sv, "none"},
    {"unknown of 107 bytes", kLongestUnknown, "none"},

    {"nothing", ""sv, "more"},
    {"part", "PROXY TCP4 1.2.3.4"sv, "more"},
    {"no line feed yet", "PROXY TCP4 1.2.3.4 5.6.7.8 10 20\r"sv, "more"},

    {"HTTP", "GET / HTTP/1.1\r\n\r\n"sv, "not a header"},
    {"HTTP that begins alike", "PROPFIND / HTTP/1.1\r\n\r\n"sv, "not a header"},
    {"lower case", "proxy TCP4 1.2.3.4 5.6.7.8 10 20\r\n"sv, "not a header"},
    {"a blank before", " PROXY TCP4 1.2.3.4 5.6.7.8 10 20\r\n"sv, "not a header"},
    {"a NUL before", "\0PROXY TCP4 1.2.3.4 5.6.7.8 10 20\r\n"sv, "not a header"},
    {"no space", "PROXYTCP4 1.2.3.4 5.6.7.8 10 20\r\n"sv, "malformed"},
    {"tab", "PROXY\tTCP4 1.2.3.4 5.6.7.8 10 20\r\n"sv, "malformed"},
    {"two spaces after PROXY", "PROXY  TCP4 1.2.3.4 5.6.7.8 10 20\r\n"sv, "malformed"},
    {"two spaces after TCP4", "PROXY TCP4  1.2.3.4 5.6.7.8 10 20\r\n"sv, "malformed"},
    {"two spaces between addresses", "PROXY TCP4 1.2.3.4  5.6.7.8 10 20\r\n"sv, "malformed"},
    {"two spaces between ports", "PROXY TCP4 1.2.3.4 5.6.7.8 10  20\r\n"sv, "malformed"},
    {"tab between", "PROXY TCP4 1.2.3.4\t5.6.7.8 10 20\r\n"sv, "malformed"},
    {"nothing behind PROXY", "PROXY \r\n"sv, "malformed"},
    {"only the protocol", "PROXY TCP4\r\n"sv, "malformed"},
    {"one address", "PROXY TCP4 1.2.3.4\r\n"sv, "malformed"},
    {"no ports", "PROXY TCP4 1.2.3.4 5.6.7.8\r\n"sv, "malformed"},
    {"one port", "PROXY TCP4 1.2.3.4 5.6.7.8 10\r\n"sv, "malformed"},
    {"an empty port", "PROXY TCP4 1.2.3.4 5.6.7.8 10 \r\n"sv, "malformed"},
    {"trailing space", "PROXY TCP4 1.2.3.4 5.6.7.8 10 20 \r\n"sv, "malformed"},
    {"trailing text", "PROXY TCP4 1.2.3.4 5.6.7.8 10 20 x\r\n"sv, "malformed"},
    {"a fifth field", "PROXY TCP4 1.2.3.4 5.6.7.8 10 20 30\r\n"sv, "malformed"},
    {"text at the port", "PROXY TCP4 1.2.3.4 5.6.7.8 10 20x\r\n"sv, "malformed"},
    {"NUL at the port", "PROXY TCP4 1.2.3.4 5.6.7.8 10 20\0\r\n"sv, "malformed"},
    {"port 65536", "PROXY TCP4 1.2.3.4 5.6.7.8 10 65536\r\n"sv, "malformed"},
    {"source port 65536", "PROXY TCP4 1.2.3.4 5.6.7.8 65536 20\r\n"sv, "malformed"},
    {"port that wraps", "PROXY TCP4 1.2.3.4 5.6.7.8 10 4294967316\r\n"sv, "malformed"},
    {"negative port", "PROXY TCP4 1.2.3.4 5.6.7.8 10 -1\r\n"sv, "malformed"},
    {"signed port", "PROXY TCP4 1.2.3.4 5.6.7.8 10 +20\r\n"sv, "malformed"},
    {"hex port", "PROXY TCP4 1.2.3.4 5.6.7.8 10 0x14\r\n"sv, "malformed"},
    {"port with a zero before", "PROXY TCP4 1.2.3.4 5.6.7.8 10 020\r\n"sv, "malformed"},
    {"port 00", "PROXY TCP4 1.2.3.4 5.6.7.8 10 00\r\n"sv, "malformed"},
    {"octet 256", "PROXY TCP4 1.2.3.256 5.6.7.8 10 20\r\n"sv, "malformed"},
    {"octet with a zero before", "PROXY TCP4 01.2.3.4 5.6.7.8 10 20\r\n"sv, "malformed"},
    {"octet 00", "PROXY TCP4 1.2.3.4 5.6.7.00 10 20\r\n"sv, "malformed"},
    {"three octets", "PROXY TCP4 1.2.3 5.6.7.8 10 20\r\n"sv, "malformed"},
    {"five octets", "PROXY TCP4 1.2.3.4.5 5.6.7.8 10 20\r\n"sv, "malformed"},
    {"an empty octet", "PROXY TCP4 1..3.4 5.6.7.8 10 20\r\n"sv, "malformed"},
    {"one number", "PROXY TCP4 16909060 5.6.7.8 10 20\r\n"sv, "malformed"},
    {"hex octet", "PROXY TCP4 0x1.2.3.4 5.6.7.8 10 20\r\n"sv, "malformed"},
    {"NUL in an address", "PROXY TCP4 1.2.3.4\0.9 5.6.7.8 10 20\r\n"sv, "malformed"},
    {"an address too long",
     "PROXY TCP4 1.2.3.4567890123456789012345678901234567890123 5.6.7.8 1 2\r\n"sv, "malformed"},
    {"v6 as TCP4", "PROXY TCP4 ::1 ::1 10 20\r\n"sv, "malformed"},
    {"v4 as TCP6", "PROXY TCP6 1.2.3.4 5.6.7.8 10 20\r\n"sv, "malformed"},
    {"mixed families", "PROXY TCP6 ::1 5.6.7.8 10 20\r\n"sv, "malformed"},
    {"v6 with a zone", "PROXY TCP6 fe80::1%lo ::1 10 20\r\n"sv, "malformed"},
    {"v6 in brackets", "PROXY TCP6 [::1] ::1 10 20\r\n"sv, "malformed"},
    {"v6 of seven sets", "PROXY TCP6 1:2:3:4:5:6:7 ::1 10 20\r\n"sv, "malformed"},
    {"v6 of nine sets", "PROXY TCP6 1:2:3:4:5:6:7:8:9 ::1 10 20\r\n"sv, "malformed"},
    {"v6 with two double colons", "PROXY TCP6 1::2::3 ::1 10 20\r\n"sv, "malformed"},
    {"v6 with five digits", "PROXY TCP6 12345::1 ::1 10 20\r\n"sv, "malformed"},
    {"v6 of four hundred bits", "PROXY TCP6 ::00001 ::1 10 20\r\n"sv, "malformed"},
    {"UDP", "PROXY UDP4 1.2.3.4 5.6.7.8 10 20\r\n"sv, "protocol"},
    {"TCP5", "PROXY TCP5 1.2.3.4 5.6.7.8 10 20\r\n"sv, "protocol"},
    {"lower case protocol", "PROXY tcp4 1.2.3.4 5.6.7.8 10 20\r\n"sv, "protocol"},
    {"unknown with more letters", "PROXY UNKNOWNX\r\n"sv, "protocol"},

    {"line feed alone", "PROXY TCP4 1.2.3.4 5.6.7.8 10 20\n"sv, "malformed"},
    {"carriage return alone", "PROXY TCP4 1.2.3.4 5.6.7.8 10 20\rx"sv, "malformed"},
    {"two carriage returns", "PROXY TCP4 1.2.3.4 5.6.7.8 10 20\r\r\n"sv, "malformed"},
    {"line feed within unknown", "PROXY UNKNOWN a\nb\r\n"sv, "malformed"},
    {"carriage return within unknown", "PROXY UNKNOWN a\rb\r\n"sv, "malformed"},
    {"line feed at once", "PROXY \n"sv, "malformed"},
};

TEST(ProxyV1, Rows) {
  for (const V1Row& row : kV1Rows) {
    SCOPED_TRACE(row.name);
    const PreambleOutcome outcome = ParseAllWays(row.text, ParseV1);
    EXPECT_EQ(outcome.meaning, row.meaning);
    if (outcome.bytes != 0 && outcome.meaning != "more") {
      EXPECT_EQ(outcome.bytes + row.left, row.text.size());
    }
  }
}

TEST(ProxyV1, LinesOver107BytesAreRefused) {
  const auto unknown_of = [](size_t bytes) {
    std::string line = "PROXY UNKNOWN ";
    line.resize(bytes - 2, 'x');
    return line + "\r\n";
  };
  EXPECT_EQ(ParseAllWays(unknown_of(107), ParseV1).meaning, "none");
  EXPECT_EQ(ParseAllWays(unknown_of(108), ParseV1).meaning, "malformed");  // its line feed is 108th
  EXPECT_EQ(ParseAllWays(unknown_of(109), ParseV1).meaning, "malformed");
  EXPECT_EQ(ParseAllWays(unknown_of(5000), ParseV1).meaning, "malformed");
}

std::string Written(const Preamble& preamble) {
  char buffer[kProxyV1BytesMax];
  ByteWriter writer(buffer, sizeof(buffer));
  EXPECT_TRUE(WriteProxyV1(preamble, writer));
  return std::string(writer.bytes());
}

TEST(ProxyV1, WhatIsWrittenIsUnderstood) {
  for (const V1Row& row : kV1Rows) {
    Preamble preamble, again;
    if (ParseProxyV1(row.text, &preamble).result != PreambleResult::kDone) continue;
    SCOPED_TRACE(row.name);
    const std::string text = Written(preamble);
    EXPECT_EQ(ParseProxyV1(text, &again), PreambleParse::Done(text.size()));
    EXPECT_EQ(again, preamble);
  }
  EXPECT_EQ(Written({}), "PROXY UNKNOWN\r\n");
  Preamble preamble;
  ASSERT_EQ(ParseProxyV1(kLongestV6, &preamble).result, PreambleResult::kDone);
  EXPECT_EQ(Written(preamble), kLongestV6);
  ASSERT_EQ(ParseProxyV1(kV1Rows[0].text, &preamble).result, PreambleResult::kDone);
  EXPECT_EQ(Written(preamble), kV1Rows[0].text);
}

TEST(ProxyV1, DoesNotWriteHalfALine) {
  Preamble preamble;
  ASSERT_EQ(ParseProxyV1(kV1Rows[0].text, &preamble).result, PreambleResult::kDone);
  char buffer[kProxyV1BytesMax];
  for (size_t room = 0; room < kV1Rows[0].text.size(); ++room) {
    ByteWriter writer(buffer, room);
    EXPECT_FALSE(WriteProxyV1(preamble, writer));
    EXPECT_EQ(writer.written(), 0u);
  }
}

}  // namespace
}  // namespace proto
