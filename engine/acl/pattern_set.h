// pattern_set.h - what a sample is compared with: the patterns of one ACL, and how (manual 7.1).
//
// Owns:    the texts of its patterns.
// Threads: start-up until Freeze(), then immutable.
// Units:   bytes.
// Errors:  Add() says what is wrong with a pattern; a sample that cannot be read as the method
//          needs it does not match.
// States:  filling -> frozen.
//
//   PatternSet set(MatchMethod::kBeg);
//   std::string why;
//   set.Add("/images/", {.ignore_case = true}, &why);
//   set.Freeze();
//   set.Matches(sample, scratch);
//
// Exact texts lie in a hash set, prefixes and suffixes in a trie, networks in ranges: what one
// look-up costs does not grow with their number. The other methods try one pattern after another.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "engine/acl/address_set.h"
#include "engine/acl/text_trie.h"
#include "engine/expr/regex.h"
#include "engine/expr/sample.h"

namespace engine {

enum class MatchMethod : uint8_t {
  kFound,
  kBool,
  kInt,
  kIp,
  kBin,
  kLen,
  kStr,
  kSub,
  kReg,
  kBeg,
  kEnd,
  kDir,
  kDom,
  kCount
};
std::string_view MethodName(MatchMethod method);
std::optional<MatchMethod> FindMethod(std::string_view name);
// All of them, for messages and for -dK.
std::vector<std::string_view> MethodNames();
// Takes a sample of that kind.
bool MethodTakes(MatchMethod method, SampleKind kind);
// Compares with patterns at all.
inline bool MethodHasPatterns(MatchMethod method) {
  return method != MatchMethod::kFound && method != MatchMethod::kBool;
}

// Manual 7.1.2.
enum class Comparison : uint8_t { kEq, kGe, kGt, kLe, kLt };
std::optional<Comparison> FindComparison(std::string_view word);
std::vector<std::string_view> ComparisonNames();

struct PatternFlags {
  bool ignore_case = false;
  Comparison comparison = Comparison::kEq;
  bool versions = false;  // "3.1" is a number of two halves (manual 7.1.2)
};

class PatternSet {
 public:
  explicit PatternSet(MatchMethod method);
  PatternSet(PatternSet&&) noexcept;
  PatternSet& operator=(PatternSet&&) noexcept;
  ~PatternSet();

  bool Add(std::string_view pattern, PatternFlags flags, std::string* why);
  // The lines of a file; `*line` tells which one is wrong. `map`: the first word of each only.
  bool AddLines(std::string contents, PatternFlags flags, bool map, size_t* line, std::string* why);
  void Freeze();

  bool Matches(const Sample& sample, Scratch& scratch) const;
  MatchMethod method() const { return method_; }
  size_t size() const { return size_; }

 private:
  struct Range {
    int64_t first;
    int64_t last;
  };
  // Patterns of one case rule.
  struct Texts {
    std::vector<std::string_view> list;  // emptied by Freeze() where there is an index
    absl::flat_hash_set<std::string_view> exact;
    std::unique_ptr<TextTrie> trie;
    std::vector<std::shared_ptr<const Regex>> regexes;
    size_t longest = 0;
    size_t size = 0;
  };
  // `pattern` stays where it is for as long as this object.
  bool AddKept(char* pattern, size_t bytes, PatternFlags flags, std::string* why);
  bool AddNumber(std::string_view pattern, PatternFlags flags, std::string* why);
  bool MatchesNumber(int64_t number) const;
  bool MatchesText(std::string_view text, Scratch& scratch) const;
  bool MatchesTexts(const Texts& texts, std::string_view text, bool fold, Scratch& scratch) const;

  MatchMethod method_;
  size_t size_ = 0;
  std::vector<std::unique_ptr<std::string>> kept_;
  Texts texts_[2];  // [1]: case is ignored, and the patterns are in lower case
  std::vector<Range> numbers_;
  AddressSet addresses_;
};

}  // namespace engine
