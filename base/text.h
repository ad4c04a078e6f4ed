// text.h - small operations on text that the standard library lacks or spells long.
//
// Owns:    nothing.
// Threads: any-thread.
// Units:   bytes, ASCII case rules only.
// Errors:  a number that does not parse whole, or does not fit, gives nullopt.
// States:  none.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace base {

inline char ToLower(char c) { return c >= 'A' && c <= 'Z' ? char(c | 0x20) : c; }
inline bool IsDigit(char c) { return c >= '0' && c <= '9'; }
// What a hexadecimal digit stands for; -1: it is none.
inline int HexDigit(char c) {
  if (IsDigit(c)) return c - '0';
  const char lower = ToLower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}
bool EqualsIgnoreCase(std::string_view a, std::string_view b);
bool StartsWithIgnoreCase(std::string_view text, std::string_view prefix);
std::string Lower(std::string_view text);
std::string_view Trim(std::string_view text);
// Pieces between separators, empty ones kept: "a,,b" gives three.
std::vector<std::string_view> Split(std::string_view text, char separator);
std::optional<uint64_t> ParseUnsigned(std::string_view text);
std::optional<int64_t> ParseSigned(std::string_view text);
// "0d0A" as the bytes it means. Nothing: it is not an even number of hexadecimal digits.
std::optional<std::string> BytesOfHex(std::string_view digits);
// The decimal number that a text begins with, 0 where it begins with none; one that is too large
// is the largest there is.
int64_t LeadingNumber(std::string_view text);
// printf into a std::string. For start-up and for reports, never on the request path.
std::string Format(const char* format, ...) __attribute__((format(printf, 1, 2)));
// Letters to insert, drop, change or swap with their neighbour, ASCII case ignored; for "did you
// mean".
uint32_t EditDistance(std::string_view a, std::string_view b);

}  // namespace base
