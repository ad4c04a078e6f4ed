#include "base/xxh32.h"

#include <bit>
#include <cstring>

namespace base {
namespace {

constexpr uint32_t kPrime1 = 0x9E3779B1;
constexpr uint32_t kPrime2 = 0x85EBCA77;
constexpr uint32_t kPrime3 = 0xC2B2AE3D;
constexpr uint32_t kPrime4 = 0x27D4EB2F;
constexpr uint32_t kPrime5 = 0x165667B1;
constexpr size_t kStripeBytes = 16;

// Little-endian, as the specification reads.
uint32_t Load32(const char* at) {
  uint32_t value;
  std::memcpy(&value, at, sizeof(value));
  if constexpr (std::endian::native == std::endian::big) value = __builtin_bswap32(value);
  return value;
}

uint32_t Round(uint32_t lane, uint32_t input) {
  return std::rotl(lane + input * kPrime2, 13) * kPrime1;
}

}  // namespace

uint32_t Xxh32(std::string_view bytes, uint32_t seed) {
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  uint32_t hash = seed + kPrime5;
  if (bytes.size() >= kStripeBytes) {
    uint32_t lanes[4] = {seed + kPrime1 + kPrime2, seed + kPrime2, seed, seed - kPrime1};
    for (; size_t(end - at) >= kStripeBytes; at += kStripeBytes) {
      for (int i = 0; i < 4; ++i) lanes[i] = Round(lanes[i], Load32(at + 4 * i));
    }
    hash = std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) +
           std::rotl(lanes[3], 18);
  }
  hash += uint32_t(bytes.size());
  for (; end - at >= 4; at += 4) hash = std::rotl(hash + Load32(at) * kPrime3, 17) * kPrime4;
  for (; at < end; ++at) hash = std::rotl(hash + uint8_t(*at) * kPrime5, 11) * kPrime1;
  hash = (hash ^ hash >> 15) * kPrime2;
  hash = (hash ^ hash >> 13) * kPrime3;
  return hash ^ hash >> 16;
}

}  // namespace base
