#include "proto/tls/client_hello.h"

#include <cstring>

#include "proto/wire/byte_reader.h"

namespace proto {
namespace {

constexpr uint8_t kHandshakeRecord = 22;
constexpr uint8_t kClientHelloType = 1;
constexpr uint8_t kServerHelloType = 2;
constexpr size_t kRecordBytesMax = 16384;
constexpr size_t kHeaderBytes = 4;         // type and length of a message
constexpr size_t kHelloBytesMax = 131400;  // with all its lists full (RFC 8446 section 4.1.2)

enum Extension : uint16_t {
  kServerName = 0,
  kSupportedGroups = 10,
  kSignatureAlgorithms = 13,
  kAlpn = 16,
  kSessionTicket = 35,
  kKeyShare = 51,
};

// A handshake message, which lies in one record or piece by piece in several (RFC 8446 section
// 5.1).
struct Message {
  uint16_t record_version = 0;
  uint8_t type = 0;
  size_t bytes = 0;  // with its header
  size_t records = 0;
  std::string_view records_text;  // all of them
};

// The record that `reader` stands at.
HelloResult TakeRecord(ByteReader& reader, uint16_t* version, std::string_view* piece) {
  uint8_t type = 0;
  uint16_t length = 0;
  if (!reader.ReadU8(&type)) return HelloResult::kNeedMore;
  if (type != kHandshakeRecord) return HelloResult::kBad;
  if (!reader.ReadU16(version) || !reader.ReadU16(&length)) return HelloResult::kNeedMore;
  // An empty piece of a message may not be sent.
  if (*version >> 8 != 3 || length > kRecordBytesMax || length == 0) return HelloResult::kBad;
  return reader.ReadBytes(length, piece) ? HelloResult::kDone : HelloResult::kNeedMore;
}

// The hello that `bytes` begin with, whole.
HelloResult FindMessage(std::string_view bytes, Message* message) {
  ByteReader reader(bytes);
  uint32_t header = 0;
  size_t seen = 0;
  message->bytes = kHeaderBytes;
  do {
    uint16_t version = 0;
    std::string_view piece;
    const HelloResult result = TakeRecord(reader, &version, &piece);
    if (result != HelloResult::kDone) return result;
    if (message->records++ == 0) message->record_version = version;
    for (size_t i = 0; i < piece.size() && seen + i < kHeaderBytes; ++i) {
      header = header << 8 | uint8_t(piece[i]);
    }
    seen += piece.size();
    if (seen < kHeaderBytes) continue;
    message->type = uint8_t(header >> 24);
    message->bytes = kHeaderBytes + (header & 0xffffff);
    const bool is_hello = message->type == kClientHelloType || message->type == kServerHelloType;
    if (!is_hello || message->bytes > kHelloBytesMax) return HelloResult::kBad;
  } while (seen < message->bytes);
  message->records_text = bytes.substr(0, reader.position());
  return HelloResult::kDone;
}

// What stands behind the header of a message that was found. False: it lies in several records, and
// `join` is too short for it.
bool TakeBody(const Message& message, std::span<char> join, ByteReader* body) {
  ByteReader reader(message.records_text);
  uint16_t version = 0;
  std::string_view all;
  if (message.records == 1) {
    if (TakeRecord(reader, &version, &all) != HelloResult::kDone) return false;
  } else {
    if (join.size() < message.bytes) return false;
    size_t used = 0;
    for (std::string_view piece; used < message.bytes; used += piece.size()) {
      if (TakeRecord(reader, &version, &piece) != HelloResult::kDone) return false;
      piece = piece.substr(0, message.bytes - used);
      std::memcpy(join.data() + used, piece.data(), piece.size());
    }
    all = {join.data(), used};
  }
  *body = ByteReader(all.substr(kHeaderBytes, message.bytes - kHeaderBytes));
  return true;
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
  Message message;
  const HelloResult result = FindMessage(bytes, &message);
  if (result == HelloResult::kDone) *type = message.type;
  return result;
}

size_t HelloJoinBytes(std::string_view bytes) {
  Message message;
  const bool is_whole = FindMessage(bytes, &message) == HelloResult::kDone;
  return is_whole && message.records > 1 ? message.bytes : 0;
}

HelloResult ReadClientHello(std::string_view bytes, ClientHello* hello, std::span<char> join) {
  *hello = {};
  Message message;
  const HelloResult result = FindMessage(bytes, &message);
  if (result != HelloResult::kDone) return result;
  hello->record_version = message.record_version;
  ByteReader body;
  if (!TakeBody(message, join, &body)) return HelloResult::kBad;
  constexpr size_t kRandomBytes = 32;
  uint8_t id_length = 0;
  uint16_t suites_length = 0;
  uint8_t methods_length = 0;
  const bool good = message.type == kClientHelloType && body.ReadU16(&hello->version) &&
                    body.Skip(kRandomBytes) && body.ReadU8(&id_length) &&
                    body.ReadBytes(id_length, &hello->session_id) && body.ReadU16(&suites_length) &&
                    body.ReadBytes(suites_length, &hello->cipher_suites) &&
                    body.ReadU8(&methods_length) && body.Skip(methods_length) &&
                    ReadExtensions(body, hello);
  return good ? HelloResult::kDone : HelloResult::kBad;
}

}  // namespace proto
