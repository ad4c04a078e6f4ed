// docs/keywords.md, made from the tables. `tools/keywords` writes it; this fails when it is stale.

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "engine/run/known_words.h"
#include "engine/server/builder.h"

namespace engine {
namespace {

constexpr const char* kPagePath = RINGWAY_SOURCE_ROOT "/docs/keywords.md";

constexpr const char* kIntroduction =
    "# Keywords\n\n"
    "Every word of HAProxy's manual (3.5), and what it does here. `tools/keywords` makes this "
    "page\n"
    "from the tables that the program runs with; do not edit it. `ringway -dKall -q -c -f FILE`\n"
    "prints what works, for programs to read.\n\n"
    "| state | what happens |\n|---|---|\n"
    "| works | it does what the manual says |\n"
    "| tunes only | accepted with one warning, and without effect; the note says what it waits "
    "for, if it waits |\n"
    "| not yet | refused, because it decides who may pass, what is encrypted or where traffic goes "
    "|\n"
    "| removed | refused; HAProxy dropped it as well, and the note says what took its place |\n\n";

struct PageRow {
  std::string word;
  std::string where;
  Support support;
  std::string note;
};
// Sections in the order of the page; rows in byte order.
struct PageSection {
  std::string title;
  std::string note;
  std::multimap<std::string, PageRow> rows;
};

const char* StateName(Support support) {
  switch (support) {
    case Support::kWorks:
      return "works";
    case Support::kTunesOnly:
      return "tunes only";
    case Support::kNotSupportedYet:
      return "not yet";
    case Support::kRemoved:
      return "removed";
  }
  return "";
}

// "http-request deny" is listed with the actions, and "filter trace" with the filters.
bool IsListedElsewhere(const KeywordSpec& spec) {
  if (spec.words.starts_with("filter ")) return true;
  for (const RuleLine& line : RuleLines()) {
    if (spec.words.starts_with(std::string(line.words) + " ")) return true;
  }
  return false;
}

PageSection KeywordsOf(std::string title, Scopes scopes) {
  PageSection section{std::move(title), {}, {}};
  for (const KeywordSpec& spec : AllKeywords().all()) {
    const Scopes here = spec.scopes & scopes;
    if (here == 0 || spec.ignored || IsListedElsewhere(spec)) continue;
    std::string where;
    for (size_t i = 0; i < scope::kCount; ++i) {
      if ((here >> i & 1) == 0) continue;
      const std::string name = ScopeName(Scopes{1} << i);
      const size_t quote = name.find('\'', 1);
      where += (where.empty() ? "" : ", ") + name.substr(1, quote - 1);
    }
    section.rows.emplace(spec.words, PageRow{spec.words, where, spec.support, spec.note});
  }
  return section;
}

PageSection WordsOf(const WordList& words, WordKind kind, std::string title, std::string note) {
  PageSection section{std::move(title), std::move(note), {}};
  for (const KnownWord& word : words.all()) {
    if (word.kind != kind) continue;
    std::string where;
    for (size_t bit = 0; bit < 32; ++bit) {
      if ((word.places >> bit & 1) == 0) continue;
      const std::string_view name = PlaceName(kind, Places{1} << bit);
      if (!name.empty()) where += (where.empty() ? "" : ", ") + std::string(name);
    }
    std::string noted = word.note;
    if (word.is_ours) noted += noted.empty() ? "ours" : " (ours)";
    section.rows.emplace(word.words, PageRow{word.words, where, word.support, noted});
  }
  return section;
}

std::vector<PageSection> Sections() {
  const WordList words = KnownWords();
  return {
      KeywordsOf("Global section (manual 3)", scope::kGlobal),
      KeywordsOf("Proxies (manual 4.2)", scope::kDefaults | scope::kProxies),
      WordsOf(words, WordKind::kAction, "Actions of rules (manual 4.4)",
              "Those without a note are still to be written; `lua.*` needs Lua."),
      KeywordsOf("Bind options (manual 5.1)", scope::kBind),
      KeywordsOf("Server options (manual 5.2)", scope::kServer | scope::kDefaultServer),
      KeywordsOf("Resolvers (manual 5.3.2)", scope::kResolvers),
      KeywordsOf("Cache (manual 6.2.1)", scope::kCache),
      WordsOf(words, WordKind::kAclFlag, "ACL flags (manual 7.1)", ""),
      WordsOf(words, WordKind::kMatch, "Matching methods (manual 7.1)", ""),
      WordsOf(words, WordKind::kAclOperator, "Operators (manual 7.1.2)", ""),
      WordsOf(words, WordKind::kConverter, "Converters (manual 7.3.1)", ""),
      WordsOf(words, WordKind::kFetch, "Sample fetches (manual 7.3.2 to 7.3.7)", ""),
      WordsOf(words, WordKind::kAclCriterion, "ACL criteria (manual 7.3)", ""),
      WordsOf(words, WordKind::kPredefinedAcl, "Predefined ACLs (manual 7.4)", ""),
      WordsOf(words, WordKind::kLogTag, "Log-format tags (manual 8.2.6)", ""),
      WordsOf(words, WordKind::kLogFlag, "Log-format flags (manual 8.2.6)", ""),
      KeywordsOf("Log profiles (manual 8.3.5)", scope::kLogProfile),
      WordsOf(words, WordKind::kFilter, "Filters (manual 9)", ""),
      KeywordsOf("FastCGI applications (manual 10.1.1)", scope::kFcgiApp),
      WordsOf(words, WordKind::kTableData, "Data of stick-tables (manual 11.1)", ""),
      KeywordsOf("Peers (manual 11.2)", scope::kPeers),
      KeywordsOf("Traces (manual 12.1)", scope::kTraces),
      KeywordsOf("Userlists (manual 12.2)", scope::kUserlist),
      KeywordsOf("Mailers (manual 12.3)", scope::kMailers),
      KeywordsOf("HTTP errors (manual 12.4)", scope::kHttpErrors),
      KeywordsOf("Rings (manual 12.5)", scope::kRing),
      KeywordsOf("Log forwarding (manual 12.6)", scope::kLogForward),
      KeywordsOf("Certificate storage (manual 12.7)", scope::kCrtStore | scope::kCrtLoad),
      KeywordsOf("ACME (manual 12.8)", scope::kAcme),
      KeywordsOf("Health checks (manual 12.9)", scope::kHealthcheck),
      WordsOf(words, WordKind::kOption, "Command line (management 3)", ""),
      WordsOf(words, WordKind::kCommand, "Runtime command line (management 9.3)", ""),
      WordsOf(words, WordKind::kMasterCommand, "Master's command line (management 9.4.1)", ""),
      WordsOf(words, WordKind::kService, "Services", "Of 'use-service'."),
  };
}

using Counts = std::array<size_t, 4>;

std::string CountRow(const std::string& title, const Counts& counts) {
  std::string row = "| " + title + " |";
  size_t sum = 0;
  for (const size_t count : counts) {
    row += " " + std::to_string(count) + " |";
    sum += count;
  }
  return row + " " + std::to_string(sum) + " |\n";
}

std::string RenderPage() {
  std::string summary =
      "| section | works | tunes only | not yet | removed | all |\n|---|--:|--:|--:|--:|--:|\n";
  std::string tables;
  Counts all{};
  for (const PageSection& section : Sections()) {
    Counts counts{};
    tables += "\n## " + section.title + "\n\n";
    if (!section.note.empty()) tables += section.note + "\n\n";
    tables += "| word | where | state | note |\n|---|---|---|---|\n";
    for (const auto& [word, row] : section.rows) {
      ++counts[size_t(row.support)];
      ++all[size_t(row.support)];
      tables += "| `" + row.word + "` | " + row.where + " | " + StateName(row.support) + " | " +
                row.note + " |\n";
    }
    summary += CountRow(section.title, counts);
  }
  return kIntroduction + summary + CountRow("**all**", all) + tables;
}

TEST(KeywordPage, IsWhatTheTablesSay) {
  const std::string page = RenderPage();
  if (std::getenv("RINGWAY_REGENERATE") != nullptr) {
    std::ofstream(kPagePath) << page;
    return;
  }
  std::ifstream file(kPagePath);
  std::stringstream text;
  text << file.rdbuf();
  // Not EXPECT_EQ: two pages of two thousand lines help nobody.
  EXPECT_TRUE(page == text.str()) << "docs/keywords.md is stale: run tools/keywords";
}

TEST(KeywordPage, LeavesNoWordOut) {
  const std::string page = RenderPage();
  for (const KeywordSpec& spec : AllKeywords().all()) {
    if (spec.ignored || IsListedElsewhere(spec)) continue;
    EXPECT_NE(page.find("| `" + spec.words + "` |"), std::string::npos) << spec.words;
  }
  const WordList words = KnownWords();
  for (const KnownWord& word : words.all()) {
    EXPECT_NE(page.find("| `" + word.words + "` |"), std::string::npos) << word.words;
  }
}

// Sections 7.3.1 to 7.3.7 of the manual have so many names, those of `map` with all its forms. What
// is left out says what it waits for.
TEST(KeywordPage, FetchesAndConvertersAreAllThereOrSayWhyNot) {
  size_t fetches = 0, converters = 0;
  const WordList words = KnownWords();
  for (const KnownWord& word : words.all()) {
    if (word.kind != WordKind::kFetch && word.kind != WordKind::kConverter) continue;
    if (!word.is_ours) ++(word.kind == WordKind::kFetch ? fetches : converters);
    if (word.support == Support::kWorks) continue;
    EXPECT_NE(word.note, "") << word.words;
  }
  EXPECT_EQ(fetches, 559u);
  EXPECT_EQ(converters, 210u);
}

}  // namespace
}  // namespace engine
