#include "engine/config/lexer.h"

#include <gtest/gtest.h>

#include <random>

namespace engine {
namespace {

Environment TestEnvironment() {
  Environment environment;
  environment.Set("A", "v w");
  environment.Set("LIST", "a b  c");
  environment.Set("EMPTY", "");
  environment.Set("ONE", "x");
  return environment;
}

struct Lexed {
  bool good;
  std::vector<std::string> words;
  LexProblem problem;
  Line line;
};

Lexed Lex(std::string_view raw, bool bare = false) {
  static const Environment environment = TestEnvironment();
  static const SourceFile file{"dir/t.cfg", ""};
  Lexed lexed;
  lexed.line.source = &file;
  lexed.line.number = 12;
  lexed.line.raw = raw;
  LexContext context;
  context.environment = &environment;
  context.section = "www";
  context.expand_bare_words = bare;
  lexed.good = LexLine(context, lexed.line, lexed.problem);
  for (const Word& word : lexed.line.words) lexed.words.push_back(word.text);
  return lexed;
}

using Words = std::vector<std::string>;

TEST(Lexer, CutsWordsAsTheManualSays) {
  const struct {
    const char* name;
    std::string raw;
    Words words;
  } kCases[] = {
      {"empty", "", {}},
      {"blank", " \t ", {}},
      {"comment only", "  # nothing", {}},
      {"plain", "bind :80", {"bind", ":80"}},
      {"tabs and spaces", "\tmode \t http  ", {"mode", "http"}},
      {"comment glued to a word", "global#this is", {"global"}},
      {"carriage return at the end", "daemon\r", {"daemon"}},
      {"carriage return after a space", "daemon \r", {"daemon"}},
      {"escaped space", "a\\ b", {"a b"}},
      {"escaped tab", "a\\\tb", {"a\tb"}},
      {"escaped hash", "a\\#b", {"a#b"}},
      {"escaped backslash", "a\\\\b", {"a\\b"}},
      {"escaped quotes", "\\'a\\\"", {"'a\""}},
      {"control escapes", "\\n\\r\\t", {"\n\r\t"}},
      {"hex", "\\x41\\x0a\\xfF", {"A\n\xff"}},
      {"unknown escape stays", "\\.php\\z", {"\\.php\\z"}},
      {"backslash at the end stays", "a \\", {"a", "\\"}},
      {"regex dollar stays", "path_reg ^/[^/]*$", {"path_reg", "^/[^/]*$"}},
      {"bare variable stays", "$A ${A} x$A", {"$A", "${A}", "x$A"}},
      {"bare escaped dollar stays", "^/a\\$", {"^/a\\$"}},
      {"double quotes", "\"a b # 'c'\"", {"a b # 'c'"}},
      {"single quotes", "'a \\ $A \" #'", {"a \\ $A \" #"}},
      {"empty quotes are words", "\"\" ''", {"", ""}},
      {"pieces join", "\"a b\"' c'\\ d", {"a b c d"}},
      {"escapes in double quotes", "\"\\\"\\$\\\\\\x41\\'\\z\\ \\#\"", {"\"$\\A'\\z #"}},
      {"manual, equivalent 1",
       "log-format %{+Q}o\\ %t\\ %s\\ %{-Q}r",
       {"log-format", "%{+Q}o %t %s %{-Q}r"}},
      {"manual, equivalent 4",
       "log-format \"%{+Q}o %t\"' %s %{-Q}r'",
       {"log-format", "%{+Q}o %t %s %{-Q}r"}},
      {"manual, equivalent 5",
       "log-format \"%{+Q}o %t\"' %s'\\ %{-Q}r",
       {"log-format", "%{+Q}o %t %s %{-Q}r"}},
      {"manual, second level",
       "p regsub(\\\"(foo|bar)\\\",blah,g)",
       {"p", "regsub(\"(foo|bar)\",blah,g)"}},
      {"variable", "\"$A\"", {"v w"}},
      {"variable in braces", "\"${A}\"b", {"v wb"}},
      {"name ends at other bytes", "\"$A-x.y\"", {"v w-x.y"}},
      {"unknown is empty", "\"$NONE\"", {""}},
      {"default used", "\"${NONE-a b}:514\"", {"a b:514"}},
      {"empty default", "\"${NONE-}\"", {""}},
      {"default is not for the empty", "\"${EMPTY-x}\"", {""}},
      {"default is raw", "\"${NONE-\"x\\$A}\"", {"\"x\\$A"}},
      {"default ends at the first brace", "\"${NONE-a}b}\"", {"ab}"}},
      {"list", "\"${LIST[*]}\"", {"a", "b", "c"}},
      {"list joins its neighbours", "\"x${LIST[*]}y\" k", {"xa", "b", "cy", "k"}},
      {"list of one", "p\"${ONE[*]}\"s", {"pxs"}},
      {"empty list is no word", "a \"${NONE[*]}\" b", {"a", "b"}},
      {"empty list in a word", "a\"${NONE[*]}\"b", {"ab"}},
      {"list with default", "\"${NONE[*]-d e}\"", {"d", "e"}},
      {"file", "\"${.FILE}\"", {"dir/t.cfg"}},
      {"line", "\"$.LINE\"", {"12"}},
      {"section", "\"${.SECTION}\"", {"www"}},
  };
  for (const auto& test : kCases) {
    SCOPED_TRACE(test.name);
    const Lexed lexed = Lex(test.raw);
    EXPECT_TRUE(lexed.good) << lexed.problem.message;
    EXPECT_EQ(lexed.words, test.words);
  }
}

TEST(Lexer, PointsAtTheFault) {
  const struct {
    const char* name;
    std::string raw;
    uint32_t column;
    const char* message;
  } kCases[] = {
      {"open double quote", "  nbthread abc \"x", 16, "unmatched quote"},
      {"open single quote", "a 'b \"c\"", 3, "unmatched quote"},
      {"escaped closing quote", "nbthread \"a\\\"", 10, "unmatched quote"},
      {"hex without digits", " foo\\xZZ", 5, "hexadecimal"},
      {"hex cut off", " log a\\x4", 7, "hexadecimal"},
      {"hex at the end", "\\x", 1, "hexadecimal"},
      {"nul by escape", "a\\x00", 2, "NUL"},
      {"nul byte", std::string("ab\0c", 4), 3, "stray NUL"},
      {"nul byte in quotes", std::string("'a\0'", 4), 3, "stray NUL"},
      {"digit in front", "\"$1\"", 3, "forbidden first character"},
      {"digit in braces", "\"${1A}\"", 4, "forbidden first character"},
      {"lonely dollar", "\"a$ b\"", 4, "forbidden first character"},
      {"empty braces", "\"${}\"", 4, "forbidden first character"},
      {"dollar ends the line", "\"a$", 3, "forbidden first character"},
      {"open brace", "log \"${FOO\" x", 7, "unmatched brace"},
      {"open brace with default", "log \"${FOO-abc\" x", 7, "unmatched brace"},
      {"dot in a name", "\"${A.b}\"", 3, "unmatched brace"},
      {"index", "\"${A[x]}\"", 5, "word expansion"},
      {"list cut off", "\"${A[*}\"", 5, "word expansion"},
      {"unknown pseudo-variable", "\"${.FILL}\"", 4, "pseudo-variable"},
  };
  for (const auto& test : kCases) {
    SCOPED_TRACE(test.name);
    const Lexed lexed = Lex(test.raw);
    EXPECT_FALSE(lexed.good);
    EXPECT_EQ(lexed.problem.column, test.column);
    EXPECT_NE(lexed.problem.message.find(test.message), std::string::npos) << lexed.problem.message;
  }
}

TEST(Lexer, WordsRemainWhereTheyStood) {
  const Lexed lexed = Lex("  bind \"a b\"c  x # y");
  ASSERT_EQ(lexed.words, (Words{"bind", "a bc", "x"}));
  EXPECT_EQ(lexed.line.words[0].column, 3u);
  EXPECT_FALSE(lexed.line.words[0].quoted);
  EXPECT_EQ(lexed.line.words[1].column, 8u);
  EXPECT_EQ(lexed.line.words[1].length_bytes, 6u);
  EXPECT_TRUE(lexed.line.words[1].quoted);
  EXPECT_EQ(lexed.line.At(2).column, 16u);
  EXPECT_EQ(lexed.line.At(3).column, 17u);  // just past the last word
  EXPECT_EQ(lexed.line.At(0).file, "dir/t.cfg");
  EXPECT_EQ(lexed.line.At(0).line, 12u);
}

TEST(Lexer, AWordKnowsTheVariableInIt) {
  const Lexed lexed = Lex("a \"$ONE\" x\"${ONE}-${NONE-d}\" \"${.LINE}\" '$ONE'");
  ASSERT_EQ(lexed.line.words.size(), 5u);
  EXPECT_EQ(lexed.line.words[0].variable, "");
  EXPECT_EQ(lexed.line.words[1].variable, "ONE");
  EXPECT_EQ(lexed.line.words[2].variable, "NONE");
  EXPECT_EQ(lexed.line.words[3].variable, "");
  EXPECT_EQ(lexed.line.words[4].variable, "");
}

TEST(Lexer, BareWordsExpandOnRequest) {
  const struct {
    const char* name;
    const char* raw;
    Words words;
  } kCases[] = {
      {"plain", "0.0.0.0:$ONE", {"0.0.0.0:x"}},
      {"braces", "s${ONE}s", {"sxs"}},
      {"value is one word", "$A", {"v w"}},
      {"list", "${LIST[*]}", {"a", "b", "c"}},
      {"regex dollar stays", "^/[^/]*$ (a|$)", {"^/[^/]*$", "(a|$)"}},
      {"escaped", "\\$ONE", {"$ONE"}},
      {"single quotes protect", "'$ONE'", {"$ONE"}},
  };
  for (const auto& test : kCases) {
    const Lexed lexed = Lex(test.raw, true);
    EXPECT_TRUE(lexed.good) << test.name;
    EXPECT_EQ(lexed.words, test.words) << test.name;
  }
}

TEST(Lexer, RefusesMonsters) {
  EXPECT_FALSE(Lex(std::string(kLineBytesMax + 1, 'a')).good);
  EXPECT_TRUE(Lex(std::string(kLineBytesMax, 'a')).good);
  std::string many;
  for (size_t i = 0; i <= kWordsMax; ++i) many += "a ";
  EXPECT_FALSE(Lex(many).good);

  // A short line may not grow without bound either.
  Environment environment;
  environment.Set("BIG", std::string(100000, 'b'));
  std::string raw;
  for (int i = 0; i < 10000; ++i) raw += "\"$BIG\"";
  Line line;
  line.raw = raw;
  LexProblem problem;
  LexContext context;
  context.environment = &environment;
  EXPECT_FALSE(LexLine(context, line, problem));
  EXPECT_NE(problem.message.find("expands"), std::string::npos);
}

TEST(Lexer, FirstRawWordNeedsNoGrammar) {
  EXPECT_EQ(FirstRawWord("  .if \"open"), ".if");
  EXPECT_EQ(FirstRawWord(".endif#x"), ".endif");
  EXPECT_EQ(FirstRawWord(".endif\r"), ".endif");
  EXPECT_EQ(FirstRawWord(" \t"), "");
  EXPECT_EQ(FirstRawWord("# .if"), "");
}

TEST(Lexer, SurvivesAnyBytes) {
  std::mt19937 random(1);
  static constexpr std::string_view kSpice = "\"'\\$${}[*].-# \tx41A_";
  for (int round = 0; round < 60000; ++round) {
    std::string raw(random() % 40, '\0');
    for (char& c : raw) c = random() % 4 == 0 ? char(random()) : kSpice[random() % kSpice.size()];
    const Lexed lexed = Lex(raw, round % 2 == 1);
    ASSERT_EQ(lexed.good, lexed.problem.message.empty()) << "round " << round;
    if (!lexed.good) {
      ASSERT_LE(lexed.problem.column, raw.size() + 1) << "round " << round;
    }
    for (const Word& word : lexed.line.words) {
      ASSERT_GE(word.column, 1u);
      ASSERT_LE(word.column - 1 + word.length_bytes, raw.size()) << "round " << round;
    }
  }
}

// Whatever a word holds, writing it in quotes gives it back.
TEST(Lexer, QuotedTextComesBack) {
  std::mt19937 random(2);
  for (int round = 0; round < 20000; ++round) {
    std::string text(random() % 20, '\0');
    for (char& c : text) c = char(1 + random() % 255);
    std::string raw = "\"";
    for (const char c : text) {
      char hex[8];
      snprintf(hex, sizeof hex, "\\x%02x", unsigned(uint8_t(c)));
      if (random() % 2 == 0 || c == '\n') {
        raw += hex;
      } else {
        if (c == '"' || c == '\\' || c == '$') raw += '\\';
        raw += c;
      }
    }
    const Lexed lexed = Lex(raw + "\"");
    ASSERT_TRUE(lexed.good) << "round " << round << " " << lexed.problem.message;
    ASSERT_EQ(lexed.words, Words{text}) << "round " << round;
  }
}

}  // namespace
}  // namespace engine
