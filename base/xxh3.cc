#include "base/xxh3.h"

#include <bit>
#include <cstring>

namespace base {
namespace {

constexpr uint64_t kPrime32[] = {0, 0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D};
constexpr uint64_t kPrime64[] = {0,
                                 0x9E3779B185EBCA87,
                                 0xC2B2AE3D27D4EB4F,
                                 0x165667B19E3779F9,
                                 0x85EBCA77C2B2AE63,
                                 0x27D4EB2F165667C5};
constexpr size_t kSecretBytes = 192;
constexpr size_t kStripeBytes = 64;
constexpr size_t kStripesPerBlock = (kSecretBytes - kStripeBytes) / 8;
constexpr size_t kBlockBytes = kStripeBytes * kStripesPerBlock;

// Section "XXH3 default secret".
constexpr uint8_t kSecret[kSecretBytes] = {
    0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c,
    0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f,
    0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
    0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c,
    0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3,
    0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8,
    0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d,
    0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64,
    0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb,
    0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e,
    0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce,
    0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e,
};

// Little-endian, as the specification reads.
uint64_t Load64(const void* at) {
  uint64_t value;
  std::memcpy(&value, at, sizeof(value));
  if constexpr (std::endian::native == std::endian::big) value = __builtin_bswap64(value);
  return value;
}
uint32_t Load32(const void* at) {
  uint32_t value;
  std::memcpy(&value, at, sizeof(value));
  if constexpr (std::endian::native == std::endian::big) value = __builtin_bswap32(value);
  return value;
}
void Store64(uint64_t value, void* at) {
  if constexpr (std::endian::native == std::endian::big) value = __builtin_bswap64(value);
  std::memcpy(at, &value, sizeof(value));
}

// Both halves of the product, one over the other.
uint64_t Fold(uint64_t a, uint64_t b) {
  const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
  return uint64_t(product) ^ uint64_t(product >> 64);
}

uint64_t Avalanche(uint64_t hash) {
  hash = (hash ^ hash >> 37) * 0x165667919E3779F9;
  return hash ^ hash >> 32;
}
uint64_t Avalanche64(uint64_t hash) {
  hash = (hash ^ hash >> 33) * kPrime64[2];
  hash = (hash ^ hash >> 29) * kPrime64[3];
  return hash ^ hash >> 32;
}

uint64_t Mix16(const uint8_t* in, const uint8_t* secret, uint64_t seed) {
  return Fold(Load64(in) ^ (Load64(secret) + seed), Load64(in + 8) ^ (Load64(secret + 8) - seed));
}

uint64_t HashTo16(const uint8_t* in, size_t length, uint64_t seed) {
  if (length > 8) {
    const uint64_t low = Load64(in) ^ ((Load64(kSecret + 24) ^ Load64(kSecret + 32)) + seed);
    const uint64_t high =
        Load64(in + length - 8) ^ ((Load64(kSecret + 40) ^ Load64(kSecret + 48)) - seed);
    return Avalanche(length + __builtin_bswap64(low) + high + Fold(low, high));
  }
  if (length >= 4) {
    seed ^= uint64_t(__builtin_bswap32(uint32_t(seed))) << 32;
    const uint64_t flip = (Load64(kSecret + 8) ^ Load64(kSecret + 16)) - seed;
    uint64_t hash = (Load32(in + length - 4) + (uint64_t(Load32(in)) << 32)) ^ flip;
    constexpr uint64_t kMix = 0x9FB21C651E98DF25;
    hash ^= std::rotl(hash, 49) ^ std::rotl(hash, 24);
    hash *= kMix;
    hash ^= (hash >> 35) + length;
    hash *= kMix;
    return hash ^ hash >> 28;
  }
  if (length > 0) {
    const uint32_t combined = uint32_t(in[0]) << 16 | uint32_t(in[length >> 1]) << 24 |
                              uint32_t(in[length - 1]) | uint32_t(length) << 8;
    return Avalanche64(combined ^ ((Load32(kSecret) ^ Load32(kSecret + 4)) + seed));
  }
  return Avalanche64(seed ^ Load64(kSecret + 56) ^ Load64(kSecret + 64));
}

uint64_t HashTo128(const uint8_t* in, size_t length, uint64_t seed) {
  uint64_t hash = length * kPrime64[1];
  for (size_t i = (length - 1) / 32 + 1; i-- > 0;) {
    hash += Mix16(in + 16 * i, kSecret + 32 * i, seed);
    hash += Mix16(in + length - 16 * (i + 1), kSecret + 32 * i + 16, seed);
  }
  return Avalanche(hash);
}

uint64_t HashTo240(const uint8_t* in, size_t length, uint64_t seed) {
  constexpr size_t kLeastSecretBytes = 136;
  uint64_t hash = length * kPrime64[1];
  for (size_t i = 0; i < 8; ++i) hash += Mix16(in + 16 * i, kSecret + 16 * i, seed);
  hash = Avalanche(hash);
  for (size_t i = 8; i < length / 16; ++i) {
    hash += Mix16(in + 16 * i, kSecret + 16 * (i - 8) + 3, seed);
  }
  hash += Mix16(in + length - 16, kSecret + kLeastSecretBytes - 17, seed);
  return Avalanche(hash);
}

void Accumulate(uint64_t* lanes, const uint8_t* in, const uint8_t* secret) {
  for (size_t i = 0; i < 8; ++i) {
    const uint64_t value = Load64(in + 8 * i);
    const uint64_t key = value ^ Load64(secret + 8 * i);
    lanes[i ^ 1] += value;
    lanes[i] += (key & 0xffffffff) * (key >> 32);
  }
}

void Scramble(uint64_t* lanes, const uint8_t* secret) {
  for (size_t i = 0; i < 8; ++i) {
    lanes[i] = (lanes[i] ^ lanes[i] >> 47 ^ Load64(secret + 8 * i)) * kPrime32[1];
  }
}

uint64_t HashLong(const uint8_t* in, size_t length, uint64_t seed) {
  uint8_t secret[kSecretBytes];
  for (size_t i = 0; i < kSecretBytes; i += 16) {
    Store64(Load64(kSecret + i) + seed, secret + i);
    Store64(Load64(kSecret + i + 8) - seed, secret + i + 8);
  }
  uint64_t lanes[8] = {kPrime32[3], kPrime64[1], kPrime64[2], kPrime64[3],
                       kPrime64[4], kPrime32[2], kPrime64[5], kPrime32[1]};
  const size_t blocks = (length - 1) / kBlockBytes;
  for (size_t block = 0; block < blocks; ++block) {
    for (size_t i = 0; i < kStripesPerBlock; ++i) {
      Accumulate(lanes, in + block * kBlockBytes + i * kStripeBytes, secret + 8 * i);
    }
    Scramble(lanes, secret + kSecretBytes - kStripeBytes);
  }
  const uint8_t* rest = in + blocks * kBlockBytes;
  for (size_t i = 0; i < (length - 1 - blocks * kBlockBytes) / kStripeBytes; ++i) {
    Accumulate(lanes, rest + i * kStripeBytes, secret + 8 * i);
  }
  Accumulate(lanes, in + length - kStripeBytes, secret + kSecretBytes - kStripeBytes - 7);
  uint64_t hash = length * kPrime64[1];
  for (size_t i = 0; i < 4; ++i) {
    hash += Fold(lanes[2 * i] ^ Load64(secret + 11 + 16 * i),
                 lanes[2 * i + 1] ^ Load64(secret + 11 + 16 * i + 8));
  }
  return Avalanche(hash);
}

}  // namespace

uint64_t Xxh3(std::string_view bytes, uint64_t seed) {
  const auto* in = reinterpret_cast<const uint8_t*>(bytes.data());
  if (bytes.size() <= 16) return HashTo16(in, bytes.size(), seed);
  if (bytes.size() <= 128) return HashTo128(in, bytes.size(), seed);
  if (bytes.size() <= 240) return HashTo240(in, bytes.size(), seed);
  return HashLong(in, bytes.size(), seed);
}

}  // namespace base
