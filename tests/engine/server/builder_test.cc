#include "engine/server/builder.h"

#include <gtest/gtest.h>

#include <pwd.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "engine/server/rule_config.h"
#include "tests/engine/server/build_text.h"

namespace engine {
namespace {

constexpr const char* kTimeouts =
    "defaults\n timeout connect 1s\n timeout client 30s\n timeout server 40s\n";

// Its lines count from 1, so that a message is easy to place.
std::string BackendText(const std::string& lines) { return "backend b\n" + lines; }

TEST(Builder, SimpleTcpFileBuilds) {
  BuiltText built(R"(global
  nbthread 2
  maxconn 1000
defaults
  mode tcp
  timeout connect 1s
  timeout client 30s
  timeout server 40s
  default-server weight 10
frontend in
  bind 127.0.0.1:8000-8001,:8003 name http backlog 64
  default_backend app
backend app
  balance roundrobin
  server a 127.0.0.1:9000
  server b [::1]:9001 weight 3 backup
listen both
  bind /tmp/ringway-test.sock mode 660
  server c unix@/tmp/other.sock maxconn 5
)");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  EXPECT_TRUE(built.warnings().empty()) << built.Render();
  const Configuration& all = *built.configuration;
  EXPECT_EQ(all.global.nbthread, 2u);
  ASSERT_EQ(all.proxies.size(), 3u);
  const ProxyConfig& in = *all.proxies[0];
  ASSERT_EQ(in.binds.size(), 1u);
  ASSERT_EQ(in.binds[0]->addresses.size(), 3u);
  EXPECT_EQ(in.binds[0]->addresses[1].address.ToString(), "127.0.0.1:8001");
  EXPECT_EQ(in.binds[0]->addresses[2].address.ToString(), "0.0.0.0:8003");
  EXPECT_EQ(in.binds[0]->backlog, 64u);
  EXPECT_EQ(in.default_backend, all.FindBackend("app"));
  EXPECT_EQ(in.timeouts.client_ms, 30000u);
  EXPECT_EQ(in.place.line, 10);
  const ProxyConfig& app = *all.proxies[1];
  ASSERT_EQ(app.servers.size(), 2u);
  EXPECT_EQ(app.balance, BalanceAlgorithm::kRoundRobin);
  EXPECT_EQ(app.servers[0]->weight, 10u);
  EXPECT_EQ(app.servers[1]->weight, 3u);
  EXPECT_TRUE(app.servers[1]->backup);
  EXPECT_EQ(app.servers[1]->address.ToString(), "[::1]:9001");
  EXPECT_EQ(app.servers[1]->id, 2u);
  EXPECT_GT(app.servers[1]->socket_address_length, 0u);
  const ProxyConfig& both = *all.proxies[2];
  EXPECT_EQ(both.binds[0]->addresses[0].address.ToString(), "unix:/tmp/ringway-test.sock");
  EXPECT_EQ(both.binds[0]->mode, 0660);
  EXPECT_EQ(both.servers[0]->address.ToString(), "unix:/tmp/other.sock");
  EXPECT_EQ(both.servers[0]->maxconn, 5u);
  EXPECT_EQ(both.timeouts.queue_ms, 1000u);
}

// Refusals -------------------------------------------------------------------------------------

struct ErrorRow {
  const char* name;
  std::string text;
  std::vector<std::string> errors;
};

const std::vector<ErrorRow> kBuildFaults = {
    {"LogFormatEmpty", "frontend a\n log-format \"\"\n", {"2:13 'log-format': expects a format"}},
    {"LogTagEmpty", "global\n log-tag \"\"\n", {"2:10 'log-tag': expects a tag"}},
    {"LogTagEmptyOfProxy", "frontend a\n log-tag ''\n", {"2:10 'log-tag': expects a tag"}},
    {"NoLogWithArgument", "global\n no log x\n", {"2:9 'log': 'no log' takes no argument"}},
    {"ModeLog", "backend a\n mode log\n", {"2:7 'mode log' is not supported yet"}},
    {"UnknownMode",
     "listen a\n mode htp\n",
     {"2:7 'mode': expects 'tcp', 'http', 'log', 'spop', 'haterm' or 'health', not 'htp'; did "
      "you mean 'http'?"}},
    {"BalanceUnsupported",
     BackendText(" balance log-hash x\n"),
     {"2:10 'balance log-hash' is not supported yet"}},
    {"BalanceHash", BackendText(" balance hash\n"), {"2:14 'balance': expects an expression"}},
    {"BalanceHashOfNothing",
     BackendText(" balance hash nope\n"),
     {"2:15 'balance': unknown sample fetch 'nope'"}},
    {"BalanceHashTooLate",
     BackendText(" balance hash status\n"),
     {"2:15 'balance': 'status' needs the HTTP response, which is not at hand here"}},
    {"BalanceRdpCookie",
     BackendText(" balance rdp-cookie(x\n"),
     {"2:10 'balance': expects 'rdp-cookie(NAME)'"}},
    {"PersistRdpCookie",
     BackendText(" persist rdp-cookie(x\n"),
     {"2:10 'persist' expects 'rdp-cookie(NAME)'"}},
    {"LogProfileStep", "log-profile p\n on odd drop\n", {"2:5 'on': unknown step 'odd'"}},
    {"LogStepsWord",
     "frontend f\n log-steps accept,clos\n",
     {"2:12 'log-steps': unknown step 'clos'"}},
    {"LogStepsEmpty", "frontend f\n log-steps accept,\n", {"2:12 'log-steps': unknown step ''"}},
    {"LogStepsOfRules",
     "frontend f\n log-steps http-req\n",
     {"2:12 'log-steps': unknown step 'http-req'"}},
    {"LogProfileWord", "log-profile p\n on any odd\n", {"2:9 'on': unexpected 'odd'"}},
    {"LogProfileFormat",
     "log-profile p\n on any format %nope\n",
     {"2:16 log format: no such item: '%nope'"}},
    {"LogProfileTwice",
     "log-profile p\nlog-profile p\n",
     {"2:13 log-profile section 'p' already exists"}},
    {"BalanceCheckPost",
     BackendText(" balance url_param id check_post\n"),
     {"2:23 'balance': 'check_post' is not supported yet"}},
    {"BalanceUriWord",
     BackendText(" balance uri depht 2\n"),
     {"2:14 'balance': 'uri' does not know 'depht'"}},
    {"BalanceUriDepth",
     BackendText(" balance uri depth 0\n"),
     {"2:20 'balance': '0' is out of range: expects an integer between 1 and 2147483647"}},
    {"BalanceHdr", BackendText(" balance hdr\n"), {"2:10 'balance': expects 'hdr(NAME)'"}},
    {"HashType",
     BackendText(" hash-type consistent md5\n"),
     {"2:23 'hash-type': expects 'sdbm', 'djb2', 'wt6', 'crc32' or 'none', not 'md5'"}},
    {"HashModifier",
     BackendText(" hash-type consistent djb2 storm\n"),
     {"2:28 'hash-type': unknown modifier 'storm'"}},
    {"HashFactor",
     BackendText(" hash-balance-factor 100\n"),
     {"2:22 'hash-balance-factor': expects 0 or a percentage above 100"}},
    {"HashKeyUnknown",
     BackendText(" server s 1.2.3.4:80 hash-key guide\n"),
     {"2:31 'hash-key': expects 'id', 'id32', 'addr', 'addr-port' or 'guid', not 'guide'; did you "
      "mean 'guid'?"}},
    {"SandboxWord",
     "global\n tune.sandbox yes\n",
     {"2:15 'tune.sandbox': expects 'off' or 'on', not 'yes'"}},
    {"SandboxForbidsPrograms",
     "global\n tune.sandbox on\n external-check\n",
     {"2:15 'tune.sandbox on' forbids this process to start programs, and "
      "'external-check' asks for it: one of the two has to go"}},
    {"GuidOfOddBytes",
     BackendText(" guid a/b\n"),
     {"2:7 'guid': a guid is made of letters, digits, '.', ':', '-' and '_'"}},
    {"GuidTooLong",
     BackendText(" server s 1.2.3.4:80 guid " + std::string(128, 'x') + "\n"),
     {"2:27 'guid': a guid has 127 characters at most"}},
    {"GuidWithoutName", BackendText(" guid\n"), {"2:6 'guid': expects a name"}},
    {"GuidTwice",
     BackendText(" guid a\n server s 1.2.3.4:80 guid a\n"),
     {"3:27 guid 'a' is already used at t.cfg:2"}},
    {"GuidOfPrefix",
     "frontend f\n bind 127.0.0.1:80-81 guid-prefix g\nbackend b\n guid g-1\n",
     {"4:7 guid 'g-1' is already used at t.cfg:2"}},
    {"GuidInDefaultServer",
     BackendText(" default-server guid a\n"),
     {"2:17 'guid' is not allowed on a 'default-server' line"}},
    {"BalanceUnknown",
     BackendText(" balance roundrobn\n"),
     {"2:10 'balance': unknown algorithm 'roundrobn'"}},
    {"RandomDraws",
     BackendText(" balance random(0)\n"),
     {"2:10 'balance': '0' is out of range: expects an integer between 1 and 2147483647"}},
    {"UnknownBackend",
     "frontend f\n default_backend nope\n",
     {"2:18 unable to find required default_backend: 'nope'"}},
    {"FrontendAsBackend",
     "frontend f\n use_backend f\n",
     {"2:14 unable to find required use_backend: 'f'"}},
    {"LeadsToItself",
     "listen l\n use_backend l if TRUE\n default_backend l\n",
     {"2:14 loop detected for 'use_backend': listen 'l' leads to itself",
      "3:18 loop detected for 'default_backend': listen 'l' leads to itself"}},
    {"Condition",
     "frontend f\n use_backend b if { src 1.2.3 4 5.x }\nbackend b\n",
     {"2:33 'use_backend': '5.x' is neither an IPv4 nor an IPv6 address or network"}},
    {"DynamicBackend",
     "frontend f\n use_backend %[hdr(host\n",
     {"2:14 'use_backend': 'hdr': its arguments have no closing ')'"}},
    {"SameName",
     "frontend f\nbackend f\n",
     {"2:9 backend 'f' has the same name as frontend 'f' declared at t.cfg:1"}},
    {"SameServer",
     BackendText(" server s 1.2.3.4:1\n server s 1.2.3.4:2\n"),
     {"3:9 'server': another server named 's' was already defined at t.cfg:2"}},
    {"SameServerId",
     BackendText(" server s 1.2.3.4:1 id 4\n server t 1.2.3.4:2 id 4\n"),
     {"3:24 custom id 4 already used at t.cfg:2 (server 's')"}},
    {"SameProxyId",
     "backend a\n id 7\nbackend b\n id 7\n",
     {"4:5 custom id 7 already used at t.cfg:1 (backend 'a')"}},
    {"SameBindId",
     "frontend f\n bind :1 id 3\n bind :2 id 3\n",
     {"3:13 custom id 3 already used at t.cfg:2 ('bind')"}},
    {"IdOfManySockets",
     "frontend f\n bind :1-2 id 3\n",
     {"2:15 'id' names one socket, but this line has 2"}},
    {"ServerWithoutAddress",
     BackendText(" server s\n"),
     {"2:10 'server': expects a name and an address"}},
    {"ServerPortOffset",
     BackendText(" server s 1.2.3.4:+70000\n"),
     {"2:11 'server': invalid port offset '+70000' in '1.2.3.4:+70000'"}},
    {"ServerUnresolved",
     BackendText(" server s x.invalid:80\n"),
     {"2:11 'server': could not resolve address 'x.invalid'"}},
    {"ServerWeight",
     BackendText(" server s 1.2.3.4:80 weight 300\n"),
     {"2:29 'weight': '300' is out of range: expects an integer between 0 and 256"}},
    {"ServerInFrontend",
     "frontend f\n server s 1.2.3.4:80\n",
     {"2:2 'server' is not allowed in a 'frontend' section"}},
    {"ServerCheck",
     BackendText(" server s 1.2.3.4:80 check inter 2s check-ssl\n"),
     {"2:0 server 's': 'ssl' verifies the server's certificate, which needs a 'ca-file' "
      "('@system-ca' for the system's); 'verify none' trusts anybody"}},
    {"ServerTlv",
     BackendText(" server s 1.2.3.4:80 set-proxy-v2-tlv-fmt(0x20) %[none]\n"),
     {"2:49 'set-proxy-v2-tlv-fmt': unknown sample fetch 'none'"}},
    {"SourceUsesrcAlone",
     BackendText(" server s 1.2.3.4:80 source 0.0.0.0 usesrc\n"),
     {"2:43 'source': 'usesrc' expects 'client', 'clientip', 'hdr_ip(NAME)' or an address"}},
    {"SourceHeader",
     BackendText(" source 0.0.0.0 usesrc hdr_ip(,1)\n"),
     {"2:24 'source': 'hdr_ip' expects a header name"}},
    {"SourceRangeOfBackend",
     BackendText(" source 1.2.3.4:1000-2000\n"),
     {"2:9 'source': port range not permitted here in '1.2.3.4:1000-2000'"}},
    {"ServerUnknownOption",
     BackendText(" server s 1.2.3.4:80 wieght 3\n"),
     {"2:22 unknown keyword 'wieght' in 'server' line"}},
    {"EveryFaultOfALine",
     "frontend f\n bind :0,:70000 ssl crt x accept-netscaler-cip 0\n",
     {"2:7 'bind': invalid port '0' in ':0'", "2:7 'bind': invalid port '70000' in ':70000'",
      "2:48 'accept-netscaler-cip': '0' is out of range: expects an integer between 1 and "
      "4294967295",
      "2:0 'bind': cannot read 'x': No such file or directory"}},
    {"BindNothing",
     "frontend f\n bind\n",
     {"2:6 'bind': expects an address such as ':80' or '/path'"}},
    {"BindThread",
     "global\n nbthread 2\nfrontend f\n bind :1 thread 3\n",
     {"4:17 'thread': '3' names no thread: there are 2 (see 'nbthread')"}},
    {"BindInDefaults",
     "defaults\n bind :1\n",
     {"2:2 'bind' is not allowed in a 'defaults' section"}},
    {"ServiceUnknown",
     "frontend f\n tcp-request content use-service ecko\n",
     {"2:34 'tcp-request content use-service': no service is named 'ecko'"}},
    {"ServiceCondition",
     "frontend f\n tcp-request content use-service echo if TRUT\n",
     {"2:42 'tcp-request content use-service': no ACL is named 'TRUT'"}},
    {"ServiceInAnonymousDefaults",
     "defaults\n tcp-request content use-service echo\n",
     {"2:22 'tcp-request content': is only allowed in a 'defaults' section that has "
      "a name"}},
    {"SwitchModeNothing",
     "frontend f\n tcp-request content switch-mode\n",
     {"2:33 'tcp-request content switch-mode': expects 'http'"}},
    {"SwitchModeTcp",
     "frontend f\n tcp-request content switch-mode tcp\n",
     {"2:34 'tcp-request content switch-mode': expects 'http', not 'tcp'"}},
    {"SwitchModeProtoNothing",
     "frontend f\n tcp-request content switch-mode http proto\n",
     {"2:44 'tcp-request content switch-mode': expects a protocol"}},
    {"SwitchModeProtoNotYet",
     "frontend f\n tcp-request content switch-mode http proto h2\n",
     {"2:45 'tcp-request content switch-mode': 'proto h2' is not supported yet, only 'h1' is"}},
    {"SwitchModeProtoUnknown",
     "frontend f\n tcp-request content switch-mode http proto h3\n",
     {"2:45 'tcp-request content switch-mode': 'proto' expects 'h1', not 'h3'"}},
    {"SwitchModeBehind",
     "frontend f\n tcp-request content switch-mode http proto h1 h2\n",
     {"2:48 'tcp-request content switch-mode': unexpected 'h2'"}},
    {"SwitchModeInBackend",
     "backend b\n tcp-request content switch-mode http\n",
     {"2:22 'tcp-request content switch-mode': it is for a proxy that has clients, and backend 'b' "
      "has none"}},
    {"SwitchModeInDefaultsOfBackend",
     "defaults d\n tcp-request content switch-mode http\nbackend b\n",
     {"2:22 'tcp-request content switch-mode': it is for a proxy that has clients, and backend 'b' "
      "has none"}},
    {"SwitchModeElsewhere",
     "frontend f\n tcp-request session switch-mode http\n",
     {"2:22 'tcp-request session': unknown action 'switch-mode'"}},
    {"Rules",
     "frontend f\n tcp-request connection track-sc0 src\n",
     {"2:25 'tcp-request connection track-sc0' is not supported yet"}},
    {"TimeoutValue",
     BackendText(" timeout connect 1x\n"),
     {"2:18 'timeout connect': unexpected 'x' after the number in '1x': a time is an integer "
      "followed by us, ms, s, m, h or d"}},
    {"TimeoutMissing",
     BackendText(" timeout connect\n"),
     {"2:17 'timeout connect': expects a time such as '10s' or '500ms'"}},
    {"TooManyArguments", BackendText(" retries 3 4\n"), {"2:12 'retries': unexpected '4'"}},
    {"GlobalUser", "global\n user no-such-user\n", {"2:7 'user': no such user 'no-such-user'"}},
    {"GlobalThreads",
     "global\n nbthread 0\n",
     {"2:11 'nbthread': '0' is out of range: expects an integer between 1 and 64"}},
    {"GlobalCpuMap",
     "global\n cpu-map auto:1/1-4 0\n",
     {"2:10 'cpu-map': 'auto:' needs as many CPUs as threads, but there are 1 and 4"}},
    {"GlobalSocketLevel",
     "global\n stats socket /tmp/x level root\n",
     {"2:28 'level': expects 'user', 'operator' or 'admin', not 'root'"}},
    {"GlobalSocketWithTls",
     "global\n stats socket :9999 ssl\n",
     {"2:0 'bind': no certificate is given for this line with 'ssl' (use 'crt')"}},
    {"GlobalRing",
     "global\n tune.ring epoll\n",
     {"2:12 'tune.ring': expects 'auto', 'uring' or 'poll', not 'epoll'; did you mean "
      "'poll'?"}},
    {"Removed", "global\n nbproc 2\n", {"2:2 'nbproc' is not supported any more"}},
    {"Section", "log-forward x\n", {"1:1 'log-forward' sections are not supported yet"}},
    {"DefaultsValueThatNobodyInherits",
     "defaults\n retries x\n",
     {"2:10 'retries': expects an integer between 0 and 2147483647, not 'x'"}},
    {"DefaultsFaultIsSaidOnce",
     "defaults\n retries x\nbackend a\nbackend b\n",
     {"2:10 'retries': expects an integer between 0 and 2147483647, not 'x'"}},
};

TEST(Builder, FaultsAreReportedWithTheirPlace) {
  for (const ErrorRow& row : kBuildFaults) {
    const BuiltText built(row.text);
    EXPECT_EQ(built.configuration, nullptr) << row.name;
    EXPECT_EQ(built.errors(), row.errors) << row.name << "\n" << built.Render();
  }
}

// Warnings -------------------------------------------------------------------------------------

TEST(Builder, OddButLegalFilesAreWarnedAbout) {
  const std::vector<ErrorRow> rows = {
      {"MissingTimeouts",
       "listen a\n bind :1\n server s 1.2.3.4:80\n",
       {"1:8 missing timeouts for listen 'a'"}},
      {"NoTimeoutsNeeded", "backend b\nlisten c\n bind :1\n timeout client 1s\n", {}},
      {"DisabledNeedsNone", "listen a\n disabled\n bind :1\n server s 1.2.3.4:80\n", {}},
      {"NoBind", "frontend f\n", {"1:10 frontend 'f' has no 'bind' directive"}},
      {"BindOnBackend",
       BackendText(" bind :1\n"),
       {"2:2 'bind' ignored because backend 'b' has no frontend capability"}},
      {"BalanceOnFrontend",
       std::string(kTimeouts) + "frontend f\n bind :1\n balance first\n",
       {"7:2 'balance' ignored because frontend 'f' has no backend capability"}},
      {"DefaultsSpeakToBothHalves",
       std::string(kTimeouts) + "backend b\nfrontend f\n bind :1\n",
       {}},
      {"ServersNeverUsed",
       std::string(kTimeouts) + "listen a\n bind :1\n server s 1.2.3.4:80\n default_backend b\n"
                                "listen b\n bind :2\n server s 1.2.3.4:80\n default_backend a\n",
       {"8:18 the 'default_backend' of listen 'a' always has precedence over its servers, which "
        "will never be used",
        "12:18 the 'default_backend' of listen 'b' always has precedence over its servers, which "
        "will never be used"}},
      {"TunesOnly",
       BackendText(" option independent-streams\n email-alert to a@b\n"),
       {"2:2 'option independent-streams' is accepted but has no effect",
        "3:2 'email-alert to' is accepted but has no effect"}},
      {"EarlyData",
       BackendText(" retry-on 503 0rtt-rejected\n"),
       {"2:15 'retry-on': '0rtt-rejected' has no effect, as no early data is ever sent to "
        "servers"}},
      {"MoreThanTheSystemTakes",
       BackendText(" srvtcpka-idle 10h\n srvtcpka-cnt 128\n"),
       {"2:16 'srvtcpka-idle': the most that the system takes is 32767, which is used instead",
        "3:15 'srvtcpka-cnt': the most that the system takes is 127, which is used instead"}},
      {"OncePerWord",
       BackendText(" option independent-streams\nbackend c\n option independent-streams\n"),
       {"2:2 'option independent-streams' is accepted but has no effect"}},
      {"DisabledMayNameItself", "listen l\n disabled\n default_backend l\n use_backend l\n", {}},
      {"ThreadGroups",
       "global\n thread-groups 2\n",
       {"2:16 'thread-groups' is accepted but there is one group of threads"}},
      {"OneThreadGroup", "global\n thread-groups 1\n", {}},
      {"Section", "mailers u\n", {"1:1 'mailers' sections are accepted but have no effect"}},
  };
  for (const ErrorRow& row : rows) {
    const BuiltText built(row.text);
    EXPECT_NE(built.configuration, nullptr) << row.name << "\n" << built.Render();
    EXPECT_EQ(built.warnings(), row.errors) << row.name << "\n" << built.Render();
  }
}

// Values ---------------------------------------------------------------------------------------

TEST(Builder, GlobalWordsLandInTheirFields) {
  const passwd* me = getpwuid(getuid());
  ASSERT_NE(me, nullptr);
  const BuiltText built(std::string("global\n user ") + me->pw_name + R"(
  nbthread 3
  maxconn 4000
  ulimit-n 9000
  pidfile /run/x.pid
  gid 12
  chroot /var/empty
  daemon
  quiet
  node n1
  description a "b c"
  tune.bufsize 32k
  tune.maxrewrite 2048
  hard-stop-after 1m
  no strict-limits
  zero-warning
  tune.ring poll
  cpu-map auto:1/1-2 4-5
  cpu-map 1/3 0,1
)");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  const GlobalConfig& global = built.configuration->global;
  EXPECT_EQ(global.uid, int64_t(me->pw_uid));
  EXPECT_EQ(global.user, me->pw_name);
  EXPECT_EQ(global.gid, 12);
  EXPECT_EQ(global.nbthread, 3u);
  EXPECT_EQ(global.maxconn, 4000u);
  EXPECT_EQ(global.ulimit_n, 9000u);
  EXPECT_EQ(global.pidfile, "/run/x.pid");
  EXPECT_EQ(global.chroot, "/var/empty");
  EXPECT_TRUE(global.daemon);
  EXPECT_TRUE(global.quiet);
  EXPECT_EQ(global.node, "n1");
  EXPECT_EQ(global.description, "a b c");
  EXPECT_EQ(global.bufsize, 32768u);
  EXPECT_EQ(global.maxrewrite, 2048u);
  EXPECT_EQ(global.hard_stop_after_ms, 60000u);
  EXPECT_FALSE(global.strict_limits);
  EXPECT_TRUE(global.zero_warning);
  EXPECT_EQ(global.ring_driver, "poll");
  EXPECT_EQ(global.thread_cpus, (std::vector<std::vector<int>>{{4}, {5}, {0, 1}}));
}

TEST(Builder, BindOptionsLandInTheirFields) {
  const BuiltText built(R"(frontend a
  timeout client 1s
  bind :1 interface lo v4v6 mss 1400 tfo defer-accept shards 2 uid 3 gid 4
  bind fd@7 id 9 maxconn 11 backlog 12 mss -100
)");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  const ProxyConfig& a = *built.configuration->proxies[0];
  ASSERT_EQ(a.binds.size(), 2u);
  const BindConfig& first = *a.binds[0];
  EXPECT_EQ(first.interface, "lo");
  EXPECT_TRUE(first.v4v6);
  EXPECT_EQ(first.mss, 1400);
  EXPECT_TRUE(first.tcp_fast_open);
  EXPECT_TRUE(first.defer_accept);
  EXPECT_EQ(first.shards, 2u);
  EXPECT_EQ(first.uid, 3);
  EXPECT_EQ(first.gid, 4);
  EXPECT_EQ(first.id, 1u);
  EXPECT_EQ(first.frontend, &a);
  const BindConfig& second = *a.binds[1];
  EXPECT_EQ(second.addresses[0].inherited_fd, 7);
  EXPECT_EQ(second.addresses[0].address.family, AF_UNSPEC);
  EXPECT_EQ(second.id, 9u);
  EXPECT_EQ(second.mss, -100);
  EXPECT_EQ(second.maxconn, 11u);
  EXPECT_EQ(second.backlog, 12u);
}

TEST(Builder, ServerOptionsLandInTheirFields) {
  const BuiltText built(R"(backend a
  source 127.0.0.1
  server s 1.2.3.4:80 disabled weight 0
  server t 1.2.3.4:80 id 1 source 127.0.0.2:99 interface lo
  server u name:80
)");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  const ProxyConfig& a = *built.configuration->proxies[0];
  ASSERT_EQ(a.servers.size(), 3u);
  EXPECT_TRUE(a.servers[0]->disabled);
  EXPECT_EQ(a.servers[0]->weight, 0u);
  EXPECT_EQ(a.servers[0]->id, 2u);
  EXPECT_EQ(a.servers[0]->source.address.ToString(), "127.0.0.1:0");
  EXPECT_EQ(a.servers[1]->id, 1u);
  EXPECT_EQ(a.servers[1]->source.address.ToString(), "127.0.0.2:99");
  EXPECT_EQ(a.servers[1]->source.interface, "lo");
  EXPECT_EQ(a.servers[2]->address.ToString(), "192.0.2.1:80");
  EXPECT_EQ(a.servers[2]->backend, &a);
}

TEST(Builder, SourcesLandInTheirFieldsAndTheProxysGoesToServersWithout) {
  const BuiltText built(R"(backend a
  mode http
  source 10.0.0.1:99 usesrc clientip interface lo
  server s 1.2.3.4:80 source 10.0.0.2:1000-1999
  server t 1.2.3.4:80
  server u 1.2.3.4:80 source 0.0.0.0 usesrc hdr_ip(x-forwarded-for,2)
  server v 1.2.3.4:80 source 0.0.0.0 usesrc hdr_ip(x-forwarded-for,0)
  server w 1.2.3.4:80 source 0.0.0.0 usesrc 10.0.0.3:77 tcp-ut 3s
)");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  const auto& servers = built.configuration->proxies[0]->servers;
  const auto source = [&](size_t server) -> const SourceConfig& { return servers[server]->source; };
  EXPECT_EQ(source(0).address.ToString(), "10.0.0.2:1000");
  EXPECT_EQ(source(0).ports(), 1000u);
  EXPECT_FALSE(source(0).is_transparent());
  EXPECT_EQ(source(1).address.ToString(), "10.0.0.1:99");
  EXPECT_EQ(source(1).ports(), 0u);
  EXPECT_EQ(source(1).usesrc, UseSource::kClientIp);
  EXPECT_EQ(source(1).interface, "lo");
  EXPECT_TRUE(source(1).depends_on_client());
  EXPECT_EQ(source(2).header, "x-forwarded-for");
  EXPECT_EQ(source(2).occurrence, 2);
  EXPECT_EQ(source(3).usesrc, UseSource::kNone);
  EXPECT_EQ(source(4).presented.ToString(), "10.0.0.3:77");
  EXPECT_TRUE(source(4).is_transparent());
  EXPECT_FALSE(source(4).depends_on_client());
  EXPECT_EQ(servers[4]->tcp_user_timeout_ms, 3000u);
}

TEST(Builder, ServersMayFollowTheClientsDestination) {
  const BuiltText built(R"(backend a
  server s 0.0.0.0
  server t *:80
  server u [::]:-2
  server v 1.2.3.4:+10
  server w 1.2.3.4:80
)");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  const auto& servers = built.configuration->proxies[0]->servers;
  const bool addresses[] = {true, true, true, false, false};
  const bool ports[] = {true, false, true, true, false};
  const int offsets[] = {0, 0, -2, 10, 0};
  for (size_t i = 0; i < std::size(ports); ++i) {
    EXPECT_EQ(servers[i]->follows_address, addresses[i]) << i;
    EXPECT_EQ(servers[i]->follows_port, ports[i]) << i;
    EXPECT_EQ(servers[i]->port_offset, offsets[i]) << i;
  }
}

TEST(Builder, HashWordsLandInTheirFields) {
  const BuiltText built(R"(defaults
  mode http
backend a
  balance uri len 12 depth 3 whole
  hash-type consistent
  hash-balance-factor 150
  hash-preserve-affinity maxqueue
  option allbackups
  server s 1.2.3.4:80 hash-key addr-port
backend b
  balance hdr(Host) use_domain_only
  hash-type map-based crc32 avalanche
backend c
  mode tcp
  balance url_param id
backend d
  mode tcp
  balance source
  hash-type consistent djb2
)");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  const ProxyConfig& a = *built.configuration->proxies[0];
  EXPECT_EQ(a.balance, BalanceAlgorithm::kHash);
  EXPECT_EQ(a.hash.input, HashInput::kUri);
  EXPECT_TRUE(a.hash.whole);
  EXPECT_EQ(a.hash.length, 12u);
  EXPECT_EQ(a.hash.depth, 3u);
  EXPECT_EQ(a.hash.method, HashMethod::kConsistent);
  EXPECT_TRUE(a.hash.avalanche);  // of the ring, where no function is named
  EXPECT_EQ(a.hash.balance_factor, 150u);
  EXPECT_EQ(a.hash.affinity, HashAffinity::kMaxqueue);
  EXPECT_TRUE(a.all_backups);
  EXPECT_EQ(a.servers[0]->hash_key, HashKey::kAddressAndPort);
  EXPECT_FALSE(a.has_static_weights());
  const ProxyConfig& b = *built.configuration->proxies[1];
  EXPECT_EQ(b.hash.name, "Host");
  EXPECT_TRUE(b.hash.domain_only);
  EXPECT_EQ(b.hash.function, HashFunction::kCrc32);
  EXPECT_TRUE(b.hash.avalanche);
  EXPECT_TRUE(b.has_static_weights());
  EXPECT_EQ(built.configuration->proxies[2]->balance, BalanceAlgorithm::kRoundRobin);
  EXPECT_NE(built.Render().find("falling back to round robin"), std::string::npos);
  const ProxyConfig& d = *built.configuration->proxies[3];
  EXPECT_EQ(d.balance, BalanceAlgorithm::kHash);
  EXPECT_FALSE(d.hash.avalanche);
}

TEST(Builder, ProxyWordsLandInTheirFields) {
  const BuiltText built(R"(listen a
  id 20
  description some text
  maxconn 100
  backlog 200
  timeout connect 1
  timeout client 2s
  timeout server 3s
  timeout tunnel 4s
  timeout client-fin 5s
  timeout server-fin 6s
  timeout queue 7s
  retries 5
  option redispatch 3
  option clitcpka
  clitcpka-idle 2m
  clitcpka-intvl 1500ms
  clitcpka-cnt 4
  srvtcpka-idle 40000
  srvtcpka-cnt 200
  option nolinger
  option tcp-smart-connect
  balance random(4)
)");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  const ProxyConfig& a = *built.configuration->proxies[0];
  EXPECT_EQ(a.id, 20u);
  EXPECT_EQ(a.description, "some text");
  EXPECT_TRUE(a.is_frontend);
  EXPECT_TRUE(a.is_backend);
  EXPECT_EQ(a.maxconn, 100u);
  EXPECT_EQ(a.backlog, 200u);
  EXPECT_EQ(a.timeouts.connect_ms, 1u);
  EXPECT_EQ(a.timeouts.client_ms, 2000u);
  EXPECT_EQ(a.timeouts.server_ms, 3000u);
  EXPECT_EQ(a.timeouts.tunnel_ms, 4000u);
  EXPECT_EQ(a.timeouts.client_fin_ms, 5000u);
  EXPECT_EQ(a.timeouts.server_fin_ms, 6000u);
  EXPECT_EQ(a.timeouts.queue_ms, 7000u);
  EXPECT_EQ(a.retries, 5u);
  EXPECT_TRUE(a.redispatch);
  EXPECT_EQ(a.redispatch_interval, 3);
  EXPECT_TRUE(a.tcpka_client);
  EXPECT_FALSE(a.tcpka_server);
  EXPECT_EQ(a.client_probes.idle_s, 120u);
  EXPECT_EQ(a.client_probes.interval_s, 2u);
  EXPECT_EQ(a.client_probes.probes, 4u);
  EXPECT_EQ(a.server_probes.idle_s, 32767u);
  EXPECT_EQ(a.server_probes.interval_s, 0u);
  EXPECT_EQ(a.server_probes.probes, 127u);
  EXPECT_TRUE(a.nolinger);
  EXPECT_TRUE(a.smart_connect);
  EXPECT_EQ(a.balance, BalanceAlgorithm::kRandom);
  EXPECT_EQ(a.balance_random_draws, 4u);
}

TEST(Builder, DefaultsAreInheritedInOrderAndCanBeTakenBack) {
  const BuiltText built(R"(defaults base
  mode http
  option nolinger
  option redispatch
  retries 7
  balance leastconn
  timeout client 1s
  timeout connect 1s
  timeout server 1s
  default-server weight 5 backup
defaults tcp from base
  mode tcp
  balance first
  no option nolinger
backend b from tcp
  default option redispatch
  default-server weight 6
  server s 1.2.3.4:80
  server t 1.2.3.4:80 no-backup
backend c from tcp
  disabled
  enabled
  server s 1.2.3.4:80
)");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  const ProxyConfig& b = *built.configuration->FindBackend("b");
  EXPECT_FALSE(b.nolinger);
  EXPECT_FALSE(b.redispatch);
  EXPECT_EQ(b.retries, 7u);
  EXPECT_EQ(b.mode, Mode::kTcp);
  EXPECT_EQ(b.balance, BalanceAlgorithm::kFirst);
  EXPECT_EQ(b.servers[0]->weight, 6u);
  EXPECT_TRUE(b.servers[0]->backup);
  EXPECT_FALSE(b.servers[1]->backup);
  const ProxyConfig& c = *built.configuration->FindBackend("c");
  EXPECT_TRUE(c.redispatch);
  EXPECT_FALSE(c.disabled);
  EXPECT_EQ(c.servers[0]->weight, 5u);
}

TEST(Builder, NamedServerSettingsAreCopiedWithFrom) {
  const BuiltText built(R"(backend b
  default-server weight 2
  default-server name big weight 100
  server a 1.2.3.4:80 from big maxconn 3
  server c 1.2.3.4:81 from a
  server d 1.2.3.4:82 from none
  server e 1.2.3.4:83
)");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  const auto& servers = built.configuration->proxies[0]->servers;
  EXPECT_EQ(servers[0]->weight, 100u);
  EXPECT_EQ(servers[1]->weight, 100u);
  EXPECT_EQ(servers[1]->maxconn, 3u);
  EXPECT_EQ(servers[1]->name, "c");
  EXPECT_EQ(servers[1]->id, 2u);
  EXPECT_EQ(servers[2]->weight, 1u);
  EXPECT_EQ(servers[3]->weight, 2u);
}

// Whether its rule is passed over is seen for each stream (force-be-switch).
TEST(Builder, DisabledBackendIsNoDefault) {
  const BuiltText built(std::string(kTimeouts) + R"(backend off
  disabled
backend on
frontend f
  bind :1
  use_backend off
  use_backend on
  use_backend off
  default_backend off
)");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  const ProxyConfig& f = *built.configuration->FindFrontend("f");
  ASSERT_EQ(f.rules->use_backend.size(), 3u);
  EXPECT_EQ(f.rules->use_backend[0].backend, built.configuration->FindBackend("off"));
  EXPECT_EQ(f.rules->use_backend[1].backend, built.configuration->FindBackend("on"));
  EXPECT_EQ(f.default_backend, nullptr);
}

TEST(Builder, ServiceIsFoundByName) {
  const BuiltText built("frontend f\n bind :1\n tcp-request content use-service echo\n");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  EXPECT_EQ(built.configuration->proxies[0]->rules->set(RuleStage::kTcpContent).rules.size(), 1u);
}

TEST(Builder, ThreadsOfABindAreCountedFromZero) {
  const BuiltText built(R"(global
  nbthread 4
frontend f
  timeout client 1s
  bind :1 thread 2-
  bind :2 thread odd
  bind :3 thread 1/1,1/4
  bind :4 thread all
)");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  const auto& binds = built.configuration->proxies[0]->binds;
  EXPECT_EQ(binds[0]->threads, (std::vector<uint32_t>{1, 2, 3}));
  EXPECT_EQ(binds[1]->threads, (std::vector<uint32_t>{0, 2}));
  EXPECT_EQ(binds[2]->threads, (std::vector<uint32_t>{0, 3}));
  EXPECT_TRUE(binds[3]->threads.empty());
}

TEST(Builder, ThreadHardLimitBoundsTheThreads) {
  const BuiltText built("global\n nbthread 8\n thread-hard-limit 3\n cpu-map auto:1/1-8 0-7\n");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  EXPECT_EQ(built.configuration->global.nbthread, 3u);
  EXPECT_EQ(built.configuration->global.thread_cpus.size(), 3u);
}

// What is wrong before the first section, or in the words of a line, counts as well.
TEST(Builder, TreeThatWasReadWithErrorsBuildsNothing) {
  const BuiltText built("what is this\nbackend b\n");
  EXPECT_EQ(built.configuration, nullptr);
}

TEST(Builder, HostIsAskedForOncePerBuild) {
  int asked = 0;
  BuildOptions options;
  options.resolve = [&asked](const AddressWord&) {
    ++asked;
    return Parsed<shard::Address>{shard::Address::V4(0x01020304, 0), {}};
  };
  const BuiltText built("backend b\n server s x:1\n server t x:2\n server u ipv4@x:3\n", options);
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  EXPECT_EQ(built.configuration->proxies[0]->servers[1]->address.ToString(), "1.2.3.4:2");
  EXPECT_EQ(asked, 2);  // any family, and IPv4 only
}

// Many short paths in one line: none may point into a string that has moved.
TEST(Builder, UnixPathsStayWhereTheirAddressPoints) {
  const BuiltText built("frontend f\n timeout client 1s\n bind /a,/b,/c,/d,/e,/f\n");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  const auto& addresses = built.configuration->proxies[0]->binds[0]->addresses;
  ASSERT_EQ(addresses.size(), 6u);
  for (const BindAddress& one : addresses) {
    EXPECT_EQ(one.address.local.path, one.unix_path.data());
    EXPECT_EQ(one.address.ToString(), "unix:" + one.unix_path);
  }
}

}  // namespace
}  // namespace engine
