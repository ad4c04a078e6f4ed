#include "engine/server/cookie_table.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/text.h"
#include "base/xxh64.h"

namespace engine {

CookieTable::CookieTable(std::vector<std::string> values) : values_(std::move(values)) { Sort(); }

void CookieTable::Sort() {
  order_.clear();
  for (uint32_t server = 0; server < values_.size(); ++server) {
    if (!values_[server].empty()) order_.push_back(server);
  }
  std::sort(order_.begin(), order_.end(), [this](uint32_t a, uint32_t b) {
    return std::tie(values_[a], a) < std::tie(values_[b], b);
  });
}

std::span<const uint32_t> CookieTable::Find(std::string_view value) const {
  const auto first = std::lower_bound(
      order_.begin(), order_.end(), value,
      [this](uint32_t server, std::string_view wanted) { return values_[server] < wanted; });
  auto last = first;
  while (last != order_.end() && values_[*last] == value) ++last;
  return {first, last};
}

void CookieTable::SetValue(uint32_t server, std::string value) {
  values_[server] = std::move(value);
  Sort();
}

std::string DynamicCookie(std::string_view key, std::string_view address, uint16_t port) {
  std::string bytes(key);
  bytes += address;
  for (const uint8_t byte : {uint8_t(0), uint8_t(0), uint8_t(port >> 8), uint8_t(port)}) {
    bytes += char(byte);
  }
  return base::Format("%016llx", static_cast<unsigned long long>(base::Xxh64(bytes)));
}

}  // namespace engine
