// keywords.h - the registry of words: where each may stand, whether it works, and who builds it.
//
// Owns:    its copies of the specifications and the handlers.
// Threads: start-up; immutable once every module has registered.
// Units:   none.
// Errors:  an unknown word goes to Diagnostics with the nearest legal one, a misplaced word with
//          the places where it is legal. Registering a word twice for one place is a bug: MUST.
// States:  none. Registration is explicit: each module exports a function that calls Add().
//
//   void RegisterTimeouts(BuildKeywords& keywords) {
//     keywords.Add({"timeout connect", scope::kDefaults | scope::kBackend | scope::kListen},
//                  [](BuildContext& context, KeywordUse& use) { ... });
//     keywords.Add({"tune.bufsize", scope::kGlobal, Support::kTunesOnly});
//   }
//   for (const Line& line : section.lines) keywords.Run(context, line, scope::Of(section), log);
//
// A use is looked up longest match first, so `stats socket` wins over `stats`. Bind and server
// lines are their own scopes: RunOptions() walks the words of such a line.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "engine/config/diagnostics.h"
#include "engine/config/lexer.h"
#include "engine/config/tree.h"

namespace engine {

// A set of places: one bit per SectionKind, then the kinds of line that have words of their own.
using Scopes = uint64_t;

namespace scope {

constexpr Scopes Of(SectionKind kind) { return Scopes{1} << size_t(kind); }
inline Scopes Of(const Section& section) { return Of(section.kind); }
constexpr Scopes Extra(size_t index) { return Scopes{1} << (size_t(SectionKind::kCount) + index); }

inline constexpr Scopes kGlobal = Of(SectionKind::kGlobal);
inline constexpr Scopes kDefaults = Of(SectionKind::kDefaults);
inline constexpr Scopes kFrontend = Of(SectionKind::kFrontend);
inline constexpr Scopes kBackend = Of(SectionKind::kBackend);
inline constexpr Scopes kListen = Of(SectionKind::kListen);
inline constexpr Scopes kResolvers = Of(SectionKind::kResolvers);
inline constexpr Scopes kCache = Of(SectionKind::kCache);
inline constexpr Scopes kLogProfile = Of(SectionKind::kLogProfile);
inline constexpr Scopes kFcgiApp = Of(SectionKind::kFcgiApp);
inline constexpr Scopes kPeers = Of(SectionKind::kPeers);
inline constexpr Scopes kTraces = Of(SectionKind::kTraces);
inline constexpr Scopes kUserlist = Of(SectionKind::kUserlist);
inline constexpr Scopes kMailers = Of(SectionKind::kMailers);
inline constexpr Scopes kHttpErrors = Of(SectionKind::kHttpErrors);
inline constexpr Scopes kRing = Of(SectionKind::kRing);
inline constexpr Scopes kLogForward = Of(SectionKind::kLogForward);
inline constexpr Scopes kCrtStore = Of(SectionKind::kCrtStore);
inline constexpr Scopes kAcme = Of(SectionKind::kAcme);
inline constexpr Scopes kHealthcheck = Of(SectionKind::kHealthcheck);
inline constexpr Scopes kProxies = kFrontend | kBackend | kListen;
inline constexpr Scopes kBind = Extra(0);           // options after the address (manual 5.1)
inline constexpr Scopes kServer = Extra(1);         // options after the address (manual 5.2)
inline constexpr Scopes kDefaultServer = Extra(2);  // the same words on `default-server`
inline constexpr Scopes kCrtLoad = Extra(3);        // `load` of a crt-store, and crt-list (12.7.1)
inline constexpr Scopes kFilter = Extra(4);         // filters by name (manual 9)
inline constexpr size_t kCount = size_t(SectionKind::kCount) + 5;
static_assert(kCount <= 64);
// The columns of the matrix (manual 4.1), without and with a defaults section.
inline constexpr Scopes kFront = kFrontend | kListen;
inline constexpr Scopes kBack = kBackend | kListen;
inline constexpr Scopes kDefFront = kDefaults | kFront;
inline constexpr Scopes kDefBack = kDefaults | kBack;
inline constexpr Scopes kAll = kDefaults | kProxies;
inline constexpr Scopes kServers = kServer | kDefaultServer;

}  // namespace scope

// "'frontend' section", "'bind' line"; `one` holds a single bit.
std::string ScopeName(Scopes one);

enum class Support : uint8_t {
  kWorks,
  kTunesOnly,        // accepted without effect, with one warning per run
  kNotSupportedYet,  // decides who passes or where to: an error until it works (DESIGN 6)
  kRemoved,          // HAProxy dropped it as well; `note` says what took its place
};

enum Prefixes : uint8_t { kNoPrefix = 0, kAllowsNo = 1, kAllowsDefault = 2, kAllowsBoth = 3 };

struct KeywordSpec {
  std::string words;  // up to kKeywordWordsMax, single spaces between: "option http-keep-alive"
  Scopes scopes = 0;
  Support support = Support::kWorks;
  Prefixes prefixes = kNoPrefix;  // the (*) of the manual's matrix 4.1
  std::string note = {};          // printed under a refusal
  uint32_t arguments = 0;         // on an option line: words to pass over where no handler does it
  bool parentheses = false;       // an argument may be glued to the last word: "set-var(txn.x)"
  // What the first argument of a word without effect may be: words and ranges with '|' between,
  // "auto|1..9", "100..", or "<time>", or "<size>". Empty: whatever it is, nothing is said.
  std::string values = {};
  bool ignored = false;  // of no meaning here: read with a warning, never recommended
};

inline constexpr size_t kKeywordWordsMax = 3;

// One use of a keyword, as its handler sees it.
struct KeywordUse {
  const Line& line;
  const KeywordSpec* keyword = nullptr;
  size_t index = 0;             // of the keyword in all()
  Prefixes prefix = kNoPrefix;  // kAllowsNo: "no X"; kAllowsDefault: "default X"
  size_t first_word = 0;        // of the keyword itself
  size_t first_argument = 0;
  // The first word left over. The end of the line for a statement; on an option line the handler
  // moves it past the arguments it took.
  size_t next = 0;
  Diagnostics& diagnostics;

  bool is_no() const { return prefix == kAllowsNo; }
  size_t arguments() const { return line.size() - first_argument; }
  std::string_view argument(size_t i) const { return line.text(first_argument + i); }
};

class KeywordTable {
 public:
  enum class Outcome : uint8_t { kRun, kPassOver, kRefused };

  size_t Add(KeywordSpec spec);
  const std::vector<KeywordSpec>& all() const { return specs_; }

  // The keyword whose words stand at `word`, longest first, legal in one of `scopes`; or null.
  const KeywordSpec* Find(const Line& line, size_t word, Scopes scopes) const;
  // The keyword of exactly these words; the first one, where `scopes` have several.
  const KeywordSpec* FindWords(std::string_view words, Scopes scopes) const;
  bool IsKnown(std::string_view words, Scopes scopes) const {
    return FindWords(words, scopes) != nullptr;
  }

  // Looks a use up and reports what is wrong with it. `statement`: a line of a section, which may
  // carry a prefix; otherwise an option of a longer line.
  Outcome Resolve(KeywordUse& use, Scopes scopes, bool statement) const;
  // The first half of it: finds the keyword, or reports that it is unknown or in the wrong place.
  static bool CheckValue(const KeywordUse& use);
  bool Locate(KeywordUse& use, Scopes scopes, bool statement) const;
  // For a section that is accepted or refused whole: only its unknown words are reported.
  bool CheckKnown(const Line& line, Scopes scopes, Diagnostics& diagnostics) const;

 private:
  struct Match {
    size_t index;
    size_t words;
  };
  std::optional<Match> FindMatch(const Line& line, size_t word, Scopes scopes) const;
  void ReportUnknown(const KeywordUse& use, Scopes scopes, bool statement) const;
  void ReportMisplaced(const KeywordUse& use, Scopes scopes) const;
  size_t HeadLength(const Line& line, size_t word, Scopes scopes) const;
  bool IsHead(std::string_view words, Scopes scopes) const;
  static bool IsUsable(const KeywordSpec& spec);
  std::string ListBehind(std::string_view head, Scopes scopes) const;
  std::string HintFor(const KeywordUse& use, Scopes scopes, bool statement) const;
  std::string NearestFor(const KeywordUse& use, Scopes scopes, bool statement, bool usable) const;

  std::vector<KeywordSpec> specs_;
  std::multimap<std::string, size_t, std::less<>> by_words_;
};

// The table together with what its words do to a Context.
template <typename Context>
class Keywords : public KeywordTable {
 public:
  // Reports what it refuses through use.diagnostics and returns false.
  using Handler = std::function<bool(Context&, KeywordUse&)>;

  // A keyword that works needs a handler; the other kinds have none.
  void Add(KeywordSpec spec, Handler handler = nullptr) {
    MUST((spec.support == Support::kWorks) == (handler != nullptr));
    KeywordTable::Add(std::move(spec));
    handlers_.push_back(std::move(handler));
  }

  // One line of a section. False when an error was reported.
  bool Run(Context& context, const Line& line, Scopes scopes, Diagnostics& diagnostics) const {
    if (line.size() == 0) return true;
    KeywordUse use{.line = line, .diagnostics = diagnostics};
    const Outcome outcome = Resolve(use, scopes, true);
    if (outcome != Outcome::kRun) return outcome == Outcome::kPassOver;
    return handlers_[use.index](context, use);
  }

  // A line of a defaults section for a proxy that inherits it: words that mean nothing there are
  // passed over. Whether the line is good in `defaults` itself is for Check() to say, once.
  bool RunInherited(Context& context, const Line& line, Scopes scopes,
                    Diagnostics& diagnostics) const {
    if (line.size() == 0) return true;
    const size_t word = IsPrefix(line) ? 1 : 0;
    if (Find(line, word, scopes) == nullptr || Find(line, word, scope::kDefaults) == nullptr) {
      return true;
    }
    return Run(context, line, scopes, diagnostics);
  }

  // Everything Run() would say before it calls the handler.
  bool Check(const Line& line, Scopes scopes, Diagnostics& diagnostics) const {
    if (line.size() == 0) return true;
    KeywordUse use{.line = line, .diagnostics = diagnostics};
    return Resolve(use, scopes, true) != Outcome::kRefused;
  }

  // The options of a line from `word` on: `bind :443 [ssl crt x alpn h2]`. Stops at an unknown
  // word, because nobody knows how many arguments it has.
  bool RunOptions(Context& context, const Line& line, size_t word, Scopes scopes,
                  Diagnostics& diagnostics) const {
    bool good = true;
    while (word < line.size()) {
      KeywordUse use{.line = line, .first_word = word, .diagnostics = diagnostics};
      const Outcome outcome = Resolve(use, scopes, false);
      if (use.keyword == nullptr) return false;
      if (outcome == Outcome::kRefused) good = false;
      if (outcome == Outcome::kRun && !handlers_[use.index](context, use)) good = false;
      // A handler that takes nothing back must still leave its own word behind.
      word = use.next > word ? use.next : use.first_argument;
    }
    return good;
  }

 private:
  static bool IsPrefix(const Line& line) {
    return line.size() > 1 && (line.text(0) == "no" || line.text(0) == "default");
  }

  std::vector<Handler> handlers_;  // one per specification; null unless the keyword works
};

// What the engine builds sections into; engine/run defines it.
struct BuildContext;
using BuildKeywords = Keywords<BuildContext>;

}  // namespace engine
