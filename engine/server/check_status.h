// check_status.h - what a check can come to, and its report as shown to operators.
//
// Owns:    nothing.
// Threads: any-thread (values).
// Units:   milliseconds; codes as the protocol has them.
// Errors:  none.
// States:  none.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace engine {

enum class CheckStatus : uint8_t {
#define X(name, number, word, text, result) name,
#include "engine/server/check_status.def"
#undef X
  kCount
};

// What it means for the server; the numbers of `show servers state`.
enum class CheckResult : uint8_t { kUnknown = 0, kNeutral, kFailed, kPassed, kConditional };

struct CheckStatusInfo {
  uint8_t number;
  const char* word;  // "L4OK"
  const char* text;  // "Layer4 check passed"
  CheckResult result;
};
const CheckStatusInfo& Info(CheckStatus status);
// "L7OK" and its like; nothing for another word.
std::optional<CheckStatus> FindCheckStatus(std::string_view word);
// Those of layer 7 and of programs come with a code.
inline bool HasCode(CheckStatus status) {
  return Info(status).number >= Info(CheckStatus::kL7Ok).number;
}

// The last check that ended, small enough to be published.
struct CheckReport {
  static constexpr uint32_t kTextBytesMax = 200;

  CheckStatus status = CheckStatus::kInitializing;
  uint8_t text_bytes = 0;
  int32_t code = 0;
  uint32_t duration_ms = 0;
  char text_[kTextBytesMax] = {};

  std::string_view text() const { return {text_, text_bytes}; }
  // Cuts what is too long, and what would break a line into dots.
  void SetText(std::string_view text);
};

}  // namespace engine
