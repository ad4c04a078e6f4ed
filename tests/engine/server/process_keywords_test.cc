#include "engine/server/process_keywords.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tests/engine/server/build_text.h"

namespace engine {
namespace {

GlobalConfig GlobalOf(const std::string& lines) {
  BuiltText built("global\n" + lines);
  EXPECT_NE(built.configuration, nullptr) << built.Render();
  return built.configuration == nullptr ? GlobalConfig() : built.configuration->global;
}

TEST(ProcessKeywords, DefaultsAreTheManuals) {
  const GlobalConfig global = GlobalOf("");
  EXPECT_TRUE(global.capabilities.empty());
  EXPECT_FALSE(global.dumpable || global.setuid_programs_work || global.prealloc_fd ||
               global.reject_privileged_ports);
  EXPECT_TRUE(global.reuse_port && global.getaddrinfo && global.strict_limits);
  EXPECT_EQ(global.grace_ms + global.close_spread_ms + global.fd_hard_limit, 0u);
}

TEST(ProcessKeywords, ValuesAreTaken) {
  const GlobalConfig global = GlobalOf(R"(
  chroot auto
  setcap cap_net_raw,cap_net_bind_service
  set-dumpable
  insecure-setuid-wanted
  insecure-fork-wanted
  fd-hard-limit 5000
  prealloc-fd
  noreuseport
  nogetaddrinfo
  grace 2s
  close-spread-time 1m
  hard-stop-after 3s
  harden.reject-privileged-ports.tcp on
  localpeer me
  node a-b_1
)");
  EXPECT_EQ(global.chroot, "auto");
  EXPECT_EQ(global.capabilities, (std::vector<int>{CAP_NET_RAW, CAP_NET_BIND_SERVICE}));
  EXPECT_TRUE(global.dumpable && global.setuid_programs_work && global.prealloc_fd &&
              global.reject_privileged_ports);
  EXPECT_FALSE(global.reuse_port || global.getaddrinfo);
  EXPECT_EQ(global.fd_hard_limit, 5000u);
  EXPECT_EQ(global.grace_ms, 2000u);
  EXPECT_EQ(global.close_spread_ms, 60000u);
  EXPECT_EQ(global.hard_stop_after_ms, 3000u);
  EXPECT_EQ(global.node, "a-b_1");
  EXPECT_EQ(GlobalOf(" close-spread-time infinite\n").close_spread_ms,
            GlobalConfig::kSpreadForEver);
}

TEST(ProcessKeywords, TheLastLineWinsAndNoUndoes) {
  EXPECT_FALSE(GlobalOf(" set-dumpable\n set-dumpable off\n").dumpable);
  EXPECT_FALSE(GlobalOf(" set-dumpable on\n no set-dumpable\n").dumpable);
  EXPECT_TRUE(GlobalOf(" set-dumpable libs\n").dumpable);
  EXPECT_FALSE(
      GlobalOf(" insecure-setuid-wanted\n no insecure-setuid-wanted\n").setuid_programs_work);
  EXPECT_TRUE(GlobalOf(" noreuseport\n no noreuseport\n").reuse_port);
}

TEST(ProcessKeywords, BadValuesAreRefused) {
  const struct {
    const char* line;
    const char* part;
  } rows[] = {
      {"default-path", "expects 'current'"},
      {"default-path here", "'here'"},
      {"default-path config x", "unexpected 'x'"},
      {"default-path origin", "'origin' expects a directory"},
      {"default-path origin /no/such/folder", "cannot enter directory '/no/such/folder'"},
      {"default-path origin /etc/passwd", "cannot enter directory '/etc/passwd'"},
      {"unix-bind", "expects 'prefix'"},
      {"unix-bind prefix", "expects 'prefix'"},
      {"unix-bind mode 999", "octal"},
      {"unix-bind user nobody-here", "no such user"},
      {"unix-bind group nobody-here", "no such group"},
      {"unix-bind uid x", "integer"},
      {"unix-bind mode 600 prefix", "'prefix' expects a value"},
      {"unix-bind owner me", "'owner'"},
      {"setcap", "cap_net_admin, cap_net_bind_service"},
      {"setcap cap_sys_boot", "unknown capability 'cap_sys_boot'"},
      {"setcap cap_net_raw,", "unknown capability ''"},
      {"set-dumpable maybe", "'maybe'"},
      {"chroot", "expects a directory"},
      {"node a.b", "letters, digits"},
      {"node", "expects a name"},
      {"localpeer", "expects a name"},
      {"fd-hard-limit 0", "integer"},
      {"fd-hard-limit", "expects an integer"},
      {"grace soon", "time"},
      {"close-spread-time never", "time"},
      {"close-spread-time", "expects a time, or 'infinite'"},
      {"hard-stop-after", "expects a time"},
      {"harden.reject-privileged-ports.tcp maybe", "'maybe'"},
      {"prealloc-fd 3", "unexpected '3'"},
      {"user nobody-here", "no such user 'nobody-here'"},
      {"group nobody-here", "no such group 'nobody-here'"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.line);
    BuiltText built("global\n " + std::string(row.line) + "\n");
    EXPECT_EQ(built.configuration, nullptr);
    ASSERT_EQ(built.errors().size(), 1u) << built.Render();
    EXPECT_TRUE(built.errors()[0].starts_with("2:")) << built.errors()[0];
    EXPECT_NE(built.errors()[0].find(row.part), std::string::npos) << built.errors()[0];
  }
}

TEST(ProcessKeywords, UnixBindIsWhatBindLinesStartFrom) {
  BuiltText built(R"(global
  unix-bind prefix /jail mode 600 uid 7 gid 8
  stats socket /run/s.sock
listen a
  timeout client 1s
  bind /a.sock
  bind unix@/b.sock mode 660 uid 9
  bind abns@c
  bind :80
)");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  const auto& binds = built.configuration->proxies[0]->binds;
  EXPECT_EQ(binds[0]->addresses[0].Name(), "unix@/jail/a.sock");
  EXPECT_EQ(binds[0]->addresses[0].address.ToString(), "unix:/jail/a.sock");
  EXPECT_EQ(binds[0]->mode, 0600);
  EXPECT_EQ(binds[0]->uid, 7);
  EXPECT_EQ(binds[1]->addresses[0].Name(), "unix@/jail/b.sock");
  EXPECT_EQ(binds[1]->mode, 0660);
  EXPECT_EQ(binds[1]->uid, 9);
  EXPECT_EQ(binds[1]->gid, 8);
  EXPECT_EQ(binds[2]->addresses[0].Name(), "abns@c");
  EXPECT_EQ(binds[3]->addresses[0].Name(), "ipv4@0.0.0.0:80");
  // Tools look for it where the file says.
  const auto& stats = built.configuration->proxies[1]->binds;
  EXPECT_EQ(stats[0]->addresses[0].Name(), "unix@/run/s.sock");
  EXPECT_EQ(stats[0]->mode, -1);
}

TEST(ProcessKeywords, PrefixMustLeaveRoomForThePath) {
  BuiltText built("global\n unix-bind prefix /" + std::string(100, 'x') +
                  "\nlisten a\n timeout client 1s\n bind /abcdefgh\n");
  ASSERT_EQ(built.errors().size(), 1u) << built.Render();
  EXPECT_NE(built.errors()[0].find("too long with the prefix"), std::string::npos);
}

// The path that a file named "f" on the last line is opened with.
std::string PathAfter(const std::string& global_lines, const std::string& file = "d/e/t.cfg") {
  Environment environment;
  ConditionFacts facts;
  Diagnostics diagnostics;
  Tree tree;
  EXPECT_TRUE(tree.ReadText(file, "global\n" + global_lines + "listen a\n errorfile 503 f\n",
                            {environment, facts, diagnostics}));
  BuildOptions options;
  (void)Build(tree, diagnostics, options);
  const std::string text = diagnostics.Render();
  const size_t end = text.find("f':");
  if (end == std::string::npos) return text;
  const size_t start = text.rfind('\'', end);
  return text.substr(start + 1, end - start);
}

TEST(ProcessKeywords, DefaultPathSaysWhereFilesLie) {
  EXPECT_EQ(PathAfter(""), "f");
  EXPECT_EQ(PathAfter(" default-path current\n"), "f");
  EXPECT_EQ(PathAfter(" default-path config\n"), "d/e/f");
  EXPECT_EQ(PathAfter(" default-path config\n", "t.cfg"), "f");
  EXPECT_EQ(PathAfter(" default-path parent\n"), "d/e/../f");
  EXPECT_EQ(PathAfter(" default-path parent\n", "t.cfg"), "../f");
  EXPECT_EQ(PathAfter(" default-path origin /tmp\n"), "/tmp/f");
  EXPECT_EQ(PathAfter(" default-path origin /tmp\n default-path current\n"), "f");
}

TEST(ProcessKeywords, DefaultPathHoldsForLaterLinesOnly) {
  BuiltText built(R"(defaults
  errorfile 503 before.http
global
  default-path origin /tmp
listen a
  timeout client 1s
  bind :80
  errorfile 502 after.http
)");
  const std::string text = built.Render();
  EXPECT_NE(text.find("'before.http':"), std::string::npos) << text;
  EXPECT_NE(text.find("'/tmp/after.http':"), std::string::npos) << text;
  EXPECT_EQ(built.errors().size(), 2u) << text;
}

TEST(ProcessKeywords, ProxyMaxconnIsForFrontendsThatSetNone) {
  BuildOptions options;
  options.proxy_maxconn = 50;
  BuiltText built(
      "listen a\n timeout client 1s\n bind :80\nlisten b\n timeout client 1s\n bind :81\n maxconn "
      "7\nbackend c\n",
      options);
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  EXPECT_EQ(built.configuration->proxies[0]->maxconn, 50u);
  EXPECT_EQ(built.configuration->proxies[1]->maxconn, 7u);
  EXPECT_EQ(built.configuration->proxies[2]->maxconn, 0u);
}

TEST(ProcessKeywords, UnresolvedServerStaysOutOnlyWhenAsked) {
  const std::string text =
      "listen a\n timeout client 1s\n timeout connect 1s\n timeout server 1s\n bind :80\n"
      " server s nowhere.invalid:80 enabled\n";
  EXPECT_EQ(BuiltText(text).configuration, nullptr);
  BuildOptions options;
  options.resolve_may_fail = true;
  BuiltText built(text, options);
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  EXPECT_FALSE(built.configuration->proxies[0]->servers[0]->has_address);
  ASSERT_EQ(built.warnings().size(), 1u);
  EXPECT_NE(built.warnings()[0].find("server 's': could not resolve"), std::string::npos);
}

}  // namespace
}  // namespace engine
