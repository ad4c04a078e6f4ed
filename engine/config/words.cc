#include "engine/config/words.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "base/text.h"

namespace engine {
namespace {

constexpr std::string_view kKindNames[] = {
    "action",         "filter",          "sample fetch", "converter",      "ACL criterion",
    "ACL flag",       "matching method", "operator",     "predefined ACL", "stick-table data type",
    "log-format tag", "log-format flag", "command",      "master command", "option",
    "service",
};
static_assert(std::size(kKindNames) == size_t(WordKind::kCount));

using scope::kAll;
using scope::kDefBack;
using scope::kDefFront;

// In the order of the bits of `ruleset`.
constexpr RuleLine kRuleLines[] = {
    {"quic-initial", kDefFront, ruleset::kQuicInitial},
    {"tcp-request connection", kDefFront, ruleset::kTcpConnection},
    {"tcp-request session", kDefFront, ruleset::kTcpSession},
    {"tcp-request content", kAll, ruleset::kTcpContent},
    {"tcp-response content", kDefBack, ruleset::kTcpResponse},
    {"http-request", kAll, ruleset::kHttpRequest},
    {"http-response", kAll, ruleset::kHttpResponse},
    {"http-after-response", kAll, ruleset::kHttpAfter},
};
static_assert(std::size(kRuleLines) == ruleset::kCount);

constexpr std::string_view kFetchPlaces[] = {"internal state", "layer 4", "layer 5",
                                             "layer 6",        "layer 7", "for developers"};

std::string_view WithoutArgument(std::string_view word) { return word.substr(0, word.find('(')); }

// Calls `take(word, has_parentheses)` for each word of a row.
template <typename Take>
void ForEachWord(const ManualWords& row, const Take& take) {
  const bool has_blanks = row.kind == WordKind::kCommand || row.kind == WordKind::kMasterCommand;
  for (std::string_view piece : base::Split(row.words, has_blanks ? ',' : ' ')) {
    piece = base::Trim(piece);
    if (!piece.empty()) take(WithoutArgument(piece), piece.ends_with("()"));
  }
}

[[noreturn]] void DieOfTwice(const KnownWord& word) {
  std::fprintf(stderr, "%s '%s' is registered twice\n", std::string(KindName(word.kind)).c_str(),
               word.words.c_str());
  std::abort();
}

}  // namespace

std::string_view KindName(WordKind kind) { return kKindNames[size_t(kind)]; }

std::string_view PlaceName(WordKind kind, Places one) {
  const size_t bit = size_t(__builtin_ctz(one));
  if (kind == WordKind::kAction && bit < ruleset::kCount) return kRuleLines[bit].words;
  if (kind == WordKind::kFetch && bit < std::size(kFetchPlaces)) return kFetchPlaces[bit];
  return {};
}

Places FindPlace(WordKind kind, std::string_view name) {
  for (Places one = 1; one != 0; one <<= 1) {
    const std::string_view found = PlaceName(kind, one);
    if (found.empty()) return 0;
    if (found == name) return one;
  }
  return 0;
}

std::span<const RuleLine> RuleLines() { return kRuleLines; }

WordList::WordList() {
  for (const ManualWords& row : ManualVocabulary()) {
    ForEachWord(row, [&](std::string_view word, bool has_parentheses) {
      words_.push_back({row.kind, std::string(word), row.places, row.support, std::string(row.note),
                        has_parentheses});
    });
  }
}

void WordList::AddWorking(WordKind kind, std::span<const std::string_view> words, Places places,
                          std::string_view note) {
  for (const std::string_view word : words) {
    Add({kind, std::string(word), places, Support::kWorks, std::string(note)});
  }
}

void WordList::Add(KnownWord word) {
  word.is_ours = true;
  for (KnownWord& known : words_) {
    if (known.kind != word.kind || known.words != word.words) continue;
    const Places common = known.places & word.places;
    if (common == 0) continue;
    // Only what the manual's table said may be said anew.
    if (known.support == Support::kWorks) DieOfTwice(word);
    word.is_ours = false;
    word.parentheses = known.parentheses;
    known.places &= ~common;
  }
  std::erase_if(words_, [](const KnownWord& known) { return known.places == 0; });
  words_.push_back(std::move(word));
}

std::optional<Support> WordList::StateOf(WordKind kind, std::string_view words,
                                         Places places) const {
  const auto found = std::find_if(words_.begin(), words_.end(), [&](const KnownWord& known) {
    return known.kind == kind && (known.places & places) != 0 && known.words == words;
  });
  if (found == words_.end()) return std::nullopt;
  return found->support;
}

std::optional<Support> ManualStateOf(WordKind kind, std::string_view word, Places places) {
  std::optional<Support> state;
  for (const ManualWords& row : ManualVocabulary()) {
    if (row.kind != kind || (row.places & places) == 0) continue;
    ForEachWord(row, [&](std::string_view known, bool) {
      if (known == WithoutArgument(word)) state = row.support;
    });
  }
  return state;
}

}  // namespace engine
