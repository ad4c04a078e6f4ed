// address_words.h - addresses as a configuration writes them (manual 2.9).
//
// Owns:    an AddressWord owns its text. A resolved shard::Address of a unix kind points into the
//          word it came from, or into the text the caller keeps in its place.
// Threads: start-up. Parsing is pure; ResolveHost() may ask the system's resolver and block.
// Units:   ports in host order.
// Errors:  Parsed::error, a sentence without a place: the caller knows the line and the word.
// States:  none.
//
//   Parsed<AddressWord> word = ParseAddress("ipv4@127.0.0.1:8000-8010", kBindAddress);
//   if (word) { ... word.value.literal, word.value.port_low ... }
//
// The port of an IPv6 address is what follows the last colon, unless the address is in brackets, so
// `::1` alone is a malformed address with port 1: write `[::1]`.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/config/value.h"
#include "shard/net/address.h"

namespace engine {

// The longest path that fits a sockaddr_un with its terminator, and the longest abstract name.
inline constexpr size_t kUnixPathBytesMax = 107;

enum class AddressKind : uint8_t {
  kHost,      // IPv4, IPv6 or a name to resolve
  kUnix,      // a path
  kAbstract,  // `abns@`, `abnsz@`
  kFd,        // `fd@`
};

struct AddressWord {
  AddressKind kind = AddressKind::kHost;
  uint16_t family = AF_UNSPEC;  // that the host must have; AF_UNSPEC: what it turns out to be
  bool is_literal = false;      // `literal` holds, without port; otherwise `host` must be resolved
  shard::Address literal;
  std::string host;  // as written, brackets removed
  bool has_port = false;
  uint16_t port_low = 0;
  uint16_t port_high = 0;  // equal to port_low unless a range was given
  // `+N`, `-N`, which is no port: what the client's is moved by.
  int32_t port_offset = 0;
  // A path, or an abstract name; a padded name (`abns@`) carries its NUL bytes.
  std::string path;
  int fd = -1;
};

// What a statement accepts.
enum AddressUse : uint32_t {
  kAllowRange = 1,
  kAllowFd = 2,
  kRequirePort = 4,
  kAllowPortZero = 8,
  kAllowOffset = 16,
};
inline constexpr uint32_t kBindAddress = kAllowRange | kAllowFd | kRequirePort;
// Port 0 is no port: that of the client's destination ("0.0.0.0:0").
inline constexpr uint32_t kServerAddress = kAllowOffset | kAllowPortZero;
inline constexpr uint32_t kSourceAddress = kAllowPortZero;

// One address. No system call is made: a name stays a name.
Parsed<AddressWord> ParseAddress(std::string_view text, uint32_t use);
// The pieces of a comma list (`bind`), empty ones at the end left out.
std::vector<std::string_view> SplitAddressList(std::string_view text);

// The address of `word`, asking the resolver when it is a name: the first answer of the family it
// wants. The port is port_low. For kUnix and kAbstract the result points to word.path; kFd gives an
// empty address.
Parsed<shard::Address> ResolveAddress(const AddressWord& word);

// The same for a kHost that is a name, with gethostbyname2() (-dG, `nogetaddrinfo`): IPv4 unless
// the word wants IPv6.
Parsed<shard::Address> ResolveWithoutGetaddrinfo(const AddressWord& word);

// `owner` becomes the text that a unix address in `address` points to.
void MoveUnixPath(AddressWord&& word, std::string& owner, shard::Address& address);

}  // namespace engine
