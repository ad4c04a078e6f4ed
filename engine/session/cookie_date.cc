#include "engine/session/cookie_date.h"

#include "engine/server/cookie_config.h"

namespace engine {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr uint64_t kFutureMaxSeconds = 86400;

uint32_t ParseDate(std::string_view text) {
  if (text.size() != kCookieDateBytes) return 0;
  uint32_t date = 0;
  for (const char c : text) {
    const size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) return 0;
    date = date << 6 | uint32_t(digit);
  }
  return date;
}

// Takes what stands before the next mark off the front.
std::string_view TakePart(std::string_view* rest) {
  const size_t mark = rest->find(CookieConfig::kDateMark);
  const std::string_view part = rest->substr(0, mark);
  *rest = mark == std::string_view::npos ? std::string_view() : rest->substr(mark + 1);
  return part;
}

}  // namespace

DatedCookie ParseDatedCookie(std::string_view value) {
  DatedCookie cookie;
  cookie.server = TakePart(&value);
  cookie.last = ParseDate(TakePart(&value));
  cookie.first = ParseDate(TakePart(&value));
  return cookie;
}

void FormatCookieDate(uint32_t date, char* out) {
  for (size_t i = kCookieDateBytes; i-- > 0; date >>= 6) out[i] = kDigits[date & 63];
}

bool IsOutdated(uint32_t date, uint64_t now_s, uint32_t max_s) {
  const uint64_t date_s = uint64_t(date) << 2;
  return date_s > now_s ? date_s - now_s > kFutureMaxSeconds : now_s - date_s > max_s;
}

}  // namespace engine
