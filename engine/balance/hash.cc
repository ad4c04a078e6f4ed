#include "engine/balance/hash.h"

#include <array>
#include <bit>

#include "base/text.h"

namespace engine {
namespace {

constexpr std::array<uint32_t, 256> MakeCrcTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ ((value & 1) != 0 ? 0xedb88320u : 0u);
    table[byte] = value;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kCrcTable = MakeCrcTable();

// A key that is a number, as decimal digits; what follows them is left out.
uint32_t NumberOf(std::string_view key) {
  uint32_t number = 0;
  for (char c : base::Trim(key)) {
    if (!base::IsDigit(c)) break;
    number = number * 10 + uint32_t(c - '0');
  }
  return number;
}

}  // namespace

uint32_t HashBytes(HashFunction function, std::string_view key) {
  uint32_t hash = 0;
  switch (function) {
    case HashFunction::kSdbm:
      for (unsigned char c : key) hash = c + (hash << 6) + (hash << 16) - hash;
      break;
    case HashFunction::kDjb2:
      hash = 5381;
      for (unsigned char c : key) hash = hash * 33 + c;
      break;
    case HashFunction::kWt6:
      hash = 0x811c9dc5u ^ uint32_t(key.size());
      for (unsigned char c : key) hash = std::rotl((hash ^ c) * 0xcc9e2d51u, 13) + 0xe6546b64u;
      hash = Avalanche(hash);
      break;
    case HashFunction::kCrc32:
      hash = ~0u;
      for (unsigned char c : key) hash = hash >> 8 ^ kCrcTable[(hash ^ c) & 0xff];
      hash = ~hash;
      break;
    case HashFunction::kNone:
      hash = NumberOf(key);
      break;
  }
  return hash;
}

// The 4-byte full avalanche of Bob Jenkins' page on integer hashing, in six steps, and what HAProxy
// does to its two highest bits, as its converters show: the same key leads to the same number.
uint32_t Avalanche(uint32_t value) {
  value = (value + 0x7ed55d16u) + (value << 12);
  value = (value ^ 0xc761c23cu) ^ (value >> 19);
  value = (value + 0x165667b1u) + (value << 5);
  value = (value + 0xd3a2646cu) ^ (value << 9);
  value = (value + 0xfd7046c5u) + (value << 3);
  value = (value ^ 0xb55a4f09u) ^ (value >> 16);
  return value * 0xc0000001u;
}

}  // namespace engine
