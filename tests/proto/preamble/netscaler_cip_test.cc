// NetScaler's header: both of its forms, and what is refused.

#include "proto/preamble/netscaler_cip.h"

#include "tests/proto/preamble/preamble_ways.h"

namespace proto {
namespace {

using namespace std::string_literals;

constexpr uint32_t kMagic = 0x01020304;

std::string U16(size_t value) { return {char(value >> 8), char(value)}; }
std::string U32(size_t value) { return U16(value >> 16) + U16(value & 0xffff); }

std::string Tcp(size_t options = 0) {
  return U16(1234) + U16(80) + std::string(8, '\1') + char(0x50 + options / 4 * 16) + "\x02" +
         std::string(6, '\0') + std::string(options, '\1');
}
std::string V4(size_t options = 0, int protocol = 6) {
  return std::string(1, char(0x45 + options / 4)) + '\0' + U16(40) + U32(0) + '\x40' +
         char(protocol) + U16(0) + "\x09\x08\x07\x06\x05\x04\x03\x02"s + std::string(options, '\1');
}
std::string V6(int protocol = 6) {
  return "\x60\0\0\0"s + U16(20) + char(protocol) + '\x40' + std::string(15, '\0') + "\x01" +
         std::string(15, '\0') + "\x02";
}
std::string Old(const std::string& packet) { return U32(kMagic) + U32(packet.size()) + packet; }
std::string New(const std::string& packet, int type = 1) {
  return U32(kMagic) + U32(12 + packet.size()) + U16(size_t(type)) + U16(packet.size()) + packet;
}

PreambleOutcome ParseCip(std::string_view bytes) {
  Preamble preamble;
  const PreambleParse parse = ParseNetscalerCip(bytes, kMagic, &preamble);
  return {MeaningOf(parse, preamble), parse.bytes};
}

struct CipRow {
  const char* name;
  std::string text;
  const char* meaning;
  size_t left = 0;
};

const char* const kCipV4Text = "9.8.7.6 1234 5.4.3.2 80";

const CipRow kCipRows[] = {
    {"old v4", Old(V4() + Tcp()), kCipV4Text},
    {"new v4", New(V4() + Tcp()), kCipV4Text},
    {"old v6", Old(V6() + Tcp()), "::1 1234 ::2 80"},
    {"new v6", New(V6() + Tcp()), "::1 1234 ::2 80"},
    {"data follows", Old(V4() + Tcp()) + "GET /", kCipV4Text, 5},
    {"data follows the new one", New(V4() + Tcp()) + "GET /", kCipV4Text, 5},
    {"IP options", Old(V4(40) + Tcp()), kCipV4Text},
    {"TCP options", New(V4() + Tcp(40)), kCipV4Text},
    {"all options", New(V4(40) + Tcp(40)), kCipV4Text},
    {"padding", New(V4() + Tcp() + "pad!"), kCipV4Text},

    {"nothing", "", "more"},
    {"half a magic number", U16(0x0102), "more"},
    {"no packet yet", Old(V4() + Tcp()).substr(0, 12), "more"},
    {"half a packet", New(V4() + Tcp()).substr(0, 40), "more"},

    {"another magic number", U32(0x01020305) + U32(40) + V4() + Tcp(), "not a header"},
    {"HTTP", "GET / HTTP/1.1\r\n\r\n", "not a header"},
    {"type 2", New(V4() + Tcp(), 2), "protocol"},
    {"type 0", New(V4() + Tcp(), 0), "protocol"},
    {"type 12", New(V4() + Tcp(), 12), "protocol"},
    {"type 256", New(V4() + Tcp(), 256), "protocol"},
    {"type 65535", New(V6() + Tcp(), 65535), "protocol"},
    {"IP version 5", Old("\x55" + V4().substr(1) + Tcp()), "protocol"},
    {"new, IP version 5", New("\x55" + V4().substr(1) + Tcp()), "protocol"},
    {"UDP", Old(V4(0, 17) + Tcp()), "protocol"},
    {"UDP over v6", New(V6(17) + Tcp()), "protocol"},
    {"v6 extension header", New(V6(0) + Tcp()), "protocol"},
    {"IP header of 16 bytes", Old("\x44" + V4().substr(1) + Tcp()), "malformed"},
    {"IP header longer than it all", Old("\x4f" + V4().substr(1) + Tcp()), "malformed"},
    {"v6 in the length of v4", Old((V6() + Tcp()).substr(0, 40)), "malformed"},
    {"v6 one byte short", New((V6() + Tcp()).substr(0, 59)), "malformed"},
    {"39 bytes", Old((V4() + Tcp()).substr(0, 39)), "malformed"},
    {"no bytes", Old("") + V4() + Tcp(), "malformed"},
    {"too long", Old(V4() + Tcp() + std::string(500, 'x')), "malformed"},
    {"4 GB", U32(kMagic) + U32(0xffffffff) + V4() + Tcp(), "malformed"},
    {"new, too long", New(V4() + Tcp() + std::string(500, 'x')), "malformed"},
};

TEST(NetscalerCip, Rows) {
  for (const CipRow& row : kCipRows) {
    SCOPED_TRACE(row.name);
    const PreambleOutcome outcome = ParseAllWays(row.text, ParseCip);
    EXPECT_EQ(outcome.meaning, row.meaning);
    if (outcome.bytes != 0 && outcome.meaning != "more") {
      EXPECT_EQ(outcome.bytes + row.left, row.text.size());
    }
  }
}

TEST(NetscalerCip, TheMagicNumberIsTheCallers) {
  Preamble preamble;
  const std::string text = U32(0xfedcba98) + U32(40) + V4() + Tcp();
  EXPECT_EQ(ParseNetscalerCip(text, 0xfedcba98, &preamble), PreambleParse::Done(48));
  EXPECT_EQ(ParseNetscalerCip(text, 0xfedcba99, &preamble).error, PreambleError::kNotHeader);
}

}  // namespace
}  // namespace proto
