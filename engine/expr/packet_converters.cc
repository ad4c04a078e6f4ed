#include <cstring>

#include "engine/expr/converters.h"

namespace engine {
namespace {

uint8_t Byte(std::string_view bytes, size_t at) { return uint8_t(bytes[at]); }
uint32_t Number(std::string_view bytes, size_t at, size_t count) {
  uint32_t number = 0;
  for (size_t i = 0; i < count; ++i) number = number << 8 | Byte(bytes, at + i);
  return number;
}

bool Give(Sample& sample, std::string_view bytes) {
  sample.SetBinary(bytes);
  return true;
}
bool Give(Sample& sample, int64_t number) {
  sample.SetInteger(number);
  return true;
}

// Ethernet ----------------------------------------------------------------------------------------

constexpr size_t kMacBytes = 6;

// The frame's header: both addresses, any number of VLAN tags, the type. 0: it is cut.
size_t EthernetHeaderBytes(std::string_view frame) {
  size_t at = 2 * kMacBytes;
  while (frame.size() >= at + 2) {
    const uint32_t type = Number(frame, at, 2);
    if (type != 0x8100 && type != 0x88a8) return at + 2;
    at += 4;
  }
  return 0;
}

bool EthernetData(const PreparedUnit&, Sample& sample, EvalContext&) {
  const size_t header = EthernetHeaderBytes(sample.text);
  return header > 0 && Give(sample, sample.text.substr(header));
}
bool EthernetHeader(const PreparedUnit&, Sample& sample, EvalContext&) {
  const size_t header = EthernetHeaderBytes(sample.text);
  return header > 0 && Give(sample, sample.text.substr(0, header));
}
bool EthernetProtocol(const PreparedUnit&, Sample& sample, EvalContext&) {
  const size_t header = EthernetHeaderBytes(sample.text);
  return header > 0 && Give(sample, Number(sample.text, header - 2, 2));
}
// The last one.
bool EthernetVlan(const PreparedUnit&, Sample& sample, EvalContext&) {
  const size_t header = EthernetHeaderBytes(sample.text);
  return header > 2 * kMacBytes + 2 && Give(sample, Number(sample.text, header - 4, 2) & 0xfff);
}
template <size_t kAt>
bool EthernetAddress(const PreparedUnit&, Sample& sample, EvalContext&) {
  return sample.text.size() >= kAt + kMacBytes && Give(sample, sample.text.substr(kAt, kMacBytes));
}

// IP ----------------------------------------------------------------------------------------------

struct IpHeader {
  bool is_v6 = false;
  size_t bytes = 0;  // with options or extensions
  uint8_t protocol = 0;
  uint8_t service = 0;
  uint8_t hops = 0;
  bool never_fragmented = true;
  bool has_options = false;
};

bool ReadV4(std::string_view packet, IpHeader* header) {
  constexpr size_t kLeastBytes = 20;
  header->bytes = size_t(Byte(packet, 0) & 15) * 4;
  if (header->bytes < kLeastBytes || packet.size() < header->bytes) return false;
  header->service = Byte(packet, 1);
  header->never_fragmented = (Byte(packet, 6) & 0x40) != 0;
  header->hops = Byte(packet, 8);
  header->protocol = Byte(packet, 9);
  header->has_options = header->bytes > kLeastBytes;
  return true;
}

// RFC 8200 section 4: the extensions that say how long they are.
bool IsExtension(uint8_t protocol) {
  return protocol == 0 || protocol == 43 || protocol == 44 || protocol == 51 || protocol == 60 ||
         protocol == 135;
}

bool ReadV6(std::string_view packet, IpHeader* header) {
  constexpr size_t kFixedBytes = 40;
  if (packet.size() < kFixedBytes) return false;
  header->is_v6 = true;
  header->service = uint8_t(Number(packet, 0, 2) >> 4);
  header->hops = Byte(packet, 7);
  header->protocol = Byte(packet, 6);
  header->bytes = kFixedBytes;
  while (IsExtension(header->protocol)) {
    if (packet.size() < header->bytes + 8) return false;
    const uint8_t next = Byte(packet, header->bytes);
    const size_t length = Byte(packet, header->bytes + 1);
    // The fragment's has a fixed size, the authentication header counts words of four bytes.
    header->bytes += header->protocol == 44   ? 8
                     : header->protocol == 51 ? (length + 2) * 4
                                              : (length + 1) * 8;
    header->protocol = next;
    header->has_options = true;
    if (packet.size() < header->bytes) return false;
  }
  return true;
}

bool ReadIp(std::string_view packet, IpHeader* header) {
  if (packet.size() < 20) return false;
  const int version = Byte(packet, 0) >> 4;
  return version == 4 ? ReadV4(packet, header) : version == 6 && ReadV6(packet, header);
}

bool IpData(const PreparedUnit&, Sample& sample, EvalContext&) {
  IpHeader header;
  return ReadIp(sample.text, &header) && Give(sample, sample.text.substr(header.bytes));
}
bool IpHeaderBytes(const PreparedUnit&, Sample& sample, EvalContext&) {
  IpHeader header;
  return ReadIp(sample.text, &header) && Give(sample, sample.text.substr(0, header.bytes));
}
bool IpNeverFragmented(const PreparedUnit&, Sample& sample, EvalContext&) {
  IpHeader header;
  return ReadIp(sample.text, &header) && Give(sample, header.never_fragmented ? 1 : 0);
}
template <uint8_t IpHeader::*kField>
bool IpField(const PreparedUnit&, Sample& sample, EvalContext&) {
  IpHeader header;
  return ReadIp(sample.text, &header) && Give(sample, header.*kField);
}
bool IpVersion(const PreparedUnit&, Sample& sample, EvalContext&) {
  return !sample.text.empty() && Give(sample, Byte(sample.text, 0) >> 4);
}

// The source's, or the destination's.
std::string_view AddressBytes(std::string_view packet, const IpHeader& header, bool source) {
  if (header.is_v6) return packet.substr(source ? 8 : 24, 16);
  return packet.substr(source ? 12 : 16, 4);
}

template <bool kSource>
bool IpAddress(const PreparedUnit&, Sample& sample, EvalContext& context) {
  IpHeader header;
  if (!ReadIp(sample.text, &header)) return false;
  sample.SetBinary(AddressBytes(sample.text, header, kSource));
  return Cast(sample, SampleKind::kAddress, context.scratch());
}

// TCP ---------------------------------------------------------------------------------------------

constexpr size_t kTcpBytes = 20;
constexpr size_t kTcpOptionsMax = 40;

struct TcpHeader {
  size_t bytes = 0;
  std::string_view kinds;  // of its options, in their order
  char kind_bytes[kTcpOptionsMax];
  bool has_mss = false, has_scale = false, has_sack = false, has_timestamp = false;
  uint16_t mss = 0;
  uint8_t scale = 0;
  uint32_t timestamp = 0;
};

void TakeOption(uint8_t kind, std::string_view value, TcpHeader* header) {
  if (kind == 2 && value.size() == 2) {
    header->has_mss = true;
    header->mss = uint16_t(Number(value, 0, 2));
  } else if (kind == 3 && value.size() == 1) {
    header->has_scale = true;
    header->scale = Byte(value, 0);
  } else if (kind == 4) {
    header->has_sack = true;
  } else if (kind == 8 && value.size() == 8) {
    header->has_timestamp = true;
    header->timestamp = Number(value, 0, 4);
  }
}

// RFC 9293 section 3.1. Options that do not fit end the list.
bool ReadTcp(std::string_view segment, TcpHeader* header) {
  if (segment.size() < kTcpBytes) return false;
  header->bytes = size_t(Byte(segment, 12) >> 4) * 4;
  if (header->bytes < kTcpBytes || segment.size() < header->bytes) return false;
  size_t count = 0;
  for (size_t at = kTcpBytes; at < header->bytes;) {
    const uint8_t kind = Byte(segment, at);
    if (kind == 0) break;
    size_t length = 1;
    if (kind != 1) {
      if (at + 1 >= header->bytes) break;
      length = Byte(segment, at + 1);
      if (length < 2 || at + length > header->bytes) break;
      TakeOption(kind, segment.substr(at + 2, length - 2), header);
    }
    header->kind_bytes[count++] = char(kind);
    at += length;
  }
  header->kinds = {header->kind_bytes, count};
  return true;
}

template <size_t kAt, size_t kCount>
bool TcpNumber(const PreparedUnit&, Sample& sample, EvalContext&) {
  return sample.text.size() >= kTcpBytes && Give(sample, Number(sample.text, kAt, kCount));
}

bool TcpMss(const PreparedUnit&, Sample& sample, EvalContext&) {
  TcpHeader header;
  return ReadTcp(sample.text, &header) && Give(sample, header.mss);
}
bool TcpScale(const PreparedUnit&, Sample& sample, EvalContext&) {
  TcpHeader header;
  return ReadTcp(sample.text, &header) && Give(sample, header.scale);
}
bool TcpTimestamp(const PreparedUnit&, Sample& sample, EvalContext&) {
  TcpHeader header;
  return ReadTcp(sample.text, &header) && header.has_timestamp && Give(sample, header.timestamp);
}
template <bool TcpHeader::*kHas>
bool TcpHas(const PreparedUnit&, Sample& sample, EvalContext&) {
  TcpHeader header;
  return ReadTcp(sample.text, &header) && Give(sample, header.*kHas ? 1 : 0);
}
bool TcpOptionsList(const PreparedUnit&, Sample& sample, EvalContext& context) {
  TcpHeader header;
  if (!ReadTcp(sample.text, &header)) return false;
  char* kinds = context.scratch().Take(header.kinds.size());
  if (kinds == nullptr) return false;
  std::memcpy(kinds, header.kinds.data(), header.kinds.size());
  return Give(sample, std::string_view(kinds, header.kinds.size()));
}

// The fingerprint --------------------------------------------------------------------------------

enum FingerprintMode : int64_t { kWithHops = 1, kWithOptions = 2, kWithSource = 4 };

uint8_t HopsClass(uint8_t hops) { return hops <= 32 ? 0 : hops <= 64 ? 1 : hops <= 128 ? 2 : 3; }

uint8_t OptionBits(std::string_view kinds) {
  uint8_t bits = 0;
  for (const char c : kinds) {
    const auto kind = uint8_t(c);
    if (kind >= 2 && kind <= 8) bits |= uint8_t(1u << (kind - 2));
    if (kind >= 9) bits |= 0x80;
  }
  return bits;
}

bool Fingerprint(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  constexpr size_t kBytesMax = 8 + 1 + kTcpOptionsMax + 16;
  IpHeader ip;
  TcpHeader tcp;
  const std::string_view packet = sample.text;
  if (!ReadIp(packet, &ip) || ip.protocol != 6) return false;
  const std::string_view segment = packet.substr(ip.bytes);
  char* print = context.scratch().Take(kBytesMax);
  if (print == nullptr || !ReadTcp(segment, &tcp)) return false;
  const uint8_t flags = Byte(segment, 13);
  const bool has_data = segment.size() > tcp.bytes;
  print[0] = char(ip.service);
  print[1] = char(ip.is_v6 << 7 | ip.never_fragmented << 6 | HopsClass(ip.hops) << 4 |
                  ip.has_options << 3 | has_data << 2 | (flags & 0x80) >> 6 | (flags & 0x40) >> 6);
  print[2] = char(tcp.bytes / 4 << 4 | (tcp.has_scale ? (tcp.scale + 1) & 15 : 0));
  print[3] = segment[14];
  print[4] = segment[15];
  print[5] = char(tcp.mss >> 8);
  print[6] = char(tcp.mss);
  print[7] = char(OptionBits(tcp.kinds));
  size_t used = 8;
  const int64_t mode = unit.arguments.number(0, 0);
  if ((mode & kWithHops) != 0) print[used++] = char(ip.hops);
  if ((mode & kWithOptions) != 0) {
    std::memcpy(print + used, tcp.kinds.data(), tcp.kinds.size());
    used += tcp.kinds.size();
  }
  if ((mode & kWithSource) != 0) {
    const std::string_view source = AddressBytes(packet, ip, true);
    std::memcpy(print + used, source.data(), source.size());
    used += source.size();
  }
  return Give(sample, std::string_view(print, used));
}

constexpr ArgumentSpec kMode[] = {{"mode", ArgumentType::kInteger, kOptional}};

using kind::kBinary;
using kind::kNumber;
constexpr SampleKind kIp = SampleKind::kAddress;

constexpr ConverterSpec kPacketConverters[] = {
    {"eth.data", kBinary, kBinary, {}, &EthernetData},
    {"eth.dst", kBinary, kBinary, {}, &EthernetAddress<0>},
    {"eth.hdr", kBinary, kBinary, {}, &EthernetHeader},
    {"eth.proto", kBinary, kNumber, {}, &EthernetProtocol},
    {"eth.src", kBinary, kBinary, {}, &EthernetAddress<kMacBytes>},
    {"eth.vlan", kBinary, kNumber, {}, &EthernetVlan},
    {"ip.data", kBinary, kBinary, {}, &IpData},
    {"ip.df", kBinary, kNumber, {}, &IpNeverFragmented},
    {"ip.dst", kBinary, kIp, {}, &IpAddress<false>},
    {"ip.fp", kBinary, kBinary, kMode, &Fingerprint},
    {"ip.hdr", kBinary, kBinary, {}, &IpHeaderBytes},
    {"ip.proto", kBinary, kNumber, {}, &IpField<&IpHeader::protocol>},
    {"ip.src", kBinary, kIp, {}, &IpAddress<true>},
    {"ip.tos", kBinary, kNumber, {}, &IpField<&IpHeader::service>},
    {"ip.ttl", kBinary, kNumber, {}, &IpField<&IpHeader::hops>},
    {"ip.ver", kBinary, kNumber, {}, &IpVersion},
    {"tcp.dst", kBinary, kNumber, {}, &TcpNumber<2, 2>},
    {"tcp.flags", kBinary, kNumber, {}, &TcpNumber<13, 1>},
    {"tcp.options.mss", kBinary, kNumber, {}, &TcpMss},
    {"tcp.options.sack", kBinary, kNumber, {}, &TcpHas<&TcpHeader::has_sack>},
    {"tcp.options.tsopt", kBinary, kNumber, {}, &TcpHas<&TcpHeader::has_timestamp>},
    {"tcp.options.tsval", kBinary, kNumber, {}, &TcpTimestamp},
    {"tcp.options.wscale", kBinary, kNumber, {}, &TcpScale},
    {"tcp.options.wsopt", kBinary, kNumber, {}, &TcpHas<&TcpHeader::has_scale>},
    {"tcp.options_list", kBinary, kBinary, {}, &TcpOptionsList},
    {"tcp.seq", kBinary, kNumber, {}, &TcpNumber<4, 4>},
    {"tcp.src", kBinary, kNumber, {}, &TcpNumber<0, 2>},
    {"tcp.win", kBinary, kNumber, {}, &TcpNumber<14, 2>},
};

}  // namespace

std::span<const ConverterSpec> PacketConverters() { return kPacketConverters; }

}  // namespace engine
