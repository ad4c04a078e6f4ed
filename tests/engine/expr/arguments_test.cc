#include "engine/expr/arguments.h"

#include <gtest/gtest.h>

namespace engine {
namespace {

// The pieces between '|', and what is left behind '#'.
std::string Cut(std::string_view text) {
  std::vector<std::string> arguments;
  std::string_view rest;
  std::string why;
  if (!CutArguments(text, &arguments, &rest, &why)) return "error";
  std::string all;
  for (const std::string& argument : arguments) all += argument + "|";
  return all + "#" + std::string(rest);
}

TEST(Arguments, AreCutAtCommasOutsideOfQuotes) {
  EXPECT_EQ(Cut(")"), "#");
  EXPECT_EQ(Cut("a)"), "a|#");
  EXPECT_EQ(Cut("a,b),c"), "a|b|#,c");
  EXPECT_EQ(Cut(",b)"), "|b|#");
  EXPECT_EQ(Cut("a,)"), "a||#");
  EXPECT_EQ(Cut("'')"), "|#");
  EXPECT_EQ(Cut("'a,b',\"c)\")"), "a,b|c)|#");
  EXPECT_EQ(Cut("a' 'b)"), "a b|#");
  EXPECT_EQ(Cut("a\\,b\\))"), "a,b)|#");
  EXPECT_EQ(Cut("\\d+)"), "\\d+|#");
  EXPECT_EQ(Cut("\"\\\"\\\\\\n\")"), "\"\\\\n|#");
  EXPECT_EQ(Cut("a"), "error");
  EXPECT_EQ(Cut("'a)"), "error");
  EXPECT_EQ(Cut("a\\)"), "error");
  EXPECT_EQ(Cut(""), "error");
}

TEST(Arguments, VariablesHaveAScope) {
  std::string why;
  const auto variable = ParseVariable("txn.a_B.9", &why);
  ASSERT_TRUE(variable);
  EXPECT_EQ(variable->scope, VariableScope::kTransaction);
  EXPECT_EQ(*variable->name, "a_B.9");
  EXPECT_EQ(ParseVariable("proc.x", &why)->scope, VariableScope::kProcess);
  for (const char* text : {"", "x", "txn", "txn.", "foo.x", "txn.a-b", "TXN.x", ".x"}) {
    EXPECT_FALSE(ParseVariable(text, &why)) << text;
  }
}

}  // namespace
}  // namespace engine
