#include "engine/run/known_words.h"

#include <gtest/gtest.h>

#include <set>

#include "engine/applet/cli_command.h"

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
  const std::set<std::string> ours = {"--help", "--once", "--quickstart", "echo"};
  const std::set<std::string> our_commands = {"show shards", "take listeners"};
  const WordList words = KnownWords();
  for (const KnownWord& word : words.all()) {
    EXPECT_EQ(word.is_ours,
              (word.kind != WordKind::kCommand ? ours : our_commands).contains(word.words))
        << KindName(word.kind) << " " << word.words;
  }
}

}  // namespace
}  // namespace engine
