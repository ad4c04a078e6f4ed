#include <gtest/gtest.h>

#include "tests/engine/fetch/traffic_fixture.h"

namespace engine {
namespace {

struct RequestRow {
  const char* name;
  const char* target;
  const char* expression;
  const char* expected;
};

TEST(RequestFetches, ReadTheTarget) {
  const RequestRow kRows[] = {
      {"path", "/p/q?a=1", "path", "/p/q"},
      {"path of an absolute target", "http://h:81/x?y", "path", "/x"},
      {"path and query", "/p?a=1", "pathq", "/p?a=1"},
      {"path without a query", "/p", "pathq", "/p"},
      {"an empty query stays", "/p?", "pathq", "/p?"},
      {"query", "/p?a=1&b", "query", "a=1&b"},
      {"an empty query is there", "/p?", "query", ""},
      {"no query", "/p", "query", "<none>"},
      {"with its mark", "/p?a", "query(with_qm)", "?a"},
      {"an empty one has no mark", "/p?", "query(with_qm)", ""},
      {"url as sent", "/p?a", "url", "/p?a"},
      {"absolute url", "http://h/p?a", "url", "http://h/p?a"},
      {"parameter", "/p?a=1&b=2", "url_param(b)", "2"},
      {"the first of two", "/p?a=1&a=2", "urlp(a)", "1"},
      {"case counts", "/p?A=1", "urlp(a)", "<none>"},
      {"unless told", "/p?A=1", "urlp(a,,i)", "1"},
      {"any name", "/p?x=7", "urlp()", "7"},
      {"a semicolon ends one", "/p?a=1;b=2", "urlp(b)", "2"},
      {"behind a delimiter", "/p;s=id?a=1", "urlp(s,;)", "id?a=1"},
      {"empty value", "/p?a=&b=2", "urlp(a)", ""},
      {"no value", "/p?a&b=2", "urlp(a)", "<none>"},
      {"not decoded", "/p?a=%41", "urlp(a)", "%41"},
      {"number", "/p?a=12x", "urlp_val(a)", "12"},
      {"negative", "/p?a=-3", "urlp_val(a)", "-3"},
      {"too large", "/p?a=99999999999999999999", "urlp_val(a)", "9223372036854775807"},
      {"ip", "http://10.1.2.3:81/x", "url_ip", "10.1.2.3"},
      {"ip of version 6", "http://[::1]:81/x", "url_ip", "::1"},
      {"a name is no ip", "http://h/x", "url_ip", "<none>"},
      {"port", "http://10.1.2.3:81/x", "url_port", "81"},
      {"port that is not given", "/x", "url_port", "80"},
      {"version", "/", "req.ver", "1.1"},
      {"method", "/", "method", "GET"},
      {"captured uri", "http://h/p?a", "capture.req.uri", "/p?a"},
      {"captured uri without a path", "http://h", "capture.req.uri", "<none>"},
      {"captured uri with a slash in its query", "http://h?/a", "capture.req.uri", "<none>"},
      {"captured method", "/", "capture.req.method", "GET"},
      {"bad option", "/", "query(x)", "<error: 'query': the only option is 'with_qm'>"},
      {"bad flag", "/", "urlp(a,,x)", "<error: 'urlp': the only flag is 'i'>"},
  };
  for (const RequestRow& row : kRows) {
    TrafficFixture traffic(row.target);
    EXPECT_EQ(traffic.Eval(row.expression), row.expected) << row.name;
  }
}

TEST(RequestFetches, JoinHostAndPath) {
  TrafficFixture traffic("/p/q?a=1");
  traffic.AddRequest("Host", "h.example");
  EXPECT_EQ(traffic.Eval("base"), "h.example/p/q");
  EXPECT_EQ(traffic.Eval("baseq"), "h.example/p/q?a=1");
  // A path that a rule has changed lies elsewhere.
  traffic.request.path = "/new";
  EXPECT_EQ(traffic.Eval("pathq"), "/new?a=1");
  EXPECT_EQ(traffic.Eval("url"), "/new?a=1");
  EXPECT_EQ(traffic.Eval("capture.req.uri"), "/p/q?a=1");
}

TEST(RequestFetches, TargetsWithoutAPathHaveNoUri) {
  for (const auto& [target, method] :
       {std::pair{"*", proto::Method::kOptions}, std::pair{"h:443", proto::Method::kConnect}}) {
    TrafficFixture traffic(target, method);
    traffic.AddRequest("Host", "h");
    EXPECT_EQ(traffic.Eval("capture.req.uri"), "<none>") << target;
    EXPECT_EQ(traffic.Eval("path"), "<none>") << target;
    EXPECT_EQ(traffic.Eval("url"), target);
    EXPECT_EQ(traffic.Eval("base"), "h") << target;
    EXPECT_EQ(traffic.Eval("url32"), traffic.Eval("base32")) << target;
  }
}

TEST(RequestFetches, AUrlHasOneHashInEveryForm) {
  for (const char* target : {"/p?a=q", "http://h/p?a=q", "https://h/p?a=q"}) {
    TrafficFixture traffic(target);
    traffic.AddRequest("Host", "h");
    EXPECT_EQ(traffic.Eval("url32"), "256878800") << target;
  }
}

TEST(RequestFetches, GiveNothingWithoutAHead) {
  TrafficFixture traffic;
  traffic.context.request = nullptr;
  traffic.context.response = nullptr;
  for (const FetchSpec& fetch : RequestFetches()) {
    const std::string name(fetch.name);
    EXPECT_EQ(traffic.Eval(name), "<none>") << name;
  }
  for (const FetchSpec& fetch : HeaderFetches()) {
    EXPECT_EQ(traffic.Eval(std::string(fetch.name)), "<none>") << fetch.name;
  }
  for (const FetchSpec& fetch : TransactionFetches()) {
    const bool index = fetch.name.ends_with(".hdr") && fetch.name.starts_with("capture");
    EXPECT_EQ(traffic.Eval(std::string(fetch.name) + (index ? "(0)" : "")), "<none>") << fetch.name;
  }
}

TEST(RequestFetches, ReadCredentials) {
  TrafficFixture traffic;
  traffic.AddRequest("Authorization", "Basic dXNlcjpwYTpzcw==");
  traffic.AddRequest("X-Token", "Bearer abc.def");
  EXPECT_EQ(traffic.Eval("http_auth_user"), "user");
  EXPECT_EQ(traffic.Eval("http_auth_pass"), "pa:ss");
  EXPECT_EQ(traffic.Eval("http_auth_type"), "Basic");
  EXPECT_EQ(traffic.Eval("http_auth_bearer"), "<none>");
  EXPECT_EQ(traffic.Eval("http_auth_bearer(x-token)"), "abc.def");
}

TEST(RequestFetches, SeeEveryParameterInAConditon) {
  TrafficFixture traffic("/p?a=1&b=2&a=3");
  EXPECT_EQ(traffic.EvalAll("urlp(a)"), (std::vector<std::string>{"1", "3"}));
  EXPECT_EQ(traffic.EvalAll("urlp()"), (std::vector<std::string>{"1", "2", "3"}));
}

}  // namespace
}  // namespace engine
