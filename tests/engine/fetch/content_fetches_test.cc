#include <gtest/gtest.h>

#include "tests/engine/fetch/traffic_fixture.h"
#include "tests/proto/tls/hello_text.h"

namespace engine {
namespace {

// Bytes of a client in a channel, as mode tcp has them.
class RawTraffic {
 public:
  RawTraffic() : pool_(4096, 64), channel_(slices_, 65536) {
    traffic.context.request = nullptr;
    traffic.context.response = nullptr;
    traffic.context.request_channel = &channel_;
  }
  void Receive(std::string_view bytes) {
    EXPECT_EQ(channel_.bytes().Append(bytes, pool_), bytes.size());
  }
  void End() { channel_.End(); }
  // With a '?' behind it where more bytes may change it.
  std::string Eval(std::string_view text) {
    traffic.context.SetMayWait(true);
    traffic.context.SetUnsettled(false);
    const std::string value = traffic.Eval(text);
    return traffic.context.unsettled() ? value + "?" : value;
  }

  TrafficFixture traffic;

 private:
  shard::ChunkPool pool_;
  shard::SlicePool slices_;
  shard::Channel channel_;
};

std::string Hello() {
  return proto::HelloText({.server_name = "www.example.com",
                           .alpn = {"h2", "http/1.1"},
                           .ticket = "",
                           .versions = std::string("\x0a\x0a\x03\x04", 4),
                           .groups = std::string("\x00\x1d", 2),
                           .signatures = std::string("\x04\x03", 2),
                           .key_shares = std::string("\x00\x1d\x00\x02kk", 6)});
}

struct ContentRow {
  const char* name;
  std::string bytes;
  const char* expression;
  const char* expected;
};

TEST(ContentFetches, ReadWhatHasCome) {
  const std::string rdp =
      std::string("\x03\x00\x00\x2a\x25\xe0\x00\x00\x00\x00\x00", 11) + "Cookie: mstshash=me\r\n";
  const std::string distcc = "DIST00000001ARGC00000002ARGV00000002ccARGV00000003-c!DOTI0000000afew";
  const std::vector<ContentRow> kRows = {
      {"length", "abc", "req.len", "3?"},
      {"block", "abcdef", "req.payload(1,3)", "bcd"},
      {"the rest", "abcdef", "req.payload(2,0)", "cdef?"},
      {"not there yet", "abc", "req.payload(1,3)", "<none>?"},
      {"nothing yet", "", "req.payload(0,0)", "<none>?"},
      {"counted", std::string("\x00\x02yes", 5), "req.payload_lv(0,2)", "ye"},
      {"counted, elsewhere", std::string("\x00\x02..yes", 7), "req.payload_lv(0,2,4)", "ye"},
      {"counted, further on", std::string("\x00\x02..yes", 7), "req.payload_lv(0,2,+2)", "ye"},
      {"count of nothing", std::string("\x00\x00yes", 5), "req.payload_lv(0,2)", "<none>"},
      {"huge count", std::string("\xff\xff\xff\xff\xff\xff\xff\xffyes", 11), "req.payload_lv(0,8)",
       "<none>?"},
      {"name of a server", Hello(), "req.ssl_sni", "www.example.com"},
      {"old name", Hello(), "req_ssl_sni", "www.example.com"},
      {"hello", Hello(), "req.ssl_hello_type", "1"},
      {"half a hello", Hello().substr(0, 40), "req.ssl_hello_type", "<none>?"},
      {"half a name", Hello().substr(0, 40), "req.ssl_sni", "<none>?"},
      {"no hello", "GET / HTTP/1.1", "req.ssl_sni", "<none>"},
      {"protocol that is liked best", Hello(), "req.ssl_alpn", "h2"},
      {"version, of 1.3 that of 1.2", Hello(), "req.ssl_ver", "196611"},
      {"groups", Hello(), "req.ssl_supported_groups,hex", "001D"},
      {"signatures", Hello(), "req.ssl_sigalgs,hex", "0403"},
      {"suites", Hello(), "req.ssl_cipherlist,hex", "1301C02F"},
      {"shares", Hello(), "req.ssl_keyshare_groups,hex", "001D"},
      {"curves", Hello(), "req.ssl_ec_ext", "true"},
      {"ticket", Hello(), "req.ssl_st_ext", "1"},
      {"rdp", rdp, "rdp_cookie(mstshash)", "me"},
      {"rdp of another name", rdp, "rdp_cookie(x)", "<none>"},
      {"rdp count", rdp, "req.rdp_cookie_cnt", "1"},
      {"half of it", rdp.substr(0, 20), "rdp_cookie()", "<none>?"},
      {"no rdp", "a text that is long enough", "rdp_cookie()", "<none>"},
      {"http", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "req.proto_http", "true"},
      {"half of http", "GET / HTTP/1.1\r\nHost", "req.proto_http", "<none>?"},
      {"no http", "GARBAGE\r\n\r\n", "req.proto_http", "false"},
      {"distcc", distcc, "distcc_param(ARGC)", "2"},
      {"distcc body", distcc, "distcc_body(ARGV,2)", "-c!"},
      {"distcc, not there", distcc, "distcc_param(DOTX)", "<none>?"},
      {"distcc, half", distcc, "distcc_param(DOTI)", "10?"},
  };
  for (const ContentRow& row : kRows) {
    RawTraffic raw;
    raw.Receive(row.bytes);
    EXPECT_EQ(raw.Eval(row.expression), row.expected) << row.name;
  }
}

TEST(ContentFetches, AreFinalAtTheEnd) {
  RawTraffic raw;
  raw.Receive("abc");
  raw.End();
  EXPECT_EQ(raw.Eval("req.len"), "3");
  EXPECT_EQ(raw.Eval("req.payload(1,3)"), "<none>");
  EXPECT_EQ(raw.Eval("req.proto_http"), "<none>");
}

// A hello that came in many pieces is read as if it had come in one.
TEST(ContentFetches, JoinWhatLiesInPieces) {
  RawTraffic raw;
  std::string name(6000, 'n');
  const std::string hello = proto::HelloText({.server_name = name});
  for (size_t at = 0; at < hello.size(); at += 1500) raw.Receive(hello.substr(at, 1500));
  EXPECT_EQ(raw.Eval("req.ssl_sni,length"), "6000");
}

TEST(ContentFetches, GiveEveryProtocolToConditions) {
  RawTraffic raw;
  raw.Receive(Hello());
  EXPECT_EQ(raw.traffic.EvalAll("req.ssl_alpn"), (std::vector<std::string>{"h2", "http/1.1"}));
  RawTraffic none;
  none.Receive(proto::HelloText({}));
  EXPECT_TRUE(none.traffic.EvalAll("req.ssl_alpn").empty());
}

// RFC 8446 section 5.1.
TEST(ContentFetches, JoinRecords) {
  const std::string hello = Hello();
  const std::string message = hello.substr(5);
  RawTraffic raw;
  raw.Receive(hello.substr(0, 3) + proto::Counted(2, message.substr(0, 60)));
  EXPECT_EQ(raw.Eval("req.ssl_hello_type"), "<none>?");
  EXPECT_EQ(raw.Eval("req.ssl_sni"), "<none>?");
  raw.Receive(hello.substr(0, 3) + proto::Counted(2, message.substr(60)));
  EXPECT_EQ(raw.Eval("req.ssl_hello_type"), "1");
  EXPECT_EQ(raw.Eval("req.ssl_ver"), "196611");
  EXPECT_EQ(raw.Eval("req.ssl_sni"), "www.example.com");
  EXPECT_EQ(raw.Eval("req.ssl_alpn"), "h2");
}

TEST(ContentFetches, DoNotLookAtBodies) {
  RawTraffic raw;
  raw.Receive("abc");
  proto::Framing framing;
  raw.traffic.context.request_framing = &framing;
  EXPECT_EQ(raw.Eval("req.len"), "<none>");
  EXPECT_EQ(raw.Eval("req.payload(0,1)"), "<none>");
}

TEST(ContentFetches, ExplainWrongArguments) {
  TrafficFixture traffic;
  EXPECT_EQ(traffic.Eval("req.payload(-1,2)"),
            "<error: 'req.payload': an offset and a length are not negative>");
  EXPECT_EQ(traffic.Eval("req.payload_lv(0,9)"),
            "<error: 'req.payload_lv': an offset is not negative, and a length has 1 to 8 bytes>");
  EXPECT_EQ(traffic.Eval("distcc_param(DO)"), "<error: 'distcc_param': a token has four letters>");
}

}  // namespace
}  // namespace engine
