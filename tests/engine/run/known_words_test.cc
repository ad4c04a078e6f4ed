#include "engine/run/known_words.h"

#include <gtest/gtest.h>

#include <set>

#include "engine/applet/cli_command.h"
#include "engine/config/keyword_states.h"

namespace engine {
namespace {

TEST(KnownWords, HaveWhatTheModulesHave) {
  const WordList words = KnownWords();
  EXPECT_EQ(words.StateOf(WordKind::kAction, "return", ruleset::kHttpRequest), Support::kWorks);
  EXPECT_EQ(words.StateOf(WordKind::kAction, "return", ruleset::kHttpResponse), Support::kWorks);
  EXPECT_EQ(words.StateOf(WordKind::kAction, "track-sc0", ruleset::kHttpRequest),
            Support::kNotSupportedYet);
  EXPECT_EQ(words.StateOf(WordKind::kAction, "use-service", ruleset::kTcpContent), Support::kWorks);
  EXPECT_EQ(words.StateOf(WordKind::kService, "echo"), Support::kWorks);
  EXPECT_EQ(words.StateOf(WordKind::kOption, "-c"), Support::kWorks);
  EXPECT_EQ(words.StateOf(WordKind::kOption, "-cc"), Support::kWorks);
  EXPECT_EQ(words.StateOf(WordKind::kOption, "-dK"), Support::kWorks);
  EXPECT_EQ(words.StateOf(WordKind::kOption, "-dk"), Support::kTunesOnly);
  EXPECT_EQ(words.StateOf(WordKind::kOption, "-W"), Support::kWorks);
  EXPECT_EQ(words.StateOf(WordKind::kOption, "-sf"), Support::kWorks);
  for (const CliCommandSpec& command : CliCommands()) {
    EXPECT_EQ(words.StateOf(WordKind::kCommand, command.words), Support::kWorks) << command.words;
  }
}

// What a module invents is meant to be invented.
TEST(KnownWords, AreTheManualsButForOurs) {
  const std::set<std::string> ours = {"--help", "--once", "--quickstart", "echo",
                                      "prometheus-exporter"};
  // Criteria of the manual, which has no fetches of these names.
  const std::set<std::string> criteria = {"res.scook", "resp.ver"};
  const std::set<std::string> our_commands = {"reload", "show shards", "take listeners"};
  const WordList words = KnownWords();
  for (const KnownWord& word : words.all()) {
    if (word.kind == WordKind::kFetch && criteria.contains(word.words)) continue;
    EXPECT_EQ(word.is_ours,
              (word.kind != WordKind::kCommand ? ours : our_commands).contains(word.words))
        << KindName(word.kind) << " " << word.words;
  }
}

// What does not work of expressions and actions says what it waits for.
TEST(KnownWords, OfRulesAreMissingForAReason) {
  std::set<std::string> without_reason;
  size_t working = 0;
  size_t excluded = 0;
  const WordList words = KnownWords();
  for (const KnownWord& word : words.all()) {
    const bool is_unit = word.kind == WordKind::kFetch || word.kind == WordKind::kConverter ||
                         word.kind == WordKind::kAction;
    if (!is_unit) continue;
    if (word.support == Support::kWorks) {
      ++working;
    } else if (!word.note.empty()) {
      ++excluded;
    } else {
      without_reason.insert(word.words);
    }
  }
  // Only up, and only down.
  EXPECT_GE(working, 539u);
  EXPECT_LE(excluded, 345u);
  EXPECT_EQ(without_reason, std::set<std::string>());
}

TEST(KnownWords, KeywordsAreMissingForAReason) {
  for (const KeywordState& state : KeywordStates()) {
    if (state.support != Support::kNotSupportedYet) continue;
    EXPECT_FALSE(state.note.empty()) << state.words;
  }
}

}  // namespace
}  // namespace engine
