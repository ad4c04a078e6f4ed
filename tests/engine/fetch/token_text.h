// token_text.h - how tests write the parts of tokens.
//
// Owns:    nothing.
// Threads: any.
// Units:   none.
// Errors:  none.
// States:  none.

#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace engine {

// Base64 with the alphabet of URLs, without padding (RFC 7515 section 2).
inline std::string Encode(std::string_view bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  for (size_t at = 0; at < bytes.size(); at += 3) {
    uint32_t group = 0;
    const size_t count = std::min<size_t>(3, bytes.size() - at);
    for (size_t i = 0; i < 3; ++i) group = group << 8 | (i < count ? uint8_t(bytes[at + i]) : 0);
    for (size_t i = 0; i <= count; ++i) text += kDigits[group >> (18 - 6 * i) & 63];
  }
  return text;
}

}  // namespace engine
