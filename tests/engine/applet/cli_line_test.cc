#include "engine/applet/cli_line.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace engine {
namespace {

using Commands = std::vector<std::vector<std::string>>;

struct Row {
  const char* name;
  std::string_view line;
  Commands commands;
};

TEST(CliLine, SplitsCommandsAndWords) {
  const Row rows[] = {
      {"Empty", "", {}},
      {"OnlySemicolons", " ; ;", {}},
      {"One", "show info", {{"show", "info"}}},
      {"BlanksBetweenAndAround", "  show \t info ", {{"show", "info"}}},
      {"Several", "show info;show stat ; help", {{"show", "info"}, {"show", "stat"}, {"help"}}},
      {"EscapedSemicolon", "echo a\\;b;help", {{"echo", "a;b"}, {"help"}}},
      {"EscapedBackslash", "echo \\\\;help", {{"echo", "\\"}, {"help"}}},
      {"EscapedBlank", "echo a\\ b", {{"echo", "a b"}}},
      {"BackslashAtTheEnd", "echo a\\", {{"echo", "a\\"}}},
      {"CarriageReturn", "help\r", {{"help"}}},
  };
  for (const Row& row : rows) {
    const CliLine line = ParseCliLine(row.line);
    EXPECT_EQ(line.commands, row.commands) << row.name;
    EXPECT_FALSE(line.has_payload) << row.name;
  }
}

TEST(CliLine, PayloadMarkEndsTheLine) {
  const CliLine plain = ParseCliLine("set ssl cert x.pem <<");
  EXPECT_TRUE(plain.has_payload);
  EXPECT_EQ(plain.payload_end, "");
  EXPECT_EQ(plain.commands, (Commands{{"set", "ssl", "cert", "x.pem"}}));

  const CliLine pattern = ParseCliLine("a;b <<%EOF%\r");
  EXPECT_TRUE(pattern.has_payload);
  EXPECT_EQ(pattern.payload_end, "%EOF%");
  EXPECT_EQ(pattern.commands, (Commands{{"a"}, {"b"}}));
}

TEST(CliLine, WhatOnlyLooksLikeAPayloadMarkIsAWord) {
  const std::string too_long = "a <<" + std::string(kPayloadPatternMax + 1, 'x');
  for (const std::string& text : {std::string("a<<"), std::string("a << b"), too_long}) {
    EXPECT_FALSE(ParseCliLine(text).has_payload) << text;
  }
  EXPECT_TRUE(ParseCliLine("a <<" + std::string(kPayloadPatternMax, 'x')).has_payload);
}

}  // namespace
}  // namespace engine
