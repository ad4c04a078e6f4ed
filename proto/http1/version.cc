#include "proto/http1/version.h"

#include <algorithm>

#include "base/text.h"
#include "proto/http/chars.h"

namespace proto {
namespace {

constexpr std::string_view kStrictProtocol = "HTTP/1.";
// "protocol/65535.65535" with a name of sane length.
constexpr size_t kOddBytesMax = 64;

bool TakeNumber(std::string_view* text, uint16_t* number) {
  uint32_t value = 0;
  size_t digits = 0;
  for (; digits < text->size() && base::IsDigit((*text)[digits]); ++digits) {
    value = value * 10 + uint32_t((*text)[digits] - '0');
    if (value > UINT16_MAX) return false;
  }
  text->remove_prefix(digits);
  *number = uint16_t(value);
  return digits != 0;
}

}  // namespace

size_t VersionMismatch(std::string_view text, bool odd) {
  if (odd) return text.size() > kOddBytesMax ? kOddBytesMax : std::string_view::npos;
  const size_t common = std::min(text.size(), kStrictProtocol.size());
  for (size_t i = 0; i < common; ++i) {
    if (text[i] != kStrictProtocol[i]) return i;
  }
  if (text.size() > kStrictProtocol.size() && !base::IsDigit(text[kStrictProtocol.size()]))
    return kStrictProtocol.size();
  return text.size() > kStrictProtocol.size() + 1 ? kStrictProtocol.size() + 1
                                                  : std::string_view::npos;
}

bool ParseVersion(std::string_view text, bool odd, Version* version, std::string_view* other) {
  if (!odd) {
    if (text.size() != kStrictProtocol.size() + 1 ||
        VersionMismatch(text, odd) != std::string_view::npos) {
      return false;
    }
    *version = {1, uint16_t(text.back() - '0')};
    return true;
  }
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos || !IsToken(text.substr(0, slash))) return false;
  std::string_view rest = text.substr(slash + 1);
  Version parsed;
  if (!TakeNumber(&rest, &parsed.major) || rest.empty() || rest[0] != '.') return false;
  rest.remove_prefix(1);
  if (!TakeNumber(&rest, &parsed.minor) || !rest.empty()) return false;
  *version = parsed;
  if (text.substr(0, slash) != "HTTP") *other = text;
  return true;
}

}  // namespace proto
