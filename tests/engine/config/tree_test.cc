#include "engine/config/tree.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

namespace engine {
namespace {

struct Read {
  Environment environment;
  ConditionFacts facts;
  Diagnostics diagnostics;
  Tree tree;

  bool Text(std::string text) {
    diagnostics.set_pid(1);
    return tree.ReadText("t.cfg", std::move(text), {environment, facts, diagnostics});
  }
  bool Paths(const std::vector<std::string>& paths) {
    return tree.ReadPaths(paths, {environment, facts, diagnostics});
  }
  // "global[daemon|maxconn 5] listen www<base[]"
  std::string Show() const {
    std::string out;
    for (const Section& section : tree.sections()) {
      if (!out.empty()) out += ' ';
      out += SectionName(section.kind);
      if (!section.name.empty()) out += ' ' + section.name;
      if (!section.from.empty()) out += '<' + section.from;
      out += '[';
      for (size_t i = 0; i < section.lines.size(); ++i) {
        if (i != 0) out += '|';
        for (size_t word = 0; word < section.lines[i].size(); ++word) {
          if (word != 0) out += ' ';
          out += section.lines[i].text(word);
        }
      }
      out += ']';
    }
    return out;
  }
  // "3:unknown" for each error: its line and the start of its message.
  std::string Errors() const {
    std::string out;
    for (const Diagnostic& each : diagnostics.all()) {
      if (each.severity == Severity::kAlert) out += std::to_string(each.line) + " ";
    }
    return out;
  }
};

TEST(Tree, ExpandsBareWordsOfAddressesOnly) {
  Read read;
  read.environment.Set("PORT", "80");
  const std::string text =
      "global\n  stats socket /tmp/$PORT\nlisten a\n  bind *:$PORT\n"
      "  server s h:${PORT}\n  acl x path $PORT\n  acl y path \"$PORT\"\n";
  ASSERT_TRUE(
      read.tree.ReadText("t.cfg", text, {read.environment, read.facts, read.diagnostics, true}));
  EXPECT_EQ(read.Show(),
            "global[stats socket /tmp/80] listen a[bind *:80|server s h:80|acl x path $PORT|"
            "acl y path 80]");
}

TEST(Tree, ReadsSections) {
  const struct {
    const char* name;
    std::string text;
    std::string shown;
  } kCases[] = {
      {"empty", "", ""},
      {"comments only", "# a\n\n  # b\n", ""},
      {"last line without a line feed", "global\n daemon", "global[daemon]"},
      {"carriage returns", "global\r\n daemon\r\n\r\n", "global[daemon]"},
      {"byte order mark", "\xef\xbb\xbfglobal\n daemon\n", "global[daemon]"},
      {"indent does not matter", " global#x\ndaemon\n", "global[daemon]"},
      {"two globals", "global\n a\nglobal\n b\n", "global[a] global[b]"},
      {"defaults", "defaults\n", "defaults[]"},
      {"named defaults", "defaults d$\n", "defaults d$[]"},
      {"defaults from", "defaults b from a\n", "defaults b<a[]"},
      {"anonymous defaults from", "defaults from a\n", "defaults<a[]"},
      {"defaults named from", "defaults from\n", "defaults from[]"},
      {"proxy from", "frontend x from y\n bind :1\n", "frontend x<y[bind :1]"},
      {"proxy named from", "listen from from x\n", "listen from<x[]"},
      {"crt-store without a name", "crt-store\n", "crt-store[]"},
      {"all the others",
       "peers p\nmailers m\nuserlist u\nresolvers r\nhttp-errors h\ncache c\nring r\n"
       "log-forward l\nlog-profile p\nfcgi-app f\ncrt-store s\ntraces\nacme a\nhealthcheck h\n",
       "peers p[] mailers m[] userlist u[] resolvers r[] http-errors h[] cache c[] ring r[] "
       "log-forward l[] log-profile p[] fcgi-app f[] crt-store s[] traces[] acme a[] "
       "healthcheck h[]"},
      {"cache names are free", "cache c$\n", "cache c$[]"},
      {"section variable", "backend b\n s \"${.SECTION}:${.LINE}:$.FILE\"\n",
       "backend b[s b:2:t.cfg]"},
      {"section variable of global", "global\n s \"${.SECTION}\"\n", "global[s global]"},
      {"setenv acts on the next line",
       "global\n setenv A \"x y\"\n setenv B \"$A z\"\n presetenv A n\nlisten \"${N-l}\"\n "
       "v \"${B[*]}\"\nglobal\n unsetenv A\n w \"${A-gone}\"\n",
       "global[setenv A x y|setenv B x y z|presetenv A n] listen l[v x y z] "
       "global[unsetenv A|w gone]"},
      {"setenv elsewhere is not executed", "backend b\n setenv A 1\n v \"${A-none}\"\n",
       "backend b[setenv A 1|v none]"},
  };
  for (const auto& test : kCases) {
    SCOPED_TRACE(test.name);
    Read read;
    EXPECT_TRUE(read.Text(test.text)) << read.diagnostics.Render();
    EXPECT_EQ(read.Show(), test.shown);
    EXPECT_EQ(read.diagnostics.warnings(), 0u);
  }
}

TEST(Tree, AppliesConditions) {
  const struct {
    const char* name;
    std::string text;
    std::string shown;
  } kCases[] = {
      {"taken", ".if 1\nglobal\n a\n.endif\n b\n", "global[a|b]"},
      {"not taken", "global\n.if 0\n a\n.endif\n b\n", "global[b]"},
      {"empty is false", "global\n.if\n a\n.endif\n.if \"$NONE\"\n b\n.endif\n", "global[]"},
      {"else", "global\n.if 0\n a\n.else\n b\n.endif\n", "global[b]"},
      {"elif", "global\n.if 0\n a\n.elif 1\n b\n.elif 1\n c\n.else\n d\n.endif\n", "global[b]"},
      {"elif after a taken if is not evaluated", "global\n.if 1\n a\n.elif foo(\n b\n.endif\n",
       "global[a]"},
      {"nested", "global\n.if 1\n.if 0\n a\n.else\n b\n.endif\n c\n.endif\n", "global[b|c]"},
      {"nested in skipped", "global\n.if 0\n.if 1\n a\n.else\n b\n.endif\n c\n.else\n d\n.endif\n",
       "global[d]"},
      {"skipped text may be anything",
       "global\n.if 0\n \"open\n .if foo( \"x\n .endif\n.endif\n a\n", "global[a]"},
      {"skipped sections do not start", "global\n a\n.if 0\nlisten x\n b\n.endif\n c\n",
       "global[a|c]"},
      {"skipped setenv is not executed", "global\n.if 0\n setenv A 1\n.endif\n v \"${A-none}\"\n",
       "global[v none]"},
      {"words are joined by one space",
       "global\n.if streq(a,    b)\n x\n.elif streq(' b', b)\n y\n"
       ".endif\n",
       "global[y]"},
      {"variables of the file", "global\n setenv A yes\n.if streq(\"$A\",yes)\n a\n.endif\n",
       "global[setenv A yes|a]"},
      {"comments", "global\n.if 1 # x\n a\n.endif # y\n", "global[a]"},
      {"messages", "global\n.notice \"n\"\n.diag d\n a\n", "global[a]"},
  };
  for (const auto& test : kCases) {
    SCOPED_TRACE(test.name);
    Read read;
    EXPECT_TRUE(read.Text(test.text)) << read.diagnostics.Render();
    EXPECT_EQ(read.Show(), test.shown);
  }
}

TEST(Tree, ReportsEveryFaultOnce) {
  const struct {
    const char* name;
    std::string text;
    std::string lines;  // of the errors
    const char* says;
  } kCases[] = {
      {"unknown section", "fronted x\n bind :1\n mode http\nbackend b\n", "1 ",
       "did you mean 'frontend'?"},
      {"case matters", "Global\n", "1 ", "did you mean 'global'?"},
      {"program is gone", "global\nprogram p\n command x\n", "2 ", "'program'"},
      {"name missing", "listen\nuserlist\nbackend \"\"\n", "1 2 3 ", "expects a name"},
      {"bad name", "listen a$\nbackend \"a b\"\n", "1 2 ", "character '$' is not permitted"},
      {"old listening address", "listen a :80\n", "1 ", "'bind' line"},
      {"misspelt from", "listen a form b\n", "1 ", "did you mean 'from'?"},
      {"too many words", "global foo\nbackend z from a b\npeers p q\n", "1 2 3 ",
       "unexpected argument 'foo'"},
      {"from nothing", "backend x from\n", "1 ", "'from' expects"},
      {"lexer", "global\n a \"b\n c \\xZZ\n d\n", "2 3 ", "unmatched quote"},
      {"faulty section line swallows its lines", "global\nlisten \"a\n bind :1\n", "2 ",
       "unmatched"},
      {"directives", ".foo\n.alert a b\n.alert \"stop here\"\n", "1 2 3 ", "'stop here'"},
      {"lone", ".endif\n.else\n.elif 1\n", "1 2 3 ", "lone '.endif'"},
      {"not closed", "global\n.if 1\n.if 0\n", "2 3 ", "non-terminated"},
      {"after else", ".if 1\n.else\n.else\n.elif 1\n.endif\n", "3 4 ", "after '.else'"},
      {"arguments", ".if 1\n.else x\n.endif y\n", "2 3 ", "unexpected argument 'x'"},
      {"bad condition skips its block", "global\n.if foo(\n a \"b\n.else\n c \"d\n.endif\n e \"f\n",
       "2 7 ", "unparsable conditional expression 'foo('"},
      {"bad elif", "global\n.if 0\n.elif streq(a\n a \"b\n.endif\n", "3 ", "expected ')'"},
      {"quote in a condition keeps the balance", "global\n.if \"x\n.endif\n.endif\n", "2 4 ",
       "unmatched quote"},
      {"setenv", "global\n setenv A\n", "2 ", "expects a name and a value"},
      {"nothing before the name", "\"$NONE\" x\n", "1 ", "empty word"},
  };
  for (const auto& test : kCases) {
    SCOPED_TRACE(test.name);
    Read read;
    EXPECT_FALSE(read.Text(test.text));
    EXPECT_EQ(read.Errors(), test.lines) << read.diagnostics.Render();
    EXPECT_NE(read.diagnostics.Render().find(test.says), std::string::npos)
        << read.diagnostics.Render();
  }
}

TEST(Tree, ConditionFaultsPointIntoTheLine) {
  Read read;
  read.Text("global\n  .if 1 && fature(X)\n.endif\n");
  ASSERT_EQ(read.diagnostics.all().size(), 1u);
  EXPECT_EQ(read.diagnostics.all()[0].column, 12u);
  EXPECT_EQ(read.diagnostics.all()[0].hint, "did you mean 'feature'?");
}

TEST(Tree, NestingIsBounded) {
  const auto nested = [](size_t depth) {
    std::string text = "global\n";
    for (size_t i = 0; i < depth; ++i) text += ".if 1\n";
    text += " a\n";
    for (size_t i = 0; i < depth; ++i) text += ".endif\n";
    return text + " b\n";
  };
  Read good;
  EXPECT_TRUE(good.Text(nested(kConditionalDepthMax)));
  EXPECT_EQ(good.Show(), "global[a|b]");
  Read bad;
  EXPECT_FALSE(bad.Text(nested(kConditionalDepthMax + 20)));
  EXPECT_EQ(bad.diagnostics.errors(), 1u);
  EXPECT_EQ(bad.Show(), "global[b]");
}

TEST(Tree, BinaryFilesAreOneError) {
  std::mt19937 random(5);
  std::string noise(100000, '\0');
  for (char& c : noise) c = char(random());
  std::string controls(5000, '\x01');
  for (const std::string& text : {noise, controls, std::string("global\n a \0\n b\n", 15)}) {
    Read read;
    EXPECT_FALSE(read.Text(text));
    EXPECT_EQ(read.diagnostics.errors(), 1u);
    EXPECT_EQ(read.Show(), "");
  }
  Read read;
  read.Text(std::string("global\n a \0\n b\n", 15));
  EXPECT_NE(read.diagnostics.Render().find("[t.cfg:2] : stray NUL byte at position 4"),
            std::string::npos)
      << read.diagnostics.Render();
}

class TreeFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "tree_test.XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = directory_ + "/" + name;
    std::ofstream(path) << text;
    return path;
  }
  std::string directory_;
};

TEST_F(TreeFiles, DirectoryMeansItsCfgFilesInByteOrder) {
  Write("b.cfg", "backend b\n");
  Write("B.cfg", "backend B\n");
  Write("10.cfg", "backend ten\n");
  Write("9.cfg", "backend nine\n");
  Write(".hidden.cfg", "backend hidden\n");
  Write("a.conf", "backend conf\n");
  std::filesystem::create_directory(directory_ + "/dir.cfg");
  Read read;
  EXPECT_TRUE(read.Paths({directory_})) << read.diagnostics.Render();
  EXPECT_EQ(read.Show(), "backend ten[] backend nine[] backend B[] backend b[]");
  ASSERT_EQ(read.tree.files().size(), 4u);
  EXPECT_EQ(read.tree.files()[0]->path, directory_ + "/10.cfg");
}

TEST_F(TreeFiles, EveryFileIsTriedAndStartsOutsideOfSections) {
  const std::string one = Write("one", "global\n a \"\n");
  const std::string two = Write("two", "server x\nbackend b\n c \"\n");
  Read read;
  EXPECT_FALSE(read.Paths({directory_ + "/none", one, two}));
  EXPECT_EQ(read.diagnostics.errors(), 4u) << read.diagnostics.Render();
  EXPECT_NE(read.diagnostics.Render().find("/none : No such file or directory"), std::string::npos);
}

TEST_F(TreeFiles, HugeFileIsOneError) {
  const std::string path = Write("huge.cfg", "");
  ASSERT_EQ(truncate(path.c_str(), off_t(kFileBytesMax) + 1), 0);
  Read read;
  EXPECT_FALSE(read.Paths({path}));
  EXPECT_EQ(read.diagnostics.errors(), 1u);
  EXPECT_NE(read.diagnostics.Render().find("more than"), std::string::npos);
}

TEST_F(TreeFiles, PipeIsReadToItsEnd) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  ASSERT_EQ(write(ends[1], "global\n a\n", 10), 10);
  close(ends[1]);
  Read read;
  EXPECT_TRUE(read.Paths({"/dev/fd/" + std::to_string(ends[0])})) << read.diagnostics.Render();
  EXPECT_EQ(read.Show(), "global[a]");
  close(ends[0]);
}

// Configurations found in the wild, when the folder with them is there. Those listed are refused by
// HAProxy as well, for the reason given.
constexpr struct {
  const char* file;
  const char* says;
} kRefused[] = {
    {"7layer-org--7layer.org--haproxy_haproxy.cfg", "'bind' line"},
    {"89berner--MongoAudit--haproxy.cfg", "'bind' line"},
    {"RedHatPerf--ocp4-scalelab--etc_haproxy_haproxy.cfg", "'bind' line"},
    {"CiscoCloud--haproxy-consul--config_haproxy.cfg", "'template' out of section"},
    {"haproxytech--spoa-mirror--test_haproxy-mw.cfg", "'program' section"},
    {"haproxytech--spoa-mirror--test_debug_haproxy-mw.cfg", "'program' section"},
};

TEST(Tree, RealConfigurationsLex) {
  const char* shared = std::getenv("RINGWAY_SHARED");
  const std::filesystem::path folder =
      (shared != nullptr ? std::filesystem::path(shared)
                         : std::filesystem::path(RINGWAY_SOURCE_ROOT) / "../shared") /
      "configs";
  if (!std::filesystem::is_directory(folder)) {
    GTEST_SKIP() << folder << " is absent: set RINGWAY_SHARED";
  }
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".cfg") continue;
    ++count;
    Read read;
    const auto* refused = std::find_if(
        std::begin(kRefused), std::end(kRefused),
        [&](const auto& each) { return entry.path().filename().string() == each.file; });
    const bool good = read.Paths({entry.path().string()});
    EXPECT_EQ(good, refused == std::end(kRefused)) << read.diagnostics.Render();
    if (refused != std::end(kRefused)) {
      EXPECT_NE(read.diagnostics.Render().find(refused->says), std::string::npos)
          << read.diagnostics.Render();
    } else {
      EXPECT_GE(read.tree.sections().size(), 2u) << entry.path();
    }
  }
  EXPECT_GE(count, 40);
}

TEST(Tree, SurvivesAnyLines) {
  std::mt19937 random(6);
  static constexpr const char* kLines[] = {
      ".if 1",    ".if 0",      ".if foo(",      ".elif 1",   ".elif \"x",
      ".else",    ".endif",     "global",        "listen x",  "defaults d from",
      "daemon",   "a \"b",      "setenv A 1",    "resetenv",  ".foo",
      ".alert x", "listen \"x", "\"${A[*]}\" b", "program p", "frontend x from from",
      ""};
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    for (size_t count = random() % 16; count > 0; --count) {
      text += kLines[random() % std::size(kLines)];
      if (random() % 20 == 0) text += char(1 + random() % 255);
      if (count > 1) text += '\n';
    }
    Read read;
    const bool good = read.Text(text);
    ASSERT_EQ(good, read.diagnostics.errors() == 0) << text;
    if (round % 50 == 0) (void)read.diagnostics.Render();
  }
}

}  // namespace
}  // namespace engine
