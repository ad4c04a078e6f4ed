// acl.h - a named test of a sample against patterns, and the conditions made of such tests (manual
// 7.1, 7.2).
//
// Owns:    an Acl its tests; an AclCondition shares the Acls it names with the table they stand in.
// Threads: start-up while they are read; Run() of any shard, each with its own EvalContext.
// Units:   words of a configuration line.
// Errors:  AclProblem says what is wrong, and at which word.
// States:  none.
//
//   AclTable table(units);
//   AclProblem problem;
//   table.Add(line.words, 1, &problem);                       // acl admin src 10.0.0.0/8
//   auto condition = table.ReadCondition(line, 3, &problem);  // if admin !{ path_beg /x } or ...
//   condition->Run(context) == Outcome::kYes

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/acl/pattern_set.h"
#include "engine/config/lexer.h"
#include "engine/expr/expression.h"

namespace engine {

// Of a test. Later: what it looks at is still coming, and may change the answer.
enum class Outcome : uint8_t { kNo, kLater, kYes };

struct AclProblem {
  size_t word = 0;    // of the line
  size_t offset = 0;  // in the word
  size_t length = 0;  // 0: all of it
  std::string message;
  std::string hint;
};

class Acl {
 public:
  explicit Acl(std::string name) : name_(std::move(name)) {}
  const std::string& name() const { return name_; }
  Outcome Run(EvalContext& context) const;
  // What some of its tests cannot do without.
  Needs needs() const { return needs_; }

 private:
  friend class AclTable;
  // One line, or one pair of braces.
  struct Test {
    Expression expression;
    std::vector<PatternSet> sets;
  };
  static Outcome RunTest(const Test& test, EvalContext& context);

  std::string name_;
  std::vector<Test> tests_;
  Needs needs_ = 0;
  uint32_t depth_ = 0;                 // how many levels of ACLs it looks at by `acl()`
  mutable bool is_looked_at_ = false;  // by `acl()`; written while it is read
};

class AclCondition {
 public:
  // `unless` is taken into account.
  Outcome Run(EvalContext& context) const;
  // The first Acl that needs what `offers` does not have: it can never match. Null: none.
  const Acl* FindMisplaced(Needs offers) const;

 private:
  friend class AclTable;
  struct Term {
    std::shared_ptr<const Acl> acl;
    bool negated = false;
    bool begins_alternative = false;  // behind an "or"
  };
  std::vector<Term> terms_;
  bool unless_ = false;
};

// The contents of a file of patterns named so on the line; false with a clause.
using PatternReader =
    std::function<bool(std::string_view name, std::string* contents, std::string* why)>;

// What is taken, and most likely not meant so.
using AclWarning = std::function<void(const AclProblem& problem)>;

using ExpressionNotice = std::function<void(const Expression& expression, size_t word)>;

// "if" or "unless".
bool IsConditionWord(std::string_view word);

// The Acls of one proxy.
class AclTable {
 public:
  explicit AclTable(const Registry& units) : units_(units) {}
  ~AclTable() {
    if (current_ == this) current_ = nullptr;
  }
  AclTable(const AclTable&) = delete;
  AclTable& operator=(const AclTable&) = delete;

  // The one that the fetch `acl` of an expression finds its names in: that of the section which is
  // read. Null: there is none. Configurations are read by one thread at a time.
  static void SetCurrent(AclTable* table) { current_ = table; }
  // For the registry.
  static std::span<const FetchSpec> Fetches();
  // For the lines that are read next. `notice` sees each expression with the word it stands in.
  void SetReader(PatternReader read, ExpressionNotice notice = nullptr, AclWarning warn = nullptr) {
    read_ = std::move(read);
    notice_ = std::move(notice);
    warn_ = std::move(warn);
  }

  // `name criterion [flags] [operator] [patterns]` from `word` on. An Acl that exists is extended.
  bool Add(const Line& line, size_t word, AclProblem* problem);
  // All words from the `if` or `unless` at `word` on.
  std::optional<AclCondition> ReadCondition(const Line& line, size_t word, AclProblem* problem);

 private:
  bool ReadTest(const Line& line, size_t first, size_t end, Acl& acl, AclProblem* problem);
  struct Criterion;
  bool ReadCriterion(const Line& line, size_t word, Criterion* criterion, AclProblem* problem);
  struct TestReader;
  std::shared_ptr<const Acl> Find(const Line& line, size_t word, std::string_view name,
                                  AclProblem* problem);
  std::shared_ptr<const Acl> MakePredefined(std::string_view name);
  // Predefined ones too. Null: none.
  std::shared_ptr<const Acl> FindNamed(std::string_view name);
  static bool PrepareFetch(PreparedUnit& unit, std::string* why);

  static AclTable* current_;

  const Registry& units_;
  PatternReader read_;
  ExpressionNotice notice_;
  AclWarning warn_;
  std::map<std::string, std::shared_ptr<Acl>, std::less<>> acls_;
  Acl* extended_ = nullptr;  // while a line about it is read
};

// For -dK and messages: those whose fetches `units` has.
std::vector<std::string_view> PredefinedAclNames(const Registry& units);
// Fetches with a way to match behind them, such as "path_beg"; of what `units` has.
std::vector<std::string> AclCriterionNames(const Registry& units);

}  // namespace engine
