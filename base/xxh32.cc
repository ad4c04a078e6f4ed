#include "base/xxh32.h"

#include <bit>
#include <cstring>

namespace base {
namespace {

// By the numbers that the specification gives them, from 1.
constexpr uint32_t kPrimes32[] = {0, 0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F, 0x165667B1};
constexpr size_t kStripe32Bytes = 16;

// Little-endian, as the specification reads.
uint32_t Load32(const char* at) {
  uint32_t value;
  std::memcpy(&value, at, sizeof(value));
  if constexpr (std::endian::native == std::endian::big) value = __builtin_bswap32(value);
  return value;
}

uint32_t Round32(uint32_t lane, uint32_t input) {
  return std::rotl(lane + input * kPrimes32[2], 13) * kPrimes32[1];
}

}  // namespace

uint32_t Xxh32(std::string_view bytes, uint32_t seed) {
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  uint32_t hash = seed + kPrimes32[5];
  if (bytes.size() >= kStripe32Bytes) {
    uint32_t lanes[4] = {seed + kPrimes32[1] + kPrimes32[2], seed + kPrimes32[2], seed,
                         seed - kPrimes32[1]};
    for (; size_t(end - at) >= kStripe32Bytes; at += kStripe32Bytes) {
      for (int i = 0; i < 4; ++i) lanes[i] = Round32(lanes[i], Load32(at + 4 * i));
    }
    hash = std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) +
           std::rotl(lanes[3], 18);
  }
  hash += uint32_t(bytes.size());
  for (; end - at >= 4; at += 4)
    hash = std::rotl(hash + Load32(at) * kPrimes32[3], 17) * kPrimes32[4];
  for (; at < end; ++at) hash = std::rotl(hash + uint8_t(*at) * kPrimes32[5], 11) * kPrimes32[1];
  hash = (hash ^ hash >> 15) * kPrimes32[2];
  hash = (hash ^ hash >> 13) * kPrimes32[3];
  return hash ^ hash >> 16;
}

}  // namespace base
