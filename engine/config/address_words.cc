#include "engine/config/address_words.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "base/start_rights.h"
#include "base/text.h"
#include "engine/config/diagnostics.h"

namespace engine {
namespace {

enum class Scheme : uint8_t { kHost, kUnix, kAbstract, kAbstractTight, kFd, kUnsupported };

struct SchemeRow {
  std::string_view prefix;
  Scheme scheme;
  uint16_t family;
};

// Manual 2.9.1 and 2.9.3. What carries datagrams (QUIC among them), multipath TCP, descriptors
// passed over a socket pair and reverse HTTP do not work yet.
constexpr SchemeRow kSchemes[] = {
    {"ip@", Scheme::kHost, AF_UNSPEC},
    {"ipv4@", Scheme::kHost, AF_INET},
    {"ipv6@", Scheme::kHost, AF_INET6},
    {"tcp@", Scheme::kHost, AF_UNSPEC},
    {"tcp4@", Scheme::kHost, AF_INET},
    {"tcp6@", Scheme::kHost, AF_INET6},
    {"unix@", Scheme::kUnix, AF_UNIX},
    {"uxst@", Scheme::kUnix, AF_UNIX},
    {"abns@", Scheme::kAbstract, AF_UNIX},
    {"abnsz@", Scheme::kAbstractTight, AF_UNIX},
    {"fd@", Scheme::kFd, AF_UNSPEC},
    {"sockpair@", Scheme::kUnsupported, AF_UNSPEC},
    {"rhttp@", Scheme::kUnsupported, AF_UNSPEC},
    {"udp@", Scheme::kUnsupported, AF_UNSPEC},
    {"udp4@", Scheme::kUnsupported, AF_UNSPEC},
    {"udp6@", Scheme::kUnsupported, AF_UNSPEC},
    {"uxdg@", Scheme::kUnsupported, AF_UNSPEC},
    {"quic@", Scheme::kUnsupported, AF_UNSPEC},
    {"quic4@", Scheme::kUnsupported, AF_UNSPEC},
    {"quic6@", Scheme::kUnsupported, AF_UNSPEC},
    {"mptcp@", Scheme::kUnsupported, AF_UNSPEC},
    {"mptcp4@", Scheme::kUnsupported, AF_UNSPEC},
    {"mptcp6@", Scheme::kUnsupported, AF_UNSPEC},
};

bool TakePrefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

std::optional<uint16_t> ParsePort(std::string_view text, uint32_t use) {
  const std::optional<uint64_t> port = base::ParseUnsigned(text);
  if (!port || *port > 65535 || (*port == 0 && (use & kAllowPortZero) == 0)) return std::nullopt;
  return uint16_t(*port);
}

// The part after the last colon: "80", "8000-8010", "+10".
std::string ParsePorts(std::string_view text, uint32_t use, AddressWord& word) {
  if (text.empty()) return {};  // "1.2.3.4:" is the address alone
  if (text[0] == '+' || text[0] == '-') {
    if ((use & kAllowOffset) == 0) return "port offset not permitted here";
    const std::optional<uint64_t> offset = base::ParseUnsigned(text.substr(1));
    if (!offset || *offset > 65535) return "invalid port offset " + InQuotes(text);
    word.port_offset = text[0] == '-' ? -int32_t(*offset) : int32_t(*offset);
    return {};
  }
  const size_t dash = text.find('-');
  const std::string_view low = text.substr(0, dash);
  const std::optional<uint16_t> first = ParsePort(low, use);
  if (!first) return "invalid port " + InQuotes(low);
  word.has_port = true;
  word.port_low = word.port_high = *first;
  if (dash == std::string_view::npos) return {};
  if ((use & kAllowRange) == 0) return "port range not permitted here";
  const std::optional<uint16_t> last = ParsePort(text.substr(dash + 1), use);
  if (!last) return "invalid port " + InQuotes(text.substr(dash + 1));
  if (*last < *first) return "invalid port range " + InQuotes(text);
  word.port_high = *last;
  return {};
}

// A literal "1.2.3.4", "::1", "fe80::1%eth0".
bool ParseLiteral(std::string_view text, uint16_t family, shard::Address& out) {
  std::string host(text);
  if (family != AF_INET6 && inet_pton(AF_INET, host.c_str(), &out.v4) == 1) {
    out.family = AF_INET;
    return true;
  }
  if (family == AF_INET) return false;
  const size_t percent = host.find('%');
  if (percent != std::string::npos) {
    const std::string zone = host.substr(percent + 1);
    host.resize(percent);
    out.scope_id = if_nametoindex(zone.c_str());
    if (out.scope_id == 0) {
      const std::optional<uint64_t> number = base::ParseUnsigned(zone);
      if (!number || *number == 0 || *number > UINT32_MAX) return false;
      out.scope_id = uint32_t(*number);
    }
  }
  if (inet_pton(AF_INET6, host.c_str(), &out.v6) != 1) return false;
  out.family = AF_INET6;
  return true;
}

// Letters, digits and what names in the field contain. Anything else would only reach the resolver
// to come back as a puzzling message.
bool IsHostName(std::string_view text) {
  return !text.empty() && text.size() <= 253 && std::all_of(text.begin(), text.end(), [](char c) {
    return base::IsDigit(c) || (base::ToLower(c) >= 'a' && base::ToLower(c) <= 'z') || c == '-' ||
           c == '_' || c == '.';
  });
}

std::string ParseHost(std::string_view text, uint32_t use, AddressWord& word) {
  // The port is what follows the last colon, unless a bracket stands in between.
  const size_t at = text.find_last_of(":]");
  std::string_view host = text;
  if (at != std::string_view::npos && text[at] == ':') {
    host = text.substr(0, at);
    if (std::string error = ParsePorts(text.substr(at + 1), use, word); !error.empty()) {
      return error;
    }
  }
  bool is_bracketed = false;
  if (host.starts_with('[')) {
    if (!host.ends_with(']')) return "invalid address: " + InQuotes(host);
    host = host.substr(1, host.size() - 2);
    is_bracketed = true;
  }
  word.host = host;
  const uint16_t family = is_bracketed ? uint16_t(AF_INET6) : word.family;
  if (is_bracketed && word.family == AF_INET) return "invalid address: " + InQuotes(text);
  // "0" is what resolvers take for every address of IPv4, and many files have it.
  const bool is_zero = host == "0" && word.family != AF_INET6;
  if (!is_bracketed && (host.empty() || host == "*" || is_zero)) {
    word.literal = shard::Address();
    word.literal.family = word.family == AF_INET6 ? AF_INET6 : AF_INET;
    word.is_literal = true;
  } else if (ParseLiteral(host, family, word.literal)) {
    word.is_literal = true;
  } else if (is_bracketed || !IsHostName(host) ||
             host.find_first_not_of("0123456789.") == std::string_view::npos) {
    return "invalid address: " + InQuotes(host);
  }
  if (word.is_literal) word.family = word.literal.family;
  if ((use & kRequirePort) && !word.has_port) return "missing port specification";
  word.literal.port = word.port_low;
  return {};
}

std::string ParsePath(std::string_view text, AddressWord& word) {
  if (text.empty()) return "the path of a unix socket is missing";
  if (text.size() > kUnixPathBytesMax) {
    return "socket path " + InQuotes(text) + " too long (max " + std::to_string(kUnixPathBytesMax) +
           ")";
  }
  word.kind = AddressKind::kUnix;
  word.family = AF_UNIX;
  word.path = text;
  return {};
}

std::string ParseWord(std::string_view text, uint32_t use, AddressWord& word) {
  if (text.empty()) {
    return "'' resolves to an empty address (environment variable missing?)";
  }
  std::string_view rest = text;
  for (const std::string_view type : {"dgram+", "quic+"}) {
    if (rest.starts_with(type)) return InQuotes(type) + " addresses are not supported yet";
  }
  TakePrefix(rest, "stream+");
  const bool has_type = rest.size() != text.size();
  if (rest.starts_with('/')) return ParsePath(rest, word);
  for (const SchemeRow& row : kSchemes) {
    if (!TakePrefix(rest, row.prefix)) continue;
    word.family = row.family;
    switch (row.scheme) {
      case Scheme::kHost:
        return ParseHost(rest, use, word);
      case Scheme::kUnix:
        return ParsePath(rest, word);
      case Scheme::kAbstract:
      case Scheme::kAbstractTight: {
        std::string error = ParsePath(rest, word);
        word.kind = AddressKind::kAbstract;
        // HAProxy's own naming fills the name up with NUL bytes, and the kernel compares them all.
        if (error.empty() && row.scheme == Scheme::kAbstract) word.path.resize(kUnixPathBytesMax);
        return error;
      }
      case Scheme::kFd: {
        if ((use & kAllowFd) == 0) return "a file descriptor is not acceptable here";
        const std::optional<uint64_t> fd = base::ParseUnsigned(rest);
        if (!fd || *fd > INT32_MAX) {
          return "file descriptor " + InQuotes(rest) + " is not a valid integer";
        }
        word.kind = AddressKind::kFd;
        word.fd = int(*fd);
        return {};
      }
      case Scheme::kUnsupported:
        return InQuotes(row.prefix) + " addresses are not supported yet";
    }
  }
  if (has_type || rest.find('@') != std::string_view::npos) {
    return "unknown address prefix in " + InQuotes(text);
  }
  return ParseHost(rest, use, word);
}

}  // namespace

Parsed<AddressWord> ParseAddress(std::string_view text, uint32_t use) {
  Parsed<AddressWord> parsed;
  parsed.error = ParseWord(text, use, parsed.value);
  if (!parsed && parsed.error.find(InQuotes(text)) == std::string::npos) {
    parsed.error += " in " + InQuotes(text);
  }
  return parsed;
}

std::vector<std::string_view> SplitAddressList(std::string_view text) {
  std::vector<std::string_view> pieces = base::Split(text, ',');
  while (pieces.size() > 1 && pieces.back().empty()) pieces.pop_back();
  return pieces;
}

Parsed<shard::Address> ResolveAddress(const AddressWord& word) {
  Parsed<shard::Address> parsed;
  shard::Address& address = parsed.value;
  if (word.kind == AddressKind::kFd) return parsed;
  if (word.kind != AddressKind::kHost) {
    address.family = AF_UNIX;
    address.local = {word.path.data(), uint32_t(word.path.size()),
                     word.kind == AddressKind::kAbstract};
    return parsed;
  }
  if (word.is_literal) {
    address = word.literal;
    address.port = word.port_low;
    return parsed;
  }
  const base::ResolvedName found =
      base::StartRights::Current().Resolve(word.host, word.family, false);
  if (found.code != 0) {
    parsed.error =
        "could not resolve address " + InQuotes(word.host) + ": " + gai_strerror(found.code);
    return parsed;
  }
  address = shard::Address::FromSockaddr(found.address, found.length);
  if (!address.is_ip()) {
    parsed.error =
        "could not resolve address " + InQuotes(word.host) + ": no address of its family";
  }
  address.port = word.port_low;
  return parsed;
}

Parsed<shard::Address> ResolveWithoutGetaddrinfo(const AddressWord& word) {
  Parsed<shard::Address> parsed;
  shard::Address& address = parsed.value;
  const base::ResolvedName found =
      base::StartRights::Current().Resolve(word.host, word.family, true);
  if (found.code != 0) {
    parsed.error =
        "could not resolve address " + InQuotes(word.host) + ": " + hstrerror(found.code);
    return parsed;
  }
  address = shard::Address::FromSockaddr(found.address, found.length);
  address.port = word.port_low;
  return parsed;
}

void MoveUnixPath(AddressWord&& word, std::string& owner, shard::Address& address) {
  owner = std::move(word.path);
  if (address.family != AF_UNIX) return;
  address.local.path = owner.data();
  address.local.length = uint32_t(owner.size());
}

}  // namespace engine
