#include "engine/server/check_status.h"

#include <algorithm>

namespace engine {
namespace {

constexpr CheckStatusInfo kInfos[] = {
#define X(name, number, word, text, result) {number, word, text, CheckResult::result},
#include "engine/server/check_status.def"
#undef X
};

}  // namespace

const CheckStatusInfo& Info(CheckStatus status) { return kInfos[size_t(status)]; }

std::optional<CheckStatus> FindCheckStatus(std::string_view word) {
  for (size_t i = 0; i < size_t(CheckStatus::kCount); ++i) {
    if (word == kInfos[i].word) return CheckStatus(i);
  }
  return std::nullopt;
}

void CheckReport::SetText(std::string_view text) {
  text_bytes = uint8_t(std::min<size_t>(text.size(), kTextBytesMax));
  std::transform(text.begin(), text.begin() + text_bytes, text_, [](char c) {
    const auto byte = uint8_t(c);
    return byte < 0x20 || byte == 0x7f ? '.' : c;
  });
}

}  // namespace engine
