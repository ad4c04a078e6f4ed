#include <gtest/gtest.h>

#include "tests/engine/fetch/traffic_fixture.h"

namespace engine {
namespace {

struct HeaderRow {
  const char* name;
  const char* expression;
  const char* expected;
};

void Fill(TrafficFixture& traffic) {
  traffic.AddRequest("X-A", "one,two");
  traffic.AddRequest("x-a", "three");
  traffic.AddRequest("X-Quoted", "\"a,b\", c");
  traffic.AddRequest("X-Empty", "");
  traffic.AddRequest("X-Num", "12, 34abc");
  traffic.AddRequest("X-Ip", "10.0.0.1, 10.0.0.2:8080");
  traffic.AddRequest("X-Ip6", "[2001:db8::1]:443");
  traffic.AddRequest("X-Bad-Ip", "10.0.0.1:99999");
  traffic.AddRequest("Cookie", "a=1; b=\"x y\"; a=2");
  traffic.AddRequest("Cookie", "c=");
  traffic.AddResponse("X-B", "u, v");
  traffic.AddResponse("Set-Cookie", "s=abc; Path=/");
  traffic.AddResponse("Set-Cookie", "t=9");
}

TEST(HeaderFetches, FindWhatTheManualSays) {
  const HeaderRow kRows[] = {
      {"the last value", "req.hdr(x-a)", "three"},
      {"the first", "req.hdr(x-a,1)", "one"},
      {"the second", "req.hdr(x-a,2)", "two"},
      {"from the end", "req.hdr(x-a,-2)", "two"},
      {"too many", "req.hdr(x-a,4)", "<none>"},
      {"too many from the end", "req.hdr(x-a,-4)", "<none>"},
      {"the whole field", "req.fhdr(x-a,1)", "one,two"},
      {"commas between quotes", "req.hdr(x-quoted,1)", "\"a,b\""},
      {"an empty one is there", "req.hdr(x-empty)", ""},
      {"a missing one is not", "req.hdr(x-none)", "<none>"},
      {"values", "req.hdr_cnt(x-a)", "3"},
      {"fields", "req.fhdr_cnt(x-a)", "2"},
      {"none", "req.hdr_cnt(x-none)", "0"},
      {"number", "req.hdr_val(x-num)", "34"},
      {"first number", "req.hdr_val(x-num,1)", "12"},
      {"no number", "req.hdr_val(x-a)", "0"},
      {"address with a port", "req.hdr_ip(x-ip)", "10.0.0.2"},
      {"address", "req.hdr_ip(x-ip,1)", "10.0.0.1"},
      {"address of version 6", "req.hdr_ip(x-ip6)", "2001:db8::1"},
      {"bad port", "req.hdr_ip(x-bad-ip)", "<none>"},
      {"no address", "req.hdr_ip(x-a)", "<none>"},
      {"old name", "hdr(x-a)", "three"},
      {"old count", "hdr_cnt(x-a)", "3"},
      {"old address", "hdr_ip(x-ip)", "10.0.0.2"},
      {"old number", "hdr_val(x-num)", "34"},
      {"the last cookie of a name", "req.cook(a)", "2"},
      {"quotes stay", "req.cook(b)", "\"x y\""},
      {"the first cookie", "req.cook()", "1"},
      {"an empty cookie", "req.cook(c)", ""},
      {"no such cookie", "req.cook(d)", "<none>"},
      {"names count case", "req.cook(A)", "<none>"},
      {"cookies", "req.cook_cnt(a)", "2"},
      {"all cookies", "req.cook_cnt()", "4"},
      {"cookie as a number", "req.cook_val(a)", "2"},
      {"names of cookies", "req.cook_names(;)", "a;b;a;c"},
      {"old cookie", "cook(a)", "2"},
      {"response", "res.hdr(x-b)", "v"},
      {"whole response field", "res.fhdr(x-b)", "u, v"},
      {"old response", "shdr(x-b,1)", "u"},
      {"response names", "res.hdr_names()", "x-b,set-cookie,set-cookie"},
      {"set cookie", "res.cook(s)", "abc"},
      {"old set cookie", "scook(t)", "9"},
      {"older set cookie", "set-cookie(t)", "9"},
      {"set cookies", "res.cook_cnt()", "2"},
      {"set names", "res.cook_names", "s,t"},
      {"set number", "scook_val(t)", "9"},
      {"all of a response", "res.hdrs",
       "x-b: u, v\r\nset-cookie: s=abc; Path=/\r\nset-cookie: t=9\r\n\r\n"},
      {"binary", "res.hdrs_bin,hex",
       "03782D6204752C20760A7365742D636F6F6B69650D733D6162633B20506174683D2F0A7365742D636F6F6B6965"
       "03743D390000"},
      {"an occurrence of 0", "req.hdr(x-a,0)",
       "<error: 'req.hdr': an occurrence counts from 1, or from -1 for the last>"},
      {"status", "status", "404"},
  };
  for (const HeaderRow& row : kRows) {
    TrafficFixture traffic;
    Fill(traffic);
    EXPECT_EQ(traffic.Eval(row.expression), row.expected) << row.name;
  }
}

TEST(HeaderFetches, SeeEveryValueInACondition) {
  TrafficFixture traffic;
  Fill(traffic);
  EXPECT_EQ(traffic.EvalAll("req.hdr(x-a)"), (std::vector<std::string>{"one", "two", "three"}));
  EXPECT_EQ(traffic.EvalAll("req.fhdr(x-a)"), (std::vector<std::string>{"one,two", "three"}));
  EXPECT_EQ(traffic.EvalAll("req.hdr(x-a,-1)"), (std::vector<std::string>{"three"}));
  EXPECT_EQ(traffic.EvalAll("req.cook(a)"), (std::vector<std::string>{"1", "2"}));
  EXPECT_EQ(traffic.EvalAll("req.hdr(none)"), std::vector<std::string>());
}

TEST(HeaderFetches, WithoutADirectionFollowTheRules) {
  TrafficFixture traffic;
  traffic.AddRequest("X-A", "request");
  traffic.AddResponse("X-A", "response");
  EXPECT_EQ(traffic.Eval("hdr(x-a)"), "request");
  traffic.context.in_response = true;
  EXPECT_EQ(traffic.Eval("hdr(x-a)"), "response");
  EXPECT_EQ(traffic.Eval("req.hdr(x-a)"), "request");
}

// What does not fit gives nothing, and takes nothing from who comes next.
TEST(HeaderFetches, NeedRoomInTheScratch) {
  TrafficFixture traffic;
  const std::string large(80000, 'x');
  traffic.AddRequest("X-Large", large);
  EXPECT_EQ(traffic.Eval("req.hdrs"), "<none>");
  EXPECT_EQ(traffic.Eval("req.hdr_names"), "x-large");
}

}  // namespace
}  // namespace engine
