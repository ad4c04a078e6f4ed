#include "engine/server/rule_keywords.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/server/userlist.h"
#include "tests/engine/server/build_text.h"

namespace engine {
namespace {

// Lines of a listen section in mode http; the first is line 7.
std::string ListenText(const std::string& lines) {
  return "defaults\n mode http\n timeout client 1s\n timeout connect 1s\n timeout server 1s\n"
         "listen l\n" +
         lines + " bind :1\n server s 192.0.2.1:80\n";
}

struct RuleFaultRow {
  const char* lines;
  const char* error;
};

const RuleFaultRow kRuleFaults[] = {
    {" acl\n", "7:5 'acl': expects a name and a criterion"},
    {" acl a/b path\n", "7:6 'acl': character '/' is not permitted in an ACL's name"},
    {" acl a pth_beg /x\n", "7:8 'acl': unknown sample fetch 'pth_beg'"},
    {" acl a path -m begg /x\n", "7:16 'acl': unknown matching method 'begg'"},
    {" acl a src 1.2.3.4.5\n",
     "7:12 'acl': '1.2.3.4.5' is neither an IPv4 nor an IPv6 address or network"},
    {" acl a hdr_cnt(x) gtt 1\n",
     "7:19 'acl': 'gtt' is neither an integer nor a range such as '1024:65535'"},
    {" acl a path -f /nonexistent/list\n",
     "7:16 'acl': '/nonexistent/list': No such file or "
     "directory"},
    {" http-request\n", "7:14 'http-request': expects an action"},
    {" http-request deni\n", "7:15 'http-request': unknown action 'deni'"},
    {" http-request deny iff TRUE\n", "7:20 'http-request deny': unknown word 'iff'"},
    {" http-request deny if\n", "7:22 'http-request deny': 'if' expects an ACL"},
    {" http-request deny if nobody\n", "7:23 'http-request deny': no ACL is named 'nobody'"},
    {" http-request deny if { path /x\n", "7:23 'http-request deny': '{' has no closing '}'"},
    {" http-request deny deny_status 418\n",
     "7:32 'http-request deny': status code '418' not handled"},
    {" http-request track-sc0 src\n", "7:15 'http-request track-sc0' is not supported yet"},
    {" http-request set-nice 1025\n",
     "7:24 'http-request set-nice': '1025' is out of range: expects an integer between -1024 and "
     "1024"},
    {" http-request do-log profile nobody\n", "7:30 no log-profile is named 'nobody'"},
    {" http-request do-log profile\n",
     "7:29 'http-request do-log': expects the name of a log-profile"},
    {" http-request add-headers-bin int(1),bool,map\n",
     "7:31 'http-request add-headers-bin': converter 'map' is not supported yet"},
    {" http-request del-headers-bin bin(00) -m reg\n",
     "7:42 'http-request del-headers-bin': expects 'str', 'beg', 'end' or 'sub', not 'reg'; did "
     "you "
     "mean 'beg'?"},
    {" http-request set-header x/y z\n",
     "7:26 'http-request set-header': 'x/y' is not the name of a field"},
    {" http-request set-header x\n", "7:27 'http-request set-header': expects a value"},
    {" http-request set-header x %[nope]\n",
     "7:28 'http-request set-header': unknown sample fetch 'nope'"},
    {" http-request set-header x %[status]\n",
     "7:28 'http-request set-header': 'status' needs the HTTP response, which is not at hand "
     "here"},
    {" http-request set-header x %[path\n",
     "7:28 'http-request set-header': '%[' has no closing ']'"},
    {" http-request replace-header x ( y\n",
     "7:32 'http-request replace-header': regular expression '(': missing closing parenthesis "
     "(at character 2)"},
    {" http-request set-method G/T\n", "7:26 'http-request set-method': 'G/T' is not a method"},
    {" http-response set-status 99\n",
     "7:27 'http-response set-status': '99' is out of range: expects an integer between 100 and "
     "999"},
    {" http-request redirect location\n", "7:32 'http-request redirect': expects a text"},
    {" http-request redirect code 302\n",
     "7:32 'http-request redirect': expects 'location', 'prefix' or 'scheme'"},
    {" http-request redirect location / code 304\n",
     "7:40 'http-request redirect': a redirection's code is one of 301, 302, 303, 307 and 308, "
     "not '304'"},
    {" redirect location / prefix /\n",
     "7:22 'redirect': only one of 'location', 'prefix' and 'scheme' can be given"},
    {" http-request set-var(foo.x) path\n",
     "7:15 'http-request set-var': 'foo.x': its name begins with one of 'proc.', 'sess.', "
     "'txn.', 'req.', 'res.' and 'check.'"},
    {" http-request set-var(txn.x,ifsett) path\n",
     "7:15 'http-request set-var': unknown condition 'ifsett'; did you mean 'ifset'?"},
    {" http-request set-var path\n", "7:15 'http-request': 'set-var' expects '(...)' behind it"},
    {" tcp-request connection set-var(txn.x) src\n",
     "7:25 'tcp-request connection set-var': only variables of 'proc' and 'sess' can be used "
     "before there is a stream"},
    {" http-request capture path\n", "7:27 'http-request capture': expects 'len' or 'id'"},
    {" http-request set-log-level loud\n",
     "7:29 'http-request set-log-level': unknown level 'loud'"},
    {" http-request set-timeout clint 1s\n",
     "7:27 'http-request set-timeout': expects 'client', 'connect', 'queue', 'server', 'tarpit' "
     "or 'tunnel', not 'clint'; did you mean 'client'?"},
    {" http-request deny unless { http_auth(L) }\n", "7:29 unable to find userlist 'L'"},
    {" use_backend nobody if TRUE\n", "7:14 unable to find required use_backend: 'nobody'"},
    {" use-server t if TRUE\n", "7:13 'use-server': no server is named 't'"},
    {" use-server s\n", "7:14 'use-server': expects a server and a condition"},
    {" monitor fail\n", "7:14 'monitor fail': expects 'if' or 'unless' and a condition"},
};

TEST(RuleKeywords, FaultsNameTheWord) {
  for (const RuleFaultRow& row : kRuleFaults) {
    const BuiltText built(ListenText(row.lines));
    const std::vector<std::string> errors = built.errors();
    ASSERT_FALSE(errors.empty()) << row.lines;
    EXPECT_EQ(errors[0], row.error) << row.lines;
  }
}

TEST(RuleKeywords, FaultsSayWhatWasMeant) {
  const struct {
    const char* lines;
    const char* hint;
  } kRows[] = {
      {" acl a pathbeg /x\n", "did you mean 'path_beg'?"},
      {" http-request deny if {path /x}\n", "a blank stands behind '{'"},
      {" http-request deny iff TRUE\n", "did you mean 'if'?"},
      {" http-request tarpit foo\n", "what an answer may have is 'status'"},
      {" http-request if TRUE deny\n", "the action stands before its condition"},
      {" http-request set-header x a b\n", "a text with blanks stands between quotes"},
      {" http-request set-var txn.x src\n", "such as 'set-var(txn.name)'"},
      {" http-request redirect /x\n", "'location', 'prefix' or 'scheme' stands before"},
      {" redirect locaton /x\n", "did you mean 'location'?"},
      {" http-request track-sc0 src\n", "comes with stick tables"},
      {" http-request set-header x %[sc0_conn_cnt]\n", "comes with stick tables"},
      {" http-request set-header x %[src,map(/x)]\n", "comes with maps"},
      {" stick-table type ip size 1k\n", "comes with stick tables"},
      {" tcp-request reject\n", "such as 'connection', 'content'"},
  };
  for (const auto& row : kRows) {
    const BuiltText built(ListenText(row.lines));
    EXPECT_NE(built.Render().find(row.hint), std::string::npos) << built.Render();
  }
}

TEST(RuleKeywords, AclsThatCannotMatchAreWarnedOf) {
  const BuiltText built(ListenText(" http-request deny if { status 200 }\n"));
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  EXPECT_EQ(built.warnings(),
            (std::vector<std::string>{
                "7:20 'http-request deny': ACL '{ status }' will never match here"}));
}

TEST(RuleKeywords, ContentOfAResponseHasAHead) {
  constexpr const char* kLines =
      " tcp-response content reject if { status 404 } { res.hdr(x) y }\n"
      " tcp-response content set-var(txn.x) res.body\n"
      " tcp-response content set-var-fmt(txn.y) %[res.hdr(x)]\n";
  const BuiltText built(ListenText(kLines));
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  EXPECT_EQ(built.warnings(), std::vector<std::string>());
}

TEST(RuleKeywords, AclsThatLookAtBytesAreWarnedOfInModeHttp) {
  constexpr const char* kLines =
      " acl many req.len gt 2\n tcp-request content reject if many\n"
      " tcp-request content accept if WAIT_END HTTP\n"
      " http-request deny if TRUE { req.payload(0,1) -m found }\n"
      " use_backend o if TRUE\n use_backend o if { req.ssl_sni -m found }\n"
      " use-server s if many\n";
  const BuiltText built(ListenText(kLines) + "backend o\n mode http\n");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  EXPECT_EQ(built.warnings(),
            (std::vector<std::string>{
                "8:0 'tcp-request content': ACL 'many' never matches in listen 'l'",
                "10:0 'http-request': ACL '{ req.payload(0,1) }' never matches in listen 'l'",
                "12:14 'use_backend': ACL '{ req.ssl_sni }' never matches in listen 'l'",
                "13:13 'use-server': ACL 'many' never matches in listen 'l'"}));
}

TEST(RuleKeywords, LinesOutOfOrderAreWarnedOf) {
  const BuiltText built(ListenText(" use_backend o if TRUE\n redirect location / if FALSE\n"
                                   " http-request deny if FALSE\n tcp-request content accept\n") +
                        "backend o\n mode http\n");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  EXPECT_EQ(
      built.warnings(),
      (std::vector<std::string>{
          "8:2 a 'redirect' rule placed after a 'use_backend' rule will still be processed before",
          "9:2 a 'http-request' rule placed after a 'use_backend' rule will still be processed "
          "before",
          "10:2 a 'tcp-request content' rule placed after a 'use_backend' rule will still be "
          "processed before"}));
}

TEST(RuleKeywords, DefaultsHandRulesDownBeforeTheProxysOwn) {
  const BuiltText built(
      "frontend g\n bind :2\n mode http\n timeout client 1s\n http-request deny if x\n"
      "defaults d\n mode http\n timeout client 1s\n timeout connect 1s\n timeout server 1s\n"
      " acl x path /x\n http-request deny if x\n"
      "frontend f from d\n bind :1\n http-request return\n");
  EXPECT_EQ(built.errors(),
            (std::vector<std::string>{"5:23 'http-request deny': no ACL is named 'x'"}))
      << built.Render();
  const BuiltText anonymous("defaults\n acl x path /x\n http-request deny\n");
  EXPECT_EQ(anonymous.errors().size(), 2u) << anonymous.Render();
}

TEST(RuleKeywords, FramingFieldsAreNotForRules) {
  const BuiltText built(ListenText(" http-request set-header Content-Length 1\n"));
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  EXPECT_EQ(built.warnings(),
            (std::vector<std::string>{"7:26 'http-request set-header': field 'Content-Length' "
                                      "cannot be changed by rules, and stays as it is"}));
}

TEST(Userlist, UsersAndGroups) {
  const BuiltText built(
      "userlist L\n group G1 users tiger,scott\n group G2\n"
      " user tiger password "
      "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0"
      "ktL3nh/\n"
      " user scott insecure-password elgato groups G2\n"
      " user nobody\n");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  const Userlist* list = built.configuration->FindUserlist("L");
  ASSERT_NE(list, nullptr);
  const User* scott = list->Verify("scott", "elgato");
  ASSERT_NE(scott, nullptr);
  EXPECT_EQ(scott->groups, (std::vector<std::string>{"G2", "G1"}));
  EXPECT_EQ(list->Verify("scott", "elgat"), nullptr);
  EXPECT_EQ(list->Verify("scott", ""), nullptr);
  EXPECT_EQ(list->Verify("nobody", ""), nullptr);
  EXPECT_EQ(list->Verify("who", "x"), nullptr);
  EXPECT_NE(list->Verify("tiger", "password"), nullptr);
  EXPECT_EQ(list->Verify("tiger", "Password"), nullptr);
}

TEST(Userlist, FaultsNameTheWord) {
  const RuleFaultRow rows[] = {
      {" user\n", "2:6 'user': expects the name of a user"},
      {" user a pasword x\n", "2:9 'user': unknown word 'pasword'"},
      {" user a password\n", "2:17 'user': 'password' expects an argument"},
      {" user a\n user a\n", "3:7 'user': user 'a' is already defined"},
      {" user a groups G\n", "2:16 no group is named 'G'"},
      {" group g users b\n", "2:16 no user is named 'b'"},
      {" group g\n group g\n", "3:8 'group': group 'g' is already defined"},
  };
  for (const RuleFaultRow& row : rows) {
    const BuiltText built(std::string("userlist L\n") + row.lines);
    const std::vector<std::string> errors = built.errors();
    ASSERT_FALSE(errors.empty()) << row.lines;
    EXPECT_EQ(errors[0], row.error) << row.lines;
  }
}

}  // namespace
}  // namespace engine
