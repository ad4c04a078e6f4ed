// client_hello.h - what the first message of TLS says in clear text (RFC 8446 section 4.1.2), for
// who looks at it without speaking TLS himself.
//
// Owns:    nothing: texts view the bytes given, or `join`.
// Threads: immutable (pure).
// Units:   bytes.
// Errors:  kNeedMore until the message is whole; kBad for what is none.
// States:  none.
//
//   ClientHello hello;
//   if (ReadClientHello(bytes, &hello) == HelloResult::kDone) Use(hello.server_name);

#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace proto {

enum class HelloResult : uint8_t { kDone, kNeedMore, kBad };

struct ClientHello {
  uint16_t record_version = 0;  // of the record layer: 0x0301 is TLS 1.0
  uint16_t version = 0;         // of the message: of TLS 1.3 that of TLS 1.2
  std::string_view session_id;
  std::string_view cipher_suites;  // two bytes each
  std::string_view server_name;    // empty: none is asked for
  std::string_view alpn;           // protocols, each behind its length in a byte
  std::string_view groups;         // supported_groups, two bytes each
  std::string_view signatures;     // signature_algorithms, two bytes each
  std::string_view key_shares;     // each a group, a length in two bytes, the key
  bool has_groups = false;
  bool has_ticket = false;       // the extension is there
  bool has_ticket_data = false;  // and not empty
};

// `bytes` begin with a record. A message that lies in several of them (RFC 8446 section 5.1) is put
// together in `join`, which then holds what `hello` views; where it is too short for that the
// message is kBad.
[[nodiscard]] HelloResult ReadClientHello(std::string_view bytes, ClientHello* hello,
                                          std::span<char> join = {});
// How long `join` must be for these bytes; 0: nothing has to be put together (yet).
size_t HelloJoinBytes(std::string_view bytes);
// The type of the handshake message that `bytes` begin with: 1 from a client, 2 from a server.
[[nodiscard]] HelloResult ReadHelloType(std::string_view bytes, uint8_t* type);

}  // namespace proto
