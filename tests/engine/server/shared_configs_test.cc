// Every configuration collected from the field, against what it is refused for. The table is what
// works and what does not today: a change here is a change of what users can run.

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

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

struct Row {
  const char* file;
  const char* refused_words;  // comma list, in byte order
};

constexpr Row kRows[] = {
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
};

TEST_F(SharedConfigs, EachIsRefusedForTheWordsOfTheTable) {
  for (const Row& row : kRows) {
    const std::filesystem::path path = ConfigsPath() / row.file;
    if (!std::filesystem::exists(path)) continue;
    const BuiltText built(Read(path));
    std::string words;
    for (const std::string& word : RefusedWords(built)) {
      words += words.empty() ? "" : ", ";
      words += word;
    }
    EXPECT_EQ(words, row.refused_words) << row.file;
    if (std::getenv("RINGWAY_PRINT_ROWS") != nullptr) {
      std::printf("{\"%s\", \"%s\"},\n", row.file, words.c_str());
    }
  }
}

// Words that are in no manual, in files that HAProxy refuses as well.
TEST_F(SharedConfigs, NoWordOfTheManualIsUnknown) {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(ConfigsPath())) {
    if (entry.path().extension() != ".cfg") continue;
    ++count;
    const BuiltText built(Read(entry.path()));
    for (const Diagnostic& one : built.diagnostics.all()) {
      if (one.message.find("unknown keyword") == std::string::npos) continue;
      EXPECT_NE(one.message.find("unknown keyword 'template'"), std::string::npos)
          << entry.path() << ":" << one.line << " " << one.message;
    }
  }
  EXPECT_GT(count, 30u);
}

}  // namespace
}  // namespace engine
