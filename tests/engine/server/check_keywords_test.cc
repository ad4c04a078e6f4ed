// Words about checks: what they make, and what is refused.

#include "engine/server/check_keywords.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/engine/server/build_text.h"

namespace engine {
namespace {

using Kind = CheckRule::Kind;

constexpr const char* kCheckDefaults =
    "defaults\n timeout connect 1s\n timeout client 30s\n timeout server 40s\n";

// Line 6.
BuiltText InCheckedBackend(const std::string& lines) {
  return BuiltText(std::string(kCheckDefaults) + "backend b\n" + lines);
}

const CheckConfig& CheckOfFirst(const BuiltText& built) {
  return built.configuration->FindBackend("b")->servers[0]->check;
}

const CheckRules& RulesOf(const BuiltText& built) {
  return *built.configuration->FindBackend("b")->checks;
}

std::vector<Kind> KindsOf(const CheckRules& rules) {
  std::vector<Kind> kinds;
  for (const CheckRule& rule : rules.rules) kinds.push_back(rule.kind);
  return kinds;
}

TEST(CheckKeywords, ServerOptions) {
  const BuiltText built = InCheckedBackend(
      " default-server inter 3s check\n"
      " server s 1.2.3.4:80 fastinter 500 downinter 1m rise 4 fall 5 port 81 addr 1.2.3.5 "
      "on-marked-down shutdown-sessions on-marked-up shutdown-backup-sessions init-state down "
      "observe layer4 error-limit 7 on-error sudden-death agent-check agent-port 99 "
      "agent-addr 1.2.3.6 agent-inter 9s agent-send hi\\n\n");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  const CheckConfig& check = CheckOfFirst(built);
  EXPECT_TRUE(check.enabled);
  EXPECT_EQ(check.inter_ms, 3000u);
  EXPECT_EQ(check.fastinter_ms, 500u);
  EXPECT_EQ(check.downinter_ms, 60000u);
  EXPECT_EQ(check.rise, 4u);
  EXPECT_EQ(check.fall, 5u);
  EXPECT_EQ(check.target.port, 81);
  EXPECT_EQ(check.target.address.Ip(), "1.2.3.5");
  EXPECT_TRUE(check.shuts_sessions_down);
  EXPECT_TRUE(check.shuts_backup_sessions_down);
  EXPECT_EQ(check.init, InitState::kDown);
  EXPECT_EQ(check.observe, Observe::kLayer4);
  EXPECT_EQ(check.error_limit, 7u);
  EXPECT_EQ(check.on_error, OnError::kSuddenDeath);
  EXPECT_TRUE(check.agent_enabled);
  EXPECT_EQ(check.agent_target.port, 99);
  EXPECT_EQ(check.agent_target.address.Ip(), "1.2.3.6");
  EXPECT_EQ(check.agent_inter_ms, 9000u);
  EXPECT_EQ(check.agent_send, "hi\n");
}

TEST(CheckKeywords, NoCheckTakesItBack) {
  const BuiltText built =
      InCheckedBackend(" default-server check\n server s 1.2.3.4:80 no-check\n");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  EXPECT_FALSE(CheckOfFirst(built).enabled);
}

TEST(CheckKeywords, PlainConnectNeedsNoRules) {
  const BuiltText built = InCheckedBackend(" server s 1.2.3.4:80 check\n");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  EXPECT_EQ(built.configuration->FindBackend("b")->checks, nullptr);
}

TEST(CheckKeywords, TheHeaderGoesWhereTrafficGoes) {
  const BuiltText built = InCheckedBackend(
      " server a 1.2.3.4:80 check send-proxy-v2\n"
      " server b 1.2.3.4:80 check send-proxy-v2 port 81\n"
      " server c 1.2.3.4:80 check send-proxy-v2 port 81 check-send-proxy\n"
      " server d 1.2.3.4:80 check check-send-proxy\n");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  const auto& servers = built.configuration->FindBackend("b")->servers;
  EXPECT_EQ(servers[0]->check.announce.version, 2);
  EXPECT_EQ(servers[1]->check.announce.version, 0);
  EXPECT_EQ(servers[2]->check.announce.version, 2);
  EXPECT_EQ(servers[3]->check.announce.version, 1);
}

TEST(CheckKeywords, Tracking) {
  const BuiltText built = InCheckedBackend(
      " server a 1.2.3.4:80 check\n server b 1.2.3.4:81 track a\n"
      "backend c\n server d 1.2.3.4:82 track b/b\n");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  const auto& servers = built.configuration->FindBackend("b")->servers;
  EXPECT_EQ(servers[1]->tracked, servers[0].get());
  ASSERT_EQ(servers[0]->trackers.size(), 1u);
  ASSERT_EQ(servers[1]->trackers.size(), 1u);
  EXPECT_EQ(servers[1]->trackers[0]->name, "d");
}

TEST(CheckKeywords, TcpRules) {
  const BuiltText built = InCheckedBackend(
      " option tcp-check\n"
      " tcp-check connect port 81 linger comment first\n"
      " tcp-check comment greeting\n"
      " tcp-check send PING\\r\\n\n"
      " tcp-check expect min-recv 3 ! string +PONG comment pong ok-status L4OK\n"
      " tcp-check send-binary 0d0A\n"
      " tcp-check expect error-status L7STS on-error bad%% rbinary ^2b\n"
      " server s 1.2.3.4:80 check\n");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  const CheckRules& rules = RulesOf(built);
  EXPECT_EQ(rules.kind, CheckKind::kTcp);
  ASSERT_EQ(KindsOf(rules), (std::vector<Kind>{Kind::kConnect, Kind::kComment, Kind::kSend,
                                               Kind::kExpect, Kind::kSend, Kind::kExpect}));
  EXPECT_EQ(rules.rules[0].port, 81);
  EXPECT_TRUE(rules.rules[0].linger);
  EXPECT_FALSE(rules.rules[0].with_defaults);
  EXPECT_EQ(rules.rules[0].comment, "first");
  EXPECT_EQ(rules.rules[2].comment, "greeting");
  EXPECT_EQ(rules.rules[2].bytes, "PING\r\n");
  EXPECT_EQ(rules.rules[2].step, 3);
  const ExpectRule& expect = rules.rules[3].expect;
  EXPECT_TRUE(expect.negated);
  EXPECT_EQ(expect.min_recv, 3);
  EXPECT_EQ(expect.pattern, "+PONG");
  EXPECT_EQ(expect.ok_status, CheckStatus::kL4Ok);
  EXPECT_EQ(rules.rules[3].comment, "pong");
  EXPECT_EQ(rules.rules[4].bytes, "\r\n");
  EXPECT_EQ(rules.rules[5].expect.on_error.constant(), "bad%");
  EXPECT_EQ(rules.rules[5].expect.error_status, CheckStatus::kL7Status);
}

TEST(CheckKeywords, RulesWithSamples) {
  const BuiltText built = InCheckedBackend(
      " option tcp-check\n"
      " tcp-check connect port var(check.port)\n"
      " tcp-check set-var(check.x,ifnotset) int(5)\n"
      " tcp-check set-var-fmt(sess.y) a%[var(check.x)]\n"
      " tcp-check unset-var(proc.z)\n"
      " tcp-check send-lf plain%%\n"
      " tcp-check send-binary-lf 0d%[var(check.x)]\n"
      " tcp-check expect string-lf %[str(x)] status-code int(3)\n"
      " server s 1.2.3.4:80 check\n");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  const std::vector<CheckRule>& rules = RulesOf(built).rules;
  ASSERT_EQ(KindsOf(RulesOf(built)),
            (std::vector<Kind>{Kind::kConnect, Kind::kVariable, Kind::kVariable, Kind::kVariable,
                               Kind::kSend, Kind::kSend, Kind::kExpect}));
  EXPECT_TRUE(rules[0].port_value.has_value());
  EXPECT_EQ(*rules[1].variable->update.name().name, "x");
  EXPECT_TRUE(rules[1].variable->value.has_value());
  EXPECT_FALSE(rules[2].variable->text.is_constant());
  EXPECT_TRUE(rules[3].variable->unset);
  EXPECT_EQ(rules[4].bytes, "plain%");
  EXPECT_TRUE(rules[4].formats.empty());
  ASSERT_EQ(rules[5].formats.size(), 1u);
  EXPECT_EQ(rules[5].formats[0].part, CheckFormat::Part::kHexBytes);
  ASSERT_EQ(rules[6].formats.size(), 1u);
  EXPECT_EQ(rules[6].formats[0].part, CheckFormat::Part::kPattern);
  EXPECT_TRUE(rules[6].expect.status_code.has_value());
}

TEST(CheckKeywords, FormatsOfARequestMoveWithTheirFields) {
  const BuiltText built = InCheckedBackend(
      " option httpchk GET / HTTP/1.1 h%[int(1)]\n"
      " http-check send hdr X-A a%[int(2)] hdr Content-Length %[int(9)] uri-lf /%[int(3)]\n"
      " server s 1.2.3.4:80 check\n");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  const CheckRule& send = RulesOf(built).rules[1];
  ASSERT_EQ(send.request.fields.size(), 2u);
  EXPECT_EQ(send.request.fields[1].first, "Host");
  ASSERT_EQ(send.formats.size(), 3u);
  EXPECT_EQ(send.formats[0].field, 0u);
  EXPECT_EQ(send.formats[1].part, CheckFormat::Part::kUri);
  EXPECT_EQ(send.formats[2].field, 1u);
  EXPECT_TRUE(send.request.uri.empty());
}

TEST(CheckKeywords, AConnectIsAddedWhereNoneIs) {
  const BuiltText built =
      InCheckedBackend(" option tcp-check\n tcp-check send x\n server s 1.2.3.4:80 check\n");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  EXPECT_EQ(KindsOf(RulesOf(built)), (std::vector<Kind>{Kind::kConnect, Kind::kSend}));
  EXPECT_TRUE(RulesOf(built).rules[0].with_defaults);
  EXPECT_EQ(RulesOf(built).rules[0].step, 0);
  EXPECT_EQ(RulesOf(built).rules[1].step, 1);
}

TEST(CheckKeywords, OwnRulesTakeThePlaceOfInheritedOnes) {
  const BuiltText built(
      "defaults\n timeout connect 1s\n timeout client 3s\n timeout server 4s\n option tcp-check\n"
      " tcp-check send a\n tcp-check send b\n"
      "backend own\n tcp-check send c\n server s 1.2.3.4:80 check\n"
      "backend inherited\n server s 1.2.3.4:80 check\n");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  EXPECT_EQ(built.configuration->FindBackend("own")->checks->rules.size(), 2u);
  EXPECT_EQ(built.configuration->FindBackend("inherited")->checks->rules.size(), 3u);
}

TEST(CheckKeywords, HttpDefaults) {
  const BuiltText built = InCheckedBackend(" option httpchk\n server s 1.2.3.4:80 check\n");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  const CheckRules& rules = RulesOf(built);
  ASSERT_EQ(KindsOf(rules), (std::vector<Kind>{Kind::kConnect, Kind::kSendRequest, Kind::kExpect}));
  EXPECT_EQ(rules.rules[1].request.method, "OPTIONS");
  EXPECT_EQ(rules.rules[1].request.uri, "/");
  EXPECT_EQ(rules.rules[1].request.version, "HTTP/1.0");
  ASSERT_EQ(rules.rules[2].expect.codes.size(), 1u);
  EXPECT_EQ(rules.rules[2].expect.codes[0], (std::pair<uint16_t, uint16_t>(200, 399)));
  EXPECT_EQ(rules.rules[2].expect.error_status, CheckStatus::kL7Status);
}

TEST(CheckKeywords, HttpOptionForms) {
  struct Form {
    const char* words;
    const char* method;
    const char* uri;
    const char* version;
    size_t fields;
  };
  const Form forms[] = {
      {"/x", "OPTIONS", "/x", "HTTP/1.0", 0},
      {"GET /x", "GET", "/x", "HTTP/1.0", 0},
      {"GET /x HTTP/1.1", "GET", "/x", "HTTP/1.1", 0},
      {"GET /x HTTP/1.1 www", "GET", "/x", "HTTP/1.1", 1},
      {"GET /x HTTP/1.1\\r\\nHost:\\ www\\r\\nX-A:\\ b", "GET", "/x", "HTTP/1.1", 2},
  };
  for (const Form& form : forms) {
    const BuiltText built = InCheckedBackend(" option httpchk " + std::string(form.words) +
                                             "\n server s 1.2.3.4:80 check\n");
    ASSERT_NE(built.configuration, nullptr) << built.Render();
    const CheckRequest& request = RulesOf(built).rules[1].request;
    EXPECT_EQ(request.method, form.method);
    EXPECT_EQ(request.uri, form.uri);
    EXPECT_EQ(request.version, form.version);
    EXPECT_EQ(request.fields.size(), form.fields);
  }
}

TEST(CheckKeywords, HttpRules) {
  const BuiltText built = InCheckedBackend(
      " option httpchk GET /a HTTP/1.1 www\n"
      " http-check disable-on-404\n http-check send-state\n"
      " http-check connect\n"
      " http-check send uri /b hdr X-A b hdr Content-Length 9 body hello\n"
      " http-check expect status 200,300-399\n"
      " http-check send meth HEAD hdr host other\n"
      " http-check expect ! hdr name -m beg x- value -m sub err comment no\\ errors\n"
      " http-check send\n"
      " server s 1.2.3.4:80 check\n");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  const CheckRules& rules = RulesOf(built);
  EXPECT_TRUE(rules.disable_on_404);
  EXPECT_TRUE(rules.send_state);
  ASSERT_EQ(KindsOf(rules), (std::vector<Kind>{Kind::kConnect, Kind::kSendRequest, Kind::kExpect,
                                               Kind::kSendRequest, Kind::kExpect,
                                               Kind::kSendRequest, Kind::kExpect}));
  const CheckRequest& first = rules.rules[1].request;
  EXPECT_EQ(first.method, "GET");
  EXPECT_EQ(first.uri, "/b");
  EXPECT_EQ(first.body, "hello");
  ASSERT_EQ(first.fields.size(), 2u);  // the length is ours
  EXPECT_EQ(first.fields[1].second, "www");
  EXPECT_EQ(rules.rules[2].expect.codes.size(), 2u);
  const CheckRequest& second = rules.rules[3].request;
  EXPECT_EQ(second.method, "HEAD");
  ASSERT_EQ(second.fields.size(), 1u);
  EXPECT_EQ(second.fields[0].second, "other");
  const ExpectRule& header = rules.rules[4].expect;
  EXPECT_TRUE(header.negated);
  EXPECT_EQ(header.header_name.match, HeaderPattern::Match::kBegin);
  EXPECT_EQ(header.header_value.match, HeaderPattern::Match::kPart);
  EXPECT_EQ(rules.rules[4].comment, "no errors");
}

TEST(CheckKeywords, Programs) {
  const BuiltText built("global\n external-check preserve-env\n" + std::string(kCheckDefaults) +
                        "backend b\n option external-check\n external-check command /bin/x\n"
                        " external-check path /bin\n server s 1.2.3.4:80 check\n");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  EXPECT_TRUE(built.configuration->global.external_checks_keep_environment);
  EXPECT_EQ(RulesOf(built).kind, CheckKind::kExternal);
  EXPECT_EQ(RulesOf(built).command, "/bin/x");
  EXPECT_EQ(RulesOf(built).command_path, "/bin");
  const BuiltText missing("global\n external-check\n" + std::string(kCheckDefaults) +
                          "backend b\n option external-check\n server s 1.2.3.4:80 check\n");
  ASSERT_EQ(missing.errors().size(), 1u);
  EXPECT_NE(missing.errors()[0].find("needs an 'external-check command'"), std::string::npos);
}

TEST(CheckKeywords, TheLastOptionDecides) {
  const BuiltText built =
      InCheckedBackend(" option httpchk\n option redis-check\n server s 1.2.3.4:80 check\n");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  EXPECT_EQ(RulesOf(built).kind, CheckKind::kProtocol);
}

struct RefusedCase {
  const char* name;
  const char* lines;
  const char* error;
};

const RefusedCase kRefused[] = {
    {"InterZero", " server s 1.2.3.4:80 check inter 0\n", "'inter': expects a time above 0"},
    {"RiseZero", " server s 1.2.3.4:80 check rise 0\n", "'rise'"},
    {"NoPort", " server s 1.2.3.4 check\n",
     "server 's': 'check' needs a port: give one with 'port'"},
    {"NoAddress", " server s 0.0.0.0 check port 80\n",
     "server 's': 'check' needs an address: give one with 'addr'"},
    {"AgentWithoutPort", " server s 1.2.3.4:80 agent-check\n",
     "server 's': 'agent-check' needs a port: give one with 'agent-port'"},
    {"ObserveUnchecked", " server s 1.2.3.4:80 observe layer4\n",
     "server 's': 'observe' needs 'check'"},
    {"ObserveLayer7OfTcp", " server s 1.2.3.4:80 check observe layer7\n",
     "server 's': 'observe layer7' needs 'mode http'"},
    {"ObserveOther", " server s 1.2.3.4:80 check observe layer6\n",
     "'observe': expects one of 'layer4', 'layer7'"},
    {"Action", " server s 1.2.3.4:80 check on-marked-down nothing\n",
     "'on-marked-down': expects 'shutdown-sessions'"},
    {"InitState", " server s 1.2.3.4:80 check init-state odd\n", "'init-state': expects"},
    {"TrackNobody", " server s 1.2.3.4:80 track t\n",
     "server 's': 'track': backend 'b' has no server 't'"},
    {"TrackNoBackend", " server s 1.2.3.4:80 track c/t\n",
     "server 's': 'track': there is no backend 'c'"},
    {"TrackUnchecked", " server s 1.2.3.4:80 track t\n server t 1.2.3.4:80\n",
     "server 's': 'track': server 'b/t' is not checked and does not track"},
    {"TrackItself", " server s 1.2.3.4:80 track s\n",
     "server 's': 'track': the servers track each other"},
    {"TrackCycle",
     " server s 1.2.3.4:80 track t\n server t 1.2.3.4:80 track u\n server u 1.2.3.4:80 track t\n",
     "server 's': 'track': the servers track each other"},
    {"TrackAndCheck", " server s 1.2.3.4:80 track t check\n server t 1.2.3.4:80 check\n",
     "server 's': 'track' cannot be combined with 'check'"},
    {"CheckSsl", " server s 1.2.3.4:80 check check-ssl\n", "which needs a 'ca-file'"},
    {"ConnectSecond",
     " option tcp-check\n tcp-check send x\n tcp-check connect\n server s 1.2.3.4:80 check\n",
     "the rules of a check that has a 'connect' begin with one"},
    {"ConnectSsl", " option tcp-check\n tcp-check connect ssl\n server s 1.2.3.4:80 check\n",
     "which needs a 'ca-file'"},
    {"ConnectAlpn", " option tcp-check\n tcp-check connect ssl alpn h2\n",
     "'tcp-check connect': 'alpn' is not supported yet"},
    {"ConnectSni", " option tcp-check\n tcp-check connect ssl sni\n",
     "'tcp-check connect': 'sni' expects an argument"},
    {"ConnectPort", " tcp-check connect port 65536\n",
     "'tcp-check connect': '65536' is out of range"},
    {"ConnectPortOther", " tcp-check connect port src\n",
     "'tcp-check connect': 'src' needs the client's connection, which is not at hand here"},
    {"ConnectPortBytes", " tcp-check connect port bin(00)\n",
     "'tcp-check connect': a port is a number"},
    {"ExpectNothing", " tcp-check expect comment x\n",
     "'tcp-check expect': expects a match and a pattern"},
    {"ExpectTwo", " tcp-check expect string a string b\n",
     "'tcp-check expect': unexpected 'string'"},
    {"ExpectRegex", " tcp-check expect rstring (\n", "'tcp-check expect': bad regular expression"},
    {"ExpectHex", " tcp-check expect binary 0g\n",
     "'tcp-check expect': expects an even number of hexadecimal digits"},
    {"ExpectStatusWord", " tcp-check expect ok-status L7RSP string a\n",
     "'tcp-check expect': 'ok-status' expects one of L7OK L7OKC L6OK L4OK"},
    {"ExpectSample", " tcp-check expect on-error %[status] string a\n",
     "'tcp-check expect': 'status' needs the HTTP response, which is not at hand here"},
    {"ExpectFormat", " tcp-check expect on-success %[res.len string a\n",
     "'tcp-check expect': '%[' has no closing ']'"},
    {"ExpectStatusCode", " http-check expect status 200 status-code nope\n",
     "'http-check expect': unknown sample fetch 'nope'"},
    {"ExpectHexFormat", " tcp-check expect binary-lf 0g\n",
     "'tcp-check expect': expects an even number of hexadecimal digits"},
    {"ExpectCode", " http-check expect status 20\n",
     "'http-check expect': expects status codes such as '200,300-399'"},
    {"ExpectOther", " http-check expect binary 00\n", "'http-check expect': unexpected 'binary'"},
    {"SendSample", " tcp-check send-lf %[src]\n",
     "'tcp-check send-lf': 'src' needs the client's connection, which is not at hand here"},
    {"SendOdd", " tcp-check send a b\n", "'tcp-check send': unexpected 'b'"},
    {"RequestVersion", " http-check send ver 1.1\n",
     "'http-check send': expects a version such as 'HTTP/1.1'"},
    {"RequestUri", " http-check send uri /a\\ b\n",
     "'http-check send': the URI of a request has no blanks"},
    {"RequestField", " http-check send hdr a:b c\n",
     "'http-check send': 'a:b' is not the name of a field"},
    {"RequestInjection", " http-check send hdr a \"b\\r\\nc: d\"\n",
     "'http-check send': the value of a field cannot have that"},
    {"SetVarScope", " tcp-check set-var(txn.port) int(1234)\n",
     "a check has variables of 'proc', 'sess' and 'check' only"},
    {"SetVarName", " tcp-check set-var(port) int(1234)\n", "'tcp-check set-var': 'port': "},
    {"SetVarNothing", " http-check set-var int(1234)\n",
     "'http-check set-var' expects '(...)' behind it"},
    {"SetVarCondition", " http-check set-var(check.x,ifodd) int(1234)\n",
     "'http-check set-var': unknown condition 'ifodd'"},
    {"SetVarValue", " http-check set-var(check.x)\n", "'http-check set-var': expects an argument"},
    {"SetVarTwo", " http-check set-var(check.x) int(1) int(2)\n",
     "'http-check set-var': unexpected 'int(2)'"},
    {"UnsetVarValue", " tcp-check unset-var(check.x) int(1)\n",
     "'tcp-check unset-var': unexpected 'int(1)'"},
    {"ProgramNotAllowed",
     " option external-check\n external-check command /bin/true\n server s 1.2.3.4:80 check\n",
     "server 's': 'option external-check' needs 'external-check' in the global section"},
    {"Spop", " option spop-check\n", "'option spop-check' is not supported yet"},
    {"Pgsql", " option pgsql-check\n", "'option pgsql-check': expects 'user' and a name"},
    {"Mysql", " option mysql-check user a odd\n", "'option mysql-check'"},
    {"Smtp", " option smtpchk EHLO\n", "'option smtpchk': expects a domain behind the command"},
};

class RefusedCheckTest : public testing::TestWithParam<RefusedCase> {};

TEST_P(RefusedCheckTest, SaysWhy) {
  const BuiltText built = InCheckedBackend(GetParam().lines);
  ASSERT_FALSE(built.errors().empty());
  EXPECT_NE(built.errors()[0].find(GetParam().error), std::string::npos) << built.Render();
}

INSTANTIATE_TEST_SUITE_P(CheckKeywords, RefusedCheckTest, testing::ValuesIn(kRefused),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace engine
