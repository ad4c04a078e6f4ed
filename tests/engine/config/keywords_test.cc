#include "engine/config/keywords.h"

#include <gtest/gtest.h>

#include <random>

namespace engine {
namespace {

struct Built {
  std::string trace;
};
using TestKeywords = Keywords<Built>;

bool Note(Built& built, KeywordUse& use) {
  if (!built.trace.empty()) built.trace += ' ';
  if (use.is_no()) built.trace += "no:";
  if (use.prefix == kAllowsDefault) built.trace += "default:";
  built.trace += use.keyword->words + "(";
  for (size_t i = use.first_argument; i < use.next; ++i) {
    if (i != use.first_argument) built.trace += ',';
    built.trace += use.line.text(i);
  }
  built.trace += ')';
  return true;
}

TestKeywords MakeKeywords() {
  TestKeywords keywords;
  keywords.Add({"stats", scope::kListen}, Note);
  keywords.Add({"stats socket", scope::kGlobal}, Note);
  keywords.Add({"maxconn", scope::kGlobal}, Note);
  keywords.Add({"maxconn", scope::kDefaults | scope::kFrontend | scope::kListen}, Note);
  keywords.Add({"balance", scope::kDefaults | scope::kBackend | scope::kListen}, Note);
  keywords.Add({"mode", scope::kDefaults | scope::kProxies}, Note);
  keywords.Add({"timeout connect", scope::kDefaults | scope::kBackend | scope::kListen}, Note);
  keywords.Add({"timeout client", scope::kDefaults | scope::kFrontend | scope::kListen}, Note);
  keywords.Add(
      {"option redispatch", scope::kDefaults | scope::kProxies, Support::kWorks, kAllowsBoth},
      Note);
  keywords.Add({"option nolinger", scope::kProxies, Support::kNotSupportedYet, kAllowsBoth});
  keywords.Add({"tune.bufsize", scope::kGlobal, Support::kTunesOnly});
  keywords.Add({"nbproc", scope::kGlobal, Support::kRemoved, kNoPrefix, "use 'nbthread'"});
  keywords.Add({"timeout", scope::kResolvers}, Note);
  keywords.Add({"rules", scope::kBackend, Support::kNotSupportedYet});
  keywords.Add({"rules deny", scope::kBackend, Support::kNotSupportedYet});
  keywords.Add({"rules accept", scope::kBackend}, Note);
  KeywordSpec variable{"rules set-var", scope::kBackend};
  variable.parentheses = true;
  keywords.Add(variable, Note);
  KeywordSpec lua{"rules lua.", scope::kBackend, Support::kNotSupportedYet};
  lua.parentheses = true;
  keywords.Add(lua);
  keywords.Add({"redisp", scope::kBackend, Support::kRemoved, kNoPrefix, "'option redispatch'"});
  keywords.Add({"ssl", scope::kBind | scope::kServer}, Note);
  keywords.Add({"crt", scope::kBind, Support::kWorks, kNoPrefix, {}, 1}, Note);
  keywords.Add({"tcp-ut", scope::kBind, Support::kTunesOnly, kNoPrefix, {}, 1});
  keywords.Add({"accept-proxy", scope::kBind, Support::kNotSupportedYet});
  const auto idle = [&](const char* words, Scopes scopes, const char* values) {
    KeywordSpec spec{words, scopes, Support::kTunesOnly, kAllowsNo, {}, 1};
    spec.values = values;
    keywords.Add(std::move(spec));
  };
  idle("nice", scope::kBind, "-1024..1024");
  idle("queue", scope::kGlobal, "on|fair|off");
  idle("level", scope::kGlobal, "auto|1..9");
  idle("elastic", scope::kGlobal, "100..");
  idle("pause", scope::kGlobal, "<time>");
  idle("memory", scope::kGlobal, "<size>");
  return keywords;
}

Line LexedLine(const std::string& raw) {
  static const SourceFile file{"t.cfg", ""};
  Line line;
  line.source = &file;
  line.number = 1;
  line.raw = raw;
  LexProblem problem;
  EXPECT_TRUE(LexLine({}, line, problem)) << problem.message;
  return line;
}

TEST(Keywords, RunsOrSaysWhyNot) {
  const struct {
    const char* name;
    std::string raw;
    Scopes scopes;
    const char* trace;
    size_t errors, warnings;
    const char* says;
  } kCases[] = {
      {"one word", "maxconn 5", scope::kGlobal, "maxconn(5)", 0, 0, ""},
      {"two words", "timeout connect 5s", scope::kBackend, "timeout connect(5s)", 0, 0, ""},
      {"longest wins", "stats socket /x", scope::kGlobal, "stats socket(/x)", 0, 0, ""},
      {"shorter where the longer is not legal", "stats socket /x", scope::kListen,
       "stats(socket,/x)", 0, 0, ""},
      {"no", "no option redispatch", scope::kBackend, "no:option redispatch()", 0, 0, ""},
      {"default", "default option redispatch 1", scope::kBackend, "default:option redispatch(1)", 0,
       0, ""},
      {"prefix not allowed", "no maxconn", scope::kGlobal, "", 1, 0,
       "'no' is not allowed in front of 'maxconn'"},
      {"unknown", "maxcon 5", scope::kGlobal, "", 1, 0, "did you mean 'maxconn'?"},
      {"unknown second word", "timeout conect 5s", scope::kBackend, "", 1, 0,
       "did you mean 'timeout connect'?"},
      {"second word shown", "timeout conect 5s", scope::kBackend, "", 1, 0,
       "unknown keyword 'timeout conect' in 'backend' section"},
      {"second word missing", "timeout", scope::kBackend, "", 1, 0, "expects another word"},
      {"misspelt section", "fronted x", scope::kGlobal, "", 1, 0, "did you mean 'frontend'?"},
      {"suggests only what is legal here", "balanc x", scope::kFrontend, "", 1, 0,
       "unknown keyword 'balanc'"},
      {"legal elsewhere", "balance x", scope::kFrontend, "", 1, 0,
       "allowed in a 'defaults', 'backend' or 'listen' section"},
      {"an option is no statement", "ssl", scope::kFrontend, "", 1, 0,
       "allowed on a 'bind' or 'server' line"},
      {"tunes only", "tune.bufsize 5", scope::kGlobal, "", 0, 1, "has no effect"},
      {"value within", "level 9", scope::kGlobal, "", 0, 1, "has no effect"},
      {"value of the words", "level auto", scope::kGlobal, "", 0, 1, "has no effect"},
      {"value beyond", "level 10", scope::kGlobal, "", 1, 0,
       "'level': '10' is out of range: expects an integer between 1 and 9"},
      {"value below an open end", "elastic 99", scope::kGlobal, "", 1, 0, "'elastic': '99' is out"},
      {"value is no word", "queue fare", scope::kGlobal, "", 1, 0,
       "'queue': expects 'on', 'fair' or 'off', not 'fare'"},
      {"value is nearly a word", "queue fare", scope::kGlobal, "", 1, 0, "did you mean 'fair'?"},
      {"value missing", "queue", scope::kGlobal, "", 1, 0,
       "'queue': expects 'on', 'fair' or 'off'"},
      {"value and no", "no queue", scope::kGlobal, "", 0, 1, "has no effect"},
      {"value is no time", "pause 1z", scope::kGlobal, "", 1, 0, "'pause': unexpected 'z'"},
      {"value is a time", "pause 1s", scope::kGlobal, "", 0, 1, "has no effect"},
      {"value is no size", "memory much", scope::kGlobal, "", 1, 0, "'memory': expects a size"},
      {"not yet", "option nolinger", scope::kBackend, "", 1, 0,
       "'option nolinger' is not supported yet"},
      {"removed", "nbproc 4", scope::kGlobal, "", 1, 0, "use 'nbthread'"},
      {"prefix alone", "no", scope::kGlobal, "", 1, 0, "unknown keyword 'no'"},
  };
  const TestKeywords keywords = MakeKeywords();
  for (const auto& test : kCases) {
    SCOPED_TRACE(test.name);
    const Line line = LexedLine(test.raw);
    Diagnostics diagnostics;
    Built built;
    EXPECT_EQ(keywords.Run(built, line, test.scopes, diagnostics), test.errors == 0);
    EXPECT_EQ(built.trace, test.trace);
    EXPECT_EQ(diagnostics.errors(), test.errors);
    EXPECT_EQ(diagnostics.warnings(), test.warnings);
    EXPECT_EQ(diagnostics.strict_warnings(), 0u);
    EXPECT_NE(diagnostics.Render().find(test.says), std::string::npos) << diagnostics.Render();
    Diagnostics checked;
    EXPECT_EQ(keywords.Check(line, test.scopes, checked), test.errors == 0);
    EXPECT_EQ(checked.errors(), test.errors);
  }
}

// An error is worth its hint: what was meant, where the word belongs, what there is.
TEST(Keywords, TellsATypingErrorFromWhatDoesNotWork) {
  const struct {
    const char* name;
    std::string raw;
    Scopes scopes;
    const char* trace;
    size_t errors, warnings;
    const char* says;
  } kCases[] = {
      {"an argument glued on", "rules set-var(txn.x) src", scope::kBackend, "rules set-var(src)", 0,
       0, ""},
      {"an argument glued to what takes none", "rules accept(1)", scope::kBackend, "", 1, 0,
       "unknown keyword 'rules accept(1)'"},
      {"whatever Lua named", "rules lua.mine x", scope::kBackend, "", 1, 0,
       "'rules lua.' is not supported yet"},
      {"unknown behind a head that does not work", "rules dney if x", scope::kBackend, "", 1, 0,
       "did you mean 'rules deny'? It is not supported yet"},
      {"nothing near, so what there is", "rules zzzzzzz", scope::kBackend, "", 1, 0,
       "such as 'accept' or 'set-var'"},
      {"head alone", "rules", scope::kBackend, "", 1, 0, "'rules' is not supported yet"},
      {"without its first word", "redispatch", scope::kBackend, "", 1, 0,
       "did you mean 'option redispatch'?"},
      {"removed, with what took its place", "redisp", scope::kBackend, "", 1, 0,
       "'option redispatch'"},
      {"no head here, whole word elsewhere", "rules", scope::kListen, "", 1, 0,
       "allowed in a 'backend' section"},
      {"whole word elsewhere", "timeout", scope::kListen, "", 1, 0, "expects another word"},
  };
  const TestKeywords keywords = MakeKeywords();
  for (const auto& test : kCases) {
    SCOPED_TRACE(test.name);
    Diagnostics diagnostics;
    Built built;
    const Line line = LexedLine(test.raw);
    EXPECT_EQ(keywords.Run(built, line, test.scopes, diagnostics), test.errors == 0);
    EXPECT_EQ(built.trace, test.trace);
    EXPECT_EQ(diagnostics.errors(), test.errors);
    EXPECT_EQ(diagnostics.warnings(), test.warnings);
    EXPECT_NE(diagnostics.Render().find(test.says), std::string::npos) << diagnostics.Render();
    Diagnostics known;  // knows the words, whatever they do
    EXPECT_LE(size_t(!keywords.CheckKnown(line, test.scopes, known)), test.errors);
  }
}

TEST(Keywords, InheritedLinesThatMeanNothingArePassedOver) {
  const TestKeywords keywords = MakeKeywords();
  Diagnostics diagnostics;
  Built built;
  for (const char* raw : {"balance x", "timeout client 1s", "no option redispatch", "unknown"}) {
    const std::string text = raw;
    EXPECT_TRUE(keywords.RunInherited(built, LexedLine(text), scope::kFrontend, diagnostics))
        << raw;
  }
  EXPECT_EQ(built.trace, "timeout client(1s) no:option redispatch()");
  EXPECT_EQ(diagnostics.errors(), 0u);
}

TEST(Keywords, WalksTheOptionsOfALine) {
  const struct {
    const char* name;
    std::string raw;
    const char* trace;
    size_t errors;
  } kCases[] = {
      {"none", "bind :80", "", 0},
      {"several", "bind :443 ssl crt x.pem ssl", "ssl() crt(x.pem) ssl()", 0},
      {"argument missing at the end", "bind :443 crt", "crt()", 0},
      {"tuning passes its argument over", "bind :80 tcp-ut 5s ssl", "ssl()", 0},
      {"not yet, and the rest is still read", "bind :80 accept-proxy ssl", "ssl()", 1},
      {"unknown ends the walk", "bind :80 sl ssl", "", 1},
      {"no prefix here", "bind :80 no ssl", "", 1},
  };
  const TestKeywords keywords = MakeKeywords();
  for (const auto& test : kCases) {
    SCOPED_TRACE(test.name);
    const Line line = LexedLine(test.raw);
    Diagnostics diagnostics;
    Built built;
    EXPECT_EQ(keywords.RunOptions(built, line, 2, scope::kBind, diagnostics), test.errors == 0);
    EXPECT_EQ(built.trace, test.trace);
    EXPECT_EQ(diagnostics.errors(), test.errors) << diagnostics.Render();
  }
}

TEST(Keywords, CanBeListed) {
  const TestKeywords keywords = MakeKeywords();
  EXPECT_EQ(keywords.all().size(), 29u);
  EXPECT_TRUE(keywords.IsKnown("timeout client", scope::kFrontend));
  EXPECT_FALSE(keywords.IsKnown("timeout client", scope::kBackend));
  EXPECT_FALSE(keywords.IsKnown("timeout", scope::kFrontend));
}

TEST(KeywordsDeathTest, SameWordTwiceInOnePlaceDies) {
  TestKeywords keywords = MakeKeywords();
  EXPECT_DEATH(keywords.Add({"maxconn", scope::kListen}, Note), "");
  EXPECT_DEATH(keywords.Add({"new", scope::kListen}), "");  // works, but nobody builds it
}

TEST(Keywords, SurvivesAnyWords) {
  const TestKeywords keywords = MakeKeywords();
  std::mt19937 random(8);
  static constexpr const char* kWords[] = {"no",    "default", "option",  "redispatch",  "timeout",
                                           "stats", "socket",  "ssl",     "crt",         "x",
                                           "\"\"",  "maxcon",  "connect", "tune.bufsize"};
  for (int round = 0; round < 20000; ++round) {
    std::string raw;
    for (size_t count = random() % 6; count > 0; --count) {
      raw += kWords[random() % std::size(kWords)];
      raw += ' ';
    }
    const Line line = LexedLine(raw);
    const Scopes scopes = Scopes{1} << (random() % scope::kCount);
    Diagnostics diagnostics;
    Built built;
    const bool statement_good = keywords.Run(built, line, scopes, diagnostics);
    ASSERT_EQ(statement_good, diagnostics.errors() == 0) << raw;
    Diagnostics options;
    const bool options_good = keywords.RunOptions(built, line, 0, scopes, options);
    ASSERT_EQ(options_good, options.errors() == 0) << raw;
  }
}

}  // namespace
}  // namespace engine
