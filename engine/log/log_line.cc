#include "engine/log/log_line.h"

#include <arpa/inet.h>

#include <array>

#include "shard/net/address.h"

namespace engine {
namespace {

constexpr char kHexDigits[] = "0123456789ABCDEF";

// What manual 8.6 has written as "#XX".
constexpr std::array<bool, 256> MakeHashed() {
  std::array<bool, 256> hashed{};
  for (int c = 0; c < 256; ++c) hashed[size_t(c)] = c < 32 || c > 126 || c == '#' || c == '"';
  return hashed;
}
constexpr std::array<bool, 256> kHashed = MakeHashed();

}  // namespace

LogLine& LogLine::Number(uint64_t value) {
  char digits[20];
  char* at = digits + sizeof(digits);
  do {
    *--at = char('0' + value % 10);
    value /= 10;
  } while (value != 0);
  return Text({at, size_t(digits + sizeof(digits) - at)});
}

LogLine& LogLine::Signed(int64_t value) {
  if (value >= 0) return Number(uint64_t(value));
  Char('-');
  return Number(0 - uint64_t(value));
}

LogLine& LogLine::Padded(uint64_t value, int width) {
  uint64_t limit = 1;
  for (int digits = 1; digits < width; ++digits) limit *= 10;
  for (; limit > 1 && value < limit; limit /= 10) Char('0');
  return Number(value);
}

LogLine& LogLine::Hex(uint64_t value, int width) {
  int digits = 1;
  for (uint64_t rest = value >> 4; rest != 0; rest >>= 4) ++digits;
  if (digits < width) digits = width;
  for (int digit = digits - 1; digit >= 0; --digit) {
    Char(digit >= 16 ? '0' : kHexDigits[(value >> (4 * digit)) & 15]);
  }
  return *this;
}

LogLine& LogLine::Escaped(std::string_view text, LogEscape escape) {
  const bool backslash = escape == LogEscape::kHashBackslash;
  // Runs of harmless bytes are copied whole: nearly every text is one.
  size_t clean = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = uint8_t(text[i]);
    const bool marked = backslash && (c == '\\' || c == ']');
    if (!kHashed[c] && !marked) continue;
    Text(text.substr(clean, i - clean));
    clean = i + 1;
    if (marked) {
      Char('\\').Char(char(c));
    } else {
      Char('#').Char(kHexDigits[c >> 4]).Char(kHexDigits[c & 15]);
    }
  }
  return Text(text.substr(clean));
}

LogLine& LogLine::Ip(const shard::Address& address) {
  if (address.family == AF_INET) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(&address.v4);
    for (int i = 0; i < 4; ++i) {
      if (i != 0) Char('.');
      Number(bytes[i]);
    }
    return *this;
  }
  if (address.family == AF_INET6) {
    char text[INET6_ADDRSTRLEN] = {};
    (void)inet_ntop(AF_INET6, &address.v6, text, sizeof(text));
    return Text(text);
  }
  return Text(address.family == AF_UNIX ? "unix" : "-");
}

LogLine& LogLine::HexIp(const shard::Address& address) {
  if (!address.is_ip()) return Ip(address);
  const bool v4 = address.family == AF_INET;
  const auto* bytes = v4 ? reinterpret_cast<const uint8_t*>(&address.v4)
                         : reinterpret_cast<const uint8_t*>(&address.v6);
  for (int i = 0; i < (v4 ? 4 : 16); ++i) Hex(bytes[i], 2);
  return *this;
}

}  // namespace engine
