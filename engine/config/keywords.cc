#include "engine/config/keywords.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <set>

#include "base/text.h"
#include "engine/config/value.h"

namespace engine {
namespace {

constexpr std::string_view kExtraNames[] = {"'bind' line", "'server' line", "'default-server' line",
                                            "'load' line", "'filter' line"};
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

std::string AnyOf(const std::vector<std::string>& names, std::string_view last = " or ") {
  std::string list;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i != 0) list += i + 1 == names.size() ? last : ", ";
    list += names[i];
  }
  return list;
}

bool IsLine(size_t index) { return index >= size_t(SectionKind::kCount); }

// "in a 'defaults' or 'listen' section or on a 'bind' line".
std::string PlacesOf(Scopes scopes) {
  std::vector<std::string> sections;
  std::vector<std::string> lines;
  for (size_t i = 0; i < scope::kCount; ++i) {
    if ((scopes >> i & 1) == 0) continue;
    const std::string name = ScopeName(Scopes{1} << i);
    (IsLine(i) ? lines : sections).push_back(name.substr(0, name.rfind(' ')));
  }
  std::string list;
  if (!sections.empty()) list = "in a " + AnyOf(sections) + " section";
  if (!sections.empty() && !lines.empty()) list += " or ";
  if (!lines.empty()) list += "on a " + AnyOf(lines) + " line";
  return list;
}

// "in 'listen' section", as HAProxy says it.
std::string Here(Scopes scopes) {
  return "in " + ScopeName(Scopes{1} << size_t(__builtin_ctzll(scopes)));
}

// What a word that carries its argument may be known as: "set-var" for "set-var(txn.x)", and one
// name for whatever Lua has registered. Empty: as it is.
std::string_view StemOf(std::string_view word) {
  if (word.starts_with("lua.")) return word.substr(0, 4);
  const size_t parenthesis = word.find('(');
  return parenthesis == std::string_view::npos ? std::string_view() : word.substr(0, parenthesis);
}

// Whoever moves a word between the tables wants to know which one.
[[noreturn]] void DieOfTwice(const std::string& words) {
  std::fprintf(stderr, "keyword '%s' is registered twice: see engine/config/keyword_states.cc\n",
               words.c_str());
  std::abort();
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
  for (auto at = from; at != to; ++at) {
    if ((specs_[at->second].scopes & spec.scopes) != 0) DieOfTwice(spec.words);
  }
  const size_t index = specs_.size();
  by_words_.emplace(spec.words, index);
  specs_.push_back(std::move(spec));
  return index;
}

const KeywordSpec* KeywordTable::FindWords(std::string_view words, Scopes scopes) const {
  const auto [from, to] = by_words_.equal_range(words);
  for (auto at = from; at != to; ++at) {
    if ((specs_[at->second].scopes & scopes) != 0) return &specs_[at->second];
  }
  return nullptr;
}

std::optional<KeywordTable::Match> KeywordTable::FindMatch(const Line& line, size_t word,
                                                           Scopes scopes) const {
  const auto find = [&](std::string_view words, bool is_stem) -> const size_t* {
    const auto [from, to] = by_words_.equal_range(words);
    for (auto at = from; at != to; ++at) {
      const KeywordSpec& spec = specs_[at->second];
      if ((spec.scopes & scopes) != 0 && (!is_stem || spec.parentheses)) return &at->second;
    }
    return nullptr;
  };
  for (size_t words = kKeywordWordsMax; words > 0; --words) {
    std::string joined = Joined(line, word, words);
    if (joined.empty()) continue;
    if (const size_t* index = find(joined, false)) return Match{*index, words};
    const std::string_view last = line.text(word + words - 1);
    const std::string_view stem = StemOf(last);
    if (stem.empty()) continue;
    joined.resize(joined.size() - last.size() + stem.size());
    if (const size_t* index = find(joined, true)) return Match{*index, words};
  }
  return std::nullopt;
}

const KeywordSpec* KeywordTable::Find(const Line& line, size_t word, Scopes scopes) const {
  const std::optional<Match> match = FindMatch(line, word, scopes);
  return match ? &specs_[match->index] : nullptr;
}

bool KeywordTable::CheckKnown(const Line& line, Scopes scopes, Diagnostics& diagnostics) const {
  if (line.size() == 0) return true;
  KeywordUse use{.line = line, .diagnostics = diagnostics};
  return Locate(use, scopes, true);
}

bool KeywordTable::Locate(KeywordUse& use, Scopes scopes, bool statement) const {
  const Line& line = use.line;
  if (statement && line.size() > 1 && !IsKnown(line.text(0), scopes)) {
    if (line.text(0) == "no") use.prefix = kAllowsNo;
    if (line.text(0) == "default") use.prefix = kAllowsDefault;
    if (use.prefix != kNoPrefix) ++use.first_word;
  }
  const std::optional<Match> match = FindMatch(line, use.first_word, scopes);
  if (!match) {
    // "timeout" is a word of `resolvers`, but here it is a head that lacks the rest.
    const std::optional<Match> elsewhere = FindMatch(line, use.first_word, ~Scopes{0});
    if (elsewhere && elsewhere->words > HeadLength(line, use.first_word, scopes)) {
      ReportMisplaced(use, scopes);
    } else {
      ReportUnknown(use, scopes, statement);
    }
    return false;
  }
  const KeywordSpec& spec = specs_[match->index];
  if (statement && spec.support != Support::kWorks &&
      HeadLength(line, use.first_word, scopes) == match->words &&
      use.first_word + match->words < line.size()) {
    // "http-request dney": the head says nothing by itself, and what follows is none of its words.
    ReportUnknown(use, scopes, statement);
    return false;
  }
  use.keyword = &spec;
  use.index = match->index;
  use.first_argument = use.first_word + match->words;
  use.next =
      statement ? line.size() : std::min(line.size(), use.first_argument + size_t(spec.arguments));
  return true;
}

KeywordTable::Outcome KeywordTable::Resolve(KeywordUse& use, Scopes scopes, bool statement) const {
  if (!Locate(use, scopes, statement)) return Outcome::kRefused;
  const Line& line = use.line;
  const KeywordSpec& spec = *use.keyword;
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
      if (!CheckValue(use)) return Outcome::kRefused;
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

// A value that is wrong would be an error the day its word works, and is one for HAProxy today.
bool KeywordTable::CheckValue(const KeywordUse& use) {
  const std::string_view values = use.keyword->values;
  if (values.empty() || use.prefix != kNoPrefix) return true;
  const std::string_view text = use.argument(0);
  std::string error;
  std::vector<std::string> expected;
  std::vector<std::string_view> words;
  for (const std::string_view one : base::Split(values, '|')) {
    const size_t dots = one.find("..");
    if (one == "<time>") {
      error = ParseTimeMs(text).error;
    } else if (one == "<size>") {
      error = ParseSize(text).error;
    } else if (dots != one.npos) {
      const auto low = base::ParseSigned(one.substr(0, dots));
      const auto high = base::ParseSigned(one.substr(dots + 2));
      error = ParseInteger(text, low.value_or(0), high.value_or(INT64_MAX)).error;
    } else {
      if (text == one) return true;
      words.push_back(one);
      expected.push_back(InQuotes(one));
      continue;
    }
    if (error.empty()) return true;
  }
  if (error.empty()) {
    error = "expects " + AnyOf(expected);
    if (!text.empty()) error += ", not " + InQuotes(text);
  }
  use.diagnostics.Error(use.line.At(use.first_argument),
                        InQuotes(use.keyword->words) + ": " + error, Suggest(text, words));
  return false;
}

// How many words from `word` on are the beginning of longer keywords.
size_t KeywordTable::HeadLength(const Line& line, size_t word, Scopes scopes) const {
  for (size_t words = kKeywordWordsMax - 1; words > 0; --words) {
    const std::string head = Joined(line, word, words);
    if (!head.empty() && IsHead(head, scopes)) return words;
  }
  return 0;
}

bool KeywordTable::IsHead(std::string_view words, Scopes scopes) const {
  const std::string start = std::string(words) + " ";
  for (auto at = by_words_.lower_bound(start); at != by_words_.end(); ++at) {
    if (!at->first.starts_with(start)) return false;
    if ((specs_[at->second].scopes & scopes) != 0) return true;
  }
  return false;
}

void KeywordTable::ReportMisplaced(const KeywordUse& use, Scopes scopes) const {
  // Every place where the longest form that exists is legal.
  const std::optional<Match> match = FindMatch(use.line, use.first_word, ~Scopes{0});
  const std::string& words = specs_[match->index].words;
  Scopes legal = 0;
  const auto [from, to] = by_words_.equal_range(words);
  for (auto at = from; at != to; ++at) {
    if (!specs_[at->second].ignored) legal |= specs_[at->second].scopes;
  }
  use.diagnostics.Error(use.line.At(use.first_word),
                        InQuotes(words) + " is not allowed " + PlacesOf(scopes),
                        "it is allowed " + PlacesOf(legal));
}

void KeywordTable::ReportUnknown(const KeywordUse& use, Scopes scopes, bool statement) const {
  const Line& line = use.line;
  // "timeout conect": the first word is right, the second is not.
  const size_t head = HeadLength(line, use.first_word, scopes);
  const size_t wrong = use.first_word + head;
  const bool is_short = head != 0 && wrong >= line.size();
  const std::string shown = Joined(line, use.first_word, is_short ? head : head + 1);
  const std::string message = is_short ? InQuotes(shown) + " expects another word " + Here(scopes)
                                       : "unknown keyword " + InQuotes(shown) + " " + Here(scopes);
  use.diagnostics.Error(line.At(wrong), message,
                        use.diagnostics.is_full() ? std::string()
                        : is_short                ? ListBehind(shown, scopes)
                                                  : HintFor(use, scopes, statement));
}

// "such as 'client', 'connect' or 'queue'", as far as they fit a line.
std::string KeywordTable::ListBehind(std::string_view head, Scopes scopes) const {
  constexpr size_t kShownBytesMax = 70;
  const std::string start = std::string(head) + " ";
  std::set<std::string> words;
  for (auto at = by_words_.lower_bound(start); at != by_words_.end(); ++at) {
    if (!at->first.starts_with(start)) break;
    const KeywordSpec& spec = specs_[at->second];
    if ((spec.scopes & scopes) == 0 || !IsUsable(spec)) continue;
    const std::string behind = at->first.substr(start.size());
    words.insert(InQuotes(behind.substr(0, behind.find(' '))));
  }
  if (words.empty()) return {};
  std::vector<std::string> shown;
  size_t bytes = 0;
  for (const std::string& word : words) {
    bytes += word.size() + 2;
    if (bytes <= kShownBytesMax) shown.push_back(word);
  }
  if (shown.size() == words.size()) return "such as " + AnyOf(shown);
  return "such as " + AnyOf(shown, ", ") + " and others";
}

// The nearest word that does something here; else the same word behind another head ("httplog" is
// "option httplog"); else the nearest of those that do not work yet.
std::string KeywordTable::HintFor(const KeywordUse& use, Scopes scopes, bool statement) const {
  if (const std::string near = NearestFor(use, scopes, statement, true); !near.empty()) {
    return "did you mean " + InQuotes(near) + "?";
  }
  const size_t head = HeadLength(use.line, use.first_word, scopes);
  const std::string_view word = use.line.text(use.first_word + head);
  const std::string_view stem = StemOf(word);
  const std::string tail = " " + std::string(stem.empty() ? word : stem);
  for (const KeywordSpec& spec : specs_) {
    if (!IsUsable(spec)) continue;
    if ((spec.scopes & scopes) == 0 || !spec.words.ends_with(tail)) continue;
    if (spec.support == Support::kRemoved || spec.ignored) continue;
    return "did you mean " + InQuotes(spec.words) + "?";
  }
  if (const std::string near = NearestFor(use, scopes, statement, false); !near.empty()) {
    return "did you mean " + InQuotes(near) + "? It is not supported yet";
  }
  return head == 0 ? std::string() : ListBehind(Joined(use.line, use.first_word, head), scopes);
}

bool KeywordTable::IsUsable(const KeywordSpec& spec) {
  return !spec.ignored && (spec.support == Support::kWorks || spec.support == Support::kTunesOnly);
}

// The keyword nearest to what is written, among those that do something or among those that do
// not work yet. What is right at the beginning is not compared: it would outweigh the rest.
std::string KeywordTable::NearestFor(const KeywordUse& use, Scopes scopes, bool statement,
                                     bool usable) const {
  const Line& line = use.line;
  const size_t head = HeadLength(line, use.first_word, scopes);
  const std::string start = head == 0 ? std::string() : Joined(line, use.first_word, head) + " ";
  std::string best;
  double best_share = 1.0;  // of the word that has to change
  for (size_t words = 1; head + words <= kKeywordWordsMax; ++words) {
    const std::string written = Joined(line, use.first_word + head, words);
    if (written.empty()) break;
    std::vector<std::string_view> candidates;
    for (const KeywordSpec& spec : specs_) {
      const auto spaces = size_t(std::count(spec.words.begin(), spec.words.end(), ' '));
      const bool fits = usable ? IsUsable(spec) : spec.support == Support::kNotSupportedYet;
      if (fits && spaces + 1 == head + words && (spec.scopes & scopes) != 0 &&
          spec.words.starts_with(start)) {
        candidates.push_back(std::string_view(spec.words).substr(start.size()));
      }
    }
    if (statement && usable && head == 0 && words == 1) {
      candidates.insert(candidates.end(), SectionWords().begin(), SectionWords().end());
    }
    const std::string_view nearest = NearestWord(written, candidates);
    if (nearest.empty()) continue;
    const double share = double(base::EditDistance(written, nearest)) / double(written.size());
    if (share >= best_share) continue;
    best_share = share;
    best = start + std::string(nearest);
  }
  return best;
}

}  // namespace engine
