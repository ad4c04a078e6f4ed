#include "engine/expr/log_format.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "engine/log/log_dates.h"
#include "engine/log/syslog.h"

namespace engine {
namespace {

// 06/Feb/2009:12:14:14.655 UTC
constexpr uint64_t kAcceptMicros = 1233922454655123;

// Every test in the zone it names; the machine's own does not matter.
class InZone {
 public:
  explicit InZone(const char* zone) {
    setenv("TZ", zone, 1);
    tzset();
  }
  ~InZone() {
    unsetenv("TZ");
    tzset();
  }
};

LogRecord SampleRecord() {
  LogRecord record;
  record.frontend = "http-in";
  record.bind = "f1";
  record.backend = "static";
  record.server = "srv1";
  record.http = true;
  record.client = shard::Address::V4(0x0a000102, 33317);
  record.frontend_address = shard::Address::V4(0x0a00031f, 8012);
  record.source = shard::Address::V4(0x0a000001, 5000);
  record.server_address = shard::Address::V4(0x7f000001, 8000);
  record.accept_us = record.request_us = kAcceptMicros;
  record.timers = {.handshake_ms = 1,
                   .idle_ms = 2,
                   .request_ms = 10,
                   .queue_ms = 0,
                   .connect_ms = 30,
                   .response_ms = 69,
                   .data_ms = 5,
                   .active_ms = 109,
                   .total_ms = 112,
                   .user_ms = 110};
  record.request = {true, "GET", "/index.html?a=\"b", "/index.html", "HTTP/1.1"};
  record.status = 200;
  record.bytes_out = 2750;
  record.bytes_in = 321;
  record.process_connections = record.frontend_connections = 1;
  record.backend_connections = record.server_connections = 1;
  record.pid = 14389;
  record.request_counter = 57;
  record.hostname = "vm";
  return record;
}

std::string Write(std::string_view text, const LogRecord& record = SampleRecord(),
                  LogUse use = LogUse::kLog) {
  LogFormat format;
  LogFormatError error;
  if (!format.Compile(text, &error)) return "error: " + error.message;
  format.set_use(use);
  char buffer[4096];
  LogLine line(buffer, sizeof(buffer));
  LogDates dates;
  format.Write(record, dates, line);
  return std::string(line.view());
}

// Expressions differ more: tests/scenario/rules/flags_of_texts.vtc.
TEST(LogFormat, WhatIsMissingHasAPlaceInLogsAlone) {
  const std::string_view text = "[%CC] [%{+Q}CC] %{+Q}HU";
  const LogRecord record = SampleRecord();
  EXPECT_EQ(Write(text, record), "[-] [\"\"] \"/index.html?a=#22b\"");
  for (const LogUse use : {LogUse::kMessage, LogUse::kText}) {
    EXPECT_EQ(Write(text, record, use), "[] [\"\"] \"/index.html?a=#22b\"");
  }
}

TEST(LogFormat, BuiltInFormatsAreThoseOfTheManual) {
  const InZone zone("UTC");
  EXPECT_EQ(Write(kHttpLogFormat),
            "10.0.1.2:33317 [06/Feb/2009:12:14:14.655] http-in static/srv1 10/0/30/69/109 200 2750 "
            "- - ---- 1/1/1/1/0 0/0 \"GET /index.html?a=#22b HTTP/1.1\"");
  EXPECT_EQ(Write(kTcpLogFormat),
            "10.0.1.2:33317 [06/Feb/2009:12:14:14.655] http-in static/srv1 0/30/112 2750 -- "
            "1/1/1/1/0 0/0");
  EXPECT_EQ(
      Write(kHttpClfLogFormat),
      "10.0.1.2 - - [06/Feb/2009:12:14:14 +0000] \"GET /index.html?a=#22b HTTP/1.1\" 200 "
      "2750 \"\" \"\" 33317 655 \"http-in\" \"static\" \"srv1\" 10 0 30 69 109 ---- 1 1 1 1 0 0 0 "
      "\"\" \"\" ");
  EXPECT_EQ(Write(kTcpClfLogFormat),
            "10.0.1.2 - - [06/Feb/2009:12:14:14 +0000] \"TCP \" 000 2750 \"\" \"\" 33317 655 "
            "\"http-in\" \"static\" \"srv1\" 1 0 30 112 321 ---- 1 1 1 1 0 0 0 \"\" \"\" ");
}

TEST(LogFormat, Items) {
  const InZone zone("CET-1");
  struct Row {
    const char* format;
    const char* expected;
  } const rows[] = {
      {"%T", "06/Feb/2009:12:14:14 +0000"},
      {"%Tl", "06/Feb/2009:13:14:14 +0100"},
      {"%t", "06/Feb/2009:13:14:14.655"},
      {"%trl|%trg|%tr",
       "06/Feb/2009:13:14:14 +0100|06/Feb/2009:12:14:14 +0000|"
       "06/Feb/2009:13:14:14.655"},
      {"%Ts %ms", "1233922454 655"},
      {"%Th/%Ti/%TR/%Tq/%Tw/%Tc/%Tr/%Td/%Ta/%Tt/%Tu", "1/2/10/13/0/30/69/5/109/112/110"},
      {"%HM %HP %HPO %HQ %HU %HV",
       "GET /index.html /index.html ?a=#22b /index.html?a=#22b HTTP/1.1"},
      {"%bi:%bp %si:%sp %fi:%fp", "10.0.0.1:5000 127.0.0.1:8000 10.0.3.31:8012"},
      {"%{+X}ci %{+X}cp %{+X}pid %{+X}rt %{+X}Ts", "0A000102 8225 3835 0039 498C2996"},
      {"%{+X}o%pid%{-X}o %pid", "3835 14389"},
      {"%{+Q,+X}ci %{+Q,+X}cp %{+Q}ci", "0A000102 8225 \"10.0.1.2\""},  // numbers are not quoted
      {"%{+Q}o%s %{-Q}s %ST", "\"srv1\" srv1 200"},
      {"%{+Q}ID %ID %CC %{+Q}CS", "\"\" - - \"\""},
      {"a%%b", "a%b"},
      {"  a \t b  ", "a \t b "},
      {"a %hr %hs %hrl %hsl b", "a b"},
      {"%(name:sint)B %(n)s", "2750 srv1"},
      {"%H %pid %rt %lc %OG %sslv", "vm 14389 57 0 unspec -"},
  };
  for (const Row& row : rows) EXPECT_EQ(Write(row.format), row.expected) << row.format;
}

TEST(LogFormat, WhatNeverCameIsMarked) {
  LogRecord record = SampleRecord();
  record.request = {};
  record.server = {};
  record.timers = {};
  record.early = record.redispatched = true;
  record.retries = 3;
  record.source = {};
  EXPECT_EQ(Write("%s %r %HM %Tq %Ta %B %rc %bi %bp", record),
            "<NOSRV> <BADREQ> <BADREQ> -1 +-1 +2750 +3 - -");
}

TEST(LogFormat, UnixSocketsAreNamedByTheirNumber) {
  LogRecord record = SampleRecord();
  record.client.family = AF_UNIX;
  record.bind_id = 77;
  EXPECT_EQ(Write("%ci:%cp", record), "unix:77");
  char buffer[200];
  LogLine line(buffer, sizeof(buffer));
  WriteDefaultLog(record, line);
  EXPECT_EQ(line.view(), "Connect to unix:77 (http-in/HTTP)");
}

TEST(LogFormat, LinesWithoutAFormat) {
  const InZone zone("UTC");
  LogRecord record = SampleRecord();
  record.message = "Connection error during SSL handshake";
  LogDates dates;
  char buffer[200];
  LogLine line(buffer, sizeof(buffer));
  WriteDefaultLog(record, line);
  EXPECT_EQ(line.view(), "Connect from 10.0.1.2:33317 to 10.0.3.31:8012 (http-in/HTTP)");
  line.Clear();
  WriteErrorLog(record, dates, line);
  EXPECT_EQ(line.view(),
            "10.0.1.2:33317 [06/Feb/2009:12:14:14.655] http-in/f1: Connection error during SSL "
            "handshake");
}

TEST(LogFormat, ErrorsNameWhatIsWrong) {
  struct Row {
    const char* format;
    const char* expected;
    size_t at;
  } const rows[] = {
      {"a %nosuch", "no such item: '%nosuch'", 2},
      {"a %", "a '%' stands alone: write '%%'", 2},
      {"%{+W}s", "unknown flag 'W'", 2},
      {"%{+Q,+jso}o", "unknown flag 'jso'", 5},
      {"%{+Qs", "flags are not closed by '}'", 1},
      {"%(as", "a name is not closed by ')'", 1},
      {"%(a:float)s", "unknown type 'float'", 4},
      {"x%[src]", "an expression ('%[...]') cannot stand here", 2},
      {"%{+Q}[src]", "an expression ('%[...]') cannot stand here", 5},
  };
  for (const Row& row : rows) {
    LogFormat format;
    LogFormatError error;
    EXPECT_FALSE(format.Compile(row.format, &error)) << row.format;
    EXPECT_EQ(error.message, row.expected) << row.format;
    EXPECT_EQ(error.at, row.at) << row.format;
  }
}

TEST(LogFormat, WritesJson) {
  const InZone zone("UTC");
  EXPECT_EQ(Write("%{+json}o %(c)ci %(p)cp %ft %(a)Ta %(r)r %(s:sint)s %(st:bool)ST %(t)t %(h)hr"),
            "{\"c\": \"10.0.1.2\", \"p\": 33317, \"a\": 109, "
            "\"r\": \"GET /index.html?a=\\\"b HTTP/1.1\", \"s\": null, \"st\": true, "
            "\"t\": \"06/Feb/2009:12:14:14.655\", \"h\": null}");
  // What still grows has no '+' then, and flags of plain text mean nothing.
  LogRecord record = SampleRecord();
  record.early = true;
  EXPECT_EQ(Write("%{+json,+Q,+E}o %(b)B %(n)f", record), "{\"b\": 2750, \"n\": \"http-in\"}");
  // An item alone, without a map around it.
  EXPECT_EQ(Write("x %{+json}ci %ci"), "x \"10.0.1.2\" 10.0.1.2");
}

TEST(LogFormat, WritesCbor) {
  EXPECT_EQ(Write("%{+cbor}o %(p)cp"), "BF6170198225FF");
  EXPECT_EQ(Write("%{+cbor}o %(u)Tw %(f)f"), "BF61750061667F67687474702D696EFFFF");
  LogRecord record = SampleRecord();
  record.timers.queue_ms = -1;
  EXPECT_EQ(Write("%{+cbor,+bin}o %(u)Tw", record), "\xBF\x61u\x20\xFF");
}

TEST(LogFormat, WritesWhatWasCaptured) {
  LogRecord record = SampleRecord();
  EXPECT_EQ(Write("<%hr|%{+Q}hr|%hrl|%CC|%ID>", record), "<|||-|->");
  const std::string_view request[] = {"a|b{c}#\"", {}};
  const std::string_view response[] = {"x"};
  record.request_captures = {request, 2};
  record.response_captures = {response, 1};
  record.request_cookie = "n=v";
  record.unique_id = "id";
  EXPECT_EQ(Write("%hr %hs %CC %CS %ID", record), "{a#7Cb#7Bc#7D#23#22|} {x} n=v - id");
  EXPECT_EQ(Write("%{+Q}hr %{+Q}hrl %hrl", record),
            "\"{a#7Cb#7Bc#7D#23#22|}\" \"a#7Cb#7Bc#7D#23#22\" \"\" a#7Cb#7Bc#7D#23#22 -");
  // There, and empty.
  const std::string_view empty[] = {"", {}};
  record.request_captures = {empty, 2};
  EXPECT_EQ(Write("<%hr|%hrl|%{+Q}hrl>", record), "<{|}| -|\"\" \"\">");
}

TEST(LogFormat, TellsOfTlsInTheFrontendsName) {
  LogRecord record = SampleRecord();
  record.tls = true;
  record.tls_version = "TLSv1.3";
  EXPECT_EQ(Write("%f %ft", record), "http-in http-in~");
}

TEST(LogFormat, SaysWhatItNeeds) {
  LogFormat format;
  LogFormatError error;
  ASSERT_TRUE(format.Compile("%ts %b", &error));
  EXPECT_EQ(format.needs(), 0u);
  EXPECT_EQ(format.http_item(), "");
  ASSERT_TRUE(format.Compile("%ci %fi %bi %r %ac", &error));
  EXPECT_EQ(format.needs(), uint32_t(kNeedsClient | kNeedsFrontendAddress | kNeedsSource |
                                     kNeedsRequest | kNeedsCounts));
  EXPECT_EQ(format.http_item(), "%r");
}

TEST(LogDates, FollowTheZoneAcrossAChange) {
  const InZone zone("CET-1CEST,M3.5.0,M10.5.0/3");
  LogDates dates;
  // 29/Mar/2009 01:00 UTC: summer time begins.
  constexpr uint64_t kChange = 1238288400;
  using Zone = LogDates::Zone;
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(dates.Clf((kChange - 1) * 1000000, Zone::kLocal), "29/Mar/2009:01:59:59");
    EXPECT_EQ(dates.ZoneText((kChange - 1) * 1000000, Zone::kLocal), "+0100");
    EXPECT_EQ(dates.Clf(kChange * 1000000, Zone::kLocal), "29/Mar/2009:03:00:00");
    EXPECT_EQ(dates.IsoZone(kChange * 1000000), "+02:00");
    EXPECT_EQ(dates.Clf(kChange * 1000000, Zone::kUtc), "29/Mar/2009:01:00:00");
  }
}

TEST(LogDates, AgreeWithTheCLibrary) {
  const InZone zone("UTC");
  LogDates dates;
  for (uint64_t second = 0; second < 4102444800; second += 86399 * 3) {
    const auto at = time_t(second);
    tm utc{};
    gmtime_r(&at, &utc);
    char expected[64];
    strftime(expected, sizeof(expected), "%d/%b/%Y:%H:%M:%S", &utc);
    ASSERT_EQ(dates.Clf(second * 1000000, LogDates::Zone::kUtc), expected);
    strftime(expected, sizeof(expected), "%b %e %H:%M:%S", &utc);
    ASSERT_EQ(dates.Syslog(second * 1000000), expected);
    strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S", &utc);
    ASSERT_EQ(dates.Iso(second * 1000000), expected);
  }
}

TEST(Syslog, Headers) {
  const InZone zone("UTC");
  LogDates dates;
  SyslogHeader header{.level = LogLevel::kInfo,
                      .facility = 16,
                      .hostname = {},
                      .tag = "www",
                      .structured_data = {},
                      .wall_us = kAcceptMicros,
                      .pid = 12};
  const auto write = [&](SyslogFormat format) {
    char buffer[200];
    LogLine line(buffer, sizeof(buffer));
    WriteSyslogHeader(format, header, dates, line);
    return std::string(line.view());
  };
  EXPECT_EQ(write(SyslogFormat::kLocal), "<134>Feb  6 12:14:14 www[12]: ");
  EXPECT_EQ(write(SyslogFormat::kRfc3164), "<134>Feb  6 12:14:14 localhost www[12]: ");
  EXPECT_EQ(write(SyslogFormat::kRfc5424), "<134>1 2009-02-06T12:14:14.655123+00:00 - www 12 - - ");
  EXPECT_EQ(write(SyslogFormat::kPriority), "<134>");
  EXPECT_EQ(write(SyslogFormat::kShort), "<6>");
  EXPECT_EQ(write(SyslogFormat::kTimed), "<6>2009-02-06T12:14:14.655123+00:00 ");
  EXPECT_EQ(write(SyslogFormat::kIso), "2009-02-06T12:14:14.655123+00:00 ");
  EXPECT_EQ(write(SyslogFormat::kRaw), "");
  header.hostname = "host";
  header.structured_data = "[x@1 a=\"b\"]";
  EXPECT_EQ(write(SyslogFormat::kRfc3164), "<134>Feb  6 12:14:14 host www[12]: ");
  EXPECT_EQ(write(SyslogFormat::kRfc5424),
            "<134>1 2009-02-06T12:14:14.655123+00:00 host www 12 - [x@1 a=\"b\"] ");
}

}  // namespace
}  // namespace engine
