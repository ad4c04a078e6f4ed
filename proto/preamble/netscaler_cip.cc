#include "proto/preamble/netscaler_cip.h"

#include <algorithm>
#include <cstring>

#include "proto/wire/byte_reader.h"

namespace proto {
namespace {

constexpr size_t kOldFixedBytes = 8;
constexpr size_t kNewFixedBytes = 12;
constexpr uint16_t kNewType = 1;
constexpr uint8_t kTcp = 6;  // IANA protocol number
constexpr size_t kTcpHeaderBytes = 20;
constexpr size_t kIpv4HeaderBytes = 20;
constexpr size_t kIpv6HeaderBytes = 40;

uint8_t ByteAt(std::string_view bytes, size_t offset) { return uint8_t(bytes[offset]); }

// `packet`: IP header and TCP header, and what may follow.
PreambleError ParsePacket(std::string_view packet, Preamble* preamble) {
  if (packet.empty()) return PreambleError::kMalformed;
  const uint8_t version = ByteAt(packet, 0) >> 4;
  const bool is_v4 = version == 4;
  if (!is_v4 && version != 6) return PreambleError::kProtocol;
  const size_t header_bytes = is_v4 ? size_t(ByteAt(packet, 0) & 0x0f) * 4 : kIpv6HeaderBytes;
  if (header_bytes < kIpv4HeaderBytes || packet.size() < header_bytes + kTcpHeaderBytes) {
    return PreambleError::kMalformed;
  }
  if (ByteAt(packet, is_v4 ? 9 : 6) != kTcp) return PreambleError::kProtocol;
  const size_t ip_at = is_v4 ? 12 : 8;
  const size_t ip_bytes = is_v4 ? 4 : 16;
  Preamble parsed;
  parsed.family = is_v4 ? PreambleFamily::kIpv4 : PreambleFamily::kIpv6;
  std::memcpy(parsed.source.ip, packet.data() + ip_at, ip_bytes);
  std::memcpy(parsed.destination.ip, packet.data() + ip_at + ip_bytes, ip_bytes);
  ByteReader tcp(packet.substr(header_bytes));
  if (!tcp.ReadU16(&parsed.source.port) || !tcp.ReadU16(&parsed.destination.port)) {
    return PreambleError::kMalformed;
  }
  *preamble = parsed;
  return PreambleError::kNone;
}

}  // namespace

PreambleParse ParseNetscalerCip(std::string_view received, uint32_t magic, Preamble* preamble) {
  const uint8_t expected[4] = {uint8_t(magic >> 24), uint8_t(magic >> 16), uint8_t(magic >> 8),
                               uint8_t(magic)};
  const size_t marked = std::min(received.size(), sizeof(expected));
  if (marked > 0 && std::memcmp(received.data(), expected, marked) != 0) {
    return PreambleParse::Bad(PreambleError::kNotHeader);
  }
  if (received.size() < kNewFixedBytes) {
    return PreambleParse::NeedMore(kNewFixedBytes);  // shorter than any header there is
  }
  ByteReader reader(received);
  uint32_t unused_magic, first_length;
  uint16_t type, second_length;
  const bool fixed = reader.ReadU32(&unused_magic) && reader.ReadU32(&first_length) &&
                     reader.ReadU16(&type) && reader.ReadU16(&second_length);
  if (!fixed) return PreambleParse::Bad(PreambleError::kMalformed);
  const uint8_t nibble = ByteAt(received, kOldFixedBytes) >> 4;
  const bool is_old = nibble == 4 || nibble == 6;
  if (!is_old && type != kNewType) return PreambleParse::Bad(PreambleError::kProtocol);
  const size_t start = is_old ? kOldFixedBytes : kNewFixedBytes;
  const size_t length = is_old ? first_length : second_length;
  if (length < kIpv4HeaderBytes + kTcpHeaderBytes || length > kNetscalerCipBytesMax - start) {
    return PreambleParse::Bad(PreambleError::kMalformed);
  }
  if (received.size() < start + length) return PreambleParse::NeedMore(start + length);
  const PreambleError error = ParsePacket(received.substr(start, length), preamble);
  return error == PreambleError::kNone ? PreambleParse::Done(start + length)
                                       : PreambleParse::Bad(error);
}

}  // namespace proto
