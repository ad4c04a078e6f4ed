// date.h - HTTP dates: writes IMF-fixdate, reads all three formats of RFC 9110 section 5.6.7.
//
// Owns:    nothing.
// Threads: immutable. No clock: the time comes in.
// Units:   seconds since 1970-01-01 00:00:00 UTC.
// Errors:  nullopt for text that is no valid date. The day's name is checked for form, not for
//          truth.
// States:  none.
//
//   char date[kDateBytes];
//   FormatDate(now_seconds, date);   // "Sun, 06 Nov 1994 08:49:37 GMT", no NUL behind it

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace proto {

inline constexpr size_t kDateBytes = 29;

// Years 0 to 9999; what lies outside is clamped to the nearer end.
void FormatDate(int64_t seconds, char (&out)[kDateBytes]);

// `now_seconds` resolves the two-digit years of RFC 850 dates: one that seems more than 50 years in
// the future is the most recent past year with these digits.
std::optional<int64_t> ParseDate(std::string_view text, int64_t now_seconds);

}  // namespace proto
