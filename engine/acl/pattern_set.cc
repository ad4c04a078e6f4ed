#include "engine/acl/pattern_set.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/text.h"
#include "engine/config/diagnostics.h"

namespace engine {
namespace {

constexpr std::string_view kMethodNames[] = {"found", "bool", "int", "ip",  "bin", "len", "str",
                                             "sub",   "reg",  "beg", "end", "dir", "dom"};
static_assert(std::size(kMethodNames) == size_t(MatchMethod::kCount));
constexpr std::string_view kComparisonNames[] = {"eq", "ge", "gt", "le", "lt"};

constexpr int64_t kLowest = std::numeric_limits<int64_t>::min();
constexpr int64_t kHighest = std::numeric_limits<int64_t>::max();

// What separates the words that -m dir and -m dom look for.
bool IsDelimiter(char c, MatchMethod method) {
  if (method == MatchMethod::kDir) return c == '/';
  return c == '/' || c == '.' || c == ':' || c == '?';
}

std::string_view TrimDelimiters(std::string_view text, MatchMethod method) {
  while (!text.empty() && IsDelimiter(text.front(), method)) text.remove_prefix(1);
  while (!text.empty() && IsDelimiter(text.back(), method)) text.remove_suffix(1);
  return text;
}

bool EqualsAt(std::string_view text, size_t at, std::string_view pattern, bool fold) {
  const std::string_view part = text.substr(at, pattern.size());
  if (!fold) return part == pattern;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (base::ToLower(part[i]) != pattern[i]) return false;
  }
  return true;
}

bool HoldsPart(std::string_view text, std::string_view pattern, bool fold) {
  if (!fold) return text.find(pattern) != text.npos;
  for (size_t at = 0; at + pattern.size() <= text.size(); ++at) {
    if (EqualsAt(text, at, pattern, true)) return true;
  }
  return false;
}

// `pattern` stands between two delimiters, or the ends of the text.
bool HoldsWord(std::string_view text, std::string_view pattern, MatchMethod method, bool fold) {
  if (pattern.empty()) return false;
  bool may_begin = true;
  for (size_t at = 0; at + pattern.size() <= text.size(); ++at) {
    if (may_begin && EqualsAt(text, at, pattern, fold)) {
      const size_t end = at + pattern.size();
      if (end == text.size() || IsDelimiter(text[end], method)) return true;
    }
    may_begin = IsDelimiter(text[at], method);
  }
  return false;
}

std::optional<int64_t> ParseBound(std::string_view text, bool versions) {
  if (!versions) return base::ParseSigned(text);
  const size_t dot = text.find('.');
  const auto major = base::ParseUnsigned(text.substr(0, dot));
  const auto minor =
      dot == text.npos ? std::optional<uint64_t>(0) : base::ParseUnsigned(text.substr(dot + 1));
  if (!major || !minor || *major > INT16_MAX || *minor > UINT16_MAX) return std::nullopt;
  return int64_t(*major << 16 | *minor);
}

}  // namespace

std::string_view MethodName(MatchMethod method) { return kMethodNames[size_t(method)]; }

std::optional<MatchMethod> FindMethod(std::string_view name) {
  for (size_t i = 0; i < std::size(kMethodNames); ++i) {
    if (kMethodNames[i] == name) return MatchMethod(i);
  }
  return std::nullopt;
}

std::vector<std::string_view> MethodNames() {
  return {std::begin(kMethodNames), std::end(kMethodNames)};
}

std::optional<Comparison> FindComparison(std::string_view word) {
  for (size_t i = 0; i < std::size(kComparisonNames); ++i) {
    if (kComparisonNames[i] == word) return Comparison(i);
  }
  return std::nullopt;
}

std::vector<std::string_view> ComparisonNames() {
  return {std::begin(kComparisonNames), std::end(kComparisonNames)};
}

bool MethodTakes(MatchMethod method, SampleKind kind) {
  switch (method) {
    case MatchMethod::kFound:
      return true;
    case MatchMethod::kBool:
      return IsCastable(kind, SampleKind::kBoolean);
    case MatchMethod::kInt:
      return IsCastable(kind, SampleKind::kInteger);
    case MatchMethod::kIp:
      return kind != SampleKind::kInteger && IsCastable(kind, SampleKind::kAddress);
    default:
      return IsCastable(kind, SampleKind::kString);
  }
}

PatternSet::PatternSet(MatchMethod method) : method_(method) {}
PatternSet::PatternSet(PatternSet&&) noexcept = default;
PatternSet& PatternSet::operator=(PatternSet&&) noexcept = default;
PatternSet::~PatternSet() = default;

bool PatternSet::AddNumber(std::string_view pattern, PatternFlags flags, std::string* why) {
  const size_t colon = pattern.find(':');
  std::optional<int64_t> first;
  std::optional<int64_t> last;
  if (colon == pattern.npos) {
    first = last = ParseBound(pattern, flags.versions);
  } else {
    const std::string_view low = pattern.substr(0, colon);
    const std::string_view high = pattern.substr(colon + 1);
    first = low.empty() ? kLowest : ParseBound(low, flags.versions);
    last = high.empty() ? kHighest : ParseBound(high, flags.versions);
    if (low.empty() && high.empty()) first = std::nullopt;
  }
  if (!first || !last || *first > *last) {
    *why = InQuotes(pattern) + " is neither an integer nor a range such as '1024:65535'";
    return false;
  }
  switch (flags.comparison) {
    case Comparison::kEq:
      break;
    case Comparison::kGe:
      last = kHighest;
      break;
    case Comparison::kGt:
      first = *last == kHighest ? kHighest : *last + 1;
      last = kHighest;
      break;
    case Comparison::kLe:
      first = kLowest;
      break;
    case Comparison::kLt:
      last = *first == kLowest ? kLowest : *first - 1;
      first = kLowest;
      break;
  }
  numbers_.push_back({*first, *last});
  return true;
}

bool PatternSet::AddKept(char* pattern, size_t bytes, PatternFlags flags, std::string* why) {
  std::string_view text(pattern, bytes);
  ++size_;
  switch (method_) {
    case MatchMethod::kFound:
    case MatchMethod::kBool:
      return true;  // all values are ignored (manual 7.1.1)
    case MatchMethod::kInt:
    case MatchMethod::kLen:
      return AddNumber(text, flags, why);
    case MatchMethod::kIp:
      return addresses_.Add(text, why);
    case MatchMethod::kReg: {
      std::string error;
      std::shared_ptr<const Regex> regex = Regex::Compile(text, flags.ignore_case, &error);
      if (regex == nullptr) {
        *why = "regular expression " + InQuotes(text) + ": " + error;
        return false;
      }
      Texts& texts = texts_[flags.ignore_case];
      texts.regexes.push_back(std::move(regex));
      ++texts.size;
      return true;
    }
    case MatchMethod::kBin: {
      if (bytes % 2 != 0 ||
          !std::all_of(text.begin(), text.end(), [](char c) { return base::HexDigit(c) >= 0; })) {
        *why = InQuotes(text) + " is not an even number of hexadecimal digits";
        return false;
      }
      for (size_t i = 0; i < bytes; i += 2) {
        pattern[i / 2] = char(base::HexDigit(pattern[i]) << 4 | base::HexDigit(pattern[i + 1]));
      }
      text = {pattern, bytes / 2};
      flags.ignore_case = false;
      break;
    }
    default:
      break;
  }
  if (flags.ignore_case) {
    for (size_t i = 0; i < bytes; ++i) pattern[i] = base::ToLower(pattern[i]);
  }
  if (method_ == MatchMethod::kDir || method_ == MatchMethod::kDom) {
    text = TrimDelimiters(text, method_);
  }
  Texts& texts = texts_[flags.ignore_case];
  texts.list.push_back(text);
  texts.longest = std::max(texts.longest, text.size());
  ++texts.size;
  return true;
}

bool PatternSet::Add(std::string_view pattern, PatternFlags flags, std::string* why) {
  kept_.push_back(std::make_unique<std::string>(pattern));
  return AddKept(kept_.back()->data(), pattern.size(), flags, why);
}

bool PatternSet::AddLines(std::string contents, PatternFlags flags, bool map, size_t* line,
                          std::string* why) {
  kept_.push_back(std::make_unique<std::string>(std::move(contents)));
  char* at = kept_.back()->data();
  char* const end = at + kept_.back()->size();
  for (*line = 1; at < end; ++*line) {
    void* found = std::memchr(at, '\n', size_t(end - at));
    char* const next = found == nullptr ? end : static_cast<char*>(found);
    char* stop = next;
    while (stop > at && (stop[-1] == '\r' || stop[-1] == ' ' || stop[-1] == '\t')) --stop;
    char* start = at;
    at = next + 1;
    if (start < stop && *start == '#') continue;
    while (start < stop && (*start == ' ' || *start == '\t')) ++start;
    if (map) {
      stop = std::find_if(start, stop, [](char c) { return c == ' ' || c == '\t'; });
    }
    if (start == stop) continue;
    if (!AddKept(start, size_t(stop - start), flags, why)) return false;
  }
  return true;
}

void PatternSet::Freeze() {
  for (Texts& texts : texts_) {
    switch (method_) {
      case MatchMethod::kStr:
      case MatchMethod::kBin:
        texts.exact.reserve(texts.list.size());
        texts.exact.insert(texts.list.begin(), texts.list.end());
        texts.list = {};
        break;
      case MatchMethod::kBeg:
      case MatchMethod::kEnd:
        texts.trie = std::make_unique<TextTrie>(method_ == MatchMethod::kBeg
                                                    ? TextTrie::Direction::kForward
                                                    : TextTrie::Direction::kBackward);
        texts.trie->Build(std::move(texts.list));
        texts.list = {};
        break;
      default:
        break;
    }
  }
  std::sort(numbers_.begin(), numbers_.end(),
            [](const Range& a, const Range& b) { return a.first < b.first; });
  size_t merged = 0;
  for (const Range& range : numbers_) {
    if (merged > 0 && range.first <= numbers_[merged - 1].last) {
      numbers_[merged - 1].last = std::max(numbers_[merged - 1].last, range.last);
    } else {
      numbers_[merged++] = range;
    }
  }
  numbers_.resize(merged);
  addresses_.Freeze();
  // Tries have their own texts.
  if (method_ == MatchMethod::kBeg || method_ == MatchMethod::kEnd) kept_.clear();
}

bool PatternSet::MatchesNumber(int64_t number) const {
  const auto at =
      std::lower_bound(numbers_.begin(), numbers_.end(), number,
                       [](const Range& range, int64_t value) { return range.last < value; });
  return at != numbers_.end() && at->first <= number;
}

bool PatternSet::MatchesTexts(const Texts& texts, std::string_view text, bool fold,
                              Scratch& scratch) const {
  if (texts.size == 0) return false;
  switch (method_) {
    case MatchMethod::kStr:
    case MatchMethod::kBin: {
      if (text.size() > texts.longest) return false;
      if (!fold) return texts.exact.contains(text);
      char* lower = scratch.Take(text.size());
      if (lower == nullptr) return false;
      std::transform(text.begin(), text.end(), lower, base::ToLower);
      const bool found = texts.exact.contains(std::string_view(lower, text.size()));
      scratch.Shrink(lower, 0);
      return found;
    }
    case MatchMethod::kBeg:
    case MatchMethod::kEnd:
      return texts.trie->Matches(text, fold);
    case MatchMethod::kReg:
      return std::any_of(texts.regexes.begin(), texts.regexes.end(),
                         [text](const auto& regex) { return regex->Matches(text); });
    case MatchMethod::kSub:
      return std::any_of(texts.list.begin(), texts.list.end(),
                         [=](std::string_view pattern) { return HoldsPart(text, pattern, fold); });
    default:
      return std::any_of(texts.list.begin(), texts.list.end(), [=, this](std::string_view pattern) {
        return HoldsWord(text, pattern, method_, fold);
      });
  }
}

bool PatternSet::MatchesText(std::string_view text, Scratch& scratch) const {
  return MatchesTexts(texts_[0], text, false, scratch) ||
         MatchesTexts(texts_[1], text, true, scratch);
}

bool PatternSet::Matches(const Sample& given, Scratch& scratch) const {
  Sample sample = given;
  switch (method_) {
    case MatchMethod::kFound:
      return true;
    case MatchMethod::kBool:
      return Cast(sample, SampleKind::kBoolean, scratch) && sample.number != 0;
    case MatchMethod::kInt:
      return Cast(sample, SampleKind::kInteger, scratch) && MatchesNumber(sample.number);
    case MatchMethod::kIp:
      return Cast(sample, SampleKind::kAddress, scratch) && addresses_.Holds(sample.address);
    case MatchMethod::kLen:
      return Cast(sample, SampleKind::kString, scratch) &&
             MatchesNumber(int64_t(sample.text.size()));
    case MatchMethod::kBin:
      return Cast(sample, SampleKind::kBinary, scratch) && MatchesText(sample.text, scratch);
    default:
      return Cast(sample, SampleKind::kString, scratch) && MatchesText(sample.text, scratch);
  }
}

}  // namespace engine
