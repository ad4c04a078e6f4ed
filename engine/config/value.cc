#include "engine/config/value.h"

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace engine {
namespace {

constexpr uint64_t kU64Max = std::numeric_limits<uint64_t>::max();

// Takes the leading digits off `text`; nullopt when there are none. Too large gives kU64Max.
std::optional<uint64_t> TakeDigits(std::string_view& text) {
  if (text.empty() || !base::IsDigit(text[0])) return std::nullopt;
  uint64_t number = 0;
  while (!text.empty() && base::IsDigit(text[0])) {
    const uint64_t digit = uint64_t(text[0] - '0');
    number = number > (kU64Max - digit) / 10 ? kU64Max : number * 10 + digit;
    text.remove_prefix(1);
  }
  return number;
}

constexpr uint64_t kUnitMicroseconds[] = {1,           1000,          1000000,
                                          60000000ull, 3600000000ull, 86400000000ull};
constexpr const char* kUnitNames[] = {"us", "ms", "s", "m", "h", "d"};

std::optional<size_t> FindUnit(std::string_view text) {
  for (size_t i = 0; i < std::size(kUnitNames); ++i) {
    if (text == kUnitNames[i]) return i;
  }
  return std::nullopt;
}

}  // namespace

Parsed<uint64_t> ParseTime(std::string_view text, TimeUnit given, TimeUnit wanted,
                           uint64_t value_max) {
  std::string_view rest = text;
  const std::optional<uint64_t> number = TakeDigits(rest);
  if (!number) {
    return {0, text.empty() ? "expects a time such as '10s' or '500ms'"
                            : "expects a time such as '10s' or '500ms', not " + InQuotes(text)};
  }
  const std::optional<size_t> unit = rest.empty() ? size_t(given) : FindUnit(rest);
  if (!unit) {
    return {0, "unexpected " + InQuotes(rest) + " after the number in " + InQuotes(text) +
                   ": a time is an integer followed by us, ms, s, m, h or d"};
  }
  const uint64_t factor = kUnitMicroseconds[*unit];
  const uint64_t divisor = kUnitMicroseconds[size_t(wanted)];
  const auto overflow = [&] {
    std::string limit = base::Format("%llu %s", static_cast<unsigned long long>(value_max),
                                     kUnitNames[size_t(wanted)]);
    if (value_max == kTimeMsMax && wanted == TimeUnit::kMillisecond) limit += " or ~24.8 days";
    return Parsed<uint64_t>{
        0, "timer overflow in " + InQuotes(text) + " (maximum value is " + limit + ")"};
  };
  if (*number > kU64Max / factor) return overflow();
  const uint64_t microseconds = *number * factor;
  const uint64_t value = microseconds / divisor + (microseconds % divisor != 0);
  if (value > value_max) return overflow();
  return {value, {}};
}

Parsed<uint32_t> ParseTimeMs(std::string_view text) {
  Parsed<uint64_t> wide =
      ParseTime(text, TimeUnit::kMillisecond, TimeUnit::kMillisecond, kTimeMsMax);
  return {uint32_t(wide.value), std::move(wide.error)};
}

Parsed<uint64_t> ParseSize(std::string_view text, uint64_t bytes_max) {
  std::string_view rest = text;
  const std::optional<uint64_t> number = TakeDigits(rest);
  if (!number) {
    return {0, text.empty() ? "expects a size such as '16384' or '16k'"
                            : "expects a size such as '16384' or '16k', not " + InQuotes(text)};
  }
  uint64_t factor = 1;
  if (!rest.empty()) {
    const char unit = rest.size() == 1 ? base::ToLower(rest[0]) : '\0';
    if (unit != 'k' && unit != 'm' && unit != 'g') {
      return {0, "unexpected " + InQuotes(rest) + " after the number in " + InQuotes(text) +
                     ": a size is an integer followed by k, m or g"};
    }
    factor = uint64_t{1} << (unit == 'k' ? 10 : unit == 'm' ? 20 : 30);
  }
  if (*number > bytes_max / factor) {
    return {0, "size overflow in " + InQuotes(text) +
                   base::Format(" (maximum value is %llu bytes)",
                                static_cast<unsigned long long>(bytes_max))};
  }
  return {*number * factor, {}};
}

Parsed<int64_t> ParseInteger(std::string_view text, int64_t low, int64_t high) {
  std::string_view digits = text;
  const bool negative = !digits.empty() && digits[0] == '-';
  if (negative) digits.remove_prefix(1);
  const std::optional<uint64_t> magnitude = TakeDigits(digits);
  const auto range = base::Format("an integer between %lld and %lld", static_cast<long long>(low),
                                  static_cast<long long>(high));
  if (!magnitude || !digits.empty()) {
    return {0, "expects " + range + (text.empty() ? "" : ", not " + InQuotes(text))};
  }
  const uint64_t bound = uint64_t(std::numeric_limits<int64_t>::max()) + (negative ? 1 : 0);
  if (*magnitude <= bound) {
    const int64_t value = negative ? int64_t(~*magnitude + 1) : int64_t(*magnitude);
    if (value >= low && value <= high) return {value, {}};
  }
  return {0, InQuotes(text) + " is out of range: expects " + range};
}

Parsed<bool> ParseOnOff(std::string_view text) {
  if (text == "on") return {true, {}};
  if (text == "off") return {false, {}};
  return {false, "expects 'on' or 'off'" + (text.empty() ? "" : ", not " + InQuotes(text))};
}

Parsed<size_t> ParseOneOf(std::string_view text, std::initializer_list<std::string_view> names) {
  std::string list;
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string_view name = names.begin()[i];
    if (name == text) return {i, {}};
    if (i != 0) list += i + 1 == names.size() ? " or " : ", ";
    list += InQuotes(name);
  }
  std::string error = "expects " + list + (text.empty() ? "" : ", not " + InQuotes(text));
  if (const std::string hint = Suggest(text, names); !hint.empty()) error += "; " + hint;
  return {0, std::move(error)};
}

void ReportValue(const Line& line, size_t word, std::string_view error, Diagnostics& diagnostics) {
  // The keyword is everything before the value, in practice one or two words.
  std::string keyword;
  for (size_t i = 0; i < std::min(word, line.size()) && i < 3; ++i) {
    if (i != 0) keyword += ' ';
    keyword += line.text(i);
  }
  diagnostics.Error(line.At(word), InQuotes(keyword) + ": " + std::string(error));
}

}  // namespace engine
