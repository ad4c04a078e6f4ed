#include "engine/config/keywords.h"

#include <algorithm>

#include "base/text.h"

namespace engine {
namespace {

constexpr std::string_view kExtraNames[] = {"'bind' line",           "'server' line",
                                            "'default-server' line", "'stats socket' line",
                                            "'load' line",           "'filter' line"};
static_assert(size_t(SectionKind::kCount) + std::size(kExtraNames) == scope::kCount);

// The `count` words of a line from `word` on, with single spaces; empty when the line is shorter.
std::string Joined(const Line& line, size_t word, size_t count) {
  if (word + count > line.size()) return {};
  std::string joined;
  for (size_t i = 0; i < count; ++i) {
    if (i != 0) joined += ' ';
    joined += line.text(word + i);
  }
  return joined;
}

std::string ListOf(Scopes scopes) {
  std::vector<std::string> names;
  for (size_t i = 0; i < scope::kCount; ++i) {
    if (const Scopes one = Scopes{1} << i; (scopes & one) != 0) names.push_back(ScopeName(one));
  }
  std::string list;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i != 0) list += i + 1 == names.size() ? " or " : ", ";
    list += names[i];
  }
  return list;
}

}  // namespace

std::string ScopeName(Scopes one) {
  const size_t index = size_t(__builtin_ctzll(one));
  if (index >= size_t(SectionKind::kCount)) {
    return std::string(kExtraNames[index - size_t(SectionKind::kCount)]);
  }
  return InQuotes(SectionName(SectionKind(index))) + " section";
}

size_t KeywordTable::Add(KeywordSpec spec) {
  const size_t words = base::Split(spec.words, ' ').size();
  MUST(!spec.words.empty());
  MUST(words <= kKeywordWordsMax);
  MUST(spec.scopes != 0);
  const auto [from, to] = by_words_.equal_range(spec.words);
  for (auto at = from; at != to; ++at) MUST((specs_[at->second].scopes & spec.scopes) == 0);
  const size_t index = specs_.size();
  if (words > 1) heads_[spec.words.substr(0, spec.words.find(' '))] |= spec.scopes;
  by_words_.emplace(spec.words, index);
  specs_.push_back(std::move(spec));
  return index;
}

bool KeywordTable::IsKnown(std::string_view words, Scopes scopes) const {
  const auto [from, to] = by_words_.equal_range(words);
  return std::any_of(
      from, to, [&](const auto& entry) { return (specs_[entry.second].scopes & scopes) != 0; });
}

std::optional<KeywordTable::Match> KeywordTable::FindMatch(const Line& line, size_t word,
                                                           Scopes scopes) const {
  for (size_t words = kKeywordWordsMax; words > 0; --words) {
    const std::string joined = Joined(line, word, words);
    if (joined.empty()) continue;
    const auto [from, to] = by_words_.equal_range(joined);
    for (auto at = from; at != to; ++at) {
      if ((specs_[at->second].scopes & scopes) != 0) return Match{at->second, words};
    }
  }
  return std::nullopt;
}

const KeywordSpec* KeywordTable::Find(const Line& line, size_t word, Scopes scopes) const {
  const std::optional<Match> match = FindMatch(line, word, scopes);
  return match ? &specs_[match->index] : nullptr;
}

KeywordTable::Outcome KeywordTable::Resolve(KeywordUse& use, Scopes scopes, bool statement) const {
  const Line& line = use.line;
  if (statement && line.size() > 1 && !IsKnown(line.text(0), scopes)) {
    if (line.text(0) == "no") use.prefix = kAllowsNo;
    if (line.text(0) == "default") use.prefix = kAllowsDefault;
    if (use.prefix != kNoPrefix) ++use.first_word;
  }
  const std::optional<Match> match = FindMatch(line, use.first_word, scopes);
  if (!match) {
    if (FindMatch(line, use.first_word, ~Scopes{0})) {
      ReportMisplaced(use, scopes);
    } else {
      ReportUnknown(use, scopes, statement);
    }
    return Outcome::kRefused;
  }
  const KeywordSpec& spec = specs_[match->index];
  use.keyword = &spec;
  use.index = match->index;
  use.first_argument = use.first_word + match->words;
  use.next =
      statement ? line.size() : std::min(line.size(), use.first_argument + size_t(spec.arguments));
  const Location where = line.At(use.first_word);
  const std::string quoted = InQuotes(spec.words);
  if (use.prefix != kNoPrefix && (spec.prefixes & use.prefix) == 0) {
    use.diagnostics.Error(line.At(0),
                          InQuotes(line.text(0)) + " is not allowed in front of " + quoted);
    return Outcome::kRefused;
  }
  switch (spec.support) {
    case Support::kWorks:
      return Outcome::kRun;
    case Support::kTunesOnly:
      use.diagnostics.NoEffect(spec.words, where, quoted + " is accepted but has no effect");
      return Outcome::kPassOver;
    case Support::kNotSupportedYet:
      use.diagnostics.Error(where, quoted + " is not supported yet", spec.note);
      return Outcome::kRefused;
    case Support::kRemoved:
      use.diagnostics.Error(where, quoted + " is not supported any more", spec.note);
      return Outcome::kRefused;
  }
  return Outcome::kRefused;
}

void KeywordTable::ReportMisplaced(const KeywordUse& use, Scopes scopes) const {
  // Every place where the longest form that exists is legal.
  const std::optional<Match> match = FindMatch(use.line, use.first_word, ~Scopes{0});
  const std::string& words = specs_[match->index].words;
  Scopes legal = 0;
  const auto [from, to] = by_words_.equal_range(words);
  for (auto at = from; at != to; ++at) legal |= specs_[at->second].scopes;
  use.diagnostics.Error(use.line.At(use.first_word),
                        InQuotes(words) + " is not allowed in a " + ListOf(scopes),
                        "it is allowed in a " + ListOf(legal));
}

void KeywordTable::ReportUnknown(const KeywordUse& use, Scopes scopes, bool statement) const {
  const Line& line = use.line;
  // "timeout conect": the first word is right, the second is not.
  const auto head = heads_.find(line.text(use.first_word));
  const bool is_head = head != heads_.end() && (head->second & scopes) != 0;
  const bool is_short = is_head && use.first_word + 1 >= line.size();
  const std::string shown = is_head && !is_short ? Joined(line, use.first_word, 2)
                                                 : std::string(line.text(use.first_word));
  std::string message = "unknown keyword '" + shown + "' in " + ListOf(scopes);
  if (is_short) message = InQuotes(shown) + " expects another word in " + ListOf(scopes);
  use.diagnostics.Error(line.At(is_head ? use.first_word + 1 : use.first_word), message,
                        SuggestFor(use, scopes, statement));
}

std::string KeywordTable::SuggestFor(const KeywordUse& use, Scopes scopes, bool statement) const {
  const Line& line = use.line;
  std::string_view best;
  double best_share = 1.0;  // of the word that has to change
  for (size_t words = 1; words <= kKeywordWordsMax; ++words) {
    const std::string written = Joined(line, use.first_word, words);
    if (written.empty()) break;
    std::vector<std::string_view> candidates;
    for (const KeywordSpec& spec : specs_) {
      const auto spaces = size_t(std::count(spec.words.begin(), spec.words.end(), ' '));
      const bool usable = spec.support == Support::kWorks || spec.support == Support::kTunesOnly;
      if (usable && spaces + 1 == words && (spec.scopes & scopes) != 0) {
        candidates.push_back(spec.words);
      }
    }
    if (statement && words == 1) {
      candidates.insert(candidates.end(), SectionWords().begin(), SectionWords().end());
    }
    const std::string_view nearest = NearestWord(written, candidates);
    if (nearest.empty()) continue;
    const double share = double(base::EditDistance(written, nearest)) / double(written.size());
    if (share >= best_share) continue;
    best_share = share;
    best = nearest;
  }
  return best.empty() ? std::string() : "did you mean " + InQuotes(best) + "?";
}

}  // namespace engine
