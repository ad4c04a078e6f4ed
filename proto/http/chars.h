// chars.h - which bytes may stand where, by RFC 9110 section 5.6 and RFC 3986.
//
// Owns:    nothing.
// Threads: immutable.
// Units:   bytes.
// Errors:  none.
// States:  none.
//
//   if (!IsTokenChar(c)) return Bad(HeadError::kBadMethod);
//   while (NextListItem(&rest, &item)) ...   // "a, b,,c" gives "a", "b", "", "c"

#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/text.h"

namespace proto {

enum CharClass : uint8_t {
  kTokenClass = 1,    // tchar: method, field name, transfer coding
  kRegNameClass = 2,  // unreserved / sub-delims: what a host name may hold besides %XX
  kDigitClass = 4,
  kHexClass = 8,
  kAlphaClass = 16,
  kNameClass = 32,   // [a-zA-Z0-9-], what `option http-restrict-req-hdr-names` lets pass
  kValueClass = 64,  // what a field value may hold: HTAB, SP, VCHAR, obs-text
};

namespace internal {
constexpr std::array<uint8_t, 256> MakeCharClasses() {
  std::array<uint8_t, 256> classes{};
  for (int c = 0; c < 256; ++c) {
    uint8_t bits = 0;
    const bool digit = c >= '0' && c <= '9';
    const bool alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (digit) bits |= kDigitClass | kHexClass;
    if (alpha) bits |= kAlphaClass;
    if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) bits |= kHexClass;
    if (digit || alpha) bits |= kTokenClass | kRegNameClass | kNameClass;
    if (c == '-') bits |= kNameClass;
    for (char t : std::string_view("!#$%&'*+-.^_`|~")) {
      if (c == t) bits |= kTokenClass;
    }
    for (char t : std::string_view("-._~!$&'()*+,;=")) {
      if (c == t) bits |= kRegNameClass;
    }
    if (c == '\t' || (c >= ' ' && c != 0x7f)) bits |= kValueClass;
    classes[size_t(c)] = bits;
  }
  return classes;
}
inline constexpr std::array<uint8_t, 256> kCharClasses = MakeCharClasses();
}  // namespace internal

inline bool HasClass(char c, CharClass char_class) {
  return internal::kCharClasses[uint8_t(c)] & char_class;
}
inline bool IsTokenChar(char c) { return HasClass(c, kTokenClass); }
inline bool IsHexDigit(char c) { return HasClass(c, kHexClass); }
inline bool IsBlank(char c) { return c == ' ' || c == '\t'; }

// True when every byte has the class and there is at least one.
inline bool AllOf(std::string_view text, CharClass char_class) {
  for (char c : text) {
    if (!HasClass(c, char_class)) return false;
  }
  return !text.empty();
}
inline bool IsToken(std::string_view text) { return AllOf(text, kTokenClass); }

// OWS of RFC 9110 section 5.6.3 taken off both ends: SP and HTAB only, never VT, FF, CR or LF.
inline std::string_view TrimBlanks(std::string_view text) {
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  return text;
}

// The next element of a comma-separated value, blanks trimmed; commas inside a quoted-string do not
// separate. Empty elements are returned as such: strict callers refuse them, others skip. Start
// with the whole value in `rest`; false when nothing is left (rest.data() is then null).
bool NextListItem(std::string_view* rest, std::string_view* item);

}  // namespace proto
