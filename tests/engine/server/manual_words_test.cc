// No word of the manual may be unknown: it works, it is accepted, or it says why not. The lists are
// read from the manual itself, so that a new edition of it fails here first.

#include <gtest/gtest.h>

#include <cctype>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "engine/server/builder.h"

namespace engine {
namespace {

std::string ManualPath() {
  const char* root = std::getenv("RINGWAY_SHARED");
  return (root != nullptr ? std::string(root) : RINGWAY_SOURCE_ROOT "/../shared") +
         "/manual/configuration.txt";
}

class ManualWords : public ::testing::Test {
 protected:
  void SetUp() override {
    std::ifstream file(ManualPath());
    if (!file) GTEST_SKIP() << "no manual at " << ManualPath() << " (set RINGWAY_SHARED)";
    for (std::string line; std::getline(file, line);) lines_.push_back(line);
  }

  // The lines between the heading that starts with `from` and the one that starts with `to`. The
  // table of contents has its headings indented further, so only the sections match.
  std::vector<std::string_view> Between(std::string_view from, std::string_view to) const {
    std::vector<std::string_view> found;
    bool inside = false;
    for (const std::string& line : lines_) {
      if (inside && std::string_view(line).starts_with(to)) break;
      if (inside) found.push_back(line);
      if (std::string_view(line).starts_with(from)) inside = true;
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
    if (word == "id") continue;
    EXPECT_TRUE(AllKeywords().IsKnown(word, scope::kDefaultServer)) << word;
  }
}

// Every proxy keyword with a section of its own in the alphabetical reference, too.
TEST_F(ManualWords, EveryHeadingOfTheReferenceIsKnown) {
  size_t count = 0;
  for (std::string_view line : Between("4.2. Alphabetically", "4.3. Actions")) {
    if (line.starts_with("no ")) line.remove_prefix(3);
    if (!StartsWord(line)) continue;
    const std::vector<std::string_view> pieces = base::Split(line, ' ');
    std::string word = FirstWord(line);
    bool is_known = AllKeywords().IsKnown(word, scope::kDefaults | scope::kProxies);
    for (size_t i = 1; i < 3 && i < pieces.size() && !is_known; ++i) {
      word += ' ';
      word += pieces[i].substr(0, pieces[i].find('('));
      is_known = AllKeywords().IsKnown(word, scope::kDefaults | scope::kProxies);
    }
    ++count;
    EXPECT_TRUE(is_known) << line;
  }
  EXPECT_GT(count, 190u);
}

}  // namespace
}  // namespace engine
