// Every configuration collected from the field, against what it is refused for. The table is what
// works and what does not today: a change here is a change of what users can run.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "tests/engine/server/build_text.h"

namespace engine {
namespace {

std::filesystem::path ConfigsPath() {
  const char* root = std::getenv("RINGWAY_SHARED");
  return (root != nullptr ? std::string(root) : RINGWAY_SOURCE_ROOT "/../shared") + "/configs";
}

// The quoted words of "'X' is not supported yet" and its kin.
std::set<std::string> RefusedWords(const BuiltText& built) {
  std::set<std::string> words;
  for (const Diagnostic& one : built.diagnostics.all()) {
    if (one.severity != Severity::kAlert) continue;
    const bool is_refusal = one.message.find("not supported") != std::string::npos;
    const size_t end = one.message.find('\'', 1);
    if (is_refusal && one.message.starts_with('\'') && end != std::string::npos) {
      words.insert(one.message.substr(1, end - 1));
    }
  }
  return words;
}

struct SharedRow {
  const char* file;
  const char* refused_words;  // comma list, in byte order
};

constexpr const char* kRowsPath = RINGWAY_SOURCE_ROOT "/tests/engine/server/shared_configs.inc";
constexpr const char* kRowsTitle =
    "// Rows of shared_configs_test: a file of ../shared/configs and the words it is refused for.\n"
    "// tools/keywords writes them anew.\n";

constexpr SharedRow kSharedRows[] = {
#include "tests/engine/server/shared_configs.inc"
};

class SharedConfigs : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::is_directory(ConfigsPath())) {
      GTEST_SKIP() << "no configurations at " << ConfigsPath() << " (set RINGWAY_SHARED)";
    }
  }

  static std::string Read(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

  static std::vector<std::filesystem::path> Files() {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(ConfigsPath())) {
      if (entry.path().extension() == ".cfg") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    return files;
  }

  static std::string RefusedList(const std::filesystem::path& path) {
    const BuiltText built(Read(path));
    std::string words;
    for (const std::string& word : RefusedWords(built)) words += (words.empty() ? "" : ", ") + word;
    return words;
  }
};

std::set<std::string> WordsOfList(std::string_view list) {
  std::set<std::string> words;
  for (const std::string_view word : base::Split(list, ',')) {
    if (!base::Trim(word).empty()) words.emplace(base::Trim(word));
  }
  return words;
}

// `left` without `right`.
std::string Less(std::string_view left, std::string_view right) {
  const std::set<std::string> known = WordsOfList(right);
  std::string rest;
  for (const std::string& word : WordsOfList(left)) {
    if (!known.contains(word)) rest += (rest.empty() ? "" : ", ") + word;
  }
  return rest;
}

TEST_F(SharedConfigs, EachIsRefusedForTheWordsOfTheTable) {
  std::map<std::string, std::string> expected;
  for (const SharedRow& row : kSharedRows) expected[row.file] = row.refused_words;
  std::string rows = kRowsTitle;
  const bool is_check = std::getenv("RINGWAY_REGENERATE") == nullptr;
  for (const std::filesystem::path& path : Files()) {
    const std::string name = path.filename();
    const std::string words = RefusedList(path);
    rows += "{\"" + name + "\", \"" + words + "\"},\n";
    if (!is_check) continue;
    EXPECT_TRUE(expected.contains(name)) << "no row for " << name << ": run tools/keywords";
    const std::string& known = expected[name];
    EXPECT_EQ(Less(known, words), "") << name << " is not refused for these words any more: good, "
                                      << "and the table has to shrink: run tools/keywords";
    EXPECT_EQ(Less(words, known), "") << name << " is now refused for these words. If that is "
                                      << "meant, run tools/keywords and say why";
    expected.erase(name);
  }
  if (!is_check) std::ofstream(kRowsPath) << rows;
  for (const auto& [name, words] : expected) {
    if (is_check) ADD_FAILURE() << "a row for " << name << ", which is gone: run tools/keywords";
  }
}

// Words that are in no manual, in files that HAProxy refuses as well.
TEST_F(SharedConfigs, NoWordOfTheManualIsUnknown) {
  const std::vector<std::filesystem::path> files = Files();
  for (const std::filesystem::path& path : files) {
    const BuiltText built(Read(path));
    for (const Diagnostic& one : built.diagnostics.all()) {
      if (one.message.find("unknown keyword") == std::string::npos) continue;
      EXPECT_NE(one.message.find("unknown keyword 'template'"), std::string::npos)
          << path << ":" << one.line << " " << one.message;
    }
  }
  EXPECT_GT(files.size(), 30u);
}

}  // namespace
}  // namespace engine
