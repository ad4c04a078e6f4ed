#include "engine/acl/address_set.h"

#include <arpa/inet.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

#include "base/text.h"
#include "engine/config/diagnostics.h"

namespace engine {
namespace {

// Below that a plain search looks at less than the index would.
constexpr size_t kIndexedMin = 64;
constexpr unsigned kIndexShift = 16;

// "10.12" is 10.0.0.12: what is left out stands before the last number.
std::optional<uint32_t> ParseV4(std::string_view text) {
  uint32_t parts[4] = {};
  size_t count = 0;
  for (const std::string_view piece : base::Split(text, '.')) {
    const auto number = base::ParseUnsigned(piece);
    if (count == 4 || !number || *number > 255 || piece.size() > 3) return std::nullopt;
    parts[count++] = uint32_t(*number);
  }
  if (count == 0) return std::nullopt;
  const uint32_t last = parts[count - 1];
  parts[count - 1] = 0;
  return parts[0] << 24 | parts[1] << 16 | parts[2] << 8 | parts[3] | last;
}

uint64_t ReadBig(const uint8_t* bytes) {
  uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = value << 8 | bytes[i];
  return value;
}

}  // namespace

bool AddressSet::Add(std::string_view text, std::string* why) {
  const size_t slash = text.find('/');
  const std::string host(text.substr(0, slash));
  const std::string_view mask =
      slash == std::string_view::npos ? std::string_view() : text.substr(slash + 1);
  const bool has_mask = slash != std::string_view::npos;
  const auto bits = base::ParseUnsigned(mask);
  in6_addr v6{};
  if (inet_pton(AF_INET6, host.c_str(), &v6) == 1) {
    if (has_mask && (!bits || *bits > 128)) {
      *why = InQuotes(text) + ": a prefix length from 0 to 128 is expected behind '/'";
      return false;
    }
    shard::Address address;
    address.family = AF_INET6;
    address.v6 = v6;
    AddNetwork(address, has_mask ? unsigned(*bits) : 128);
    return true;
  }
  const std::optional<uint32_t> v4 = ParseV4(host);
  if (!v4) {
    *why = InQuotes(text) + " is neither an IPv4 nor an IPv6 address or network";
    return false;
  }
  if (has_mask && bits && *bits <= 32) {
    AddNetwork(shard::Address::V4(*v4, 0), unsigned(*bits));
    return true;
  }
  if (!has_mask) {
    AddNetwork(shard::Address::V4(*v4, 0), 32);
    return true;
  }
  in_addr dotted{};
  if (inet_pton(AF_INET, std::string(mask).c_str(), &dotted) != 1) {
    *why = InQuotes(text) + ": a netmask or a number from 0 to 32 is expected behind '/'";
    return false;
  }
  const uint32_t number = ntohl(dotted.s_addr);
  const unsigned ones = unsigned(std::countl_one(number));
  if (ones == unsigned(std::popcount(number))) {
    AddNetwork(shard::Address::V4(*v4, 0), ones);
    return true;
  }
  masked_.push_back({*v4 & number, number});
  ++size_;
  return true;
}

void AddressSet::AddNetwork(const shard::Address& address, unsigned bits) {
  ++size_;
  if (address.family == AF_INET) {
    const uint32_t rest = bits == 0 ? ~uint32_t{0} : bits >= 32 ? 0 : ~uint32_t{0} >> bits;
    const uint32_t number = ntohl(address.v4.s_addr);
    v4_.push_back({number & ~rest, number | rest});
    return;
  }
  const Wide number{ReadBig(address.v6.s6_addr), ReadBig(address.v6.s6_addr + 8)};
  const auto rest_of = [](unsigned kept) {
    return kept == 0 ? ~uint64_t{0} : kept >= 64 ? 0 : ~uint64_t{0} >> kept;
  };
  const Wide rest{rest_of(std::min(bits, 64u)), rest_of(bits <= 64 ? 0 : bits - 64)};
  v6_.push_back({{number.high & ~rest.high, number.low & ~rest.low},
                 {number.high | rest.high, number.low | rest.low}});
}

template <typename Number>
void AddressSet::Merge(std::vector<Range<Number>>& ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first < b.first : b.last < a.last;
  });
  size_t kept = 0;
  for (const Range<Number> range : ranges) {
    if (kept > 0 && range.first <= ranges[kept - 1].last) {
      ranges[kept - 1].last = std::max(ranges[kept - 1].last, range.last);
    } else {
      ranges[kept++] = range;
    }
  }
  ranges.resize(kept);
  ranges.shrink_to_fit();
}

void AddressSet::Freeze() {
  Merge(v4_);
  Merge(v6_);
  if (v4_.size() < kIndexedMin) return;
  v4_index_.resize((size_t{1} << kIndexShift) + 1);
  size_t range = 0;
  for (size_t front = 0; front < v4_index_.size(); ++front) {
    // The first range that ends at or behind the addresses that begin so.
    const uint64_t low = uint64_t(front) << kIndexShift;
    while (range < v4_.size() && v4_[range].last < low) ++range;
    v4_index_[front] = uint32_t(range);
  }
}

bool AddressSet::HoldsV4(uint32_t number) const {
  for (const Masked& one : masked_) {
    if ((number & one.mask) == one.value) return true;
  }
  auto low = v4_.begin();
  auto high = v4_.end();
  if (!v4_index_.empty()) {
    const size_t front = number >> kIndexShift;
    low = v4_.begin() + v4_index_[front];
    // One more may reach over the end of this part.
    high = v4_.begin() + std::min(v4_.size(), size_t(v4_index_[front + 1]) + 1);
  }
  const auto at = std::lower_bound(
      low, high, number, [](const Range<uint32_t>& range, uint32_t n) { return range.last < n; });
  return at != high && at->first <= number;
}

bool AddressSet::HoldsV6(Wide number) const {
  const auto at =
      std::lower_bound(v6_.begin(), v6_.end(), number,
                       [](const Range<Wide>& range, const Wide& n) { return range.last < n; });
  return at != v6_.end() && at->first <= number;
}

bool AddressSet::Holds(const shard::Address& address) const {
  constexpr uint64_t kMapped = uint64_t{0xffff} << 32;
  if (address.family == AF_INET) {
    const uint32_t number = ntohl(address.v4.s_addr);
    return HoldsV4(number) || (!v6_.empty() && HoldsV6({0, kMapped | number}));
  }
  if (address.family != AF_INET6) return false;
  const Wide number{ReadBig(address.v6.s6_addr), ReadBig(address.v6.s6_addr + 8)};
  if (HoldsV6(number)) return true;
  if (v4_.empty() && masked_.empty()) return false;
  const bool is_inside = number.high == 0 && (number.low >> 32 == 0 || number.low >> 32 == 0xffff);
  if (is_inside) return HoldsV4(uint32_t(number.low));
  const bool is_6to4 = number.high >> 48 == 0x2002;
  return is_6to4 && HoldsV4(uint32_t(number.high >> 16));
}

}  // namespace engine
