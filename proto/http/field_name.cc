#include "proto/http/field_name.h"

#include <array>
#include <cstring>

namespace proto {
namespace {

using internal::kFieldNameTexts;

constexpr size_t kNames = size_t(FieldName::kCount);
constexpr size_t kBytesMin = 2;
constexpr size_t kBytesMax = 32;
constexpr int kSlotBits = 10;
// Found by trying random odd numbers until no two names shared a slot; the static_assert below
// fails when a new name spoils it, and then another one has to be found the same way.
constexpr uint32_t kMultiplier = 0x119a72d1;

constexpr uint32_t Lower(char c) { return uint8_t(c) | (c >= 'A' && c <= 'Z' ? 0x20 : 0); }

// Four letters and the length tell all interned names apart, so nothing else is read.
constexpr uint32_t Slot(const char* name, size_t bytes) {
  const uint32_t letters = Lower(name[0]) | Lower(name[bytes / 2]) << 8 |
                           Lower(name[bytes - 1]) << 16 | Lower(name[bytes * 3 / 4]) << 24;
  return ((letters ^ uint32_t(bytes) * 0x9e3779b1U) * kMultiplier) >> (32 - kSlotBits);
}

constexpr std::array<uint8_t, 1 << kSlotBits> MakeSlots() {
  std::array<uint8_t, 1 << kSlotBits> slots{};
  for (size_t i = 1; i < kNames; ++i) {
    slots[Slot(kFieldNameTexts[i].data(), kFieldNameTexts[i].size())] = uint8_t(i);
  }
  return slots;
}
constexpr auto kSlots = MakeSlots();

constexpr bool EveryNameHasItsSlot() {
  for (size_t i = 1; i < kNames; ++i) {
    const std::string_view text = kFieldNameTexts[i];
    if (text.size() < kBytesMin || text.size() > kBytesMax) return false;
    if (kSlots[Slot(text.data(), text.size())] != i) return false;
  }
  return true;
}
static_assert(EveryNameHasItsSlot(), "two names share a slot: search another kMultiplier");

// Interned names hold letters, digits and '-' only. Setting bit 5 lowers letters and leaves the
// rest as it is, but would also turn control bytes into digits and '-', hence the second test:
// every byte of `text` must have bit 5 or 6.
template <typename Word>
bool SameWord(const char* text, const char* lower) {
  constexpr Word kBit5 = Word(~Word(0)) / 255 * 0x20;
  constexpr Word kBit6 = kBit5 << 1;
  Word a, b;
  std::memcpy(&a, text, sizeof(Word));
  std::memcpy(&b, lower, sizeof(Word));
  return (a | kBit5) == b && (((a & kBit5) << 1 | a) & kBit6) == kBit6;
}

bool SameName(const char* text, const char* lower, size_t bytes) {
  if (bytes >= 8) {
    size_t i = 0;
    for (; i + 8 <= bytes; i += 8) {
      if (!SameWord<uint64_t>(text + i, lower + i)) return false;
    }
    return SameWord<uint64_t>(text + bytes - 8, lower + bytes - 8);
  }
  if (bytes >= 4) {
    return SameWord<uint32_t>(text, lower) &&
           SameWord<uint32_t>(text + bytes - 4, lower + bytes - 4);
  }
  return SameWord<uint16_t>(text, lower) && SameWord<uint16_t>(text + bytes - 2, lower + bytes - 2);
}

}  // namespace

FieldName FindFieldName(std::string_view name) {
  if (name.size() < kBytesMin || name.size() > kBytesMax) return FieldName::kOther;
  const uint8_t index = kSlots[Slot(name.data(), name.size())];
  const std::string_view text = kFieldNameTexts[index];
  if (text.size() != name.size() || !SameName(name.data(), text.data(), name.size())) {
    return FieldName::kOther;
  }
  return FieldName(index);
}

}  // namespace proto
