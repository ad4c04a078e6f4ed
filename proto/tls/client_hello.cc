#include "proto/tls/client_hello.h"

#include "proto/wire/byte_reader.h"

namespace proto {
namespace {

constexpr uint8_t kHandshakeRecord = 22;
constexpr uint8_t kClientHelloType = 1;
constexpr uint8_t kServerHelloType = 2;
constexpr size_t kRecordBytesMax = 16384;

enum Extension : uint16_t {
  kServerName = 0,
  kSupportedGroups = 10,
  kSignatureAlgorithms = 13,
  kAlpn = 16,
  kSessionTicket = 35,
  kSupportedVersions = 43,
  kKeyShare = 51,
};

// The message in the record that `bytes` begin with, whole.
HelloResult TakeMessage(std::string_view bytes, uint16_t* record_version, uint8_t* type,
                        ByteReader* body) {
  ByteReader reader(bytes);
  uint8_t record = 0;
  if (!reader.ReadU8(&record)) return HelloResult::kNeedMore;
  if (record != kHandshakeRecord) return HelloResult::kBad;
  uint16_t length = 0;
  if (!reader.ReadU16(record_version) || !reader.ReadU16(&length)) return HelloResult::kNeedMore;
  if (*record_version >> 8 != 3 || length > kRecordBytesMax || length < 4) {
    return HelloResult::kBad;
  }
  ByteReader inside;
  if (!reader.ReadSection(length, &inside)) return HelloResult::kNeedMore;
  uint32_t message_length = 0;
  if (!inside.ReadU8(type) || !inside.ReadU24(&message_length)) return HelloResult::kBad;
  return inside.ReadSection(message_length, body) ? HelloResult::kDone : HelloResult::kBad;
}

// A list behind its length in two bytes, which it must fill.
bool ReadList(std::string_view value, std::string_view* list) {
  ByteReader reader(value);
  uint16_t length = 0;
  return reader.ReadU16(&length) && reader.ReadBytes(length, list) && reader.empty();
}

// RFC 6066 section 3: the first name of type host_name.
bool ReadServerName(std::string_view value, std::string_view* name) {
  std::string_view list;
  if (!ReadList(value, &list)) return false;
  ByteReader reader(list);
  while (!reader.empty()) {
    uint8_t type = 0;
    uint16_t length = 0;
    std::string_view one;
    if (!reader.ReadU8(&type) || !reader.ReadU16(&length) || !reader.ReadBytes(length, &one)) {
      return false;
    }
    if (type == 0 && name->empty()) *name = one;
  }
  return true;
}

bool ReadExtension(uint16_t type, std::string_view value, ClientHello* hello) {
  switch (type) {
    case kServerName:
      return ReadServerName(value, &hello->server_name);
    case kSupportedGroups:
      hello->has_groups = true;
      return ReadList(value, &hello->groups);
    case kSignatureAlgorithms:
      return ReadList(value, &hello->signatures);
    case kAlpn:
      return ReadList(value, &hello->alpn);
    case kSessionTicket:
      hello->has_ticket = true;
      hello->has_ticket_data = !value.empty();
      return true;
    case kSupportedVersions: {
      ByteReader reader(value);
      uint8_t length = 0;
      return reader.ReadU8(&length) && reader.ReadBytes(length, &hello->versions);
    }
    case kKeyShare:
      return ReadList(value, &hello->key_shares);
    default:
      return true;
  }
}

bool ReadExtensions(ByteReader reader, ClientHello* hello) {
  if (reader.empty()) return true;  // before TLS 1.2 there may be none
  uint16_t length = 0;
  ByteReader all;
  if (!reader.ReadU16(&length) || !reader.ReadSection(length, &all)) return false;
  while (!all.empty()) {
    uint16_t type = 0;
    std::string_view value;
    if (!all.ReadU16(&type) || !all.ReadU16(&length) || !all.ReadBytes(length, &value)) {
      return false;
    }
    if (!ReadExtension(type, value, hello)) return false;
  }
  return true;
}

}  // namespace

HelloResult ReadHelloType(std::string_view bytes, uint8_t* type) {
  uint16_t version = 0;
  ByteReader body;
  const HelloResult result = TakeMessage(bytes, &version, type, &body);
  if (result != HelloResult::kDone) return result;
  return *type == kClientHelloType || *type == kServerHelloType ? HelloResult::kDone
                                                                : HelloResult::kBad;
}

HelloResult ReadClientHello(std::string_view bytes, ClientHello* hello) {
  *hello = {};
  uint8_t type = 0;
  ByteReader body;
  const HelloResult result = TakeMessage(bytes, &hello->record_version, &type, &body);
  if (result != HelloResult::kDone) return result;
  constexpr size_t kRandomBytes = 32;
  uint8_t id_length = 0;
  uint16_t suites_length = 0;
  uint8_t methods_length = 0;
  const bool good =
      type == kClientHelloType && body.ReadU16(&hello->version) && body.Skip(kRandomBytes) &&
      body.ReadU8(&id_length) && body.ReadBytes(id_length, &hello->session_id) &&
      body.ReadU16(&suites_length) && body.ReadBytes(suites_length, &hello->cipher_suites) &&
      body.ReadU8(&methods_length) && body.Skip(methods_length) && ReadExtensions(body, hello);
  return good ? HelloResult::kDone : HelloResult::kBad;
}

}  // namespace proto
