#include "engine/config/words.h"

#include <gtest/gtest.h>

#include <set>
#include <tuple>

namespace engine {
namespace {

TEST(WordList, KnowsTheManualAndNothingElse) {
  const WordList words;
  EXPECT_EQ(words.StateOf(WordKind::kFetch, "src"), Support::kNotSupportedYet);
  EXPECT_EQ(words.StateOf(WordKind::kConverter, "src"), std::nullopt);
  EXPECT_EQ(words.StateOf(WordKind::kFetch, "scr"), std::nullopt);
  EXPECT_EQ(words.StateOf(WordKind::kCommand, "show ssl cert"), Support::kNotSupportedYet);
  EXPECT_EQ(words.StateOf(WordKind::kAction, "set-var"), Support::kNotSupportedYet);
}

TEST(WordList, NamesNoWordTwiceInOnePlace) {
  std::set<std::tuple<WordKind, std::string, Places>> seen;
  const WordList words;
  for (const KnownWord& word : words.all()) {
    EXPECT_NE(word.places, 0u) << word.words;
    for (size_t bit = 0; bit < 32; ++bit) {
      const Places one = Places{1} << bit;
      if ((word.places & one) == 0) continue;
      EXPECT_TRUE(seen.emplace(word.kind, word.words, one).second) << word.words;
    }
  }
}

TEST(WordList, WordWorksWhereItIsRegistered) {
  WordList words;
  const size_t count = words.all().size();
  words.AddWorking(WordKind::kAction, {"return"}, ruleset::kHttpRequest);
  EXPECT_EQ(words.StateOf(WordKind::kAction, "return", ruleset::kHttpRequest), Support::kWorks);
  EXPECT_EQ(words.StateOf(WordKind::kAction, "return", ruleset::kHttpResponse),
            Support::kNotSupportedYet);
  EXPECT_EQ(words.all().size(), count + 1);
  words.AddWorking(WordKind::kAction, {"return"}, ruleset::kHttpResponse);
  EXPECT_EQ(words.StateOf(WordKind::kAction, "return", ruleset::kHttpResponse), Support::kWorks);
  EXPECT_EQ(words.all().size(), count + 1);  // nothing is left of the manual's row
}

TEST(WordList, TellsOursFromTheManuals) {
  WordList words;
  words.AddWorking(WordKind::kLogTag, {"ci", "shard"});
  EXPECT_FALSE(words.all()[words.all().size() - 2].is_ours);
  EXPECT_TRUE(words.all().back().is_ours);
  EXPECT_EQ(words.StateOf(WordKind::kLogTag, "shard"), Support::kWorks);
}

TEST(WordListDeathTest, SameWordTwiceDiesWithItsName) {
  WordList words;
  words.AddWorking(WordKind::kLogTag, {"ci"});
  EXPECT_DEATH(words.AddWorking(WordKind::kLogTag, {"ci"}), "log-format tag 'ci'");
}

TEST(Words, ManualStateOfPassesArgumentsOver) {
  EXPECT_EQ(ManualStateOf(WordKind::kFetch, "req.hdr(host)"), Support::kNotSupportedYet);
  EXPECT_EQ(ManualStateOf(WordKind::kFetch, "req.hrd(host)"), std::nullopt);
  EXPECT_EQ(ManualStateOf(WordKind::kAction, "cache-store", ruleset::kHttpRequest), std::nullopt);
}

TEST(Words, PlacesHaveNames) {
  EXPECT_EQ(PlaceName(WordKind::kAction, ruleset::kTcpSession), "tcp-request session");
  EXPECT_EQ(FindPlace(WordKind::kAction, "http-after-response"), ruleset::kHttpAfter);
  EXPECT_EQ(FindPlace(WordKind::kAction, "http"), 0u);
  EXPECT_EQ(PlaceName(WordKind::kFetch, fetch_at::kForDevelopers), "for developers");
  EXPECT_EQ(PlaceName(WordKind::kLogTag, kAnywhere), "");
}

}  // namespace
}  // namespace engine
