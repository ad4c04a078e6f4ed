#include "engine/run/dump.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/text.h"
#include "engine/config/tree.h"
#include "engine/server/proxy_config.h"

namespace engine {
namespace {

// The dump of a text, and that of the dump itself.
std::string Dump(const std::string& text, uint64_t key = 0) {
  Environment environment;
  environment.Set("PORT", "8000");
  environment.Set("ODD", "a 'b' \"c\" \\ $d\te");
  ConditionFacts facts;
  Diagnostics diagnostics;
  Tree tree;
  EXPECT_TRUE(tree.ReadText("t.cfg", text, {environment, facts, diagnostics, true}))
      << diagnostics.Render();
  return ConfigurationText(tree, key);
}

TEST(Dump, WordsCommentsAndBlocksAreResolved) {
  EXPECT_EQ(Dump(R"(# a comment
global
   maxconn   10 # why
.if streq(a,b)
   nbthread 1
.else
   nbthread 2
.endif
listen a from b
 bind ":$PORT"
 description "it is" ''
)"),
            "global\n\tmaxconn 10\n\tnbthread 2\n\nlisten a from b\n\tbind :8000\n"
            "\tdescription 'it is' ''\n");
}

TEST(Dump, MeansTheSameWhenReadAgain) {
  const std::string text = Dump(
      "backend b\n description \"$ODD\" 'x y' \"it's\" \\# \"\\x01\" a\\ b '$PORT' \"\\$PORT\"\n");
  EXPECT_EQ(Dump(text), text);
  EXPECT_NE(text.find("it's"), std::string::npos) << text;
}

TEST(Dump, KeyHidesNamesAddressesAndSecrets) {
  const std::string text = R"(global
  stats socket /run/secret-place.sock mode 660
  setenv TOKEN hunter2
listen Payroll
  mode http
  timeout client 30s
  bind 192.0.2.7:8000-8010,:80 name hidden
  server alice alice.example.com:443 weight 10
  default_backend Payroll
userlist people
  user bob insecure-password hunter2 groups wheel
)";
  const std::string dump = Dump(text, 42);
  for (const char* hidden : {"secret-place", "TOKEN", "hunter2", "Payroll", "192.0.2", "alice",
                             "example", "people", "bob", "wheel"}) {
    EXPECT_EQ(dump.find(hidden), std::string::npos) << hidden << "\n" << dump;
  }
  for (const char* shown : {"mode http", "timeout client 30s", "weight 10", ":443", "mode 660",
                            "insecure-password [...]", "setenv [...]"}) {
    EXPECT_NE(dump.find(shown), std::string::npos) << shown << "\n" << dump;
  }
  EXPECT_NE(dump.find("listen " + AnonymousWord("Payroll", 42)), std::string::npos) << dump;
  EXPECT_NE(dump.find("default_backend " + AnonymousWord("Payroll", 42)), std::string::npos);
  EXPECT_NE(dump, Dump(text, 43));
  EXPECT_EQ(dump, Dump(text, 42));
}

TEST(Dump, LibrariesStartWithTheProgram) {
  const std::string text = LoadedLibraries(false);
  char program[4096] = {};
  ASSERT_GT(readlink("/proc/self/exe", program, sizeof program - 1), 0);
  EXPECT_TRUE(text.starts_with(std::string(program) + "\n")) << text;
  for (std::string_view line : base::Split(text, '\n')) {
    EXPECT_TRUE(line.empty() || access(std::string(line).c_str(), R_OK) == 0) << line;
  }
  const std::string ranges = LoadedLibraries(true);
  EXPECT_TRUE(ranges.starts_with("0x"));
  EXPECT_NE(ranges.find(" " + std::string(program) + "\n"), std::string::npos) << ranges;
}

TEST(Dump, ArchiveIsReadByTar) {
  char folder[] = "/tmp/ringway-dump-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  const std::string archive = std::string(folder) + "/x.tar";
  std::string error;
  ASSERT_TRUE(WriteArchive(archive, &error)) << error;
  const std::string command = "tar -xf " + archive + " -C " + folder;
  EXPECT_EQ(std::system(command.c_str()), 0);
  const std::string libraries = LoadedLibraries(false);
  for (const std::string_view library : base::Split(libraries, '\n')) {
    if (library.empty()) continue;
    const std::string original(library);
    EXPECT_EQ(std::system(("cmp -s " + original + " " + folder + original).c_str()), 0) << original;
  }
  std::filesystem::remove_all(folder);
  EXPECT_FALSE(WriteArchive("/no/such/folder/x.tar", &error));
  EXPECT_NE(error.find("/no/such/folder/x.tar"), std::string::npos) << error;
}

TEST(Dump, CpusNameTheThreadsBoundToThem) {
  GlobalConfig global;
  const std::string text = CpuText(global, 1);
  EXPECT_NE(text.find("selected  1\n"), std::string::npos) << text;
  EXPECT_TRUE(text.starts_with("CPU  package"));
}

}  // namespace
}  // namespace engine
