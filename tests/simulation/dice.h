// dice.h - random numbers and random text that hang on a seed alone.
//
// Owns:    the text, made once.
// Threads: one thread.
// Units:   bytes.
// Errors:  none.
// States:  none.
//
//   Dice dice(seed);
//   if (dice.OneIn(4)) Write(TextOf(7, written, dice.Below(500)));

#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace simulation {

// splitmix64: cheap to begin anew, which is done for every event.
class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  uint64_t Below(uint64_t end) { return end == 0 ? 0 : Next() % end; }
  uint64_t Between(uint64_t low, uint64_t high) { return low + Below(high - low + 1); }
  bool OneIn(uint64_t n) { return Below(n) == 0; }
  bool Chance(double probability) { return double(Next() >> 11) * 0x1p-53 < probability; }
  template <typename T>
  T Of(std::initializer_list<T> values) {
    return values.begin()[Below(values.size())];
  }

 private:
  uint64_t state_;
};

inline constexpr size_t kTextBytesMax = 256 * 1024;

// At most `max` bytes of the text called `key`, from `at` on. Texts of different keys differ from
// their first bytes on, nearly always.
inline std::string_view TextOf(uint64_t key, size_t at, size_t max) {
  constexpr size_t kStarts = 64 * 1024;
  static const std::string bytes = [] {
    Dice dice(1);
    std::string text(kStarts + kTextBytesMax, 0);
    for (char& c : text) c = char('!' + dice.Below(90));
    return text;
  }();
  const size_t start = Dice(key).Below(kStarts);
  if (at >= kTextBytesMax) return {};
  return std::string_view(bytes).substr(start + at, std::min(max, kTextBytesMax - at));
}

}  // namespace simulation
