// cookie_date.h - the dates in a persistence cookie (manual 4.2, maxidle and maxlife).
//
// Owns:    nothing.
// Threads: any-thread (pure).
// Units:   seconds since 1970 outside, steps of four seconds inside; 0: no date. Good until 2106.
// Errors:  what is no date reads as none: cookies come from anywhere.
// States:  none.
//
// "s1|awnld|awnlk": the server, when the cookie was last sent, when it was first sent. A date is
// the number of its step in base64 (RFC 4648), five digits, the highest first. So HAProxy writes
// them, and both may stand beside each other.

#pragma once

#include <cstdint>
#include <string_view>

namespace engine {

inline constexpr size_t kCookieDateBytes = 5;

struct DatedCookie {
  std::string_view server;
  uint32_t last = 0;   // when it was sent
  uint32_t first = 0;  // when it was first sent
};

inline uint32_t CookieDateOf(uint64_t now_s) { return uint32_t(now_s >> 2); }

DatedCookie ParseDatedCookie(std::string_view value);
void FormatCookieDate(uint32_t date, char* out);

// More than `max_s` old, or further in the future than a clock in another time zone explains.
bool IsOutdated(uint32_t date, uint64_t now_s, uint32_t max_s);

}  // namespace engine
