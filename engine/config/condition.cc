#include "engine/config/condition.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>

#include "base/text.h"
#include "engine/config/diagnostics.h"

namespace engine {
namespace {

enum class Predicate : uint8_t {
  kAwslcApiAtleast,
  kAwslcApiBefore,
  kDefined,
  kEnabled,
  kFeature,
  kFipsMode,
  kOpensslVersionAtleast,
  kOpensslVersionBefore,
  kSslLibraryStartsWith,
  kStreq,
  kStrneq,
  kStrstr,
  kVersionAtleast,
  kVersionBefore,
};

struct PredicateSpec {
  std::string_view name;
  Predicate predicate;
  size_t arguments_min;
  size_t arguments_max;
};

// defined() and its kin answer for an empty name when they get none, as haproxy 2.6 does.
constexpr PredicateSpec kPredicates[] = {
    {"awslc_api_atleast", Predicate::kAwslcApiAtleast, 1, 1},
    {"awslc_api_before", Predicate::kAwslcApiBefore, 1, 1},
    {"defined", Predicate::kDefined, 0, 1},
    {"enabled", Predicate::kEnabled, 1, 1},
    {"feature", Predicate::kFeature, 0, 1},
    {"fips_mode", Predicate::kFipsMode, 0, 0},
    {"openssl_version_atleast", Predicate::kOpensslVersionAtleast, 1, 1},
    {"openssl_version_before", Predicate::kOpensslVersionBefore, 1, 1},
    {"ssllib_name_startswith", Predicate::kSslLibraryStartsWith, 1, 1},
    {"streq", Predicate::kStreq, 2, 2},
    {"strneq", Predicate::kStrneq, 2, 2},
    {"strstr", Predicate::kStrstr, 2, 2},
    {"version_atleast", Predicate::kVersionAtleast, 0, 1},
    {"version_before", Predicate::kVersionBefore, 0, 1},
};

constexpr std::string_view kOptions[] = {"POLL",      "EPOLL",        "KQUEUE",
                                         "EVPORTS",   "SPLICE",       "GETADDRINFO",
                                         "REUSEPORT", "FAST-FORWARD", "SERVER-SSL-VERIFY-NONE"};

bool IsBlank(char c) { return c == ' ' || c == '\t'; }
bool IsWordByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || base::IsDigit(c) || c == '_';
}

// Recursive descent over  or = and {"||" and},  and = term {"&&" term},
// term = "!" term | "(" or ")" | integer | predicate.
class Parser {
 public:
  Parser(std::string_view text, const Environment& environment, const ConditionFacts& facts)
      : text_(text), environment_(environment), facts_(facts) {}

  Condition Run() {
    SkipSpaces();
    if (at_ == text_.size()) return {};  // an empty condition is false
    bool value = false;
    if (Or(value, true)) {
      SkipSpaces();
      if (at_ == text_.size()) {
        result_.result = value ? ConditionResult::kTrue : ConditionResult::kFalse;
        return result_;
      }
      Fail(at_, base::Format("unexpected character '%c' at the end of conditional expression '",
                             text_[at_]) +
                    Shown(text_) + "'");
    }
    result_.result = ConditionResult::kUnparsable;
    return result_;
  }

 private:
  // `live` is false where the value cannot matter any more: syntax only.
  bool Or(bool& value, bool live) {
    if (!And(value, live)) return false;
    while (TakeOperator("||")) {
      bool right = false;
      if (!And(right, live && !value)) return false;
      value = value || right;
    }
    return true;
  }

  bool And(bool& value, bool live) {
    if (!Term(value, live)) return false;
    while (TakeOperator("&&")) {
      bool right = false;
      if (!Term(right, live && value)) return false;
      value = value && right;
    }
    return true;
  }

  bool Term(bool& value, bool live) {
    SkipSpaces();
    const size_t start = at_;
    bool negated = false;
    while (Peek() == '!') {
      negated = !negated;
      ++at_;
      SkipSpaces();
    }
    const char c = Peek();
    bool good = false;
    if (c == '(') {
      good = Group(value, live);
    } else if (base::IsDigit(c) || ((c == '-' || c == '+') && base::IsDigit(Peek(1)))) {
      good = Integer(value);
    } else {
      good = Call(start, value, live);
    }
    value = value != negated;
    return good;
  }

  bool Group(bool& value, bool live) {
    const size_t open = at_++;
    if (++depth_ > kConditionDepthMax) {
      return Fail(open,
                  base::Format("too many nested parentheses, at most %d", kConditionDepthMax));
    }
    if (!Or(value, live)) return false;
    SkipSpaces();
    if (Peek() != ')') {
      return Fail(at_, "expected ')' after conditional expression '" +
                           Shown(text_.substr(open, at_ - open)) + "'");
    }
    ++at_;
    --depth_;
    return true;
  }

  bool Integer(bool& value) {
    if (!base::IsDigit(Peek())) ++at_;
    value = false;
    while (base::IsDigit(Peek())) value |= text_[at_++] != '0';
    return true;
  }

  bool Call(size_t start, bool& value, bool live) {
    const size_t name_at = at_;
    while (IsWordByte(Peek())) ++at_;
    const std::string_view name = text_.substr(name_at, at_ - name_at);
    const auto* spec = std::find_if(std::begin(kPredicates), std::end(kPredicates),
                                    [&](const PredicateSpec& each) { return each.name == name; });
    if (spec == std::end(kPredicates)) {
      if (name_at == text_.size()) {
        return Fail(start, "unparsable conditional expression: an operand is missing at its end");
      }
      std::string_view names[std::size(kPredicates)];
      std::transform(std::begin(kPredicates), std::end(kPredicates), names,
                     [](const PredicateSpec& each) { return each.name; });
      return Fail(name_at, "unparsable conditional expression '" + Shown(text_.substr(start)) + "'",
                  Suggest(name, names));
    }
    std::vector<std::string> arguments;
    if (Peek() == '(' && !Arguments(*spec, arguments)) return false;
    if (arguments.size() < spec->arguments_min) {
      return Fail(name_at, base::Format("missing arguments (got %zu/%zu) of predicate '",
                                        arguments.size(), spec->arguments_min) +
                               std::string(name) + "'");
    }
    arguments.resize(spec->arguments_max);
    value = false;
    return !live || Evaluate(*spec, name_at, arguments, value);
  }

  // at_ stands on '('. Arguments are quoted as words are, without \#, \$ and \xNN (manual 2.2).
  bool Arguments(const PredicateSpec& spec, std::vector<std::string>& arguments) {
    const size_t open = at_++;
    if (Peek() == ')') {
      ++at_;
      return true;
    }
    while (true) {
      if (!Argument(arguments.emplace_back())) return false;
      const char end = Peek();
      if (end == ',' && arguments.size() < spec.arguments_max) {
        ++at_;
        continue;
      }
      if (end == ')' && arguments.size() <= spec.arguments_max) {
        ++at_;
        return true;
      }
      const std::string where = end == '\0' ? "" : " before '" + Shown(text_.substr(at_)) + "'";
      return Fail(end == '\0' ? open : at_, "expected ')'" + where +
                                                " in the arguments of predicate '" +
                                                std::string(spec.name) + "'");
    }
  }

  bool Argument(std::string& argument) {
    char quote = 0;
    const size_t start = at_;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (quote == 0 && (c == ',' || c == ')')) return true;
      if (c == '\'' && quote != '"') {
        quote = quote == 0 ? c : 0;
      } else if (c == '"' && quote != '\'') {
        quote = quote == 0 ? c : 0;
      } else if (c == '\\' && quote != '\'' && at_ + 1 < text_.size()) {
        static constexpr std::string_view kFrom = " \t\\'\"nrt";
        static constexpr std::string_view kTo = " \t\\'\"\n\r\t";
        const size_t escape = kFrom.find(text_[at_ + 1]);
        if (escape == std::string_view::npos) {
          argument += c;
        } else {
          argument += kTo[escape];
          ++at_;
        }
      } else {
        argument += c;
      }
    }
    if (quote != 0) return Fail(start, "unmatched quote in an argument");
    return true;  // the caller misses its ')'
  }

  bool Evaluate(const PredicateSpec& spec, size_t at, const std::vector<std::string>& arguments,
                bool& value) {
    const auto contains = [](const std::vector<std::string>& list, const std::string& name) {
      return std::find(list.begin(), list.end(), name) != list.end();
    };
    switch (spec.predicate) {
      case Predicate::kDefined:
        value = environment_.Find(arguments[0]) != nullptr;
        return true;
      case Predicate::kFeature:
        value = contains(facts_.features, arguments[0]);
        return true;
      case Predicate::kFipsMode:
        value = facts_.fips_mode;
        return true;
      case Predicate::kSslLibraryStartsWith:
        value = facts_.ssl_library.starts_with(arguments[0]);
        return true;
      case Predicate::kStreq:
        value = arguments[0] == arguments[1];
        return true;
      case Predicate::kStrneq:
        value = arguments[0] != arguments[1];
        return true;
      case Predicate::kStrstr:
        value = arguments[0].find(arguments[1]) != std::string::npos;
        return true;
      case Predicate::kEnabled:
        if (std::find(std::begin(kOptions), std::end(kOptions), arguments[0]) ==
            std::end(kOptions)) {
          return Fail(at, "unknown option '" + Shown(arguments[0]) + "' in predicate 'enabled'",
                      Suggest(arguments[0], kOptions));
        }
        value = contains(facts_.enabled_options, arguments[0]);
        return true;
      case Predicate::kVersionAtleast:
      case Predicate::kVersionBefore:
        return Version(at, arguments[0], CompareVersions(facts_.version, base::Trim(arguments[0])),
                       spec.predicate == Predicate::kVersionAtleast, value);
      case Predicate::kOpensslVersionAtleast:
      case Predicate::kOpensslVersionBefore:
        return Version(at, arguments[0],
                       CompareOpensslVersions(facts_.openssl_version, base::Trim(arguments[0])),
                       spec.predicate == Predicate::kOpensslVersionAtleast, value);
      case Predicate::kAwslcApiAtleast:
      case Predicate::kAwslcApiBefore: {
        const std::optional<uint64_t> asked = base::ParseUnsigned(arguments[0]);
        if (!asked) {
          return Fail(at, InQuotes(arguments[0]) + " is not an API number");
        }
        // Another library has no AWS-LC API, neither a newer nor an older one.
        value = facts_.awslc_api.has_value() &&
                (*facts_.awslc_api >= *asked) == (spec.predicate == Predicate::kAwslcApiAtleast);
        return true;
      }
    }
    return false;
  }

  bool Version(size_t at, const std::string& asked, std::optional<int> order, bool at_least,
               bool& value) {
    if (!order) return Fail(at, InQuotes(asked) + " is not a version");
    value = (*order >= 0) == at_least;
    return true;
  }

  bool TakeOperator(std::string_view name) {
    SkipSpaces();
    if (text_.substr(at_, 2) != name) return false;
    at_ += 2;
    return true;
  }

  void SkipSpaces() {
    while (at_ < text_.size() && IsBlank(text_[at_])) ++at_;
  }

  // '\0' at the end. A NUL in the text itself matches nothing either.
  char Peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  static std::string Shown(std::string_view text) {
    return text.size() <= 80 ? std::string(text) : std::string(text.substr(0, 77)) + "...";
  }

  bool Fail(size_t position, std::string message, std::string hint = {}) {
    result_.position = position;
    result_.message = std::move(message);
    result_.hint = std::move(hint);
    return false;
  }

  std::string_view text_;
  const Environment& environment_;
  const ConditionFacts& facts_;
  size_t at_ = 0;
  int depth_ = 0;
  Condition result_;
};

// Takes a number off the front of `text`, at most nine digits; false when there is none.
bool TakeNumber(std::string_view& text, uint32_t& number) {
  size_t digits = 0;
  number = 0;
  while (digits < text.size() && base::IsDigit(text[digits])) {
    if (digits == 9) return false;
    number = number * 10 + uint32_t(text[digits++] - '0');
  }
  text.remove_prefix(digits);
  return digits != 0;
}

bool TakeText(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// Up to three dotted numbers; true when the text begins with one or is empty.
bool TakeDotted(std::string_view& text, uint32_t* numbers, size_t count) {
  if (text.empty()) return true;
  for (size_t i = 0; i < count; ++i) {
    if (!TakeNumber(text, numbers[i])) return false;
    if (i + 1 == count || !TakeText(text, ".")) break;
    if (text.empty()) break;
  }
  return true;
}

constexpr uint32_t kReleased = std::numeric_limits<uint32_t>::max();

// major, minor, patch, development snapshot (kReleased for none), commits since.
using VersionKey = std::array<uint32_t, 5>;

std::optional<VersionKey> ParseVersion(std::string_view text) {
  VersionKey key = {0, 0, 0, kReleased, 0};
  if (!TakeDotted(text, key.data(), 3)) return std::nullopt;
  if (TakeText(text, "-dev")) {
    key[3] = 0;
    TakeNumber(text, key[3]);
  }
  // What may follow: -COMMITS, -HASH, -HASH-COMMITS, +PACKAGE.
  if (text.empty() || text[0] == '+') return key;
  if (text[0] != '-') return std::nullopt;
  const std::string_view build = text.substr(0, text.find('+'));
  std::string_view last = build.substr(build.rfind('-') + 1);
  uint32_t commits = 0;
  if (TakeNumber(last, commits) && last.empty()) key[4] = commits;
  return key;
}

// major, minor, fix, letter, pre-release (kReleased for none).
std::optional<VersionKey> ParseOpensslVersion(std::string_view text) {
  VersionKey key = {0, 0, 0, 0, kReleased};
  if (text.empty() || !TakeDotted(text, key.data(), 3)) return std::nullopt;
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') {
    key[3] = uint32_t(text[0] - 'a' + 1);
    text.remove_prefix(1);
  }
  static constexpr std::string_view kStages[] = {"-dev", "-alpha", "-beta", "-pre"};
  for (size_t i = 0; i < std::size(kStages); ++i) {
    if (!TakeText(text, kStages[i])) continue;
    uint32_t number = 0;
    TakeNumber(text, number);
    key[4] = uint32_t(i) * 1000 + std::min<uint32_t>(number, 999);
    break;
  }
  if (!text.empty()) return std::nullopt;
  return key;
}

std::optional<int> Order(const std::optional<VersionKey>& a, const std::optional<VersionKey>& b) {
  if (!a || !b) return std::nullopt;
  return *a < *b ? -1 : *b < *a ? 1 : 0;
}

}  // namespace

std::optional<int> CompareVersions(std::string_view a, std::string_view b) {
  return Order(ParseVersion(a), ParseVersion(b));
}

std::optional<int> CompareOpensslVersions(std::string_view a, std::string_view b) {
  return Order(ParseOpensslVersion(a), ParseOpensslVersion(b));
}

Condition EvaluateCondition(std::string_view text, const Environment& environment,
                            const ConditionFacts& facts) {
  return Parser(text, environment, facts).Run();
}

}  // namespace engine
