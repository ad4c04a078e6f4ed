#include "engine/server/http_keywords.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/server/forwarded_expressions.h"
#include "engine/server/http_replies.h"
#include "engine/server/reply_formats.h"
#include "engine/server/rule_keywords.h"
#include "tests/engine/server/build_text.h"

namespace engine {
namespace {

constexpr const char* kHttp =
    "defaults\n mode http\n timeout connect 1s\n timeout client 30s\n timeout server 40s\n";

// The files of one test, gone with it.
class HttpKeywords : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/http_keywords_XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& name, const std::string& contents) {
    std::ofstream(folder_ + "/" + name, std::ios::binary) << contents;
    return folder_ + "/" + name;
  }

  std::string folder_;
};

// Lines of a proxy; the first is line 7 of the file.
BuiltText InFrontend(const std::string& lines) {
  return BuiltText(std::string(kHttp) + "frontend f\n" + lines + " bind :1\n");
}
BuiltText InListen(const std::string& lines) {
  return BuiltText(std::string(kHttp) + "listen l\n" + lines + " bind :1\n");
}

// What each line of a `listen` does ---------------------------------------------------------------

struct EffectRow {
  const char* name;
  std::string lines;
  std::function<bool(const ProxyConfig&)> holds;
};

using Config = const ProxyConfig&;

// What the first http-request rule answers with.
const HttpReply& ReturnOf(Config config) {
  const RuleReply* reply = config.rules->set(RuleStage::kHttpRequest).rules.at(0).action->reply();
  return reply->reply != nullptr ? *reply->reply : FindReply(config, nullptr, reply->status);
}

const std::vector<EffectRow> kEffects = {
    {"Mode", "", [](Config c) { return c.mode == Mode::kHttp; }},
    {"ConnectionDefault", "",
     [](Config c) { return c.http.connection_mode == ConnectionMode::kKeepAlive; }},
    {"ServerClose", " option http-server-close\n",
     [](Config c) { return c.http.connection_mode == ConnectionMode::kServerClose; }},
    {"Close", " option httpclose\n",
     [](Config c) { return c.http.connection_mode == ConnectionMode::kClose; }},
    {"LastConnectionOptionWins", " option httpclose\n option http-server-close\n",
     [](Config c) { return c.http.connection_mode == ConnectionMode::kServerClose; }},
    {"KeepAliveReplaces", " option httpclose\n option http-keep-alive\n",
     [](Config c) { return c.http.connection_mode == ConnectionMode::kKeepAlive; }},
    {"NoTakesBack", " option httpclose\n no option httpclose\n",
     [](Config c) { return c.http.connection_mode == ConnectionMode::kKeepAlive; }},
    {"NoOfAnotherOneChangesNothing", " option httpclose\n no option http-server-close\n",
     [](Config c) { return c.http.connection_mode == ConnectionMode::kClose; }},
    {"ReuseDefault", "", [](Config c) { return c.http.reuse == ReusePolicy::kSafe; }},
    {"Reuse", " http-reuse aggressive\n",
     [](Config c) { return c.http.reuse == ReusePolicy::kAggressive; }},
    {"TimeoutRequest", " timeout http-request 3s\n",
     [](Config c) { return c.http.request_ms == 3000 && c.http.keep_alive_ms == 0; }},
    {"TimeoutKeepAlive", " timeout http-keep-alive 4s\n",
     [](Config c) { return c.http.keep_alive_ms == 4000 && c.http.request_ms == 0; }},
    {"Pretend", " option http-pretend-keepalive\n",
     [](Config c) { return c.http.pretend_keepalive; }},
    {"NoDelay", " option http-no-delay\n", [](Config c) { return c.http.no_delay; }},
    {"Buffer", " option http-buffer-request\n", [](Config c) { return c.http.buffer_request; }},
    {"Probes", " option http-ignore-probes\n", [](Config c) { return c.http.ignore_probes; }},
    {"ProbesTakenBack", " option http-ignore-probes\n no option http-ignore-probes\n",
     [](Config c) { return !c.http.ignore_probes; }},
    {"IdleClose", " option idle-close-on-response\n",
     [](Config c) { return c.http.idle_close_on_response; }},
    {"Null", " option dontlognull\n", [](Config c) { return c.dont_log_null; }},
    {"AbortDefault", "", [](Config c) { return c.http.abort_on_close; }},
    {"AbortOff", " no option abortonclose\n", [](Config c) { return !c.http.abort_on_close; }},
    {"AbortDefaultInTcp", " mode tcp\n", [](Config c) { return !c.http.abort_on_close; }},
    {"AbortInTcp", " mode tcp\n option abortonclose\n",
     [](Config c) { return c.http.abort_on_close; }},
    {"AbortBackToDefault", " no option abortonclose\n default option abortonclose\n",
     [](Config c) { return c.http.abort_on_close; }},
    {"DropTrailers", " option http-drop-request-trailers\n option http-drop-response-trailers\n",
     [](Config c) { return c.http.drop_request_trailers && c.http.drop_response_trailers; }},
    {"Unsafe", " option accept-unsafe-violations-in-http-request\n",
     [](Config c) { return c.http.accept_unsafe_request && !c.http.accept_unsafe_response; }},
    {"UnsafeByItsOldName", " option accept-invalid-http-response\n",
     [](Config c) { return c.http.accept_unsafe_response && !c.http.accept_unsafe_request; }},
    {"NamesDelete", " option http-restrict-req-hdr-names delete\n",
     [](Config c) { return c.http.header_names == HeaderNameRule::kDelete; }},
    {"NamesReject", " option http-restrict-req-hdr-names reject\n",
     [](Config c) { return c.http.header_names == HeaderNameRule::kReject; }},
    {"Monitor", " monitor-uri /a\n monitor-uri /b\n",
     [](Config c) { return c.http.monitor_uri == "/b"; }},
    {"SendName", " http-send-name-header X-Server\n",
     [](Config c) { return c.http.send_name_header == "X-Server"; }},
    {"RetryDefault", "", [](Config c) { return c.http.retry_on == kRetryConnFailure; }},
    {"PreferLast", " option prefer-last-server\n max-keep-alive-queue 3\n",
     [](Config c) { return c.http.prefer_last_server && c.http.max_keep_alive_queue == 3; }},
    {"PreferNone", "",
     [](Config c) { return !c.http.prefer_last_server && c.http.max_keep_alive_queue == -1; }},
    {"RetryNone", " retry-on none\n", [](Config c) { return c.http.retry_on == 0; }},
    {"RetryReplaces", " retry-on 404\n retry-on 503 empty-response\n",
     [](Config c) { return c.http.retry_on == (kRetry503 | kRetryEmptyResponse); }},
    {"RetryAll", " retry-on all-retryable-errors 425\n",
     [](Config c) {
       return c.http.retry_on == (kRetryConnFailure | kRetryEmptyResponse | kRetryJunkResponse |
                                  kRetryResponseTimeout | kRetry0RttRejected | kRetry500 |
                                  kRetry502 | kRetry503 | kRetry504 | kRetry425);
     }},
    {"ForwardDefault", "",
     [](Config c) { return !c.http.forward_for.enabled && !c.http.original_to.enabled; }},
    {"Forward", " option forwardfor\n",
     [](Config c) {
       const ForwardOption& o = c.http.forward_for;
       return o.enabled && !o.if_none && o.header == "X-Forwarded-For" && o.except.empty();
     }},
    {"ForwardAll", " option forwardfor except 10.1.2.3/8 header X-Client if-none\n",
     [](Config c) {
       const ForwardOption& o = c.http.forward_for;
       return o.enabled && o.if_none && o.header == "X-Client" && o.except.size() == 1 &&
              o.except[0].family == AF_INET && o.except[0].bits == 8 &&
              o.except[0].bytes[0] == 10 && o.except[0].bytes[1] == 0;
     }},
    {"ForwardMask", " option forwardfor except 10.1.2.3/255.255.240.0\n",
     [](Config c) {
       const IpNetwork& n = c.http.forward_for.except.at(0);
       return n.bits == 20 && n.bytes[0] == 10 && n.bytes[1] == 1 && n.bytes[2] == 0;
     }},
    {"ForwardOfV6", " option forwardfor except fd01:8000::1/17\n",
     [](Config c) {
       const IpNetwork& n = c.http.forward_for.except.at(0);
       return n.family == AF_INET6 && n.bits == 17 && n.bytes[0] == 0xfd && n.bytes[1] == 1 &&
              n.bytes[2] == 0x80 && n.bytes[15] == 0;
     }},
    {"ForwardHostAddress", " option forwardfor except 127.0.0.1\n",
     [](Config c) { return c.http.forward_for.except.at(0).bits == 32; }},
    {"ForwardLineReplaces", " option forwardfor if-none header X\n option forwardfor\n",
     [](Config c) {
       return !c.http.forward_for.if_none && c.http.forward_for.header == "X-Forwarded-For";
     }},
    {"Original", " option originalto header X-Dst\n",
     [](Config c) { return c.http.original_to.enabled && c.http.original_to.header == "X-Dst"; }},
    {"ForwardedDefault", " option forwarded\n",
     [](Config c) {
       const ForwardedOption& o = c.http.forwarded;
       return o.enabled && o.proto && o.from && !o.host && !o.by && !o.by_port && !o.from_port;
     }},
    {"Forwarded", " option forwarded host by by_port for for_port\n",
     [](Config c) {
       const ForwardedOption& o = c.http.forwarded;
       return o.enabled && !o.proto && o.from && o.host && o.by && o.by_port && o.from_port;
     }},
    {"ForwardedExpressions",
     " option forwarded host-expr str(h) for-expr src,hex for_port-expr int(1)\n",
     [](Config c) {
       const ForwardedOption& o = c.http.forwarded;
       return o.host && o.from && o.from_port && !o.proto && !o.by && o.made != nullptr &&
              o.made->host && o.made->from && o.made->from_port && !o.made->by;
     }},
    {"ForwardedPortAlone", " option forwarded proto for_port by_port-expr int(1)\n",
     [](Config c) {
       const ForwardedOption& o = c.http.forwarded;
       return o.enabled && o.proto && !o.from_port && !o.by_port;
     }},
    {"ForwardedTakenBack", " option forwarded\n no option forwarded\n",
     [](Config c) { return !c.http.forwarded.enabled; }},
    {"CaseOptions", " option h1-case-adjust-bogus-client\n",
     [](Config c) { return c.http.adjust_case_client && !c.http.adjust_case_server; }},
    {"ServerPool",
     " default-server pool-max-conn 7\n server s 1.2.3.4:80 pool-low-conn 2 pool-purge-delay 0 "
     "max-reuse 9\n",
     [](Config c) {
       const ServerConfig& s = *c.servers.at(0);
       return s.pool_max_conn == 7 && s.pool_low_conn == 2 && s.pool_purge_delay_ms == 0 &&
              s.max_reuse == 9;
     }},
    {"ServerPoolDefaults", " server s 1.2.3.4:80\n",
     [](Config c) {
       const ServerConfig& s = *c.servers.at(0);
       return s.pool_max_conn == -1 && s.pool_low_conn == 0 && s.pool_purge_delay_ms == 5000 &&
              s.max_reuse == -1;
     }},
    {"Return", " http-request return\n",
     [](Config c) {
       const HttpReply& r = ReturnOf(c);
       return r.status == 200 && r.fields.empty() && r.body.empty();
     }},
    {"ReturnFirstStandsFirst", " http-request return status 201\n http-request return status 202\n",
     [](Config c) { return ReturnOf(c).status == 201; }},
    {"ReturnString",
     " http-request return status 418 content-type text/plain string \"a b\" hdr X-A 100%%\n",
     [](Config c) {
       const HttpReply& r = ReturnOf(c);
       const std::vector<std::pair<std::string, std::string>> fields = {
           {"x-a", "100%"}, {"content-type", "text/plain"}};
       return r.status == 418 && r.body == "a b" && r.fields == fields && r.reason.empty();
     }},
    {"ReturnStringIsRaw", " http-request return content-type a/b string 100%%\n",
     [](Config c) { return ReturnOf(c).body == "100%%"; }},
    {"ReturnFormat", " http-request return content-type a/b lf-string 100%%\n",
     [](Config c) { return ReturnOf(c).body == "100%"; }},
    {"ReturnPage", " http-request return status 404 default-errorfiles\n",
     [](Config c) { return ReturnOf(c).body == BuiltInReply(404).body; }},
    {"ReturnPageOfTheProxy",
     " http-request return status 404 default-errorfiles\n errorloc 404 /x\n",
     [](Config c) { return ReturnOf(c).status == 302; }},
    {"ReturnIgnoredInTcp", " mode tcp\n http-request return\n",
     [](Config c) { return c.rules->set(RuleStage::kHttpRequest).empty(); }},
    {"Location", " errorloc 503 http://a/?b=1\n",
     [](Config c) {
       const HttpReply& r = *c.http.replies.at(503);
       return r.status == 302 && r.fields.back().first == "location" &&
              r.fields.back().second == "http://a/?b=1";
     }},
    {"Location303", " errorloc303 503 /x\n",
     [](Config c) { return c.http.replies.at(503)->status == 303; }},
    {"LaterReplyWins", " errorloc303 503 /x\n errorloc302 503 /y\n",
     [](Config c) { return c.http.replies.at(503)->status == 302; }},
    {"ErrorTakenBack", " errorloc 503 /x\n http-error status 503 default-errorfiles\n",
     [](Config c) { return !c.http.replies.contains(503); }},
    {"Error", " http-error status 404 content-type a/b string x hdr X-A y\n",
     [](Config c) {
       const HttpReply& r = *c.http.replies.at(404);
       return r.status == 404 && r.body == "x" && r.fields.size() == 2;
     }},
    {"ErrorOfFormats",
     " http-error status 404 content-type a/b lf-string %[path]%% hdr X-A %ci hdr X-B 1%%\n",
     [](Config c) {
       const HttpReply& r = *c.http.replies.at(404);
       return r.body.empty() && r.fields.size() == 2 && r.formats != nullptr &&
              r.formats->body.has_value() && r.formats->fields.size() == 1 &&
              r.formats->fields[0].first == "x-a" && !r.formats->in_response;
     }},
    {"ErrorOfConstantFormats", " http-error status 404 content-type a/b lf-string 1%% hdr X-A %%\n",
     [](Config c) {
       const HttpReply& r = *c.http.replies.at(404);
       return r.body == "1%" && r.fields[0].second == "%" && r.formats == nullptr;
     }},
    {"ErrorWithoutBody", " http-error status 404\n",
     [](Config c) { return c.http.replies.at(404)->body.empty(); }},
    {"SilentFile", " errorfile 408 /dev/null\n",
     [](Config c) { return c.http.replies.at(408)->silent; }},
};

TEST_F(HttpKeywords, LinesHaveTheirEffect) {
  for (const EffectRow& row : kEffects) {
    const BuiltText built = InListen(row.lines);
    ASSERT_NE(built.configuration, nullptr) << row.name << "\n" << built.Render();
    EXPECT_TRUE(row.holds(*built.configuration->proxies[0])) << row.name;
  }
}

// What is refused ---------------------------------------------------------------------------------

struct HttpFaultRow {
  const char* name;
  std::string lines;
  std::vector<std::string> errors;
};

const std::vector<HttpFaultRow> kHttpFaults = {
    {"ReuseUnknown",
     " http-reuse sometimes\n",
     {"7:13 'http-reuse': expects 'never', 'safe', 'aggressive' or 'always', not 'sometimes'"}},
    {"ReuseTwoWords", " http-reuse safe b\n", {"7:18 'http-reuse': unexpected 'b'"}},
    {"CloseWithArgument",
     " option httpclose x\n",
     {"7:19 'option httpclose': unexpected 'x': it takes no argument"}},
    {"TimeoutValue",
     " timeout http-request never\n",
     {"7:23 'timeout http-request': expects a time such as '10s' or '500ms', not 'never'"}},
    {"KeepAliveQueue",
     " max-keep-alive-queue -2\n",
     {"7:23 'max-keep-alive-queue': '-2' is out of range: expects an integer between -1 and "
      "2147483647"}},
    {"RetryUnknown", " retry-on 505\n", {"7:11 'retry-on': unknown condition '505'"}},
    {"RetryNothing",
     " retry-on\n",
     {"7:10 'retry-on': expects at least one condition such as 'conn-failure'"}},
    {"RetryNoneWithOthers", " retry-on 503 none\n", {"7:15 'retry-on': 'none' stands alone"}},
    {"SendNameForbidden",
     " http-send-name-header Host\n",
     {"7:24 'http-send-name-header': 'Host' cannot carry the name of a server"}},
    {"SendNameNotAName",
     " http-send-name-header a:b\n",
     {"7:24 'http-send-name-header': 'a:b' is not the name of a field"}},
    {"ForwardUnknown", " option forwardfor foo\n", {"7:20 'option forwardfor': unexpected 'foo'"}},
    {"ForwardNetwork",
     " option forwardfor except foo\n",
     {"7:27 'option forwardfor': 'foo' is not a network such as '10.0.0.0/8'"}},
    {"ForwardBits",
     " option forwardfor except 10.0.0.0/33\n",
     {"7:27 'option forwardfor': '33' is out of range: expects an integer between 0 and 32"}},
    {"ForwardMask",
     " option forwardfor except 10.0.0.0/255.0.255.0\n",
     {"7:27 'option forwardfor': '255.0.255.0' is not a network mask"}},
    {"ForwardNo",
     " no option forwardfor\n",
     {"7:2 'no' is not allowed in front of 'option forwardfor'"}},
    {"OriginalIfNone",
     " option originalto if-none\n",
     {"7:20 'option originalto': unexpected 'if-none'"}},
    {"ForwardedExpression",
     " option forwarded for-expr srcc\n",
     {"7:28 'option forwarded': unknown sample fetch 'srcc'"}},
    {"ForwardedWithoutExpression",
     " option forwarded by-expr\n",
     {"7:26 'option forwarded': a sample expression is expected"}},
    {"ForwardedProtoTakesNone",
     " option forwarded proto-expr src\n",
     {"7:19 'option forwarded': unexpected 'proto-expr'"}},
    {"ForwardedTwice",
     " option forwarded for for-expr src\n",
     {"7:23 'option forwarded': 'for' has been given already"}},
    {"ForwardedUnknownWord",
     " option forwarded four\n",
     {"7:19 'option forwarded': unexpected 'four'"}},
    {"NamesUnknown",
     " option http-restrict-req-hdr-names drop\n",
     {"7:37 'option http-restrict-req-hdr-names': expects 'preserve', 'delete' or 'reject', not "
      "'drop'"}},
    {"MonitorNothing", " monitor-uri\n", {"7:13 'monitor-uri': expects a URI"}},
    {"FileStatus",
     " errorfile 999 /dev/null\n",
     {"7:12 'errorfile': status code '999' not handled"}},
    {"FileMissing",
     " errorfile 503 /nowhere/x\n",
     {"7:16 'errorfile': '/nowhere/x': No such file or directory"}},
    {"FileWithoutName", " errorfile 503\n", {"7:15 'errorfile': expects a status code and a file"}},
    {"LocationStatus", " errorloc 600 /x\n", {"7:11 'errorloc': status code '600' not handled"}},
    {"FilesUnknown", " errorfiles nope\n", {"7:13 unable to find http-errors section 'nope'"}},
    {"ErrorWithoutStatus",
     " http-error content-type a/b string x\n",
     {"7:13 'http-error': expects 'status' and a status code"}},
    {"ErrorStatus",
     " http-error status 302\n",
     {"7:20 'http-error': status code '302' not handled"}},
    {"ErrorUnknownWord",
     " http-error status 404 strng x\n",
     {"7:24 'http-error': unknown word 'strng'"}},
    {"ErrorTwoSources",
     " http-error status 404 content-type a/b string x string y\n",
     {"7:50 'http-error': 'string' where there is already a 'string'"}},
    {"ErrorWithoutType",
     " http-error status 404 string x\n",
     {"7:31 'http-error': a 'content-type' must be given for a payload"}},
    {"ErrorFormat",
     " http-error status 404 content-type a/b lf-string %[status]\n",
     {"7:51 'http-error': 'status' needs the HTTP response, which is not at hand here"}},
    {"ErrorFieldFormat",
     " http-error status 404 hdr X %[srcc]\n",
     {"7:30 'http-error': unknown sample fetch 'srcc'"}},
    {"ErrorFieldName",
     " http-error status 404 hdr a:b c\n",
     {"7:28 'http-error': 'a:b' is not the name of a field"}},
    {"ErrorFieldHalf",
     " http-error status 404 hdr a\n",
     {"7:29 'http-error': 'hdr' expects a name and a value"}},
    {"ReturnCondition",
     " http-request return status 200 if TRUF\n",
     {"7:36 'http-request return': no ACL is named 'TRUF'"}},
    {"ReturnStatus",
     " http-request return status 100\n",
     {"7:29 'http-request return': '100' is out of range: expects an integer between 200 and "
      "599"}},
    {"ReturnPageStatus",
     " http-request return status 418 default-errorfiles\n",
     {"7:29 'http-request return': status code '418' not handled"}},
    {"OtherRules",
     " http-request track-sc0 src\n",
     {"7:15 'http-request track-sc0' is not supported yet"}},
    {"UnknownAction", " http-request denny\n", {"7:15 'http-request': unknown action 'denny'"}},
    {"ServerPool",
     " server s 1.2.3.4:80 pool-max-conn -2\n",
     {"7:36 'pool-max-conn': '-2' is out of range: expects an integer between -1 and "
      "2147483647"}},
    {"ServerPoolName",
     " server s 1.2.3.4:80 pool-conn-name req.hdr(host)\n",
     {"7:22 'pool-conn-name' is not supported yet"}},
    {"ServerReuse", " server s 1.2.3.4:80 max-reuse\n", {"7:31 'max-reuse': expects an integer"}},
};

TEST_F(HttpKeywords, FaultsAreReportedWithTheirPlace) {
  for (const HttpFaultRow& row : kHttpFaults) {
    const BuiltText built = InListen(row.lines);
    EXPECT_EQ(built.configuration, nullptr) << row.name;
    EXPECT_EQ(built.errors(), row.errors) << row.name << "\n" << built.Render();
  }
}

TEST_F(HttpKeywords, PoolsOfTheProcess) {
  const auto built = [](const std::string& line) {
    return BuiltText("global\n " + line + "\n" + kHttp + "listen l\n bind :1\n");
  };
  EXPECT_TRUE(built("nbthread 1").configuration->global.idle_pool_shared);
  EXPECT_TRUE(built("tune.idle-pool.shared full").configuration->global.idle_pool_shared);
  EXPECT_TRUE(built("tune.idle-pool.shared on").configuration->global.idle_pool_shared);
  EXPECT_FALSE(built("tune.idle-pool.shared off").configuration->global.idle_pool_shared);
  EXPECT_EQ(built("nbthread 1").configuration->global.pool_low_fd_percent, 20u);
  EXPECT_EQ(built("nbthread 1").configuration->global.pool_high_fd_percent, 25u);
  EXPECT_EQ(built("tune.pool-low-fd-ratio 0").configuration->global.pool_low_fd_percent, 0u);
  EXPECT_EQ(built("tune.pool-high-fd-ratio 100").configuration->global.pool_high_fd_percent, 100u);
  for (const char* line : {"tune.idle-pool.shared", "tune.idle-pool.shared yes",
                           "tune.pool-low-fd-ratio 101", "tune.pool-high-fd-ratio -1"}) {
    EXPECT_EQ(built(line).configuration, nullptr) << line;
  }
}

TEST_F(HttpKeywords, ModesMustAgree) {
  const std::string http = std::string(kHttp) + "frontend f\n bind :1\n";
  const std::vector<HttpFaultRow> rows = {
      {"HttpToTcp",
       http + " default_backend b\nbackend b\n mode tcp\n",
       {"8:18 http frontend 'f' (t.cfg:6) tries to use incompatible tcp backend 'b' (t.cfg:9) as "
        "its default backend"}},
      {"HttpToTcpByRule",
       http + " use_backend b\nbackend b\n mode tcp\n",
       {"8:14 http frontend 'f' (t.cfg:6) tries to use incompatible tcp backend 'b' (t.cfg:9) in "
        "a 'use_backend' rule"}},
      {"TcpToHttp", http + " mode tcp\n default_backend b\nbackend b\n", {}},
      {"TcpToHttpByRule", http + " mode tcp\n use_backend b if TRUE\nbackend b\n", {}},
      {"HttpToHttp", http + " default_backend b\nbackend b\n", {}},
      {"NotUsed", http + "backend b\n mode tcp\n", {}},
  };
  for (const HttpFaultRow& row : rows) {
    const BuiltText built(row.lines);
    EXPECT_EQ(built.errors(), row.errors) << row.name << "\n" << built.Render();
  }
}

TEST_F(HttpKeywords, WarningsAreThoseOfHaproxy) {
  const std::vector<HttpFaultRow> rows = {
      {"Nothing", " option httpclose\n http-request return\n", {}},
      {"TcpProxyDoesWithout",
       " mode tcp\n option forwardfor\n option originalto\n monitor-uri /x\n"
       " http-request return\n option http-buffer-request\n option http-ignore-probes\n",
       {"6:10 'monitor-uri' ignored for frontend 'f' as it requires 'mode http'",
        "6:10 'http-request' rules ignored for frontend 'f' as it requires 'mode http'",
        "6:10 'option forwardfor' ignored for frontend 'f' as it requires 'mode http'",
        "6:10 'option originalto' ignored for frontend 'f' as it requires 'mode http'",
        "6:10 'option http-buffer-request' ignored for frontend 'f' as it requires 'mode http'",
        "6:10 'option http-ignore-probes' ignored for frontend 'f' as it requires 'mode http'"}},
      {"SwitchedProxyHasNoUse",
       " mode tcp\n tcp-request content switch-mode http\n monitor-uri /x\n",
       {"6:10 'switch-mode http' in frontend 'f', which leads to no backend of 'mode http': what "
        "is "
        "upgraded has nowhere to go"}},
      {"SwitchedProxyByName",
       " mode tcp\n tcp-request content switch-mode http\n option forwardfor\n"
       " http-request return\n use_backend %[path]\n",
       {}},
      {"SwitchedProxyOfHttp", " tcp-request content switch-mode http\n", {}},
      {"WrongHalf",
       " http-reuse always\n",
       {"7:2 'http-reuse' ignored because frontend 'f' has no backend capability"}},
      {"Deprecated",
       " option accept-invalid-http-request\n",
       {"7:2 'option accept-invalid-http-request' is deprecated"}},
      {"FieldsOfOurs",
       " http-request return hdr Content-Length 7\n",
       {"7:26 'http-request return': header 'Content-Length' is always ignored"}},
      {"TypeOfNothing",
       " http-request return content-type a/b\n",
       {"7:35 'http-request return': 'content-type' is ignored without a payload of its own"}},
      {"FieldsBesideAFile",
       " http-error status 404 default-errorfiles hdr a b\n",
       {"7:43 'http-error': 'hdr' is ignored with an error file"}},
  };
  for (const HttpFaultRow& row : rows) {
    const BuiltText built = InFrontend(row.lines);
    EXPECT_NE(built.configuration, nullptr) << row.name << "\n" << built.Render();
    EXPECT_EQ(built.warnings(), row.errors) << row.name << "\n" << built.Render();
  }
}

// A condition to retry on decides what a server is sent twice, so it is not merely ignored.
TEST_F(HttpKeywords, RetryOnInAFrontendIsAnError) {
  EXPECT_EQ(InFrontend(" retry-on 503\n").configuration, nullptr);
}

// Files and sections ------------------------------------------------------------------------------

TEST_F(HttpKeywords, SectionsMayFollowTheirUsers) {
  const std::string a = Write("a", "HTTP/1.1 404 A\r\n\r\na");
  const std::string b = Write("b", "HTTP/1.1 503 B\r\n\r\nb");
  const BuiltText built(std::string(kHttp) +
                        "frontend all\n bind :1\n errorfiles e\n"
                        "frontend one\n bind :2\n errorfiles e 404 405\n"
                        "frontend word\n bind :3\n http-error status 503 errorfiles e\n"
                        " http-error status 502 errorfiles e\n"
                        " http-request return status 404 errorfiles e\n"
                        "http-errors e\n errorfile 404 " +
                        a + "\n errorfile 503 " + b + "\n");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  const auto& proxies = built.configuration->proxies;
  EXPECT_EQ(proxies[0]->http.replies.size(), 2u);
  ASSERT_EQ(proxies[1]->http.replies.size(), 1u);
  EXPECT_EQ(proxies[1]->http.replies.at(404)->body, "a");
  ASSERT_EQ(proxies[2]->http.replies.size(), 1u);
  EXPECT_EQ(proxies[2]->http.replies.at(503)->body, "b");
  EXPECT_EQ(ReturnOf(*proxies[2]).body, "a");
  // One file, one reply.
  EXPECT_EQ(proxies[0]->http.replies.at(404), proxies[1]->http.replies.at(404));
  EXPECT_EQ(built.warnings(), (std::vector<std::string>{
                                  "11:19 status 405 is not declared in http-errors section 'e'",
                                  "15:20 status 502 is not declared in http-errors section 'e'"}));
}

TEST_F(HttpKeywords, SectionsAreChecked) {
  const BuiltText built("http-errors e\n foo\n errorfile 999 /dev/null\nhttp-errors e\n");
  EXPECT_EQ(built.errors(),
            (std::vector<std::string>{
                "2:2 unknown keyword 'foo' in 'http-errors' section",
                "3:12 'errorfile': status code '999' not handled",
                "4:13 http-errors section 'e' already exists, declared at t.cfg:1"}));
}

TEST_F(HttpKeywords, DefaultsHandRepliesDown) {
  const BuiltText built(std::string(kHttp) +
                        " errorloc 503 /d\n errorloc 502 /d\n"
                        "frontend f\n bind :1\n errorloc303 503 /f\n"
                        "frontend g\n bind :2\n");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  EXPECT_EQ(built.configuration->proxies[0]->http.replies.at(503)->status, 303);
  EXPECT_EQ(built.configuration->proxies[0]->http.replies.at(502)->status, 302);
  EXPECT_EQ(built.configuration->proxies[1]->http.replies.at(503)->status, 302);
}

TEST_F(HttpKeywords, RepliesFitABuffer) {
  const std::string head = "HTTP/1.1 503 Sorry\r\n\r\n";
  const std::string fits = Write("fits", head + std::string(15000, 'x'));
  const std::string large = Write("large", head + std::string(15400, 'x'));
  EXPECT_NE(InFrontend(" errorfile 503 " + fits + "\n").configuration, nullptr);
  const BuiltText built = InFrontend(" errorfile 503 " + large + "\n");
  ASSERT_EQ(built.errors().size(), 1u);
  EXPECT_NE(built.errors()[0].find("does not fit the 15360"), std::string::npos)
      << built.errors()[0];
  // tune.bufsize may stand behind it.
  const BuiltText after(std::string(kHttp) + "frontend f\n bind :1\n errorfile 503 " + large +
                        "\nglobal\n tune.bufsize 32768\n");
  EXPECT_NE(after.configuration, nullptr) << after.Render();
}

TEST_F(HttpKeywords, PagesThatAreNoHttpAreRefused) {
  const std::string path = Write("page", "<html>\n");
  const BuiltText built = InFrontend(" errorfile 503 " + path + "\n");
  ASSERT_EQ(built.errors().size(), 1u);
  EXPECT_NE(built.errors()[0].find("'" + path + "': line 1 is not HTTP"), std::string::npos)
      << built.errors()[0];
}

TEST_F(HttpKeywords, PayloadsOfFiles) {
  const std::string path = Write("body", "100%% raw\n");
  const BuiltText raw = InFrontend(" http-request return content-type a/b file " + path + "\n");
  ASSERT_NE(raw.configuration, nullptr) << raw.Render();
  EXPECT_EQ(ReturnOf(*raw.configuration->proxies[0]).body, "100%% raw\n");
  const BuiltText format =
      InFrontend(" http-request return content-type a/b lf-file " + path + "\n");
  ASSERT_NE(format.configuration, nullptr) << format.Render();
  EXPECT_EQ(ReturnOf(*format.configuration->proxies[0]).body, "100% raw\n");
}

// Global words ------------------------------------------------------------------------------------

TEST_F(HttpKeywords, CaseAdjustment) {
  const std::string first = Write("first", "etag ETag\n");
  const std::string last = Write("last", "# comment\n\n  host\t HOST \nx-a X-a\n");
  const BuiltText built(
      "global\n tune.http.maxhdr 15\n h1-case-adjust x-a X-A\n"
      " h1-case-adjust-file " +
      first + "\n h1-case-adjust-file " + last + "\n");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  const GlobalConfig& global = built.configuration->global;
  EXPECT_EQ(global.http_maxhdr, 15u);
  const std::map<std::string, std::string, std::less<>> wanted = {{"host", "HOST"}, {"x-a", "X-A"}};
  EXPECT_EQ(global.h1_case_adjust, wanted);
}

TEST_F(HttpKeywords, GlobalFaults) {
  const std::string broken = Write("broken", "host Host\nfoo bar\n");
  const std::vector<HttpFaultRow> rows = {
      {"MaxHeaders",
       " tune.http.maxhdr 0\n",
       {"2:19 'tune.http.maxhdr': '0' is out of range: expects an integer between 1 and 32767"}},
      {"Differ",
       " h1-case-adjust content-length Content-Type\n",
       {"2:17 'h1-case-adjust': 'content-length' and 'Content-Type' differ in more than their "
        "case"}},
      {"UpperCase",
       " h1-case-adjust Host HOST\n",
       {"2:17 'h1-case-adjust': 'Host' is not in lower case"}},
      {"Twice",
       " h1-case-adjust host Host\n h1-case-adjust host HOST\n",
       {"3:17 'h1-case-adjust': duplicate entry 'host'"}},
      {"OneWord",
       " h1-case-adjust host\n",
       {"2:21 'h1-case-adjust': expects the name of a field in lower case, and as it is sent"}},
      {"NoFile",
       " h1-case-adjust-file /nowhere\n",
       {"2:22 'h1-case-adjust-file': '/nowhere': No such file or directory"}},
      {"BrokenFile",
       " h1-case-adjust-file " + broken + "\n",
       {"2:22 'h1-case-adjust-file': '" + broken +
        "', line 2: 'foo' and 'bar' differ in more than their case"}},
  };
  for (const HttpFaultRow& row : rows) {
    const BuiltText built("global\n" + row.lines);
    EXPECT_EQ(built.errors(), row.errors) << row.name << "\n" << built.Render();
  }
}

// Without the option the mode decides, wherever that stands.
TEST_F(HttpKeywords, SmartAcceptIsOfModeHttpUnlessSaid) {
  const auto accepts_smartly = [](const std::string& lines) {
    const BuiltText built("defaults\n timeout client 1s\n" + lines);
    EXPECT_NE(built.configuration, nullptr) << built.Render();
    return built.configuration != nullptr && built.configuration->proxies[0]->accepts_smartly();
  };
  const std::string option = " option tcp-smart-accept\n";
  const std::string frontend = "frontend a\n bind :1\n";
  EXPECT_FALSE(accepts_smartly(frontend));
  EXPECT_TRUE(accepts_smartly(option + frontend));
  EXPECT_TRUE(accepts_smartly(" mode http\n" + frontend));
  EXPECT_FALSE(accepts_smartly(" mode http\n no" + option + frontend));
  EXPECT_TRUE(accepts_smartly(" no" + option + frontend + " mode http\n default" + option));
}

}  // namespace
}  // namespace engine
