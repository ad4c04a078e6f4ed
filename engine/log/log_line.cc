#include "engine/log/log_line.h"

#include <arpa/inet.h>

#include <array>

#include "proto/http/chars.h"
#include "shard/net/address.h"

namespace engine {
namespace {

constexpr char kHexDigits[] = "0123456789ABCDEF";

// What manual 8.6 has written as "#XX".
constexpr std::array<bool, 256> MakeHashed(bool printable) {
  std::array<bool, 256> hashed{};
  for (int c = 0; c < 256; ++c) {
    hashed[size_t(c)] = c < 32 || c > 126 || (printable && (c == '#' || c == '"'));
  }
  return hashed;
}
constexpr std::array<bool, 256> kHashed = MakeHashed(true);
constexpr std::array<bool, 256> kControls = MakeHashed(false);

// The length of the one character that `text` begins with, above ASCII; 0: that is no UTF-8
// (RFC 3629 section 4: neither too long a form, nor half a pair, nor above 10FFFF).
size_t Utf8Bytes(std::string_view text) {
  const auto first = uint8_t(text[0]);
  const size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < bytes) return 0;
  for (size_t i = 1; i < bytes; ++i) {
    if ((uint8_t(text[i]) & 0xc0) != 0x80) return 0;
  }
  const auto second = uint8_t(text[1]);
  if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
      (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) {
    return 0;
  }
  return bytes;
}

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
  if (escape == LogEscape::kPercent) return Percent(text, false);
  if (escape == LogEscape::kPercentBackslash) return Percent(text, true);
  if (escape == LogEscape::kNone) return Text(text);
  if (escape == LogEscape::kBackslash) return Backslash(text);
  const bool controls = escape == LogEscape::kControls || escape == LogEscape::kControlsBackslash;
  const std::array<bool, 256>& bad = controls ? kControls : kHashed;
  const bool backslash = escape == LogEscape::kHashBackslash ||
                         escape == LogEscape::kHashBracketsBackslash ||
                         escape == LogEscape::kControlsBackslash;
  const bool brackets =
      escape == LogEscape::kHashBrackets || escape == LogEscape::kHashBracketsBackslash;
  // Runs of harmless bytes are copied whole: nearly every text is one.
  size_t clean = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = uint8_t(text[i]);
    const bool marked = backslash && (c == '\\' || c == ']' || (c == '"' && controls));
    const bool hashed = bad[c] || (brackets && (c == '{' || c == '|' || c == '}'));
    if (!hashed && !marked) continue;
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

LogLine& LogLine::Percent(std::string_view text, bool backslash) {
  for (const char c : text) {
    const auto byte = uint8_t(c);
    if (!HasClass(c, proto::kValueClass)) {
      Char('%').Char(kHexDigits[byte >> 4]).Char(kHexDigits[byte & 15]);
      continue;
    }
    if (backslash && (c == '"' || c == '\\' || c == ']')) Char('\\');
    Char(c);
  }
  return *this;
}

LogLine& LogLine::Backslash(std::string_view text) {
  for (const char c : text) {
    if (c == '"' || c == '\\' || c == ']') Char('\\');
    Char(c);
  }
  return *this;
}

LogLine& LogLine::HexBytes(std::string_view bytes) {
  for (const char c : bytes) Char(kHexDigits[uint8_t(c) >> 4]).Char(kHexDigits[uint8_t(c) & 15]);
  return *this;
}

LogLine& LogLine::Json(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto c = uint8_t(text[i]);
    if (c == '"' || c == '\\') {
      Char('\\').Char(char(c));
      ++i;
    } else if (c == '\n' || c == '\r' || c == '\t') {
      Char('\\').Char(c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
      ++i;
    } else if (c < 32 || c == 127) {
      Text("\\u00").Char(kHexDigits[c >> 4]).Char(kHexDigits[c & 15]);
      ++i;
    } else if (c < 127) {
      Char(char(c));
      ++i;
    } else if (const size_t bytes = Utf8Bytes(text.substr(i)); bytes > 0) {
      Text(text.substr(i, bytes));
      i += bytes;
    } else {
      Char(char(0xc0 | (c >> 6))).Char(char(0x80 | (c & 63)));
      ++i;
    }
  }
  return *this;
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
