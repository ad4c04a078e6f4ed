// value.h - the values keywords take: times, sizes, integers, switches (manual 2.5, 2.6).
//
// Owns:    nothing.
// Threads: any-thread (pure functions).
// Units:   a time is returned in the unit asked for, milliseconds by default; a size in bytes.
// Errors:  Parsed::error, a clause that follows the keyword: "expects a time such as ...".
// States:  none.
//
//   if (!Take(line, 2, ParseTimeMs(line.text(2)), timeouts.client_ms, diagnostics)) return false;

#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "engine/config/diagnostics.h"
#include "engine/config/lexer.h"

namespace engine {

template <typename T>
struct Parsed {
  T value{};
  std::string error;  // empty: value holds
  explicit operator bool() const { return error.empty(); }
};

enum class TimeUnit : uint8_t { kMicrosecond, kMillisecond, kSecond, kMinute, kHour, kDay };

// What haproxy accepts in a millisecond timer: 24.8 days.
inline constexpr uint32_t kTimeMsMax = 2147483647;

// Digits and an optional unit (us ms s m h d, lower case). A time that is not zero never rounds to
// zero, because zero means "for ever" to most keywords: the result is rounded up.
Parsed<uint32_t> ParseTimeMs(std::string_view text);
// `given` is the unit of a bare number, `wanted` that of the result, `value_max` a bound on it.
Parsed<uint64_t> ParseTime(std::string_view text, TimeUnit given, TimeUnit wanted,
                           uint64_t value_max = kTimeMsMax);
// Digits and an optional k, m or g, either case.
Parsed<uint64_t> ParseSize(std::string_view text,
                           uint64_t bytes_max = std::numeric_limits<int64_t>::max());
// Decimal digits with an optional minus, within [low, high].
Parsed<int64_t> ParseInteger(std::string_view text, int64_t low, int64_t high);
Parsed<bool> ParseOnOff(std::string_view text);
// The index of `text` among `names`.
Parsed<size_t> ParseOneOf(std::string_view text, std::initializer_list<std::string_view> names);

void ReportValue(const Line& line, size_t word, std::string_view error, Diagnostics& diagnostics);

// Stores a value, or reports "'keyword': error" under word `word` of the line and returns false.
template <typename From, typename To>
bool Take(const Line& line, size_t word, const Parsed<From>& parsed, To& out,
          Diagnostics& diagnostics) {
  if (!parsed) {
    ReportValue(line, word, parsed.error, diagnostics);
    return false;
  }
  out = static_cast<To>(parsed.value);
  return true;
}

}  // namespace engine
