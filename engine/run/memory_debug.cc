#include "engine/run/memory_debug.h"

#include <malloc.h>

#include <algorithm>
#include <charconv>
#include <iterator>

#include "base/text.h"

namespace engine {
namespace {

constexpr uint8_t kPoisonDefault = 0x50;  // management 3, -dM
// Of HAProxy's pools, which are not ours: buffers here come from fixed slabs.
constexpr std::string_view kPoolOptions[] = {
    "backup",    "cache",     "caller",       "cold-first", "fail",     "global",
    "hot-first", "integrity", "merge",        "no-backup",  "no-cache", "no-caller",
    "no-fail",   "no-global", "no-integrity", "no-merge",   "no-tag",   "tag"};

bool ParseByte(std::string_view text, MemoryDebug* debug, std::string* error) {
  const bool is_hex = text.starts_with("0x") || text.starts_with("0X");
  const std::string_view digits = is_hex ? text.substr(2) : text;
  unsigned value = 0;
  const auto parsed =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, is_hex ? 16 : 10);
  if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size() || value > 255) {
    *error = "takes a byte from 0 to 255";
    return false;
  }
  debug->poison = uint8_t(value);
  return true;
}

}  // namespace

bool ParseMemoryDebug(std::string_view text, MemoryDebug* debug, std::string* error) {
  if (text.empty()) {
    debug->poison = kPoisonDefault;
    return true;
  }
  bool first = true;
  for (const std::string_view word : base::Split(text, ',')) {
    const bool may_be_byte = first;
    first = false;
    if (word.empty()) continue;
    if (word[0] >= '0' && word[0] <= '9' && may_be_byte) {
      if (!ParseByte(word, debug, error)) return false;
    } else if (word == "help") {
      debug->help = true;
    } else if (word == "poison") {
      debug->poison = debug->poison.value_or(kPoisonDefault);
    } else if (word == "no-poison") {
      debug->poison.reset();
    } else if (std::find(std::begin(kPoolOptions), std::end(kPoolOptions), word) !=
               std::end(kPoolOptions)) {
      debug->no_effect.emplace_back(word);
    } else {
      *error = "knows no option of that name; '-dMhelp' lists them";
      return false;
    }
  }
  return true;
}

std::string MemoryDebugHelp(const MemoryDebug& debug) {
  std::string text =
      "-dM[<byte>[,]][<option>,...]: what fresh memory holds, 0x50 where no byte is given.\n"
      "  poison / no-poison   fill it / leave it as it is        [" +
      std::string(debug.poison ? "poison" : "no-poison") +
      "]\n"
      "Accepted without effect, as there are no such pools here:\n ";
  for (const std::string_view option : kPoolOptions) text += " " + std::string(option);
  return text + "\n";
}

void PoisonMemory(uint8_t byte) {
  // The C library takes the complement; 0 would mean none, which nothing can be done about: then
  // memory is filled with 0xfe.
  const int perturb = uint8_t(~byte) == 0 ? 1 : uint8_t(~byte);
  (void)mallopt(M_PERTURB, perturb);
}

}  // namespace engine
