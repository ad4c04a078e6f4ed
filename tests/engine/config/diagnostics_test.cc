#include "engine/config/diagnostics.h"

#include <gtest/gtest.h>

#include <random>

namespace engine {
namespace {

Location Where(std::string_view source_line, uint32_t column, uint32_t length_bytes) {
  return {"t.cfg", 3, column, length_bytes, source_line};
}

std::string Only(const Diagnostics& diagnostics) {
  EXPECT_EQ(diagnostics.all().size(), 1u);
  return diagnostics.Render(diagnostics.all().at(0));
}

TEST(Diagnostics, PrintsTheShapeScriptsRead) {
  Diagnostics diagnostics;
  diagnostics.set_pid(42);
  diagnostics.Error(Where("\tmaxcon 10", 2, 6), "unknown keyword 'maxcon'",
                    "did you mean 'maxconn'?");
  diagnostics.Warning(Where("", 0, 0), "odd");
  diagnostics.Notice(Location{}, "told");
  EXPECT_EQ(diagnostics.Render(),
            "[ALERT]    (42) : config : parsing [t.cfg:3] : unknown keyword 'maxcon'\n"
            "  maxcon 10\n"
            "  ^~~~~~\n"
            "   | did you mean 'maxconn'?\n"
            "[WARNING]  (42) : config : parsing [t.cfg:3] : odd\n"
            "[NOTICE]   (42) : config : told\n"
            "[ALERT]    (42) : config : Error(s) found in configuration file : t.cfg\n"
            "[ALERT]    (42) : config : Fatal errors found in configuration.\n");
  EXPECT_EQ(diagnostics.errors(), 1u);
  EXPECT_EQ(diagnostics.warnings(), 1u);
  EXPECT_EQ(diagnostics.strict_warnings(), 1u);
}

TEST(Diagnostics, GoodRunPrintsNothing) {
  Diagnostics diagnostics;
  EXPECT_EQ(diagnostics.Render(), "");
}

TEST(Diagnostics, DiagMessagesNeedTheFlag) {
  Diagnostics diagnostics;
  diagnostics.set_pid(1);
  diagnostics.Diag(Location{}, "detail");
  EXPECT_EQ(diagnostics.Render(), "");
  diagnostics.set_show_diag(true);
  EXPECT_EQ(diagnostics.Render(), "[DIAG]     (1) : config : detail\n");
  EXPECT_EQ(diagnostics.warnings(), 0u);
}

TEST(Diagnostics, SameMessageForTheSameWordIsSaidOnce) {
  Diagnostics diagnostics;
  for (int i = 0; i < 3; ++i) diagnostics.Error(Where("a b", 3, 1), "bad");
  diagnostics.Error(Where("a b", 1, 1), "bad");
  EXPECT_EQ(diagnostics.errors(), 2u);
}

TEST(Diagnostics, NoEffectWarnsOncePerKeywordAndIsNotStrict) {
  Diagnostics diagnostics;
  diagnostics.NoEffect("tune.x", Where("tune.x 1", 1, 6), "no effect");
  diagnostics.NoEffect("tune.x", {"u.cfg", 9, 1, 6, "tune.x 2"}, "no effect");
  diagnostics.NoEffect("tune.y", Where("tune.y 1", 1, 6), "no effect either");
  EXPECT_EQ(diagnostics.warnings(), 2u);
  EXPECT_EQ(diagnostics.strict_warnings(), 0u);
}

TEST(Diagnostics, KeepsABoundedNumberOfMessages) {
  Diagnostics diagnostics;
  for (uint32_t i = 1; i <= 3 * Diagnostics::kMessagesMax; ++i) {
    diagnostics.Error({"t.cfg", i, 0, 0, {}}, "bad");
  }
  EXPECT_EQ(diagnostics.all().size(), Diagnostics::kMessagesMax);
  EXPECT_EQ(diagnostics.errors(), 3 * Diagnostics::kMessagesMax);
  EXPECT_NE(diagnostics.Render().find("4000 more messages"), std::string::npos);
}

TEST(Diagnostics, CaretStandsUnderTheWord) {
  const struct {
    const char* name;
    std::string line;
    uint32_t column, length;
    std::string shown;
  } kCases[] = {
      {"tabs inside count as one", "a\tb", 3, 1, "  a b\n    ^\n"},
      {"wide characters count as one", "\xc3\xa9 b", 4, 1, "  \xc3\xa9 b\n    ^\n"},
      {"broken bytes become marks", "\xff\x1b[2J b", 7, 1, "  ??[2J b\n        ^\n"},
      {"past the end", "bind", 5, 0, "  bind\n      ^\n"},
      {"carriage return is not shown", "bind x\r", 6, 1, "  bind x\n       ^\n"},
      {"no column, no caret", "  bind x", 0, 0, "  bind x\n"},
  };
  for (const auto& test : kCases) {
    SCOPED_TRACE(test.name);
    Diagnostics diagnostics;
    diagnostics.Error(Where(test.line, test.column, test.length), "m");
    const std::string text = Only(diagnostics);
    EXPECT_EQ(text.substr(text.find('\n') + 1), test.shown);
  }
}

TEST(Diagnostics, LongLineIsCutAroundTheCaret) {
  const std::string line = std::string(3000, 'a') + " wrong " + std::string(3000, 'b');
  Diagnostics diagnostics;
  diagnostics.Error(Where(line, 3002, 5), "m");
  const std::string text = Only(diagnostics);
  const size_t shown_at = text.find('\n') + 1;
  const size_t caret_line = text.find('\n', shown_at) + 1;
  EXPECT_LT(caret_line - shown_at, 130u);
  const size_t caret = text.find('^', caret_line) - caret_line;
  EXPECT_EQ(text.substr(shown_at + caret, 5), "wrong");
}

TEST(Diagnostics, NeverPrintsWhatDrivesATerminal) {
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes(random() % 200, '\0');
    for (char& c : bytes) c = char(random());
    Diagnostics diagnostics;
    diagnostics.Error(Where(bytes, uint32_t(random() % 260), uint32_t(random() % 260)), bytes,
                      bytes);
    for (const char c : diagnostics.Render()) {
      ASSERT_TRUE(c == '\n' || (uint8_t(c) >= 0x20 && c != 0x7f)) << "round " << round;
    }
  }
}

TEST(NearestWord, SuggestsWhatWasMeantOrNothing) {
  const std::string_view kWords[] = {"timeout", "maxconn", "mode", "log", "bind"};
  const struct {
    const char* name;
    const char* word;
    const char* nearest;
  } kCases[] = {
      {"missing letter", "maxcon", "maxconn"},
      {"swapped letters", "tmieout", "timeout"},
      {"swapped letters of three", "lgo", "log"},
      {"case only", "TIMEOUT", "timeout"},
      {"one letter of four", "mote", "mode"},
      {"far away", "zzzzzz", ""},
      {"too short to tell", "x", ""},
      {"empty", "", ""},
  };
  for (const auto& test : kCases) {
    EXPECT_EQ(NearestWord(test.word, kWords), test.nearest) << test.name;
  }
  EXPECT_EQ(Suggest("maxcon", kWords), "did you mean 'maxconn'?");
  EXPECT_EQ(Suggest("zzzzzz", kWords), "");
  EXPECT_EQ(Suggest("maxconn", kWords), "");
}

}  // namespace
}  // namespace engine
