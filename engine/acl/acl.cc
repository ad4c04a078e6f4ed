#include "engine/acl/acl.h"

#include <algorithm>
#include <cctype>

#include "base/text.h"
#include "engine/config/diagnostics.h"
#include "engine/config/words.h"

namespace engine {
namespace {

// Manual 7.4.
struct Predefined {
  std::string_view name;
  std::string_view text;
};
constexpr Predefined kPredefined[] = {
    {"FALSE", "always_false"},
    {"HTTP", "req.proto_http"},
    {"HTTP_1.0", "req.ver 1.0"},
    {"HTTP_1.1", "req.ver 1.1"},
    {"HTTP_2.0", "req.ver 2.0"},
    {"HTTP_3.0", "req.ver 3.0"},
    {"HTTP_CONTENT", "req.hdr_val(content-length) gt 0"},
    {"HTTP_URL_ABS", "url_reg ^[^/:]*://"},
    {"HTTP_URL_SLASH", "url_beg /"},
    {"HTTP_URL_STAR", "url *"},
    {"LOCALHOST", "src 127.0.0.1/8 ::1"},
    {"METH_CONNECT", "method CONNECT"},
    {"METH_DELETE", "method DELETE"},
    {"METH_GET", "method GET HEAD"},
    {"METH_HEAD", "method HEAD"},
    {"METH_OPTIONS", "method OPTIONS"},
    {"METH_POST", "method POST"},
    {"METH_PUT", "method PUT"},
    {"METH_TRACE", "method TRACE"},
    {"RDP_COOKIE", "req.rdp_cookie_cnt gt 0"},
    {"REQ_CONTENT", "req.len gt 0"},
    {"TRUE", "always_true"},
    {"WAIT_END", "wait_end"},
};

// What may stand behind the name of a fetch (manual 7.3, ACL derivatives).
constexpr MatchMethod kSuffixes[] = {MatchMethod::kBeg, MatchMethod::kDir, MatchMethod::kDom,
                                     MatchMethod::kEnd, MatchMethod::kLen, MatchMethod::kReg,
                                     MatchMethod::kSub};

bool Fail(AclProblem* problem, size_t word, std::string message, std::string hint = {}) {
  *problem = {word, 0, 0, std::move(message), std::move(hint)};
  return false;
}

bool IsAclNameByte(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.' ||
         c == ':';
}

// The method that values of that kind are compared by when nobody says (manual 7.1); nothing: "-m"
// must.
std::optional<MatchMethod> DefaultMethod(SampleKind kind) {
  switch (kind) {
    case SampleKind::kBoolean:
      return MatchMethod::kBool;
    case SampleKind::kInteger:
      return MatchMethod::kInt;
    case SampleKind::kAddress:
      return MatchMethod::kIp;
    case SampleKind::kString:
    case SampleKind::kMethod:
      return MatchMethod::kStr;
    default:
      return std::nullopt;
  }
}

// Manual 7.1.
constexpr std::string_view kAclFlags[] = {"-f", "-i", "-m", "-M", "-n", "-u", "--"};

// What other languages write between tests.
std::string OperatorHint(std::string_view word) {
  const std::string lower = base::Lower(word);
  if (lower == "and" || lower == "&&" || lower == "&") {
    return "ACLs that stand beside each other must all match, without a word between them";
  }
  if (lower == "not") return "'!' before an ACL means that it must not match";
  if (lower == "|") return "'or' and '||' stand between alternatives";
  return {};
}

bool IsAlternative(std::string_view word) { return word == "or" || word == "||"; }

}  // namespace

bool IsConditionWord(std::string_view word) { return word == "if" || word == "unless"; }

std::vector<std::string_view> PredefinedAclNames(const Registry& units) {
  std::vector<std::string_view> names;
  for (const Predefined& one : kPredefined) {
    const std::string_view criterion = one.text.substr(0, one.text.find_first_of(" ("));
    const size_t suffix = criterion.rfind('_');
    const bool has = units.FindFetch(criterion) != nullptr ||
                     (suffix != criterion.npos && FindMethod(criterion.substr(suffix + 1)) &&
                      units.FindFetch(criterion.substr(0, suffix)) != nullptr);
    if (has) names.push_back(one.name);
  }
  return names;
}

std::vector<std::string> AclCriterionNames(const Registry& units) {
  std::vector<std::string> names;
  for (const std::string_view fetch : units.fetch_names()) {
    names.emplace_back(fetch);
    for (const MatchMethod method : kSuffixes) {
      names.push_back(std::string(fetch) + "_" + std::string(MethodName(method)));
    }
  }
  return names;
}

// Running ----------------------------------------------------------------------------------------

namespace {

bool MatchesAny(const std::vector<PatternSet>& sets, const Sample& sample, Scratch& scratch) {
  return std::any_of(sets.begin(), sets.end(),
                     [&](const PatternSet& set) { return set.Matches(sample, scratch); });
}

}  // namespace

Outcome Acl::RunTest(const Test& test, EvalContext& context) {
  context.SetUnsettled(false);
  Sample sample;
  if (!test.expression.many()) {
    if (test.expression.Run(context, sample) && MatchesAny(test.sets, sample, context.scratch())) {
      return Outcome::kYes;
    }
    return context.unsettled() ? Outcome::kLater : Outcome::kNo;
  }
  // What one value took is given back: a message may have many.
  char* const mark = context.scratch().Take(0);
  for (uint32_t n = 1;; ++n) {
    bool over = false;
    const bool has_value = test.expression.RunNth(context, n, sample, &over);
    if (over) break;
    if (has_value && MatchesAny(test.sets, sample, context.scratch())) return Outcome::kYes;
    context.scratch().Shrink(mark, 0);
  }
  return context.unsettled() ? Outcome::kLater : Outcome::kNo;
}

Outcome Acl::Run(EvalContext& context) const {
  Outcome outcome = Outcome::kNo;
  for (const Test& test : tests_) {
    outcome = std::max(outcome, RunTest(test, context));
    if (outcome == Outcome::kYes) break;
  }
  return outcome;
}

Outcome AclCondition::Run(EvalContext& context) const {
  Outcome all = Outcome::kNo;
  Outcome alternative = Outcome::kYes;
  char* const mark = context.scratch().Take(0);
  for (size_t i = 0; i < terms_.size(); ++i) {
    const Term& term = terms_[i];
    if (term.begins_alternative) {
      all = std::max(all, alternative);
      if (all == Outcome::kYes) break;
      alternative = Outcome::kYes;
    }
    if (alternative == Outcome::kNo) continue;
    Outcome outcome = term.acl->Run(context);
    context.scratch().Shrink(mark, 0);
    if (term.negated && outcome != Outcome::kLater) {
      outcome = outcome == Outcome::kYes ? Outcome::kNo : Outcome::kYes;
    }
    alternative = std::min(alternative, outcome);
  }
  all = std::max(all, alternative);
  if (!unless_ || all == Outcome::kLater) return all;
  return all == Outcome::kYes ? Outcome::kNo : Outcome::kYes;
}

const Acl* AclCondition::FindMisplaced(Needs offers) const {
  for (const Term& term : terms_) {
    if ((term.acl->needs() & ~offers) != 0) return term.acl.get();
  }
  return nullptr;
}

// Reading ----------------------------------------------------------------------------------------

struct AclTable::Criterion {
  std::optional<Expression> expression;
  std::optional<MatchMethod> method;  // that its name implies
  bool versions = false;
};

bool AclTable::ReadCriterion(const Line& line, size_t word, Criterion* criterion,
                             AclProblem* problem) {
  const std::string_view text = line.text(word);
  const std::string_view name = text.substr(0, text.find_first_of("(,"));
  std::string_view fetch = name;
  const size_t underscore = name.rfind('_');
  if (units_.FindFetch(name) == nullptr && underscore != name.npos) {
    const std::optional<MatchMethod> suffix = FindMethod(name.substr(underscore + 1));
    const bool is_suffix = suffix && std::find(std::begin(kSuffixes), std::end(kSuffixes),
                                               *suffix) != std::end(kSuffixes);
    const std::string_view stem = name.substr(0, underscore);
    const bool is_known =
        units_.FindFetch(stem) != nullptr || ManualStateOf(WordKind::kFetch, stem).has_value();
    if (is_suffix && is_known) {
      fetch = stem;
      criterion->method = suffix;
    }
  }
  criterion->versions = fetch == "req.ssl_ver" || fetch == "req_ssl_ver";
  ExpressionProblem wrong;
  const std::string whole = std::string(fetch) + std::string(text.substr(name.size()));
  criterion->expression = Expression::Compile(whole, units_, ~Needs{0}, &wrong);
  if (!criterion->expression) {
    // What was cut off the name moves what stands behind it.
    const size_t cut = name.size() - fetch.size();
    const size_t offset = wrong.offset == 0 ? 0 : wrong.offset + cut;
    if (wrong.hint.empty() && offset == 0) {
      // "pathbeg" is near to no fetch.
      const std::vector<std::string> known = AclCriterionNames(units_);
      wrong.hint = Suggest(name, std::vector<std::string_view>(known.begin(), known.end()));
    }
    *problem = {word, offset, wrong.length, std::move(wrong.message), std::move(wrong.hint)};
    return false;
  }
  if (notice_) notice_(*criterion->expression, word);
  // With a converter the name implies nothing any more (manual 7.1).
  if (criterion->expression->converts()) criterion->method = std::nullopt;
  return true;
}

// The words behind a criterion: flags, operators, patterns, files.
struct AclTable::TestReader {
  const PatternReader& read;
  const Line& line;
  size_t end;
  const Criterion& criterion;
  AclProblem* problem;
  size_t word = 0;
  std::vector<PatternSet> sets = {};
  std::optional<MatchMethod> method = {};
  bool method_given = false;
  bool maps = false;
  bool has_patterns = false;  // or what says that there are to be none
  PatternFlags flags = {};

  PatternSet& set() {
    if (sets.empty()) sets.emplace_back(*method);
    return sets.back();
  }
  bool NeedMethod(size_t at) {
    if (method) return true;
    return Fail(problem, at,
                "'-m' is needed: there is no usual way to match " +
                    std::string(KindName(criterion.expression->gives())),
                "such as '-m str' or '-m found'");
  }
  bool TakeMethod() {
    if (method_given) return Fail(problem, word, "'-m' is given twice");
    if (!sets.empty()) return Fail(problem, word, "'-m' must stand before '-f' and all patterns");
    if (word + 1 >= end) return Fail(problem, word, "'-m' expects a matching method");
    ++word;
    method = FindMethod(line.text(word));
    if (!method) {
      std::string hint = Suggest(line.text(word), MethodNames());
      if (hint.empty()) {
        hint = "the methods are";
        for (const std::string_view name : MethodNames()) hint += " " + std::string(name);
        hint += "; of texts: beg(inning), end, sub(string), reg(ular expression)";
      }
      return Fail(problem, word, "unknown matching method " + InQuotes(line.text(word)), hint);
    }
    method_given = true;
    const SampleKind kind = criterion.expression->gives();
    if (!MethodTakes(*method, kind)) {
      return Fail(
          problem, word,
          "'-m " + std::string(line.text(word)) + "' cannot match " + std::string(KindName(kind)));
    }
    return true;
  }
  bool TakeFile() {
    const size_t at = word;
    if (word + 1 >= end) return Fail(problem, word, "'-f' expects a file of patterns");
    ++word;
    has_patterns = true;
    if (!NeedMethod(at)) return false;
    std::string_view name = line.text(word);
    // Manual 2.7. Nothing changes a list while the process runs.
    if (name.starts_with("virt@")) {
      (void)set();
      return true;
    }
    const bool may_miss = name.starts_with("opt@");
    if (may_miss) name.remove_prefix(4);
    if (name.starts_with("file@")) name.remove_prefix(5);
    std::string contents;
    std::string why;
    if (!read(name, &contents, &why)) {
      if (may_miss) {
        (void)set();
        return true;
      }
      return Fail(problem, word, InQuotes(name) + ": " + why);
    }
    size_t number = 0;
    if (set().AddLines(std::move(contents), flags, maps, &number, &why)) return true;
    return Fail(problem, word, InQuotes(name) + ", line " + std::to_string(number) + ": " + why);
  }
  // Manual 7.1: only these take no pattern.
  bool lacks_patterns() const {
    return !has_patterns && *method != MatchMethod::kFound && *method != MatchMethod::kBool;
  }
  // False: it is no flag, or a wrong one; `*is_flag` tells.
  bool TakeFlag(bool* is_flag, bool* is_last) {
    const std::string_view text = line.text(word);
    *is_flag = true;
    if (text == "--") {
      *is_last = true;
      has_patterns = true;
      return true;
    }
    if (text == "-i") {
      flags.ignore_case = true;
      return true;
    }
    if (text == "-n") return true;  // names are never resolved
    if (text == "-M") {
      maps = true;
      return true;
    }
    if (text == "-u") {
      if (word + 1 >= end || !base::ParseUnsigned(line.text(word + 1))) {
        return Fail(problem, std::min(word + 1, end - 1), "'-u' expects a number");
      }
      ++word;
      return true;
    }
    if (text == "-m") return TakeMethod();
    if (text == "-f") return TakeFile();
    *is_flag = false;
    if (!text.starts_with('-')) return true;
    // What was meant as a flag and became a pattern would never match, and nobody would know.
    std::string hint;
    if (text.starts_with("-m") && FindMethod(text.substr(2))) {
      hint = "did you mean '-m " + std::string(text.substr(2)) + "'?";
    } else if (text.size() > 1 && !base::IsDigit(text[1])) {
      hint = Suggest(text, kAclFlags);
    }
    return Fail(problem, word,
                InQuotes(text) +
                    " is no flag of an ACL: '--' must stand before patterns that "
                    "begin with '-'",
                hint);
  }
  bool Read() {
    bool flags_over = false;
    for (; word < end; ++word) {
      bool is_flag = false;
      const bool is_quoted = line.words[word].quoted && !line.text(word).starts_with('-');
      if (!flags_over && !is_quoted) {
        if (!TakeFlag(&is_flag, &flags_over)) return false;
        if (is_flag) continue;
      }
      flags_over = true;
      if (!NeedMethod(word)) return false;
      if (*method == MatchMethod::kInt || *method == MatchMethod::kLen) {
        if (const auto comparison = FindComparison(line.text(word))) {
          flags.comparison = *comparison;
          continue;
        }
      }
      has_patterns = true;
      std::string why;
      if (!set().Add(line.text(word), flags, &why)) {
        std::string hint;
        if ((*method == MatchMethod::kInt || *method == MatchMethod::kLen) &&
            std::isalpha(static_cast<unsigned char>(line.text(word).front())) != 0) {
          hint = Suggest(line.text(word), ComparisonNames());
          if (hint.empty()) hint = "numbers are compared by 'eq', 'ge', 'gt', 'le' and 'lt'";
        }
        return Fail(problem, word, why, hint);
      }
    }
    if (!NeedMethod(end - 1)) return false;
    (void)set();
    for (PatternSet& one : sets) one.Freeze();
    return true;
  }
};

bool AclTable::ReadTest(const Line& line, size_t first, size_t end, Acl& acl, AclProblem* problem) {
  SetCurrent(this);
  Criterion criterion;
  if (!ReadCriterion(line, first, &criterion, problem)) return false;
  TestReader reader{
      .read = read_, .line = line, .end = end, .criterion = criterion, .problem = problem};
  reader.word = first + 1;
  reader.method = criterion.method;
  reader.flags.versions = criterion.versions;
  if (!reader.method) reader.method = DefaultMethod(criterion.expression->gives());
  if (!reader.Read()) return false;
  if (reader.lacks_patterns() && warn_) {
    AclProblem idle;
    (void)Fail(&idle, first, InQuotes(line.text(first)) + " has no patterns, so it never matches",
               "'-m found' asks whether there is anything; '--' behind it says that it is meant");
    warn_(idle);
  }
  acl.needs_ |= criterion.expression->needs();
  acl.tests_.push_back({std::move(*criterion.expression), std::move(reader.sets)});
  return true;
}

bool AclTable::Add(const Line& line, size_t word, AclProblem* problem) {
  const std::string name(line.text(word));
  if (word >= line.size()) return Fail(problem, word, "expects a name and a criterion");
  const auto bad = std::find_if_not(name.begin(), name.end(), IsAclNameByte);
  if (bad != name.end()) {
    return Fail(problem, word,
                "character '" + std::string(1, *bad) + "' is not permitted in an ACL's name");
  }
  if (IsAlternative(name)) {
    return Fail(problem, word, InQuotes(name) + " cannot be an ACL's name: conditions read it");
  }
  if (word + 1 >= line.size()) return Fail(problem, word + 1, "expects a criterion");
  auto at = acls_.find(name);
  const bool is_new = at == acls_.end();
  if (is_new) at = acls_.emplace(name, std::make_shared<Acl>(name)).first;
  extended_ = at->second.get();
  const bool good = ReadTest(line, word + 1, line.size(), *at->second, problem);
  extended_ = nullptr;
  return good;
}

std::shared_ptr<const Acl> AclTable::MakePredefined(std::string_view name) {
  const auto found = std::find_if(std::begin(kPredefined), std::end(kPredefined),
                                  [name](const Predefined& one) { return one.name == name; });
  if (found == std::end(kPredefined)) return nullptr;
  Line line;
  for (const std::string_view word : base::Split(found->text, ' ')) {
    line.words.push_back({.text = std::string(word)});
  }
  auto acl = std::make_shared<Acl>(std::string(name));
  AclProblem problem;
  if (!ReadTest(line, 0, line.size(), *acl, &problem)) return nullptr;
  acls_.emplace(acl->name(), acl);
  return acl;
}

std::shared_ptr<const Acl> AclTable::FindNamed(std::string_view name) {
  const auto found = acls_.find(name);
  return found != acls_.end() ? found->second : MakePredefined(name);
}

std::shared_ptr<const Acl> AclTable::Find(const Line& line, size_t word, std::string_view name,
                                          AclProblem* problem) {
  if (std::shared_ptr<const Acl> acl = FindNamed(name)) return acl;
  std::vector<std::string_view> names = PredefinedAclNames(units_);
  const bool is_predefined =
      std::any_of(std::begin(kPredefined), std::end(kPredefined),
                  [name](const Predefined& one) { return one.name == name; });
  for (const auto& [known, acl] : acls_) names.push_back(known);
  std::string hint = OperatorHint(name);
  if (hint.empty()) hint = Suggest(name, names);
  if (hint.empty() && units_.FindFetch(name.substr(0, name.find_first_of("(,")))) {
    hint =
        "a test without a name stands between braces: { " + std::string(line.text(word)) + " ... }";
  }
  if (hint.empty() && name.size() > 1 && name.front() == '{') {
    hint = "braces are words of their own: a blank stands behind '{' and before '}'";
  }
  (void)Fail(problem, word,
             is_predefined ? "ACL " + InQuotes(name) + " is not supported yet"
                           : "no ACL is named " + InQuotes(name),
             hint);
  return nullptr;
}

std::optional<AclCondition> AclTable::ReadCondition(const Line& line, size_t word,
                                                    AclProblem* problem) {
  AclCondition condition;
  condition.unless_ = line.text(word) == "unless";
  const std::string keyword(line.text(word));
  bool begins_alternative = false;
  bool negated = false;
  bool needs_term = true;
  for (++word; word < line.size(); ++word) {
    std::string_view text = line.text(word);
    if (!line.words[word].quoted && IsAlternative(text)) {
      if (needs_term) {
        (void)Fail(problem, word, "an ACL is expected before " + InQuotes(text));
        return std::nullopt;
      }
      begins_alternative = true;
      needs_term = true;
      continue;
    }
    for (; text.starts_with('!'); text.remove_prefix(1)) negated = !negated;
    if (text.empty()) {
      needs_term = true;
      continue;
    }
    AclCondition::Term term{nullptr, negated, begins_alternative};
    if (text == "{") {
      size_t close = word + 1;
      while (close < line.size() && line.text(close) != "}") ++close;
      if (close == line.size()) {
        (void)Fail(problem, word, "'{' has no closing '}'", "braces are words of their own");
        return std::nullopt;
      }
      if (close == word + 1) {
        (void)Fail(problem, word, "a criterion is expected between '{' and '}'");
        return std::nullopt;
      }
      auto acl = std::make_shared<Acl>("{ " + std::string(line.text(word + 1)) + " }");
      if (!ReadTest(line, word + 1, close, *acl, problem)) return std::nullopt;
      term.acl = std::move(acl);
      word = close;
    } else {
      term.acl = Find(line, word, text, problem);
      if (term.acl == nullptr) return std::nullopt;
    }
    condition.terms_.push_back(std::move(term));
    begins_alternative = negated = needs_term = false;
  }
  if (needs_term) {
    (void)Fail(problem, line.size(), InQuotes(keyword) + " expects an ACL");
    return std::nullopt;
  }
  return condition;
}

}  // namespace engine
