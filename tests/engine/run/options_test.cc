#include "engine/run/options.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace engine {
namespace {

using Words = std::vector<const char*>;

bool Parse(const Words& words, Options* options, OptionError* error, bool on_terminal = false) {
  return ParseOptions(words, on_terminal, options, error);
}

// What a good command line sets. Each row starts from the default Options.
struct GoodRow {
  const char* name;
  Words words;
  std::function<bool(const Options&)> holds;
};

const GoodRow kGood[] = {
    {"one file", {"-f", "a"}, [](auto& o) { return o.paths == std::vector<std::string>{"a"}; }},
    {"order of -f and --",
     {"-f", "a", "-f", "b", "--", "c", "-d"},
     [](auto& o) {
       return o.paths == std::vector<std::string>{"a", "b", "c", "-d"} && !o.debug;
     }},
    {"start is the default", {"-f", "a"}, [](auto& o) { return o.action == Action::kStart; }},
    {"check", {"-c", "-f", "a"}, [](auto& o) { return o.action == Action::kCheck; }},
    {"condition needs no file",
     {"-cc", "streq(a,a)"},
     [](auto& o) { return o.action == Action::kCondition && o.condition == "streq(a,a)"; }},
    {"condition that starts with a dash",
     {"-cc", "-1"},
     [](auto& o) { return o.condition == "-1"; }},
    {"version ends the reading",
     {"-v", "--bogus"},
     [](auto& o) { return o.action == Action::kVersion; }},
    {"build", {"-vv"}, [](auto& o) { return o.action == Action::kBuild; }},
    {"help", {"--help"}, [](auto& o) { return o.action == Action::kHelp; }},
    {"directory", {"-C", "/d", "-f", "a"}, [](auto& o) { return o.directory == "/d"; }},
    {"pid file", {"-p", "/p", "-f", "a"}, [](auto& o) { return o.pidfile == "/p"; }},
    {"local peer", {"-L", "me", "-f", "a"}, [](auto& o) { return o.local_peer == "me"; }},
    {"daemon", {"-D", "-f", "a"}, [](auto& o) { return !RunsInForeground(o, false); }},
    {"daemon keyword", {"-f", "a"}, [](auto& o) { return !RunsInForeground(o, true); }},
    {"foreground by default", {"-f", "a"}, [](auto& o) { return RunsInForeground(o, false); }},
    {"-db undoes -D and the keyword",
     {"-D", "-db", "-f", "a"},
     [](auto& o) { return RunsInForeground(o, true); }},
    {"-d undoes -D", {"-d", "-D", "-f", "a"}, [](auto& o) { return RunsInForeground(o, false); }},
    {"quiet", {"-q", "-f", "a"}, [](auto& o) { return IsQuiet(o, false); }},
    {"quiet keyword", {"-f", "a"}, [](auto& o) { return IsQuiet(o, true) && !IsQuiet(o, false); }},
    {"-V before -q", {"-V", "-q", "-f", "a"}, [](auto& o) { return !IsQuiet(o, true); }},
    {"-V after -q", {"-q", "-V", "-f", "a"}, [](auto& o) { return !IsQuiet(o, true); }},
    {"maxconn", {"-n", "100", "-f", "a"}, [](auto& o) { return o.maxconn == 100u; }},
    {"maxconn of 0 is none", {"-n", "0", "-f", "a"}, [](auto& o) { return !o.maxconn; }},
    {"the last -n wins",
     {"-n", "100", "-n", "7", "-f", "a"},
     [](auto& o) { return o.maxconn == 7u; }},
    {"proxy maxconn", {"-N", "5", "-f", "a"}, [](auto& o) { return o.proxy_maxconn == 5u; }},
    {"memory", {"-m", "512", "-f", "a"}, [](auto& o) { return o.memory_mb == 512u; }},
    {"splice", {"-dS", "-f", "a"}, [](auto& o) { return o.no_splice && !o.no_fast_forward; }},
    {"fast forward implies splice",
     {"-dF", "-f", "a"},
     [](auto& o) { return o.no_splice && o.no_fast_forward; }},
    {"zero copy implies splice",
     {"-dZ", "-f", "a"},
     [](auto& o) { return o.no_splice && o.no_zero_copy; }},
    {"switches",
     {"-dW", "-dD", "-dr", "-dV", "-4", "-dG", "-dR", "-dI", "-dL", "-dc", "-f", "a"},
     [](auto& o) {
       return o.zero_warning && o.diagnostic && o.resolve_may_fail && o.server_verify_none &&
              o.ipv4_only && o.no_getaddrinfo && o.no_reuseport && o.insecure_fork &&
              o.dump_libraries && o.dump_cpus && o.without_effect.size() == 2;
     }},
    {"accepted without effect",
     {"-de", "-dk", "-dp", "-dv", "-dT", "-dM0xff,no-merge", "-dM", "-dt", "-f", "a"},
     [](auto& o) { return o.without_effect.size() == 7 && o.paths.size() == 1; }},
    {"-dM", {"-dM", "-f", "a"}, [](auto& o) { return o.memory_debug.poison == 0x50; }},
    {"-dM with a byte",
     {"-dM0xff", "-f", "a"},
     [](auto& o) { return o.memory_debug.poison == 255; }},
    {"-dM with a decimal",
     {"-dM7,", "-f", "a"},
     [](auto& o) { return o.memory_debug.poison == 7; }},
    {"-dM undone",
     {"-dM", "-dMno-poison", "-f", "a"},
     [](auto& o) { return !o.memory_debug.poison; }},
    {"-dM with options of pools",
     {"-dMtag,no-merge,cold-first", "-f", "a"},
     [](auto& o) { return !o.memory_debug.poison && o.without_effect.size() == 3; }},
    {"-dMhelp", {"-dMhelp"}, [](auto& o) { return o.action == Action::kMemoryHelp; }},
    {"-dA", {"-dA/tmp/x", "-f", "a"}, [](auto& o) { return o.archive_path == "/tmp/x"; }},
    {"-dt takes a value",
     {"-dt", "h1:error,h2", "-f", "a"},
     [](auto& o) { return o.paths.size() == 1; }},
    {"-dC", {"-dC", "-f", "a"}, [](auto& o) { return o.dump_configuration && !o.anonymizing_key; }},
    {"-dC with a key", {"-dC42", "-f", "a"}, [](auto& o) { return o.anonymizing_key == 42; }},
    {"-dK",
     {"-dKcfg,smp", "-f", "a"},
     [](auto& o) {
       return o.keyword_classes == std::vector<std::string>{"cfg", "smp"};
     }},
    {"empty pid list before an option",
     {"-sf", "-f", "a"},
     [](auto& o) { return o.finish_pids.empty() && o.paths.size() == 1; }},
    {"empty pid list at the end", {"-f", "a", "-st"}, [](auto& o) { return o.paths.size() == 1; }},
    {"pid lists and a socket to take from",
     {"-f", "a", "-sf", "12", "-st", "13", "-x", "/s"},
     [](auto& o) {
       return o.finish_pids == std::vector<pid_t>{12} &&
              o.terminate_pids == std::vector<pid_t>{13} && o.listeners_from == "/s";
     }},
    {"pid list under -c",
     {"-c", "-f", "a", "-sf", "12", "13", "-st", "14 15"},
     [](auto& o) {
       return o.finish_pids == std::vector<pid_t>{12, 13} &&
              o.terminate_pids == std::vector<pid_t>{14, 15};
     }},
    {"a unit file's check: -Ws -S -x under -c",
     {"-Ws", "-S", "/run/m.sock", "-x", "/run/s.sock", "-f", "a", "-c", "-q"},
     [](auto& o) {
       return o.master_worker == MasterWorker::kNotify && o.master_cli == "/run/m.sock" &&
              o.listeners_from == "/run/s.sock";
     }},
    {"quickstart", {"--quickstart"}, [](auto& o) { return o.quickstart && !o.once; }},
    {"quickstart once", {"--quickstart", "--once"}, [](auto& o) { return o.quickstart && o.once; }},
};

TEST(OptionsTest, GoodCommandLines) {
  for (const GoodRow& row : kGood) {
    SCOPED_TRACE(row.name);
    Options options;
    OptionError error;
    EXPECT_TRUE(Parse(row.words, &options, &error)) << error.message;
    EXPECT_TRUE(row.holds(options));
  }
}

struct BadRow {
  const char* name;
  Words words;
  const char* part;  // of the message
  bool show_usage;
};

const BadRow kBad[] = {
    {"nothing", {}, "no configuration file", true},
    {"no file", {"-V"}, "no configuration file", true},
    {"-c without a file", {"-c"}, "no configuration file", true},
    {"-- without a file", {"--"}, "no configuration file", true},
    {"unknown letter", {"-z", "-f", "a"}, "unknown option '-z'", true},
    {"unknown debug flag", {"-dx", "-f", "a"}, "unknown option '-dx'", true},
    {"lone dash", {"-"}, "'-' is no option", true},
    {"empty word", {""}, "'' is no option", true},
    {"near miss", {"--quikstart"}, "did you mean '--quickstart'?", true},
    {"bare word", {"a.cfg"}, "write '-f a.cfg'", true},
    {"second file without -f", {"-f", "a", "b"}, "write '-f b'", true},
    {"glued number", {"-n100", "-f", "a"}, "'-n 100'", true},
    {"glued file", {"-f/x"}, "'-f /x'", true},
    {"terminal escape", {"-\x1b[31m"}, "unknown option '-?[31m'", true},
    {"-f at the end", {"-f"}, "option '-f' needs a value", true},
    {"-cc at the end", {"-cc"}, "option '-cc' needs a value", true},
    {"empty file name", {"-f", ""}, "empty file name", true},
    {"empty file name after --", {"--", ""}, "empty file name", true},
    {"-n word", {"-n", "many", "-f", "a"}, "option '-n' takes a number of connections", true},
    {"-n negative", {"-n", "-5", "-f", "a"}, "not '-5'", true},
    {"-n past 32 bits", {"-n", "4294967297", "-f", "a"}, "not '4294967297'", true},
    {"-m with a unit", {"-m", "1G", "-f", "a"}, "option '-m' takes a number of megabytes", true},
    {"-dC word", {"-dCkey", "-f", "a"}, "'-dC' takes a 32-bit number", true},
    {"-dM with no byte", {"-dM256", "-f", "a"}, "a byte from 0 to 255", true},
    {"-dM with an option nobody knows", {"-dMzz", "-f", "a"}, "'-dMhelp' lists them", true},
    {"-dK without a class", {"-dK", "-f", "a"}, "'-dK' needs a class", true},
    {"-sf word", {"-f", "a", "-sf", "a.pid"}, "'-sf' takes process ids, not 'a.pid'", true},
    {"-st zero", {"-f", "a", "-st", "0"}, "'-st' takes process ids, not '0'", true},
    {"quickstart with a file", {"--quickstart", "-f", "a"}, "its own configuration", true},
    {"once alone", {"--once", "-f", "a"}, "'--once' belongs to", true},
};

TEST(OptionsTest, BadCommandLines) {
  for (const BadRow& row : kBad) {
    SCOPED_TRACE(row.name);
    Options options;
    OptionError error;
    EXPECT_FALSE(Parse(row.words, &options, &error));
    EXPECT_NE(error.message.find(row.part), std::string::npos) << error.message;
    EXPECT_EQ(error.show_usage, row.show_usage);
  }
}

TEST(OptionsTest, NoFileOnATerminalIsTheQuickstart) {
  Options options;
  OptionError error;
  ASSERT_TRUE(Parse({}, &options, &error, true));
  EXPECT_TRUE(options.quickstart);
  ASSERT_TRUE(Parse({"--once"}, &options, &error, true));
  EXPECT_TRUE(options.quickstart && options.once);
  EXPECT_TRUE(RunsInForeground(options, true));
  EXPECT_FALSE(Parse({"-D"}, &options, &error, true));
  EXPECT_FALSE(Parse({"-c"}, &options, &error, true));
  ASSERT_TRUE(Parse({"-f", "a"}, &options, &error, true));
  EXPECT_FALSE(options.quickstart);
}

std::string ManualPath() {
  const char* root = std::getenv("RINGWAY_SHARED");
  return (root != nullptr ? std::string(root) : RINGWAY_SOURCE_ROOT "/../shared") +
         "/manual/management.txt";
}

// "  -dM[<byte>[,]][help|options,...] : forces ..." gives "-dM".
std::string FlagOf(std::string_view line) {
  if (!line.starts_with("  -")) return {};
  line.remove_prefix(2);
  return std::string(line.substr(0, line.find_first_of(" <[:")));
}

TEST(OptionsTest, EveryFlagOfTheManualIsKnown) {
  std::ifstream manual(ManualPath());
  if (!manual) GTEST_SKIP() << "no manual at " << ManualPath() << " (set RINGWAY_SHARED)";
  bool inside = false;
  size_t count = 0;
  for (std::string line; std::getline(manual, line);) {
    if (line == "3. Starting HAProxy") inside = true;
    if (!inside) continue;
    if (line.starts_with("A safe way to start HAProxy")) break;
    const std::string flag = FlagOf(line);
    if (flag.empty()) continue;
    ++count;
    const FlagInfo* info = FindFlagInfo(flag);
    ASSERT_NE(info, nullptr) << "no row for '" << flag << "'";
    EXPECT_EQ(info->note.empty(), info->state == FlagState::kWorks) << flag;
    EXPECT_NE(UsageText().find(flag), std::string::npos) << flag << " is not in the usage";
  }
  EXPECT_GE(count, 45u);
}

// Accepted under -c whatever its state, so that a unit file's check works.
TEST(OptionsTest, EveryFlagIsAcceptedUnderCheck) {
  for (const Words& words : std::vector<Words>{
           {"-4"},      {"-D"},       {"-V"},      {"-c"},  {"-d"},  {"-dAx"}, {"-dC"},
           {"-dC1"},    {"-dD"},      {"-dF"},     {"-dG"}, {"-dI"}, {"-dL"},  {"-dM"},
           {"-dR"},     {"-dS"},      {"-dT"},     {"-dV"}, {"-dW"}, {"-dZ"},  {"-db"},
           {"-dc"},     {"-de"},      {"-dKall"},  {"-dk"}, {"-dp"}, {"-dr"},  {"-dt"},
           {"-dv"},     {"-q"},       {"-sf"},     {"-st"}, {"-W"},  {"-Ws"},  {"-S", "x"},
           {"-x", "x"}, {"-sf", "1"}, {"-st", "1"}}) {
    Words all = {"-c", "-f", "a"};
    all.insert(all.end(), words.begin(), words.end());
    Options options;
    OptionError error;
    EXPECT_TRUE(Parse(all, &options, &error)) << words[0] << ": " << error.message;
  }
}

TEST(OptionsTest, UsageFitsATerminal) {
  size_t column = 0;
  for (char c : UsageText()) {
    column = c == '\n' ? 0 : column + 1;
    ASSERT_LE(column, 100u);
  }
}

}  // namespace
}  // namespace engine
