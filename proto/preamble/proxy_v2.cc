#include "proto/preamble/proxy_v2.h"

#include <algorithm>
#include <cstring>

#include "proto/preamble/crc32c.h"
#include "proto/preamble/proxy_tlv.h"
#include "proto/wire/byte_reader.h"

namespace proto {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kSignature = "\r\n\r\n\0\r\nQUIT\n"sv;
constexpr uint8_t kVersion = 0x20;
constexpr uint8_t kLocal = 0;
constexpr uint8_t kProxy = 1;
constexpr uint8_t kTcp4 = 0x11;
constexpr uint8_t kTcp6 = 0x21;
constexpr size_t kChecksumBytes = 4;

// By family: unspecified, IPv4, IPv6, unix.
constexpr size_t kAddressBytes[] = {0, 12, 36, 216};
constexpr uint8_t kFamilies = 4;
constexpr uint8_t kTransports = 3;

struct Fixed {
  uint8_t command = 0;
  uint8_t family = 0;
  uint8_t transport = 0;
  size_t length = 0;
};

// The first 16 bytes, or as many as there are.
PreambleParse ParseFixed(std::string_view received, Fixed* fixed) {
  const size_t marked = std::min(received.size(), kSignature.size());
  if (received.substr(0, marked) != kSignature.substr(0, marked)) {
    return PreambleParse::Bad(PreambleError::kNotHeader);
  }
  ByteReader reader(received.substr(marked));
  uint8_t version_command;
  if (!reader.ReadU8(&version_command)) return PreambleParse::NeedMore(kProxyV2FixedBytes);
  fixed->command = version_command & 0x0f;
  if ((version_command & 0xf0) != kVersion || fixed->command > kProxy) {
    return PreambleParse::Bad(PreambleError::kMalformed);
  }
  uint8_t family_transport;
  if (!reader.ReadU8(&family_transport)) return PreambleParse::NeedMore(kProxyV2FixedBytes);
  fixed->family = family_transport >> 4;
  fixed->transport = family_transport & 0x0f;
  // Of LOCAL the family is ignored, whatever it is.
  if (fixed->command == kProxy && (fixed->family >= kFamilies || fixed->transport >= kTransports)) {
    return PreambleParse::Bad(PreambleError::kProtocol);
  }
  uint16_t length;
  if (!reader.ReadU16(&length)) return PreambleParse::NeedMore(kProxyV2FixedBytes);
  fixed->length = length;
  if (fixed->command == kProxy && fixed->transport != 0 && length < kAddressBytes[fixed->family]) {
    return PreambleParse::Bad(PreambleError::kMalformed);
  }
  return PreambleParse::NeedMore(kProxyV2FixedBytes + length);
}

// The whole header's checksum with that field taken as zeroes.
bool IsChecksumGood(std::string_view header, std::string_view value) {
  ByteReader reader(value);
  uint32_t expected;
  if (value.size() != kChecksumBytes || !reader.ReadU32(&expected)) return false;
  const size_t at = size_t(value.data() - header.data());
  uint32_t crc = Crc32c(header.substr(0, at));
  crc = ExtendCrc32c(crc, "\0\0\0\0"sv);
  return ExtendCrc32c(crc, header.substr(at + kChecksumBytes)) == expected;
}

enum class TlvVerdict : uint8_t { kGood, kBroken, kWrong };

TlvVerdict Judge(std::string_view header, std::string_view tlvs) {
  ProxyTlvReader reader(tlvs);
  ProxyTlv tlv;
  bool wrong = false;
  while (reader.Next(&tlv)) {
    if (tlv.type == ProxyTlvType::kCrc32c) wrong = wrong || !IsChecksumGood(header, tlv.value);
    if (tlv.type == ProxyTlvType::kUniqueId) {
      wrong = wrong || tlv.value.size() > kProxyUniqueIdBytesMax;
    }
  }
  if (reader.bad()) return TlvVerdict::kBroken;
  return wrong ? TlvVerdict::kWrong : TlvVerdict::kGood;
}

void ReadAddresses(std::string_view bytes, size_t ip_bytes, Preamble* preamble) {
  ByteReader reader(bytes);
  std::string_view source, destination;
  const bool whole =
      reader.ReadBytes(ip_bytes, &source) && reader.ReadBytes(ip_bytes, &destination) &&
      reader.ReadU16(&preamble->source.port) && reader.ReadU16(&preamble->destination.port);
  if (!whole) return;  // the length was checked
  std::memcpy(preamble->source.ip, source.data(), ip_bytes);
  std::memcpy(preamble->destination.ip, destination.data(), ip_bytes);
}

}  // namespace

PreambleParse ParseProxyV2(std::string_view received, ProxyV2Header* header) {
  Fixed fixed;
  const PreambleParse begun = ParseFixed(received, &fixed);
  if (begun.result == PreambleResult::kBad || received.size() < begun.bytes) return begun;
  const std::string_view whole = received.substr(0, begun.bytes);
  const std::string_view block = whole.substr(kProxyV2FixedBytes);
  *header = {};
  if (fixed.command == kLocal || fixed.family == 0 || fixed.transport == 0) {
    const size_t skipped = fixed.family < kFamilies ? kAddressBytes[fixed.family] : 0;
    const std::string_view tlvs = block.substr(std::min(skipped, block.size()));
    switch (Judge(whole, tlvs)) {
      case TlvVerdict::kWrong:
        return PreambleParse::Bad(PreambleError::kMalformed);
      case TlvVerdict::kGood:
        if (fixed.command == kProxy) header->tlvs = tlvs;
        break;
      case TlvVerdict::kBroken:
        break;
    }
    return PreambleParse::Done(begun.bytes);
  }
  const size_t address_bytes = kAddressBytes[fixed.family];
  header->tlvs = block.substr(address_bytes);
  if (Judge(whole, header->tlvs) != TlvVerdict::kGood) {
    return PreambleParse::Bad(PreambleError::kMalformed);
  }
  const uint8_t protocol = uint8_t(fixed.family << 4 | fixed.transport);
  if (protocol == kTcp4 || protocol == kTcp6) {
    const bool is_v4 = protocol == kTcp4;
    header->preamble.family = is_v4 ? PreambleFamily::kIpv4 : PreambleFamily::kIpv6;
    ReadAddresses(block.substr(0, address_bytes), is_v4 ? 4 : 16, &header->preamble);
  }
  return PreambleParse::Done(begun.bytes);
}

bool WriteProxyV2(const Preamble& preamble, std::string_view tlvs, bool crc32c, ByteWriter& writer,
                  std::string_view more) {
  const bool is_local = preamble.family == PreambleFamily::kNone;
  const bool is_v4 = preamble.family == PreambleFamily::kIpv4;
  const size_t ip_bytes = is_local ? 0 : is_v4 ? 4 : 16;
  const size_t address_bytes = is_local ? 0 : 2 * ip_bytes + 4;
  const size_t checksum_bytes = crc32c ? kProxyTlvHeaderBytes + kChecksumBytes : 0;
  const size_t length = address_bytes + checksum_bytes + tlvs.size() + more.size();
  if (length > UINT16_MAX || writer.room() < kProxyV2FixedBytes + length) return false;
  const size_t start = writer.written();
  bool good = writer.WriteBytes(kSignature) &&
              writer.WriteU8(uint8_t(kVersion | (is_local ? kLocal : kProxy))) &&
              writer.WriteU8(is_local ? 0
                             : is_v4  ? kTcp4
                                      : kTcp6) &&
              writer.WriteU16(uint16_t(length));
  if (!is_local) {
    const auto ip_of = [&](const PreambleEndpoint& endpoint) {
      return std::string_view(reinterpret_cast<const char*>(endpoint.ip), ip_bytes);
    };
    good = good && writer.WriteBytes(ip_of(preamble.source)) &&
           writer.WriteBytes(ip_of(preamble.destination)) &&
           writer.WriteU16(preamble.source.port) && writer.WriteU16(preamble.destination.port);
  }
  size_t checksum_at = 0;
  if (crc32c) {
    good = good && WriteProxyTlv(ProxyTlvType::kCrc32c, "\0\0\0\0"sv, writer);
    checksum_at = writer.written() - kChecksumBytes;
  }
  good = good && writer.WriteBytes(tlvs) && writer.WriteBytes(more);
  if (good && crc32c) writer.PatchU32(checksum_at, Crc32c(writer.bytes().substr(start)));
  return good;
}

}  // namespace proto
