// words.h - every word of the language that is no configuration keyword, and whether it works.
//
// Owns:    ManualWords() is a constant table; a WordList owns copies of its words.
// Threads: start-up while it is filled; immutable afterwards.
// Units:   none.
// Errors:  registering a word twice for one place is a bug: it dies and names the word.
// States:  a word of the manual is what its table says until a module registers it; from then on
//          it works. So one line, in the module that does the work, makes a word work, and nobody
//          keeps a second list. Configuration keywords keep theirs in keywords.h, keyword_states.h.
//
//   WordList words;                                     // all of the manual's
//   words.AddWorking(WordKind::kLogTag, {"ci", "cp"});  // what a module does
//   words.AddWorking(WordKind::kAction, {"return"}, ruleset::kHttpRequest);
//   words.StateOf(WordKind::kFetch, "src");             // kNotSupportedYet
//   words.StateOf(WordKind::kFetch, "scr");             // nothing: unknown
//
// engine/run/known_words.h gathers what all modules register; -dK, docs/keywords.md and the test
// against the manual read that. A parser that meets a word it does not have asks ManualStateOf().

#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/config/keywords.h"

namespace engine {

enum class WordKind : uint8_t {
  kAction,         // of rules (manual 4.3), behind the rule set's own words
  kFilter,         // behind `filter` (manual 9)
  kFetch,          // of samples (manual 7.3.2 to 7.3.7)
  kConverter,      // of samples (manual 7.3.1)
  kAclCriterion,   // a fetch together with a way to match it (manual 7.3, "ACL derivatives")
  kAclFlag,        // manual 7.1
  kMatch,          // what `-m` takes (manual 7.1)
  kAclOperator,    // of integers (manual 7.1.2)
  kPredefinedAcl,  // manual 7.4
  kTableData,      // what `store` of a stick-table takes (manual 11.1)
  kLogTag,         // behind '%' (manual 8.2.6)
  kLogFlag,        // behind "%{+" (manual 8.2.6)
  kCommand,        // of the runtime command line (management 9.3)
  kMasterCommand,  // of the master's (management 9.4.1)
  kOption,         // of the process's command line (management 3)
  kService,        // what `use-service` may name; all are ours
  kCount
};

// "action", "sample fetch": how messages and pages name one.
std::string_view KindName(WordKind kind);

// A set of places within a kind, one bit each. Most kinds know only one place.
using Places = uint32_t;
inline constexpr Places kAnywhere = 1;

namespace ruleset {  // of actions
inline constexpr Places kQuicInitial = 1u << 0;
inline constexpr Places kTcpConnection = 1u << 1;
inline constexpr Places kTcpSession = 1u << 2;
inline constexpr Places kTcpContent = 1u << 3;
inline constexpr Places kTcpResponse = 1u << 4;
inline constexpr Places kHttpRequest = 1u << 5;
inline constexpr Places kHttpResponse = 1u << 6;
inline constexpr Places kHttpAfter = 1u << 7;
inline constexpr size_t kCount = 8;
inline constexpr Places kHttp = kHttpRequest | kHttpResponse | kHttpAfter;
}  // namespace ruleset

namespace fetch_at {  // where a sample is fetched
inline constexpr Places kInternal = 1u << 0;
inline constexpr Places kLayer4 = 1u << 1;
inline constexpr Places kLayer5 = 1u << 2;
inline constexpr Places kLayer6 = 1u << 3;
inline constexpr Places kLayer7 = 1u << 4;
inline constexpr Places kForDevelopers = 1u << 5;
}  // namespace fetch_at

// "http-request", "layer 4"; empty for kinds of one place. `one` holds a single bit.
std::string_view PlaceName(WordKind kind, Places one);
// The place of that name; 0: none.
Places FindPlace(WordKind kind, std::string_view name);

// The line of a proxy that a rule set's rules are, and where it may stand.
struct RuleLine {
  std::string_view words;  // "tcp-request content"
  Scopes scopes;
  Places place;
};
std::span<const RuleLine> RuleLines();

struct KnownWord {
  WordKind kind = WordKind::kAction;
  std::string words;
  Places places = kAnywhere;
  Support support = Support::kNotSupportedYet;
  std::string note;          // what replaces it, with what it comes, or what it does
  bool parentheses = false;  // its argument is glued to it: "set-var(txn.x)"
  bool is_ours = false;      // no word of the manual
};

// A row of the manual's vocabulary: words with a blank between them, or ", " for commands, which
// have blanks themselves. "()" behind one: see KnownWord::parentheses.
struct ManualWords {
  WordKind kind;
  Places places;
  std::string_view words;
  Support support = Support::kNotSupportedYet;
  std::string_view note = {};
};
std::span<const ManualWords> ManualVocabulary();

class WordList {
 public:
  WordList();

  // `words` work in `places` from now on. One that the manual does not know becomes ours.
  void AddWorking(WordKind kind, std::span<const std::string_view> words, Places places = kAnywhere,
                  std::string_view note = {});
  void AddWorking(WordKind kind, std::initializer_list<std::string_view> words,
                  Places places = kAnywhere, std::string_view note = {}) {
    AddWorking(kind, std::span(words.begin(), words.size()), places, note);
  }
  // For a word that a module takes without doing what it asks.
  void Add(KnownWord word);

  const std::vector<KnownWord>& all() const { return words_; }
  // The state of a word in one of `places`; nothing where it is unknown.
  std::optional<Support> StateOf(WordKind kind, std::string_view words,
                                 Places places = ~Places{0}) const;

 private:
  std::vector<KnownWord> words_;
};

// The same by the manual's vocabulary alone, for a parser that met a word no module has: something
// means that it exists and does not work here, nothing that it is unknown. An argument in
// parentheses is passed over.
std::optional<Support> ManualStateOf(WordKind kind, std::string_view word,
                                     Places places = ~Places{0});

}  // namespace engine
