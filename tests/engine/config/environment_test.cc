#include "engine/config/environment.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "engine/config/lexer.h"

namespace engine {
namespace {

bool Execute(Environment& environment, std::string_view raw, Diagnostics& diagnostics) {
  static const SourceFile file{"t.cfg", ""};
  Line line;
  line.source = &file;
  line.number = 1;
  line.raw = raw;
  LexProblem problem;
  LexContext context;
  context.environment = &environment;
  EXPECT_TRUE(LexLine(context, line, problem));
  return environment.Execute(line, diagnostics);
}

std::string Show(const Environment& environment) {
  std::string all;
  for (const std::string& each : environment.List()) all += each + ";";
  return all;
}

TEST(Environment, ExecutesTheFourDirectives) {
  const struct {
    const char* name;
    const char* raw;
    const char* after;
    size_t errors, warnings;
  } kCases[] = {
      {"set new", "setenv C 3", "A=1;B=2;C=3;V=3.5;", 0, 0},
      {"set overwrites", "setenv A x", "A=x;B=2;V=3.5;", 0, 0},
      {"set empty", "setenv A \"\"", "A=;B=2;V=3.5;", 0, 0},
      {"preset keeps", "presetenv A x", "A=1;B=2;V=3.5;", 0, 0},
      {"preset adds", "presetenv C x", "A=1;B=2;C=x;V=3.5;", 0, 0},
      {"unset several", "unsetenv A B NONE", "V=3.5;", 0, 0},
      {"reset all", "resetenv", "V=3.5;", 0, 0},
      {"reset but some", "resetenv B NONE", "B=2;V=3.5;", 0, 0},
      {"fixed stays on set", "setenv V 9", "A=1;B=2;V=3.5;", 0, 1},
      {"fixed stays on unset", "unsetenv V A", "B=2;V=3.5;", 0, 1},
      {"value missing", "setenv A", "A=1;B=2;V=3.5;", 1, 0},
      {"all missing", "presetenv", "A=1;B=2;V=3.5;", 1, 0},
      {"unset nothing", "unsetenv", "A=1;B=2;V=3.5;", 1, 0},
      {"equals in the name", "setenv a=b c", "A=1;B=2;V=3.5;", 1, 0},
      {"empty name", "setenv \"\" c", "A=1;B=2;V=3.5;", 1, 0},
      {"too many words", "setenv C a b", "A=1;B=2;C=a;V=3.5;", 0, 1},
  };
  for (const auto& test : kCases) {
    SCOPED_TRACE(test.name);
    Environment environment;
    environment.Set("A", "1");
    environment.Set("B", "2");
    environment.Preset("V", "3.5", Environment::kFixed);
    Diagnostics diagnostics;
    EXPECT_EQ(Execute(environment, test.raw, diagnostics), test.errors == 0);
    EXPECT_EQ(Show(environment), test.after);
    EXPECT_EQ(diagnostics.errors(), test.errors);
    EXPECT_EQ(diagnostics.warnings(), test.warnings);
  }
}

TEST(Environment, TouchesTheProcessOnlyOnExport) {
  setenv("RINGWAY_TEST_OLD", "1", 1);
  unsetenv("RINGWAY_TEST_NEW");
  Environment environment = Environment::FromProcess();
  ASSERT_NE(environment.Find("RINGWAY_TEST_OLD"), nullptr);
  const Environment before = environment;
  environment.Unset("RINGWAY_TEST_OLD");
  environment.Set("RINGWAY_TEST_NEW", "x");
  EXPECT_STREQ(getenv("RINGWAY_TEST_OLD"), "1");
  EXPECT_EQ(getenv("RINGWAY_TEST_NEW"), nullptr);
  environment.Export();
  EXPECT_EQ(getenv("RINGWAY_TEST_OLD"), nullptr);
  EXPECT_STREQ(getenv("RINGWAY_TEST_NEW"), "x");
  before.Export();
  EXPECT_EQ(getenv("RINGWAY_TEST_NEW"), nullptr);
}

}  // namespace
}  // namespace engine
