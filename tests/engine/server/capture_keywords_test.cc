#include "engine/server/capture_keywords.h"

#include <gtest/gtest.h>

#include "engine/server/keep_config.h"
#include "engine/server/log_config.h"
#include "tests/engine/server/build_text.h"

namespace engine {
namespace {

using List = std::vector<std::string>;

std::string Frontend(const std::string& lines, const std::string& mode = "http") {
  return "defaults\n mode " + mode + "\nfrontend f\n bind 127.0.0.1:80\n" + lines +
         " default_backend b\nbackend b\n server s 127.0.0.1:81\n";
}

TEST(CaptureKeywords, MakeAPlan) {
  BuiltText built(
      Frontend(" capture request header Host len 15\n declare capture request len 7\n"
               " capture response header Server len 20\n capture cookie SES= len 100\n"
               " unique-id-format %ci:%cp\n unique-id-header X-Id\n"
               " log 127.0.0.1 local0\n log-format \"%[req.hdr(x)] %[src] %[res.hdr(y)] %ST\"\n"));
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  const ProxyConfig& frontend = *built.configuration->proxies[0];
  ASSERT_NE(frontend.keep, nullptr);
  const KeepPlan& plan = *frontend.keep;
  ASSERT_EQ(plan.request.size(), 2u);
  EXPECT_EQ(plan.request[0].header, "Host");
  EXPECT_EQ(plan.request[0].bytes_max, 15u);
  EXPECT_EQ(plan.request[1].header, "");
  EXPECT_EQ(plan.request[1].bytes_max, 7u);
  ASSERT_EQ(plan.response.size(), 1u);
  EXPECT_EQ(plan.cookie, "SES=");
  EXPECT_EQ(plan.cookie_bytes_max, 63u);  // tune.http.cookielen
  EXPECT_EQ(frontend.unique_id_header, "X-Id");
  ASSERT_EQ(plan.values.size(), 3u);
  EXPECT_EQ(plan.values[0].moment, LogMoment::kRequest);
  EXPECT_EQ(plan.values[1].moment, LogMoment::kClientGone);
  EXPECT_EQ(plan.values[2].moment, LogMoment::kResponse);
  EXPECT_EQ(built.configuration->proxies[1]->keep, nullptr);
}

TEST(CaptureKeywords, KeepNothingThatNobodyAsksFor) {
  BuiltText built(Frontend(" log 127.0.0.1 local0\n option httplog\n"));
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  EXPECT_EQ(built.configuration->proxies[0]->keep, nullptr);
}

TEST(CaptureKeywords, ExplainWhatIsWrong) {
  const struct {
    const char* lines;
    const char* error;
  } kRows[] = {
      {" capture request header\n", "5:24 'capture request header': expects the name of a header"},
      {" capture request header A,B len 1\n",
       "5:25 'capture request header': 'A,B' is no name of a header"},
      {" capture request header A 7\n",
       "5:27 'capture request header': 'len' and a length in bytes are expected"},
      {" capture request header A len\n", "5:30 'capture request header': expects a length"},
      {" capture response header A len 0\n",
       "5:32 'capture response header': '0' is out of range: expects an integer between 1 and "
       "65535"},
      {" capture cookie A len 5 x\n", "5:25 'capture cookie': unexpected 'x'"},
      {" capture cookie A len 5\n capture cookie B len 5\n",
       "6:17 'capture cookie': a frontend captures one cookie only, and has 'A'"},
      {" declare capture requests len 5\n",
       "5:18 'declare capture': expects 'request' or 'response'"},
      {" unique-id-header a:b\n", "5:19 'unique-id-header': 'a:b' is no name of a header"},
      {" unique-id-format %[res.hdr(x)]\n",
       "5:19 log format: 'res.hdr' needs the HTTP response, which is not at hand here"},
      {" log-format %[srx]\n", "5:13 log format: unknown sample fetch 'srx'"},
      {" log-format %[src,uper]\n", "5:13 log format: unknown converter 'uper'"},
      {" log-format %[src\n", "5:13 log format: an expression is not closed by ']'"},
      {" log-format %[nbsrv(c)]\n", "5:13 no backend is named 'c'"},
      {" log-format %[srv_conn(b/x)]\n", "5:13 no server of backend 'b' is named 'x'"},
      {" log-format %[fe_conn(b)]\n", "5:13 no frontend is named 'b'"},
      {" log-format %{+jso}o\n", "5:13 log format: unknown flag 'jso'"},
  };
  for (const auto& row : kRows) {
    BuiltText built(Frontend(row.lines));
    EXPECT_EQ(built.errors(), List{row.error}) << row.lines;
  }
}

TEST(CaptureKeywords, NeedHttpForItsExpressions) {
  BuiltText built(Frontend(" log 127.0.0.1 local0\n log-format %[path]\n", "tcp"));
  EXPECT_EQ(built.errors(),
            List{"6:13 log format: '%[path]' needs mode http, frontend 'f' has mode tcp"});
}

TEST(CaptureKeywords, WarnOfAHeaderWithoutAFormat) {
  BuiltText built(Frontend(" unique-id-header X-Id\n"));
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  EXPECT_EQ(built.warnings().back(),
            "5:19 'unique-id-header' does nothing without 'unique-id-format'");
}

}  // namespace
}  // namespace engine
