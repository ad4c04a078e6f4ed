#include "base/xxh64.h"

#include <bit>
#include <cstring>

namespace base {
namespace {

// By the numbers that the specification gives them, from 1.
constexpr uint64_t kPrimes64[] = {0,
                                  0x9e3779b185ebca87,
                                  0xc2b2ae3d27d4eb4f,
                                  0x165667b19e3779f9,
                                  0x85ebca77c2b2ae63,
                                  0x27d4eb2f165667c5};

static_assert(std::endian::native == std::endian::little);

template <typename T>
T Read(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

uint64_t Round(uint64_t lane, uint64_t input) {
  return std::rotl(lane + input * kPrimes64[2], 31) * kPrimes64[1];
}

uint64_t Merge(uint64_t hash, uint64_t lane) {
  return (hash ^ Round(0, lane)) * kPrimes64[1] + kPrimes64[4];
}

}  // namespace

uint64_t Xxh64(std::string_view bytes, uint64_t seed) {
  const char* at = bytes.data();
  size_t left = bytes.size();
  uint64_t hash = seed + kPrimes64[5];
  if (left >= 32) {
    uint64_t lanes[4] = {seed + kPrimes64[1] + kPrimes64[2], seed + kPrimes64[2], seed,
                         seed - kPrimes64[1]};
    for (; left >= 32; left -= 32) {
      for (uint64_t& lane : lanes) {
        lane = Round(lane, Read<uint64_t>(at));
        at += 8;
      }
    }
    hash = std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) +
           std::rotl(lanes[3], 18);
    for (uint64_t lane : lanes) hash = Merge(hash, lane);
  }
  hash += bytes.size();
  for (; left >= 8; left -= 8, at += 8) {
    hash = std::rotl(hash ^ Round(0, Read<uint64_t>(at)), 27) * kPrimes64[1] + kPrimes64[4];
  }
  if (left >= 4) {
    hash = std::rotl(hash ^ Read<uint32_t>(at) * kPrimes64[1], 23) * kPrimes64[2] + kPrimes64[3];
    left -= 4;
    at += 4;
  }
  for (; left > 0; --left, ++at) {
    hash = std::rotl(hash ^ uint8_t(*at) * kPrimes64[5], 11) * kPrimes64[1];
  }
  hash = (hash ^ hash >> 33) * kPrimes64[2];
  hash = (hash ^ hash >> 29) * kPrimes64[3];
  return hash ^ hash >> 32;
}

}  // namespace base
