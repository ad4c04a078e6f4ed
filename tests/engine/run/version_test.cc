#include "engine/run/version.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "base/text.h"

namespace engine {
namespace {

std::vector<std::string_view> Lines(const std::string& text) { return base::Split(text, '\n'); }

TEST(VersionTest, OursFirstThenHaproxysShape) {
  const std::string text = VersionText();
  const auto lines = Lines(text);
  ASSERT_GE(lines.size(), 3u);
  EXPECT_EQ(lines[0], std::string("Ringway version ") + RINGWAY_VERSION);
  EXPECT_TRUE(lines[1].starts_with("HAProxy version 3.5-") && lines[1].ends_with(" compatible"))
      << lines[1];
  EXPECT_EQ(base::Split(lines[1], ' ').size(), 4u) << lines[1];
  EXPECT_TRUE(lines[2].starts_with("Running on: Linux "));
}

BuildFacts Facts() {
  BuildFacts facts;
  facts.drivers = {{"poll", 100, true, ""}, {"uring", 300, true, "recv_multishot"}};
  facts.default_threads = 2;
  facts.libraries = {"Built with BoringSSL"};
  facts.services = {"echo", "stats"};
  facts.muxes = {"none : mode=TCP  side=FE|BE  mux=PASS"};
  return facts;
}

TEST(VersionTest, BuildTextShape) {
  const std::string text = BuildText(Facts());
  EXPECT_TRUE(text.starts_with("Ringway version "));
  for (const char* line :
       {"\nHAProxy version 3.5-", "\nBuild options :\n", "\n  TARGET  = linux-glibc\n",
        "\n  OPTIONS = USE_", "\nFeature list :", "\nDefault settings :\n",
        "\n  bufsize = 16384, maxrewrite = 1024\n",
        "\nBuilt with multi-threading support (default=2).\n", "\nBuilt with BoringSSL\n",
        "\nAvailable polling systems :\n      uring : pref=300,  test result OK  (recv_multishot)\n"
        "       poll : pref=100,  test result OK\nTotal: 2 (2 usable), will use uring.\n",
        "\nAvailable multiplexer protocols :\n  none : ", "\nAvailable services : echo stats\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\nin\n" << text;
  }
}

TEST(VersionTest, UnusableDriverIsNotChosen) {
  BuildFacts facts = Facts();
  facts.drivers[1].usable = false;
  facts.drivers[1].details = "io_uring_setup: EPERM";
  const std::string text = BuildText(facts);
  EXPECT_NE(text.find("uring : pref=300,  test result FAILED  (io_uring_setup: EPERM)"),
            std::string::npos);
  EXPECT_NE(text.find("Total: 2 (1 usable), will use poll."), std::string::npos);
  EXPECT_NE(BuildText({}).find("Total: 0 (0 usable), will use none."), std::string::npos);
}

// One line, each word a sign and a name, and `feature()` agrees with the sign.
TEST(VersionTest, FeatureListAgreesWithConditions) {
  const std::string text = BuildText(Facts());
  const size_t start = text.find("\nFeature list :") + 15;
  const std::string list = text.substr(start, text.find('\n', start) - start);
  const ConditionFacts facts = MakeConditionFacts({});
  Environment environment;
  size_t seen = 0;
  for (std::string_view word : base::Split(list, ' ')) {
    if (word.empty()) continue;
    ++seen;
    ASSERT_TRUE(word[0] == '+' || word[0] == '-') << word;
    const std::string name(word.substr(1));
    EXPECT_EQ(HasFeature(name), word[0] == '+') << name;
    const Condition condition = EvaluateCondition("feature(" + name + ")", environment, facts);
    EXPECT_EQ(condition.result, word[0] == '+' ? ConditionResult::kTrue : ConditionResult::kFalse)
        << name;
  }
  EXPECT_GT(seen, 40u);
  EXPECT_TRUE(HasFeature("THREAD"));
  EXPECT_FALSE(HasFeature("NOSUCH"));
}

struct ConditionRow {
  const char* condition;
  ConditionResult result;
};
TEST(VersionTest, ConditionsOfTheContract) {
  const ConditionRow rows[] = {
      {"version_atleast(3.5)", ConditionResult::kTrue},
      {"version_atleast(3.4.9)", ConditionResult::kTrue},
      {"version_atleast(2.4-dev19)", ConditionResult::kTrue},
      {"version_before(3.6)", ConditionResult::kTrue},
      {"version_before(3.5)", ConditionResult::kFalse},
      {"ssllib_name_startswith(OpenSSL)", ConditionResult::kTrue},
      {"openssl_version_atleast(1.1.1)", ConditionResult::kTrue},
      {"openssl_version_atleast(3.0.0)", ConditionResult::kTrue},
      {"fips_mode()", ConditionResult::kFalse},
      {"feature(OPENSSL)", ConditionResult::kTrue},       // tests/scenario/tls_test.py
      {"feature(SSL)", ConditionResult::kTrue},           // the same
      {"feature(BACKTRACE)", ConditionResult::kTrue},     // tests/engine/run/crash_report_test.cc
      {"feature(NETFILTER)", ConditionResult::kTrue},     // tests/engine/server/builder_test.cc
      {"feature(TFO)", ConditionResult::kTrue},           // the same
      {"feature(PCRE2)", ConditionResult::kTrue},         // tests/engine/check/expect_test.cc
      {"feature(TPROXY)", ConditionResult::kTrue},        // tests/scenario/source_test.py
      {"feature(LINUX_TPROXY)", ConditionResult::kTrue},  // the same
      {"feature(LINUX_CAP)", ConditionResult::kTrue},     // tests/engine/run/privileges_test.cc
      {"feature(LIBCRYPT)", ConditionResult::kTrue},      // tests/scenario/rules/auth.vtc
      {"feature(SYSTEMD)", ConditionResult::kTrue},       // tests/scenario/master_test.py
      {"feature(PROMEX)", ConditionResult::kTrue},        // tests/scenario/stats_page_test.py
      {"feature(QUIC)", ConditionResult::kFalse},
      {"feature(LUA)", ConditionResult::kFalse},
      {"enabled(REUSEPORT)", ConditionResult::kTrue},
      {"enabled(SERVER-SSL-VERIFY-NONE)", ConditionResult::kFalse},
      {"enabled(NOSUCH)", ConditionResult::kUnparsable},
  };
  const ConditionFacts facts = MakeConditionFacts({});
  Environment environment;
  for (const ConditionRow& row : rows) {
    EXPECT_EQ(EvaluateCondition(row.condition, environment, facts).result, row.result)
        << row.condition;
  }
}

TEST(VersionTest, OptionsTurnEnabledOptionsOff) {
  Options options;
  options.no_reuseport = options.no_epoll = options.no_getaddrinfo = options.no_splice = true;
  options.server_verify_none = true;
  EXPECT_EQ(MakeConditionFacts(options).enabled_options,
            std::vector<std::string>{"SERVER-SSL-VERIFY-NONE"});
}

TEST(VersionTest, PresetVariables) {
  Environment environment;
  environment.Set("HAPROXY_MWORKER", "1");
  environment.Set("HAPROXY_CLI", "of somebody else");
  Options options;
  options.local_peer = "me";
  PresetVariables(options, &environment);
  EXPECT_EQ(*environment.Find("HAPROXY_LOCALPEER"), "me");
  EXPECT_EQ(*environment.Find("HAPROXY_BRANCH"), "3.5");
  EXPECT_EQ(*environment.Find("HAPROXY_STARTUP_VERSION"), CompatibleVersion());
  for (const char* name :
       {"HAPROXY_CFGFILES", "HAPROXY_MWORKER", "HAPROXY_CLI", "HAPROXY_MASTER_CLI"}) {
    EXPECT_EQ(environment.Find(name), nullptr) << name;
  }
  PresetLateVariables({"/a.cfg", "/b.cfg"}, {"unix@/s"}, &environment);
  EXPECT_EQ(*environment.Find("HAPROXY_CFGFILES"), "/a.cfg;/b.cfg");
  EXPECT_EQ(*environment.Find("HAPROXY_CLI"), "unix@/s");

  Environment other;
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  PresetVariables({}, &other);
  EXPECT_EQ(*other.Find("HAPROXY_LOCALPEER"), name);
  PresetLateVariables({"/a.cfg"}, {}, &other);
  EXPECT_EQ(other.Find("HAPROXY_CLI"), nullptr);
}

TEST(VersionTest, LogFormatsAreForTheConfigurationAlone) {
  Environment environment;
  PresetVariables({}, &environment);
  for (const char* name :
       {"HTTP", "HTTP_CLF", "HTTPS", "TCP", "TCP_CLF", "KEYLOG_FC", "KEYLOG_BC"}) {
    const std::string variable = std::string("HAPROXY_") + name + "_LOG_FMT";
    EXPECT_NE(environment.Find(variable), nullptr) << variable;
    for (const std::string& listed : environment.List()) {
      EXPECT_FALSE(listed.starts_with(variable)) << listed;
    }
  }
  // manual 8.2.2, "strict equivalent of option tcplog".
  EXPECT_EQ(*environment.Find("HAPROXY_TCP_LOG_FMT"),
            "%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq");
}

}  // namespace
}  // namespace engine
