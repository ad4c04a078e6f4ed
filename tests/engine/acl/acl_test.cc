#include "engine/acl/acl.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "engine/expr/converters.h"

namespace engine {
namespace {

class Context final : public EvalContext {
 public:
  explicit Context(Scratch& scratch) : EvalContext(scratch) {}
  uint64_t WallMicros() const override { return 0; }
  uint64_t Random() override { return 0; }
  const Sample* FindVariable(const VariableName&) override { return nullptr; }
  bool settled = true;
};

// "a", "b", "c" one after another; and what waits for more.
bool ThreeValues(const PreparedUnit&, Sample& sample, EvalContext& context) {
  const uint32_t n = context.occurrence() == 0 ? 3 : context.occurrence();
  if (n > 3) return false;
  sample.SetString(std::string_view("abc").substr(n - 1, 1));
  return true;
}
bool Coming(const PreparedUnit&, Sample& sample, EvalContext& context) {
  context.SetUnsettled(!static_cast<Context&>(context).settled);
  sample.SetString("x");
  return true;
}
constexpr FetchSpec kFetches[] = {
    {.name = "values", .gives = SampleKind::kString, .run = &ThreeValues, .many = true},
    {.name = "coming", .gives = SampleKind::kString, .run = &Coming},
    {.name = "src", .gives = SampleKind::kAddress, .needs = needs::kClient, .run = &Coming},
};

class AclTest : public testing::Test {
 protected:
  AclTest() {
    registry_.Add(ConstantFetches());
    registry_.Add(TextConverters());
    registry_.Add(kFetches);
  }
  static Line LineOf(std::string_view text) {
    Line line;
    for (const std::string_view word : base::Split(text, ' ')) {
      line.words.push_back({.text = std::string(word)});
    }
    return line;
  }
  static void SetReader(AclTable& table) {
    table.SetReader([](std::string_view name, std::string* contents, std::string* why) {
      if (name == "missing") {
        *why = "no such file";
        return false;
      }
      *contents = "one\nTwo\n";
      return true;
    });
  }
  // What a condition says; the problem's message where it is none.
  std::string Ask(AclTable& table, const std::string& text, bool settled = true) {
    AclProblem problem;
    const auto condition = table.ReadCondition(LineOf(text), 0, &problem);
    if (!condition) {
      return std::to_string(problem.word) + " " + problem.message +
             (problem.hint.empty() ? "" : "; " + problem.hint);
    }
    char memory[4096];
    Scratch scratch(memory, sizeof(memory));
    Context context(scratch);
    context.settled = settled;
    context.SetMayWait(true);
    switch (condition->Run(context)) {
      case Outcome::kYes:
        return "yes";
      case Outcome::kLater:
        return "later";
      case Outcome::kNo:
        return "no";
    }
    return {};
  }
  Registry registry_;
};

// Manual 7.2.
TEST_F(AclTest, ConditionsAreAlternativesOfTerms) {
  AclTable table(registry_);
  SetReader(table);
  AclProblem problem;
  ASSERT_TRUE(table.Add(LineOf("acl yes always_true"), 1, &problem)) << problem.message;
  ASSERT_TRUE(table.Add(LineOf("acl no always_false"), 1, &problem)) << problem.message;
  const std::pair<const char*, const char*> rows[] = {
      {"if yes", "yes"},
      {"unless yes", "no"},
      {"if no", "no"},
      {"unless no", "yes"},
      {"if !no", "yes"},
      {"if ! no", "yes"},
      {"if !!yes", "yes"},
      {"if yes no", "no"},
      {"if yes !no", "yes"},
      {"if no or yes", "yes"},
      {"if no yes || yes", "yes"},
      {"if yes no || no yes", "no"},
      {"if yes yes or no", "yes"},
      {"unless no no or no", "yes"},
      {"if { always_true } !{ always_false }", "yes"},
      {"if !{ always_true } or { int(3) gt 2 }", "yes"},
      {"if { str(ab) -m beg -i A }", "yes"},
      {"if { str(ab) a ab }", "yes"},
      {"if TRUE", "yes"},
      {"if FALSE", "no"},
      {"if { values b }", "yes"},
      {"if { values d }", "no"},
      {"if { values -m found }", "yes"},
      {"if { str(x) -m found }", "yes"},
      {"if { str_beg(hello) he }", "yes"},
      {"if { str_beg(hello) lo }", "no"},
      {"if { str_len(hello) 5 }", "yes"},
      {"if { str(two) -f list }", "no"},
      {"if { str(Two) -f list }", "yes"},
      {"if { str(two) -i -f list }", "yes"},
      {"if { str(three) -f list three }", "yes"},
      {"if { str(-i) -- -i }", "yes"},
      {"if { str(-F) a -F }", "yes"},
      {"if { int(-3) -- -3 }", "yes"},
      {"if { int(-3) lt -2 }", "yes"},
      {"if { str(x) -f virt@any }", "no"},
      {"if { str(x) -f opt@missing }", "no"},
  };
  for (const auto& [text, expected] : rows) EXPECT_EQ(Ask(table, text), expected) << text;
}

TEST_F(AclTest, LinesOfOneNameAreAlternatives) {
  AclTable table(registry_);
  SetReader(table);
  AclProblem problem;
  ASSERT_TRUE(table.Add(LineOf("acl a str(x) y"), 1, &problem));
  ASSERT_TRUE(table.Add(LineOf("acl a str(x) x"), 1, &problem));
  EXPECT_EQ(Ask(table, "if a"), "yes");
}

// With a converter behind it, a criterion's own way to match counts no more (manual 7.1).
TEST_F(AclTest, ConvertersOverruleTheSuffix) {
  AclTable table(registry_);
  SetReader(table);
  EXPECT_EQ(Ask(table, "if { str_beg(HEllo),lower he }"), "no");
  EXPECT_EQ(Ask(table, "if { str_beg(HEllo),lower hello }"), "yes");
}

TEST_F(AclTest, WhatMayChangeIsAskedAgain) {
  AclTable table(registry_);
  SetReader(table);
  EXPECT_EQ(Ask(table, "if { coming y }", false), "later");
  EXPECT_EQ(Ask(table, "if !{ coming y }", false), "later");
  EXPECT_EQ(Ask(table, "if { coming y } or TRUE", false), "yes");
  EXPECT_EQ(Ask(table, "if { coming y } FALSE", false), "no");
  EXPECT_EQ(Ask(table, "unless { coming y }", false), "later");
  EXPECT_EQ(Ask(table, "if { coming x }", false), "yes");
  EXPECT_EQ(Ask(table, "unless { coming y }", true), "yes");
}

TEST_F(AclTest, FaultsNameTheWord) {
  AclTable table(registry_);
  SetReader(table);
  AclProblem problem;
  ASSERT_TRUE(table.Add(LineOf("acl admin always_true"), 1, &problem));
  const std::pair<const char*, const char*> rows[] = {
      {"if", "1 'if' expects an ACL"},
      {"if or admin", "1 an ACL is expected before 'or'"},
      {"if admin or", "3 'if' expects an ACL"},
      {"if admim", "1 no ACL is named 'admim'; did you mean 'admin'?"},
      {"if always_true",
       "1 no ACL is named 'always_true'; a test without a name stands between "
       "braces: { always_true ... }"},
      {"if METH_GET", "1 ACL 'METH_GET' is not supported yet"},
      {"if { always_true", "1 '{' has no closing '}'; braces are words of their own"},
      {"if { }", "1 a criterion is expected between '{' and '}'"},
      {"if { st(x) }", "2 unknown sample fetch 'st'; did you mean 'str'?"},
      {"if { bin(00) x }",
       "3 '-m' is needed: there is no usual way to match binary; such as '-m "
       "str' or '-m found'"},
      {"if { str(x) -m bag x }", "4 unknown matching method 'bag'; did you mean 'beg'?"},
      {"if { str(x) -m }", "3 '-m' expects a matching method"},
      {"if { str(x) -m str -m beg x }", "5 '-m' is given twice"},
      {"if { str(x) -f list -m str }", "5 '-m' must stand before '-f' and all patterns"},
      {"if { str(x) -f missing }", "4 'missing': no such file"},
      {"if { str(x) -F list }",
       "3 '-F' is no flag of an ACL: '--' must stand before patterns that begin with '-'; did you "
       "mean '-f'?"},
      {"if { str(x) -mreg x }",
       "3 '-mreg' is no flag of an ACL: '--' must stand before patterns that begin with '-'; did "
       "you mean '-m reg'?"},
      {"if { int(3) -i -3 }",
       "4 '-3' is no flag of an ACL: '--' must stand before patterns that begin with '-'"},
      {"if { int(3) gtt 2 }",
       "3 'gtt' is neither an integer nor a range such as '1024:65535'; did "
       "you mean 'gt'?"},
      {"if { int(3) -f list }",
       "4 'list', line 1: 'one' is neither an integer nor a range such as '1024:65535'"},
  };
  for (const auto& [text, expected] : rows) EXPECT_EQ(Ask(table, text), expected) << text;
  EXPECT_FALSE(table.Add(LineOf("acl a/b always_true"), 1, &problem));
  EXPECT_EQ(problem.message, "character '/' is not permitted in an ACL's name");
  EXPECT_FALSE(table.Add(LineOf("acl or always_true"), 1, &problem));
  EXPECT_FALSE(table.Add(LineOf("acl a"), 1, &problem));
}

TEST_F(AclTest, NeedsAreKnown) {
  AclTable table(registry_);
  SetReader(table);
  AclProblem problem;
  const auto condition = table.ReadCondition(LineOf("if TRUE { src 1.2.3.4 }"), 0, &problem);
  ASSERT_TRUE(condition.has_value()) << problem.message;
  EXPECT_EQ(condition->FindMisplaced(needs::kClient), nullptr);
  ASSERT_NE(condition->FindMisplaced(needs::kNothing), nullptr);
  EXPECT_EQ(condition->FindMisplaced(needs::kNothing)->name(), "{ src }");
}

}  // namespace
}  // namespace engine
