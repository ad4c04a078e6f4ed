#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/text.h"
#include "engine/expr/converters.h"
#include "engine/expr/regex.h"

namespace engine {
namespace {

// regsub, made ready.
struct Substitution {
  std::shared_ptr<const Regex> regex;
  bool everywhere = false;
};

bool PrepareSubstitution(PreparedUnit& unit, std::string* why) {
  const std::string_view flags = unit.arguments.text(2);
  if (flags.find_first_not_of("gi") != flags.npos) {
    *why = "the flags are 'g' and 'i'";
    return false;
  }
  auto made = std::make_shared<Substitution>();
  std::string error;
  const std::string_view pattern = unit.arguments.text(0);
  made->regex = Regex::Compile(pattern, flags.find('i') != flags.npos, &error);
  if (made->regex == nullptr) {
    *why = "regular expression '" + std::string(pattern) + "': " + error;
    return false;
  }
  made->everywhere = flags.find('g') != flags.npos;
  unit.object = std::move(made);
  return true;
}

// A text that grows in what is left of the scratch, up to half of it.
class HalfScratch {
 public:
  explicit HalfScratch(Scratch& scratch)
      : scratch_(scratch), end_(scratch.left() / 2), begin_(scratch.Take(end_)) {}
  void Add(std::string_view text) {
    fits_ = fits_ && text.size() <= end_ - used_;
    if (!fits_ || text.empty()) return;
    std::memcpy(begin_ + used_, text.data(), text.size());
    used_ += text.size();
  }
  bool Finish(std::string_view* text) {
    scratch_.Shrink(begin_, used_);
    *text = {begin_, used_};
    return fits_;
  }

 private:
  Scratch& scratch_;
  const size_t end_;
  char* const begin_;
  size_t used_ = 0;
  bool fits_ = true;
};

// "\\1" is the first group, "\\0" all that was matched; a backslash protects what is no digit.
void AddSubstitute(HalfScratch& out, std::string_view text, const Regex::Groups& groups) {
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\\' || at + 1 == text.size()) {
      out.Add(text.substr(at, 1));
      continue;
    }
    const char c = text[++at];
    out.Add(base::IsDigit(c) ? groups[size_t(c - '0')] : text.substr(at, 1));
  }
}

bool Substitute(const PreparedUnit& unit, Sample& sample, EvalContext& context) {
  const auto& substitution = *static_cast<const Substitution*>(unit.object.get());
  HalfScratch out(context.scratch());
  const std::string_view text = sample.text;
  size_t at = 0;
  Regex::Groups groups;
  while (at <= text.size() && substitution.regex->MatchesGroups(text, &groups, at)) {
    const auto begin = size_t(groups[0].data() - text.data());
    const size_t end = begin + groups[0].size();
    out.Add(text.substr(at, begin - at));
    AddSubstitute(out, unit.arguments.text(1), groups);
    at = end;
    if (!substitution.everywhere) break;
    if (groups[0].empty()) {  // one further, or it would never end
      if (at == text.size()) break;
      out.Add(text.substr(at++, 1));
    }
  }
  if (at < text.size()) out.Add(text.substr(at));
  std::string_view made;
  if (!out.Finish(&made)) return false;
  sample.SetString(made);
  return true;
}

constexpr ArgumentSpec kSubstitution[] = {{"regex", ArgumentType::kString},
                                          {"subst", ArgumentType::kString},
                                          {"flags", ArgumentType::kString, kOptional}};
constexpr ConverterSpec kRegexConverters[] = {
    {"regsub", SampleKind::kString, SampleKind::kString, kSubstitution, &Substitute,
     &PrepareSubstitution},
};

}  // namespace

std::span<const ConverterSpec> RegexConverters() { return kRegexConverters; }

}  // namespace engine
