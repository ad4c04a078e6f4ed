#include "engine/acl/text_trie.h"

#include <gtest/gtest.h>

#include <random>

namespace engine {
namespace {

std::vector<std::string_view> Views(const std::vector<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

TEST(TextTrie, FindsPrefixes) {
  TextTrie trie(TextTrie::Direction::kForward);
  EXPECT_FALSE(trie.Matches("anything", false));
  trie.Build({"/images/", "/img", "/css/a", "/css/ab"});
  EXPECT_TRUE(trie.Matches("/images/a.png", false));
  EXPECT_TRUE(trie.Matches("/img", false));
  EXPECT_TRUE(trie.Matches("/css/abc", false));
  EXPECT_FALSE(trie.Matches("/im", false));
  EXPECT_FALSE(trie.Matches("/css/", false));
  EXPECT_FALSE(trie.Matches("", false));
  EXPECT_FALSE(trie.Matches("/IMG", false));
  EXPECT_TRUE(trie.Matches("/IMG", true));
}

TEST(TextTrie, FindsSuffixes) {
  TextTrie trie(TextTrie::Direction::kBackward);
  trie.Build({".png", ".jpg", "x.jpg"});
  EXPECT_TRUE(trie.Matches("/a.png", false));
  EXPECT_TRUE(trie.Matches("x.jpg", false));
  EXPECT_FALSE(trie.Matches("png", false));
  EXPECT_FALSE(trie.Matches("/a.png/", false));
}

TEST(TextTrie, EmptyPatternBeginsEverything) {
  TextTrie trie(TextTrie::Direction::kForward);
  trie.Build({"abc", ""});
  EXPECT_TRUE(trie.Matches("", false));
  EXPECT_TRUE(trie.Matches("zzz", false));
}

// Few letters, so that many patterns begin each other; high bytes, so that signs matter.
TEST(TextTrie, AgreesWithTryingEachPattern) {
  std::mt19937 random(7);
  const std::string letters = "ab\xff/";
  const auto text = [&](size_t longest) {
    std::string made(random() % (longest + 1), '\0');
    for (char& c : made) c = letters[random() % letters.size()];
    return made;
  };
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> patterns(1 + random() % 40);
    for (std::string& pattern : patterns) pattern = text(9);
    TextTrie forward(TextTrie::Direction::kForward);
    TextTrie backward(TextTrie::Direction::kBackward);
    forward.Build(Views(patterns));
    backward.Build(Views(patterns));
    for (int i = 0; i < 50; ++i) {
      const std::string subject = text(12);
      bool begins = false;
      bool ends = false;
      for (const std::string& pattern : patterns) {
        begins = begins || subject.starts_with(pattern);
        ends = ends || subject.ends_with(pattern);
      }
      EXPECT_EQ(forward.Matches(subject, false), begins) << round;
      EXPECT_EQ(backward.Matches(subject, false), ends) << round;
    }
  }
}

}  // namespace
}  // namespace engine
