#include "engine/applet/cli_command.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace engine {
namespace {

using Words = std::vector<std::string>;

constexpr CliCommandSpec kSpecs[] = {
    {"show", CliLevel::kUser, "", "everything"},
    {"show servers state", CliLevel::kOperator, "[<backend>]", "states"},
    {"set server", CliLevel::kAdmin, "<server> and many more words that fill it", "change"},
};

TEST(CliCommand, LongestWholeMatchIsFound) {
  size_t count = 0;
  EXPECT_EQ(FindCliCommand(kSpecs, {"show", "servers", "state", "be"}, &count), &kSpecs[1]);
  EXPECT_EQ(count, 3u);
  EXPECT_EQ(FindCliCommand(kSpecs, {"show", "servers"}, &count), &kSpecs[0]);
  EXPECT_EQ(count, 1u);
  EXPECT_EQ(FindCliCommand(kSpecs, {"sho"}, &count), nullptr);
  EXPECT_EQ(FindCliCommand(kSpecs, {}, &count), nullptr);
}

TEST(CliCommand, HelpKeepsToTheLevelAndTheWords) {
  EXPECT_EQ(CliHelp(kSpecs, {}, 0, CliLevel::kUser),
            "  show                                    : everything\n");
  EXPECT_EQ(CliHelp(kSpecs, {"help", "show", "servers"}, 1, CliLevel::kAdmin),
            "  show servers state [<backend>]          : states\n");
  EXPECT_EQ(CliHelp(kSpecs, {"set"}, 0, CliLevel::kAdmin),
            "  set server <server> and many more words that fill it: change\n");
  EXPECT_EQ(CliHelp(kSpecs, {"sh"}, 0, CliLevel::kAdmin), "");
}

TEST(CliCommand, TableHasNoCommandTwiceAndEachStarts) {
  std::vector<std::string_view> seen;
  for (const CliCommandSpec& spec : CliCommands()) {
    EXPECT_NE(spec.start, nullptr) << spec.words;
    for (const std::string_view other : seen) EXPECT_NE(spec.words, other);
    if (!seen.empty()) {
      EXPECT_LT(seen.back(), spec.words);
    }
    seen.push_back(spec.words);
  }
}

}  // namespace
}  // namespace engine
