#include "engine/check/agent_answer.h"

#include <algorithm>

#include "base/text.h"

namespace engine {
namespace {

constexpr uint64_t kWeightMax = 256;

// "75%", "weight:75%", "weight:75".
bool TakeWeight(std::string_view word, AgentAnswer& answer) {
  constexpr std::string_view kPrefix = "weight:";
  const bool has_prefix = base::StartsWithIgnoreCase(word, kPrefix);
  if (has_prefix) word.remove_prefix(kPrefix.size());
  const bool in_percent = word.ends_with('%');
  if (in_percent) word.remove_suffix(1);
  if (!in_percent && !has_prefix) return false;
  const std::optional<uint64_t> number = base::ParseUnsigned(word);
  if (!number || *number > (in_percent ? UINT32_MAX : kWeightMax)) return false;
  answer.weight = number;
  answer.weight_in_percent = in_percent;
  return true;
}

bool TakeMaxconn(std::string_view word, AgentAnswer& answer) {
  constexpr std::string_view kPrefix = "maxconn:";
  if (!base::StartsWithIgnoreCase(word, kPrefix)) return false;
  const std::optional<uint64_t> number = base::ParseUnsigned(word.substr(kPrefix.size()));
  if (!number || *number >= UINT32_MAX) return false;
  answer.maxconn = uint32_t(*number);
  return true;
}

struct StateWord {
  std::string_view word;
  std::optional<bool> is_up;
  std::optional<AdminState> admin;
};
constexpr StateWord kStateWords[] = {
    {"up", true, {}},
    {"down", false, {}},
    {"fail", false, {}},
    {"stopped", false, {}},
    {"ready", {}, AdminState::kReady},
    {"drain", {}, AdminState::kDrain},
    {"maint", {}, AdminState::kMaint},
};

bool TakeWord(std::string_view word, AgentAnswer& answer) {
  for (const StateWord& one : kStateWords) {
    if (!base::EqualsIgnoreCase(word, one.word)) continue;
    if (one.is_up) {
      answer.is_up = one.is_up;
      answer.state = word;
    }
    if (one.admin) answer.admin = one.admin;
    return true;
  }
  return TakeWeight(word, answer) || TakeMaxconn(word, answer);
}

}  // namespace

AgentAnswer ParseAgentAnswer(std::string_view line) {
  AgentAnswer answer;
  if (const size_t sharp = line.find('#'); sharp != std::string_view::npos) {
    answer.description = base::Trim(line.substr(sharp + 1));
    line = line.substr(0, sharp);
  }
  while (!line.empty()) {
    const size_t end = std::min(line.find_first_of(" \t,"), line.size());
    const std::string_view word = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    if (!word.empty() && !TakeWord(word, answer) && answer.error.empty()) answer.error = word;
  }
  return answer;
}

uint32_t WeightOf(const AgentAnswer& answer, uint32_t configured) {
  const uint64_t wanted =
      answer.weight_in_percent ? *answer.weight * configured / 100 : *answer.weight;
  return uint32_t(std::min(wanted, kWeightMax));
}

}  // namespace engine
