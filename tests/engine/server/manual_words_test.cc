// No word of the manual may be unknown: it works, it is accepted, or it says why not. The lists are
// read from the manual itself, so that a new edition of it fails here first.

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "engine/config/words.h"
#include "engine/server/builder.h"

namespace engine {
namespace {

std::string ManualPath(const std::string& name) {
  const char* root = std::getenv("RINGWAY_SHARED");
  return (root != nullptr ? std::string(root) : RINGWAY_SOURCE_ROOT "/../shared") + "/manual/" +
         name;
}

using WordSet = std::set<std::string>;

class ManualWords : public ::testing::Test {
 protected:
  void SetUp() override { Read("configuration.txt"); }

  void Read(const std::string& name) {
    lines_.clear();
    std::ifstream file(ManualPath(name));
    if (!file) GTEST_SKIP() << "no manual at " << ManualPath(name) << " (set RINGWAY_SHARED)";
    for (std::string line; std::getline(file, line);) lines_.push_back(line);
  }

  // The lines between the heading that starts with `from` and the one that starts with `to`. Only
  // the headings of sections are underlined, not their titles in the table of contents.
  std::vector<std::string_view> Between(std::string_view from, std::string_view to) const {
    std::vector<std::string_view> found;
    bool inside = false;
    for (size_t i = 0; i < lines_.size(); ++i) {
      const std::string_view line = lines_[i];
      if (inside && line.starts_with(to)) break;
      if (inside) found.push_back(line);
      const bool is_underlined = i + 1 < lines_.size() && lines_[i + 1].starts_with("---");
      if (line.starts_with(from) && is_underlined) inside = true;
    }
    return found;
  }

  std::vector<std::string> lines_;
};

bool StartsWord(std::string_view line) {
  return !line.empty() && (std::islower(static_cast<unsigned char>(line[0])) ||
                           std::isdigit(static_cast<unsigned char>(line[0])));
}

std::string FirstWord(std::string_view line) {
  return std::string(line.substr(0, line.find_first_of(" (")));
}

// `stats` is the head of several keywords, as `stats socket`.
bool IsHead(const std::string& word, Scopes scopes) {
  for (const KeywordSpec& spec : AllKeywords().all()) {
    if ((spec.scopes & scopes) != 0 && spec.words.starts_with(word + " ")) return true;
  }
  return false;
}

TEST_F(ManualWords, EveryGlobalWordIsKnown) {
  size_t count = 0;
  for (const std::string_view line : Between("3. Global section", "3.1. Process")) {
    if (!line.starts_with("   - ")) continue;
    const std::string word = FirstWord(line.substr(5));
    ++count;
    EXPECT_TRUE(AllKeywords().IsKnown(word, scope::kGlobal) || IsHead(word, scope::kGlobal))
        << word;
  }
  EXPECT_GT(count, 250u);
}

// A row: the keyword, "(*)", and one column each for defaults, frontend, listen and backend.
TEST_F(ManualWords, EveryProxyWordIsKnownWhereTheMatrixAllowsIt) {
  constexpr Scopes kColumns[] = {scope::kDefaults, scope::kFrontend, scope::kListen,
                                 scope::kBackend};
  size_t count = 0;
  for (const std::string_view line : Between("4.1. Proxy keywords matrix", "4.2. ")) {
    if (!StartsWord(line) || line.size() < 60) continue;
    const size_t columns_at = line.find_first_of("X-", 37);
    if (columns_at == std::string_view::npos) continue;
    std::string word(base::Trim(line.substr(0, 36)));
    std::vector<bool> allowed;
    for (const std::string_view piece : base::Split(line.substr(columns_at), ' ')) {
      if (piece == "X" || piece == "-") allowed.push_back(piece == "X");
    }
    if (allowed.size() != 4) continue;
    if (word.ends_with("(*)")) word = std::string(base::Trim(word.substr(0, word.size() - 3)));
    ++count;
    for (size_t i = 0; i < 4; ++i) {
      if (!allowed[i]) continue;
      EXPECT_TRUE(AllKeywords().IsKnown(word, kColumns[i])) << word << " in column " << i;
    }
  }
  EXPECT_GT(count, 180u);
}

TEST_F(ManualWords, EveryBindOptionIsKnown) {
  std::set<std::string> words;
  bool started = false;
  for (const std::string_view line : Between("5.1. Bind options", "5.2. Server")) {
    if (started && StartsWord(line)) words.insert(FirstWord(line));
    if (line.starts_with("The currently supported settings")) started = true;
  }
  EXPECT_GT(words.size(), 75u);
  for (const std::string& word : words) {
    EXPECT_TRUE(AllKeywords().IsKnown(word, scope::kBind) || IsHead(word, scope::kBind)) << word;
  }
}

TEST_F(ManualWords, EveryServerOptionIsKnown) {
  std::set<std::string> words;
  bool started = false;
  for (const std::string_view line : Between("5.2. Server and default-server", "5.3. Server")) {
    if (started && StartsWord(line)) words.insert(FirstWord(line));
    if (line.starts_with("except \"id\" which is only supported")) started = true;
  }
  EXPECT_GT(words.size(), 110u);
  for (const std::string& word : words) {
    EXPECT_TRUE(AllKeywords().IsKnown(word, scope::kServer)) << word;
    // What names one server cannot be said of several.
    if (word == "id" || word == "guid") continue;
    EXPECT_TRUE(AllKeywords().IsKnown(word, scope::kDefaultServer)) << word;
  }
}

// The words of a heading up to its first argument: "http-check set-var" of
// "http-check set-var(<var-name>[,<cond>...]) <expr>".
std::string WordsOfHeading(std::string_view line) {
  if (line.starts_with("no ")) line.remove_prefix(3);
  std::string words;
  for (const std::string_view piece : base::Split(line, ' ')) {
    const std::string_view word = piece.substr(0, piece.find('('));
    if (!StartsWord(word) || word.find_first_of("<>[]{}|,=:/") != std::string_view::npos) break;
    words += (words.empty() ? "" : " ") + std::string(word);
    if (word.size() != piece.size()) break;
  }
  return words;
}

// Every proxy keyword with a section of its own in the alphabetical reference, too. A heading may
// name the value of an argument ("compression algo"), so a shorter keyword will do, unless it is
// no more than the head of others.
TEST_F(ManualWords, EveryHeadingOfTheReferenceIsKnown) {
  constexpr Scopes kPlaces = scope::kDefaults | scope::kProxies;
  size_t count = 0;
  for (const std::string_view line : Between("4.2. Alphabetically", "4.3. Actions")) {
    if (!StartsWord(line)) continue;
    std::string words = WordsOfHeading(line);
    ++count;
    while (!words.empty() && !AllKeywords().IsKnown(words, kPlaces)) {
      words.resize(words.find(' ') == std::string::npos ? 0 : words.rfind(' '));
    }
    EXPECT_FALSE(words.empty()) << line;
    EXPECT_FALSE(IsHead(words, kPlaces) && WordsOfHeading(line) != words) << line;
  }
  EXPECT_GT(count, 190u);
}

// The sections beside proxies: the first column of their description, from the line that names the
// section on.
TEST_F(ManualWords, EveryWordOfTheOtherSectionsIsKnown) {
  const struct {
    const char* from;
    const char* to;
    const char* begins;  // the last line before the words
    Scopes scopes;
    size_t count_min;
  } kSections[] = {
      {"5.3.2. ", "6. Cache", "A resolvers section accept", scope::kResolvers, 6},
      {"6.2.1. ", "6.2.2. ", "cache <name>", scope::kCache, 6},
      {"8.3.5. ", "8.4. ", "log-profile <name>", scope::kLogProfile, 2},
      {"10.1.1. ", "10.1.2. ", "fcgi-app <name>", scope::kFcgiApp, 11},
      {"11.2. ", "12. Other", "peers <peersect>", scope::kPeers, 10},
      {"12.1. ", "12.2. ", "traces", scope::kTraces, 1},
      {"12.2. ", "12.3. ", "userlist <listname>", scope::kUserlist, 2},
      {"12.3. ", "12.4. ", "mailers <mailersect>", scope::kMailers, 2},
      {"12.4. ", "12.5. ", "http-errors <name>", scope::kHttpErrors, 1},
      {"12.5. ", "12.6. ", "ring <ringname>", scope::kRing, 8},
      {"12.6. ", "12.7. ", "log-forward <name>", scope::kLogForward, 9},
      {"12.7. ", "12.7.1. ", "The following keywords are supported in", scope::kCrtStore, 3},
      {"12.7.1. ", "12.8. ", "crt-list.", scope::kCrtLoad, 15},
      {"12.8. ", "12.9. ", "The following keywords are usable in", scope::kAcme, 18},
      {"12.9. ", "/*", "healthcheck <name>", scope::kHealthcheck, 20},
  };
  for (const auto& section : kSections) {
    WordSet words;
    bool started = false;
    for (const std::string_view line : Between(section.from, section.to)) {
      if (started && StartsWord(line)) {
        std::string word = WordsOfHeading(line);
        if (word.ends_with(" global")) word.resize(word.rfind(' '));  // a value of `log`
        words.insert(word);
      }
      if (line.starts_with(section.begins)) started = true;
    }
    EXPECT_GE(words.size(), section.count_min) << section.from;
    for (const std::string& word : words) {
      EXPECT_TRUE(AllKeywords().IsKnown(word, section.scopes)) << section.from << word;
    }
    for (const KeywordSpec& spec : AllKeywords().all()) {
      if ((spec.scopes & section.scopes) == 0 || spec.support == Support::kRemoved) continue;
      EXPECT_TRUE(words.contains(spec.words)) << section.from << "does not know " << spec.words;
    }
  }
}

// Every one, two or three words that follow each other in a line, whatever stands around them.
WordSet PhrasesOf(const std::vector<std::string>& lines) {
  WordSet phrases;
  for (std::string line : lines) {
    for (char& c : line) {
      const bool is_of_word = std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                              std::string_view("_.+-").find(c) != std::string_view::npos;
      if (!is_of_word) c = ' ';
    }
    std::vector<std::string> words;
    for (std::string_view word : base::Split(line, ' ')) {
      while (word.ends_with('.')) word.remove_suffix(1);
      if (!word.empty()) words.emplace_back(word);
    }
    for (size_t i = 0; i < words.size(); ++i) {
      std::string phrase = words[i];
      for (size_t next = i + 1; next <= i + 3; ++next) {
        phrases.insert(phrase);
        if (next == words.size()) break;
        phrase += " " + words[next];
      }
    }
  }
  return phrases;
}

bool IsActionOrFilter(const KeywordSpec& spec) {
  return spec.words.starts_with("filter ") ||
         std::any_of(RuleLines().begin(), RuleLines().end(), [&](const RuleLine& line) {
           return spec.words.starts_with(std::string(line.words) + " ");
         });
}

// What the tables have, and the manual does not: the words that are ours, and nothing else. Actions
// and filters are compared below.
TEST_F(ManualWords, EveryWordOfTheTablesIsTheManuals) {
  // HAProxy knows the last one, and its manual of today does not.
  const WordSet ours = {"tune.ring", "tune.sandbox", "option transparent"};
  const WordSet phrases = PhrasesOf(lines_);
  for (const KeywordSpec& spec : AllKeywords().all()) {
    if (spec.support == Support::kRemoved || IsActionOrFilter(spec)) continue;
    EXPECT_EQ(phrases.contains(spec.words), !ours.contains(spec.words)) << spec.words;
  }
}

// The vocabulary of words that are no keywords, in both directions --------------------------------

WordSet Vocabulary(WordKind kind, Places place = ~Places{0}) {
  WordSet words;
  const WordList list;
  for (const KnownWord& word : list.all()) {
    if (word.kind == kind && (word.places & place) != 0) words.insert(word.words);
  }
  return words;
}

void ExpectSame(WordKind kind, const WordSet& manual, const WordSet& table) {
  for (const std::string& word : manual) {
    EXPECT_TRUE(table.contains(word)) << KindName(kind) << ": no table has " << word;
  }
  for (const std::string& word : table) {
    EXPECT_TRUE(manual.contains(word)) << KindName(kind) << ": the manual has no " << word;
  }
}

// A row of the matrix: the action, "(deprecated)" perhaps, and a column for each set of rules.
TEST_F(ManualWords, EveryActionIsInTheVocabulary) {
  std::map<std::string_view, WordSet> by_line;
  for (const std::string_view line : Between("4.3. Actions keywords", "4.4. ")) {
    if (!StartsWord(line)) continue;
    std::vector<bool> ticks;
    for (const std::string_view piece : base::Split(line, ' ')) {
      if (piece == "X" || piece == "-") ticks.push_back(piece == "X");
    }
    if (ticks.size() != RuleLines().size()) continue;
    for (size_t i = 0; i < ticks.size(); ++i) {
      if (ticks[i]) by_line[RuleLines()[i].words].insert(FirstWord(line));
    }
  }
  ASSERT_EQ(by_line.size(), RuleLines().size());
  for (const RuleLine& line : RuleLines()) {
    SCOPED_TRACE(line.words);
    ExpectSame(WordKind::kAction, by_line[line.words], Vocabulary(WordKind::kAction, line.place));
    for (const std::string& action : by_line[line.words]) {
      // A line that works reads its actions itself, and asks the vocabulary for the others.
      EXPECT_TRUE(AllKeywords().IsKnown(std::string(line.words) + " " + action, line.scopes) ||
                  AllKeywords().IsKnown(line.words, line.scopes));
    }
  }
}

TEST_F(ManualWords, EveryConverterIsInTheVocabulary) {
  WordSet words;
  for (const std::string_view line : Between("7.3.1. Converters", "7.3.2. ")) {
    // The family of maps stands in a table of its own.
    if (line.find("| map_") != std::string_view::npos) {
      for (const std::string_view piece : base::Split(line, ' ')) {
        if (piece.starts_with("map_")) words.insert(std::string(piece));
      }
    }
    const bool is_row = StartsWord(line) && line.find("  ") != std::string_view::npos;
    const std::string word = FirstWord(line);
    if (is_row && word.find('<') == std::string::npos) words.insert(word);
  }
  // Placeholders of that family, and two that its table gets wrong.
  words.erase("map_match");
  words.erase("map_match_output");
  words.insert({"map_beg_ip", "map_beg_key"});
  EXPECT_GT(words.size(), 200u);
  ExpectSame(WordKind::kConverter, words, Vocabulary(WordKind::kConverter));
}

TEST_F(ManualWords, EverySampleFetchIsInTheVocabulary) {
  const struct {
    const char* from;
    const char* to;
    Places place;
    size_t count_min;
  } kLayers[] = {
      {"7.3.2. ", "7.3.3. ", fetch_at::kInternal, 60},
      {"7.3.3. ", "7.3.4. ", fetch_at::kLayer4, 230},
      {"7.3.4. ", "7.3.5. ", fetch_at::kLayer5, 110},
      {"7.3.5. ", "7.3.6. ", fetch_at::kLayer6, 30},
      {"7.3.6. ", "7.3.7. ", fetch_at::kLayer7, 95},
      {"7.3.7. ", "7.4. ", fetch_at::kForDevelopers, 14},
  };
  for (const auto& layer : kLayers) {
    WordSet words;
    int rulers = 0;  // two stand around the summary, whose rows have two columns
    for (const std::string_view line : Between(layer.from, layer.to)) {
      if (line.starts_with("-----") && line.find('+') != std::string_view::npos) ++rulers;
      const bool is_row = rulers == 1 && line.find("  ") != std::string_view::npos;
      const bool is_heading = rulers > 1 && (line.find(" : ") != std::string_view::npos);
      if (StartsWord(line) && (is_row || is_heading)) words.insert(FirstWord(line));
    }
    EXPECT_GE(words.size(), layer.count_min) << layer.from;
    ExpectSame(WordKind::kFetch, words, Vocabulary(WordKind::kFetch, layer.place));
  }
}

TEST_F(ManualWords, EveryAclWordIsInTheVocabulary) {
  WordSet criteria;
  bool inside = false;
  for (const std::string_view line : Between("7.3.2. ", "7.4. ")) {
    if (line.find("ACL derivatives :") != std::string_view::npos) {
      inside = true;
    } else if (!line.starts_with("    ") || line.find(" : ") == std::string_view::npos) {
      inside = inside && line.empty();  // before and between the rows
    } else if (inside && StartsWord(line.substr(4))) {
      criteria.insert(FirstWord(line.substr(4)));
    }
  }
  EXPECT_GT(criteria.size(), 60u);
  ExpectSame(WordKind::kAclCriterion, criteria, Vocabulary(WordKind::kAclCriterion));

  WordSet flags, matches, operators, predefined;
  for (const std::string_view line : Between("7.1. ACL basics", "7.2. ")) {
    if (line.starts_with("   -") && line.find(" : ") != std::string_view::npos) {
      flags.insert(FirstWord(line.substr(3)));
    }
    if (line.starts_with("  - \"")) {
      matches.insert(std::string(line.substr(5, line.find('"', 5) - 5)));
    }
    if (line.starts_with("  ") && line.find(" : true if the tested value") != line.npos) {
      operators.insert(FirstWord(line.substr(2)));
    }
  }
  for (const std::string_view line : Between("7.4. Pre-defined", "8. Logging")) {
    const bool is_row = line.size() > 4 && std::isupper(static_cast<unsigned char>(line[1])) != 0;
    if (is_row && !line.starts_with("ACL name")) predefined.insert(FirstWord(line));
  }
  ExpectSame(WordKind::kAclFlag, flags, Vocabulary(WordKind::kAclFlag));
  ExpectSame(WordKind::kMatch, matches, Vocabulary(WordKind::kMatch));
  ExpectSame(WordKind::kAclOperator, operators, Vocabulary(WordKind::kAclOperator));
  ExpectSame(WordKind::kPredefinedAcl, predefined, Vocabulary(WordKind::kPredefinedAcl));
}

TEST_F(ManualWords, EveryLogWordIsInTheVocabulary) {
  WordSet tags, flags;
  for (const std::string_view line : Between("8.2.6. Custom", "8.3. ")) {
    const size_t tag = line.find("| %");
    if (line.starts_with("  |") && tag == 6) tags.insert(FirstWord(line.substr(tag + 3)));
    if (line.starts_with("  * ")) {
      flags.insert(std::string(line.substr(4, line.find(':') - 4)));
    }
  }
  for (const char* tag : {"sslc", "sslv"}) {  // no blank behind these
    tags.erase(std::string(tag) + "|");
    tags.insert(tag);
  }
  EXPECT_GT(tags.size(), 60u);
  ExpectSame(WordKind::kLogTag, tags, Vocabulary(WordKind::kLogTag));
  ExpectSame(WordKind::kLogFlag, flags, Vocabulary(WordKind::kLogFlag));
}

TEST_F(ManualWords, EveryFilterAndDataTypeIsInTheVocabulary) {
  WordSet filters, types;
  bool may_head = false;  // behind an empty line or another heading: prose has the word, too
  for (const std::string_view line : Between("9. Supported filters", "10. FastCGI")) {
    const bool is_heading = may_head && line.starts_with("filter ");
    if (is_heading) filters.insert(FirstWord(line.substr(7)));
    may_head = line.empty() || is_heading;
  }
  for (const std::string_view line : Between("11.1. stick-table", "11.2. ")) {
    const std::string_view text = base::Trim(line);
    if (text.starts_with("- ") && text.ends_with("bytes]")) types.insert(FirstWord(text.substr(2)));
  }
  ExpectSame(WordKind::kFilter, filters, Vocabulary(WordKind::kFilter));
  ExpectSame(WordKind::kTableData, types, Vocabulary(WordKind::kTableData));
}

class ManagementWords : public ManualWords {
 protected:
  void SetUp() override { Read("management.txt"); }

  // Headings of commands from the one that starts with `first` on, up to their first argument. A
  // heading stands behind an empty line or another heading.
  WordSet Commands(std::string_view from, std::string_view to, std::string_view first) const {
    WordSet words;
    bool started = false;
    bool may_head = false;
    for (const std::string_view line : Between(from, to)) {
      started = started || line.starts_with(first);
      const bool is_heading = started && (StartsWord(line) || line.starts_with('@'));
      if (is_heading && may_head) {
        const std::string command = WordsOfHeading(line);
        words.insert(command.empty() ? std::string(line.substr(0, line.find('<'))) : command);
      }
      may_head = line.empty() || (is_heading && may_head);
    }
    return words;
  }
};

TEST_F(ManagementWords, EveryCommandIsInTheVocabulary) {
  WordSet commands = Commands("9.3. Unix", "9.4. ", "abort ssl");
  for (const char* with_argument : {"clear counters all", "trace 0"}) {
    commands.erase(with_argument);
  }
  EXPECT_GT(commands.size(), 130u);
  ExpectSame(WordKind::kCommand, commands, Vocabulary(WordKind::kCommand));
  ExpectSame(WordKind::kMasterCommand, Commands("9.4.1. ", "9.5. ", "@<"),
             Vocabulary(WordKind::kMasterCommand));
}

TEST_F(ManagementWords, EveryOptionIsInTheVocabulary) {
  WordSet options;
  for (const std::string_view line : Between("3. Starting HAProxy", "4. ")) {
    if (!line.starts_with("  -") || line.find(": ") == std::string_view::npos) continue;
    if (line.starts_with("  - ")) continue;
    options.insert(std::string(line.substr(2, line.find_first_of(" <[", 2) - 2)));
  }
  EXPECT_GT(options.size(), 40u);
  ExpectSame(WordKind::kOption, options, Vocabulary(WordKind::kOption));
}

}  // namespace
}  // namespace engine
