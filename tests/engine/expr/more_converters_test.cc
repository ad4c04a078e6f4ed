#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <string>

#include "engine/expr/converters.h"
#include "engine/expr/expression.h"

namespace engine {
namespace {

class FixedContext final : public EvalContext {
 public:
  explicit FixedContext(Scratch& scratch) : EvalContext(scratch) {}
  uint64_t WallMicros() const override { return 1700000000000000; }
  uint64_t Random() override { return 4; }
  const Sample* FindVariable(const VariableName&) override { return nullptr; }
};

std::string Eval(std::string_view text) {
  Registry registry;
  registry.Add(ConstantFetches());
  registry.Add(NumberConverters());
  registry.Add(TextConverters());
  registry.Add(EncodingConverters());
  registry.Add(DateConverters());
  registry.Add(PacketConverters());
  registry.Add(SyntaxConverters());
  registry.Add(ForwardedConverters());
  registry.Add(JsonConverters());
  registry.Add(RegexConverters());
  registry.Add(MessageConverters());
  ExpressionProblem problem;
  const auto expression = Expression::Compile(text, registry, 0, &problem);
  if (!expression) return "<error: " + problem.message + ">";
  char memory[4096];
  Scratch scratch(memory, sizeof(memory));
  FixedContext context(scratch);
  Sample sample;
  if (!expression->Run(context, sample)) return "<none>";
  if (sample.type == SampleType::kBoolean) return sample.number != 0 ? "true" : "false";
  if (!Cast(sample, SampleKind::kString, scratch)) return "<no text>";
  return std::string(sample.text);
}

struct ConverterRow {
  const char* expression;
  const char* expected;
};

template <size_t kRows>
void CheckRows(const ConverterRow (&rows)[kRows]) {
  for (const ConverterRow& row : rows)
    EXPECT_EQ(Eval(row.expression), row.expected) << row.expression;
}

class Noting final : public EvalContext {
 public:
  explicit Noting(Scratch& scratch) : EvalContext(scratch) {}
  uint64_t WallMicros() const override { return 0; }
  uint64_t Random() override { return 4; }
  const Sample* FindVariable(const VariableName&) override { return nullptr; }
  void Note(std::string_view sink, std::string_view text) override {
    notes += std::string(sink) + "|" + std::string(text) + "\n";
  }
  std::string notes;
};

TEST(DebugConverter, NotesASampleAndPassesIt) {
  struct Debugged {
    const char* expression;
    const char* notes;
  };
  constexpr Debugged kRows[] = {
      {"int(-9223372036854775808),debug", "buf0|[debug] : type=sint <-9223372036854775808>\n"},
      {"bool(true),debug(p)", "buf0|[debug] p: type=bool <1>\n"},
      {"ipv4(192.0.2.1),debug(,stdout)", "stdout|[debug] : type=ipv4 <192.0.2.1>\n"},
      {"ipv6(2001:db8::1),debug(a,b)", "b|[debug] a: type=ipv6 <2001:db8::1>\n"},
      {"meth(GET),debug", "buf0|[debug] : type=meth <GET>\n"},
      {"bin(410a7f0042),debug", "buf0|[debug] : type=bin <A...B>\n"},
      {"str(\"\"),debug(x),length,debug(y)",
       "buf0|[debug] x: type=str <>\nbuf0|[debug] y: type=sint <0>\n"},
      // No room for the note: the sample passes all the same.
      {"str("
       "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567"
       "),debug",
       ""},
  };
  Registry registry;
  registry.Add(ConstantFetches());
  registry.Add(TextConverters());
  registry.Add(DebugConverters());
  for (const Debugged& row : kRows) {
    ExpressionProblem problem;
    const auto expression = Expression::Compile(row.expression, registry, 0, &problem);
    ASSERT_TRUE(expression) << row.expression << ": " << problem.message;
    char memory[200];
    Scratch scratch(memory, sizeof(memory));
    Noting context(scratch);
    Sample sample;
    EXPECT_TRUE(expression->Run(context, sample)) << row.expression;
    EXPECT_EQ(context.notes, row.notes) << row.expression;
    EXPECT_EQ(scratch.left(), sizeof(memory)) << row.expression;
  }
}

TEST(DateConverters, WriteWhatStrftimeWrites) {
  CheckRows({
      {"int(784111777),utime(\"%a, %d %b %Y %T GMT\")", "Sun, 06 Nov 1994 08:49:37 GMT"},
      {"int(784111777),utime(%Y%m%d%H%M%S)", "19941106084937"},
      {"int(784111777),utime(%d,86400)", "07"},
      {"int(784111777123),ms_utime(%s.%3N)", "784111777.123"},
      {"int(784111777123456),us_utime(%s.%6N)", "784111777.123456"},
      {"int(784111777123456),us_utime(%N)", "123456000"},
      {"int(-1),utime(\"%F %T\")", "1969-12-31 23:59:59"},
      {"int(-1),ms_utime(\"%T.%3N\")", "23:59:59.999"},
      {"int(784111777),utime(\"%A %B %e %j %I %p %U %W %u %w %y %C\")",
       "Sunday November  6 310 08 AM 45 44 7 0 94 19"},
      {"int(784111777),utime(\"%D %R %r %h %n%t%% %Q\")",
       "11/06/94 08:49 08:49:37 AM Nov \n\t% %Q"},
      {"int(784111777),utime(%z%Z)", "+0000GMT"},
      {"int(1104537600),utime(%G-%V)", "2004-53"},  // 1 January 2005
      {"int(1230768000),utime(%G-%V)", "2009-01"},  // 1 January 2009
      {"int(1230508800),utime(%G-%V)", "2009-01"},  // 29 December 2008
      {"int(9223372036854775807),utime(%d,1)", "<none>"},
  });
}

// Every minute of some days, and each conversion, against the C library.
TEST(DateConverters, AgreeWithTheLibrary) {
  const char* kConversions = "aAbBcCdDeFgGhHIjlkmMpPrRsSTuUVwWxXyYzZ";
  for (const char* zone : {"UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"}) {
    setenv("TZ", zone, 1);
    tzset();
    for (int64_t at = -86400 * 400; at < int64_t{86400} * 20000; at += 86400 * 37 + 5407) {
      const time_t seconds = at;
      tm local{};
      localtime_r(&seconds, &local);
      for (const char* c = kConversions; *c != 0; ++c) {
        const std::string format = std::string("%") + *c;
        char expected[100] = {};
        strftime(expected, sizeof(expected), format.c_str(), &local);
        ASSERT_EQ(Eval("int(" + std::to_string(at) + "),ltime(" + format + ")"), expected)
            << zone << " " << at << " " << format;
      }
    }
  }
  unsetenv("TZ");
  tzset();
}

TEST(DateConverters, WriteAndReadHttpDates) {
  CheckRows({
      {"int(784111777),http_date", "Sun, 06 Nov 1994 08:49:37 GMT"},
      {"int(784111777),http_date(3600)", "Sun, 06 Nov 1994 09:49:37 GMT"},
      {"int(784111777500),http_date(0,ms)", "Sun, 06 Nov 1994 08:49:37 GMT"},
      {"int(1),http_date(0,h)", "<error: 'http_date': a unit is one of 's', 'ms' and 'us'>"},
      {"str(\"Sun, 06 Nov 1994 08:49:37 GMT\"),date", "784111777"},
      {"str(\"Sunday, 06-Nov-94 08:49:37 GMT\"),date", "784111777"},
      {"str(\"Sun Nov  6 08:49:37 1994\"),date", "784111777"},
      {"str(tomorrow),date", "<none>"},
  });
}

TEST(PacketConverters, ReadASyn) {
  // The packets of the manual's example (7.3.3, fc_saved_syn).
  const std::string v4 =
      "bin(0000000000000000000000000800"
      "4500003C0A654000400632557F0000017F000001"
      "E1F2115D01AF4E3E00000000A002FFD7FE300000"
      "0204FFD70402080A01C2A71A0000000001030307)";
  const std::string v6 =
      "bin(00000000000000000000000086DD"
      "6008018F002806400000000000000000000000000000000100000000000000000000000000000001"
      "9758115DB5511F5D00000000A002FFC400300000"
      "0204FFC40402080A01C2A71A0000000001030307)";
  const std::string tcp4 = v4 + ",eth.data,ip.data";
  EXPECT_EQ(Eval(v4 + ",eth.proto"), "2048");
  EXPECT_EQ(Eval(v6 + ",eth.proto"), "34525");
  EXPECT_EQ(Eval(v4 + ",eth.src,hex"), "000000000000");
  EXPECT_EQ(Eval(v4 + ",eth.hdr,length"), "14");
  EXPECT_EQ(Eval(v4 + ",eth.vlan"), "<none>");
  EXPECT_EQ(Eval("bin(0000000000010000000000028100007B0800AA),eth.vlan"), "123");
  EXPECT_EQ(Eval("bin(0000000000010000000000028100007B0800AA),eth.dst,hex"), "000000000001");
  EXPECT_EQ(Eval("bin(0000000000010000000000028100007B0800AA),eth.data,hex"), "AA");
  EXPECT_EQ(Eval(v4 + ",eth.data,ip.src"), "127.0.0.1");
  EXPECT_EQ(Eval(v6 + ",eth.data,ip.dst"), "::1");
  EXPECT_EQ(Eval(v4 + ",eth.data,ip.ver"), "4");
  EXPECT_EQ(Eval(v6 + ",eth.data,ip.ver"), "6");
  EXPECT_EQ(Eval(v4 + ",eth.data,ip.proto"), "6");
  EXPECT_EQ(Eval(v4 + ",eth.data,ip.ttl"), "64");
  EXPECT_EQ(Eval(v4 + ",eth.data,ip.tos"), "0");
  EXPECT_EQ(Eval(v4 + ",eth.data,ip.df"), "1");
  EXPECT_EQ(Eval(v4 + ",eth.data,ip.hdr,length"), "20");
  EXPECT_EQ(Eval(tcp4 + ",tcp.src"), "57842");
  EXPECT_EQ(Eval(tcp4 + ",tcp.dst"), "4445");
  EXPECT_EQ(Eval(tcp4 + ",tcp.seq"), "28266046");
  EXPECT_EQ(Eval(tcp4 + ",tcp.flags"), "2");
  EXPECT_EQ(Eval(tcp4 + ",tcp.win"), "65495");
  EXPECT_EQ(Eval(tcp4 + ",tcp.options.mss"), "65495");
  EXPECT_EQ(Eval(tcp4 + ",tcp.options.sack"), "1");
  EXPECT_EQ(Eval(tcp4 + ",tcp.options.tsopt"), "1");
  EXPECT_EQ(Eval(tcp4 + ",tcp.options.tsval"), "29533978");
  EXPECT_EQ(Eval(tcp4 + ",tcp.options.wscale"), "7");
  EXPECT_EQ(Eval(tcp4 + ",tcp.options.wsopt"), "1");
  EXPECT_EQ(Eval(tcp4 + ",tcp.options_list,hex"), "0204080103");
  EXPECT_EQ(Eval(v4 + ",eth.data,ip.fp,hex"), "0050A8FFD7FFD747");
  EXPECT_EQ(Eval(v4 + ",eth.data,ip.fp(5),hex"), "0050A8FFD7FFD747407F000001");
  EXPECT_EQ(Eval(v6 + ",eth.data,ip.fp(2),hex"), "00D0A8FFC4FFC4470204080103");
}

// A packet that is cut anywhere gives nothing, and nothing behind it is read.
TEST(PacketConverters, StayInsideAPacketThatIsCut) {
  const std::string whole =
      "4500003C0A654000400632557F0000017F000001E1F2115D01AF4E3E00000000A002FFD7FE300000"
      "0204FFD70402080A01C2A71A0000000001030307";
  for (size_t cut = 2; cut < whole.size(); cut += 2) {
    const std::string packet = "bin(" + whole.substr(0, cut) + ")";
    for (const char* converter : {"ip.fp(7)", "ip.data,tcp.options_list", "ip.data,tcp.options.mss",
                                  "ip.data,tcp.win", "eth.data", "eth.vlan"}) {
      (void)Eval(packet + "," + converter);
    }
    EXPECT_EQ(Eval(packet + ",ip.fp"), "<none>") << cut;
  }
}

TEST(SyntaxConverters, FindControlCharacters) {
  CheckRows({
      {"bin(6109),has_ctl", "false"},
      {"bin(610A),has_ctl", "true"},
      {"bin(617F),has_ctl", "true"},
      {"bin(6109),has_ctl(any)", "true"},
      {"bin(6101),has_ctl(http)", "false"},
      {"bin(6100),has_ctl(http)", "true"},
      {"bin(617F),has_ctl(0x100002401)", "true"},
      {"bin(6101),has_ctl(2)", "true"},
      {"bin(80FF),has_ctl(any)", "false"},
      {"bin(61),has_ctl(0x3FFFFFFFF)",
       "<error: 'has_ctl': a mask is a number of 33 bits, 'any' or 'http'>"},
  });
}

TEST(SyntaxConverters, EscapeJson) {
  CheckRows({
      {"str('Very \"Ugly\" UA 1/2'),json(utf8s)", "Very \\\"Ugly\\\" UA 1\\/2"},
      {"bin(080C0A0D0901),json", "\\b\\f\\n\\r\\t\\u0001"},
      {"bin(C3A9),json(utf8)", "\\u00e9"},
      {"bin(C3A9),json", "\\u00c3\\u00a9"},
      {"bin(E282AC),json(utf8)", "\\u20ac"},
      {"bin(61FF62),json(utf8)", "<none>"},
      {"bin(61FF62),json(utf8s)", "ab"},
      {"bin(61C36261),json(utf8s)", "aba"},
      {"bin(C1A1),json(utf8)", "<none>"},
      {"bin(C1A1),json(utf8p)", "a"},
      {"bin(C1A1),json(utf8s)", ""},
      {"bin(61FFC1A1),json(utf8p)", "<none>"},
      {"bin(61FFC1A1),json(utf8ps)", "aa"},
      {"bin(F09F9880),json(utf8)", "<none>"},
      {"bin(61F09F9880),json(utf8s)", "a"},
      {"bin(EDA080),json(utf8)", "<none>"},
      {"str(x),json(utf16)",
       "<error: 'json': the codes are 'ascii', 'utf8', 'utf8s', 'utf8p' and 'utf8ps'>"},
  });
}

TEST(SyntaxConverters, ChooseALanguage) {
  CheckRows({
      {"str('en;q=0.5,fr;q=0.9,es'),language(fr;en)", "fr"},
      {"str('en;q=0.5,fr;q=0.9,es'),language(es;en)", "es"},
      {"str('de'),language(fr;en)", "<none>"},
      {"str('de'),language(fr;en,xx)", "xx"},
      {"str('fr-ca,en'),language(fr;en)", "fr"},
      {"str('fr-ca,en'),language(en;fr-ca;fr)", "fr-ca"},
      {"str('fr;q=0,en;q=0.1'),language(fr;en)", "en"},
      {"str('en,fr'),language(fr;en)", "en"},
      {"str('EN'),language(en)", "<none>"},
  });
}

TEST(SyntaxConverters, ReadParameters) {
  CheckRows({
      {"str('a=b&c=d&a=r'),param(a)", "b"},
      {"str('a&b=c'),param(a)", ""},
      {"str('a=&b&c=a'),param(b)", ""},
      {"str('a=1;b=2;c=4'),param(b,;)", "2"},
      {"str('a=1;b=2;c=4'),param(b,0x3b)", "2"},
      {"str('a=1'),param(b)", "<none>"},
      {"str('a=1'),param(a,ab)",
       "<error: 'param': a delimiter is one character, or its code as '0xHH'>"},
  });
}

TEST(SyntaxConverters, ReadProtocolBuffers) {
  CheckRows({
      {"bin(089601),protobuf(1,int32)", "150"},
      {"bin(0A0574657374696E6710),protobuf(1)", "testi"},
      {"bin(1A03089601),protobuf(3.1,int32)", "150"},
      {"bin(0803),protobuf(1,sint32)", "-2"},
      {"bin(0804),protobuf(1,sint64)", "2"},
      {"bin(08FFFFFFFFFFFFFFFFFF01),protobuf(1,int64)", "-1"},
      {"bin(0D000080BF),protobuf(1,float)", "-1"},
      {"bin(09000000000000F03F),protobuf(1,double)", "1"},
      {"bin(0DFFFFFFFF),protobuf(1,sfixed32)", "-1"},
      {"bin(0DFFFFFFFF),protobuf(1,fixed32)", "4294967295"},
      {"bin(089601),protobuf(2,int32)", "<none>"},
      {"bin(089601),protobuf(1,fixed32)", "<none>"},
      {"bin(0AFF61),protobuf(1)", "<none>"},
      {"bin(08FFFFFFFFFFFFFFFFFFFFFF),protobuf(1,int64)", "<none>"},
      {"bin(0000000003089601),ungrpc(1,int32)", "150"},
      {"bin(0100000003089601),ungrpc(1,int32)", "<none>"},
      {"bin(00),protobuf(0)",
       "<error: 'protobuf': a field is numbers from 1 to 536870911 with dots between>"},
      {"bin(00),protobuf(1,int)", "<error: 'protobuf': unknown type 'int'>"},
  });
}

TEST(ForwardedConverters, ReadAnElement) {
  CheckRows({
      {"str('proto=https;host=\"haproxy.org:80\"'),rfc7239_field(host)", "haproxy.org:80"},
      {"str('proto=https;host=\"haproxy.org:80\";for=\"127.0.0.1:9999\"'),rfc7239_field(for)",
       "127.0.0.1:9999"},
      {"str('proto=https'),rfc7239_field(for)", "<none>"},
      {"str('FOR=127.0.0.1'),rfc7239_field(for)", "127.0.0.1"},
      {"str('proto=https'),rfc7239_field(to)",
       "<error: 'rfc7239_field': the fields are 'proto', 'host', 'for' and 'by'>"},
      {"str('for=127.0.0.1;proto=http'),rfc7239_is_valid", "true"},
      {"str('for=\"[::1]:80\"; by=_me'),rfc7239_is_valid", "true"},
      {"str('proto=custom'),rfc7239_is_valid", "false"},
      {"str('for=1.2.3.4;for=1.2.3.4'),rfc7239_is_valid", "false"},
      {"str('for=::1'),rfc7239_is_valid", "false"},
      {"str('for=\"[1.2.3.4]\"'),rfc7239_is_valid", "false"},
      {"str('for=\"1.2.3.4:99999\"'),rfc7239_is_valid", "false"},
      {"str('for=\"1.2.3.4'),rfc7239_is_valid", "false"},
      {"str('for'),rfc7239_is_valid", "false"},
      {"str(''),rfc7239_is_valid", "false"},
  });
}

TEST(ForwardedConverters, TakeNodesApartAndMakeThem) {
  CheckRows({
      {"str('127.0.0.1:9999'),rfc7239_n2nn", "127.0.0.1"},
      {"str('[ab:cd:ff:ff:ff:ff:ff:ff]:9998'),rfc7239_n2nn", "ab:cd:ff:ff:ff:ff:ff:ff"},
      {"str('_name:_port'),rfc7239_n2nn", "_name"},
      {"str('unknown'),rfc7239_n2nn", "unknown"},
      {"str('name'),rfc7239_n2nn", "<none>"},
      {"str('127.0.0.1:9999'),rfc7239_n2np", "9999"},
      {"str('[ab:cd:ff:ff:ff:ff:ff:ff]:9998'),rfc7239_n2np", "9998"},
      {"str('_name:_port'),rfc7239_n2np", "_port"},
      {"str('127.0.0.1'),rfc7239_n2np", "<none>"},
      {"ipv6(ab:cd:ff:ff:ff:ff:ff:ff),rfc7239_nn", "[ab:cd:ff:ff:ff:ff:ff:ff]"},
      {"ipv4(1.2.3.4),rfc7239_nn", "1.2.3.4"},
      {"str(test),rfc7239_nn", "_test"},
      {"str('a b'),rfc7239_nn", "<none>"},
      {"str(),rfc7239_nn", "unknown"},
      {"int(12),rfc7239_np", "12"},
      {"int(70000),rfc7239_np", "<none>"},
      {"str(test),rfc7239_np", "_test"},
      {"str(),rfc7239_np", "<none>"},
  });
}

TEST(JsonConverters, FindWhatThePathSays) {
  CheckRows({
      {"str('{\"integer\":4}'),json_query('$.integer','int'),add(1)", "5"},
      {"str('{\"integer\":4}'),json_query('$.integer')", "4"},
      {"str('{\"my.key\":\"myvalue\"}'),json_query('$.my\\.key')", "myvalue"},
      {"str('{\"my.key\":\"myvalue\"}'),json_query('$[\"my.key\"]')", "myvalue"},
      {"str('{\"boolean-false\":false}'),json_query('$.boolean-false')", "false"},
      {"str('{\"a\" : {\"b\" : [1, {\"c\":\"x\"}]}}'),json_query('$.a.b[1].c')", "x"},
      {"str('{\"a\":[\"x\",\"y\"]}'),json_query('$.a')", "[\"x\",\"y\"]"},
      {"str('{\"a\":1.5}'),json_query('$.a')", "1.5"},
      {"str('{\"a\":1.5}'),json_query('$.a','int')", "1"},
      {"str('{\"a\":null}'),json_query('$.a')", "<none>"},
      {"str('{\"a\":{}}'),json_query('$.a')", "<none>"},
      {"str('{\"a\":1}'),json_query('$.b')", "<none>"},
      {"str('{\"x\":\"}\",\"a\":1}'),json_query('$.a')", "1"},
      {"str('{\"a\":[]}'),json_query('$.a[0]')", "<none>"},
      {"str('{\"a\":\"cut'),json_query('$.a')", "<none>"},
      {"str('7'),json_query('$')", "7"},
      {"bin(7B2261223A225C75303065395C6E5C2222207D),json_query('$.a')", "\xc3\xa9\n\""},
      {"bin(7B2261223A225C75643833645C7564653030227D),json_query('$.a')", "\xf0\x9f\x98\x80"},
      {"str(x),json_query(a)",
       "<error: 'json_query': a path is '$' with '.name' and '[number]' behind it>"},
      {"str(x),json_query('$.a',str)", "<error: 'json_query': the only <output_type> is 'int'>"},
  });
}

TEST(JsonConverters, ReadTokens) {
  // {"alg":"HS256"} . {"iss":"me","n":5}
  const std::string token = "str(eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJtZSIsIm4iOjV9.c2ln)";
  EXPECT_EQ(Eval(token + ",jwt_header_query"), "{\"alg\":\"HS256\"}");
  EXPECT_EQ(Eval(token + ",jwt_header_query('$.alg')"), "HS256");
  EXPECT_EQ(Eval(token + ",jwt_payload_query('$.iss')"), "me");
  EXPECT_EQ(Eval(token + ",jwt_payload_query('$.n','int')"), "5");
  EXPECT_EQ(Eval("str(a.b),jwt_header_query"), "<none>");
  EXPECT_EQ(Eval("str(a.b.c.d.e),jwt_payload_query"), "<none>");
  EXPECT_EQ(Eval("str(!.b.c),jwt_header_query"), "<none>");
}

TEST(MessageConverters, ReadFix) {
  CheckRows({
      {"bin(383D4649582E342E3201393D31380133353D410134393D4D450135363D594F550131303D32303101),fix_"
       "is_valid",
       "true"},
      {"bin(383D4649582E342E3201393D31380133353D410134393D4D580135363D594F550131303D32303101),fix_"
       "is_valid",
       "false"},
      {"bin(383D4649582E342E3201393D31380133353D410134393D4D450135363D594F550131303D),fix_is_valid",
       "false"},
      {"bin(383D4649582E392E3201393D31380133353D410134393D4D450135363D594F550131303D32303101),fix_"
       "is_valid",
       "false"},
      {"bin(383D4649582E342E3201393D31380133353D410134393D4D450135363D594F550131303D32303101),fix_"
       "tag_value(35)",
       "A"},
      {"bin(383D4649582E342E3201393D31380133353D410134393D4D450135363D594F550131303D32303101),fix_"
       "tag_value(MsgType)",
       "A"},
      {"bin(383D4649582E342E3201393D31380133353D410134393D4D450135363D594F550131303D32303101),fix_"
       "tag_value(TargetCompID)",
       "YOU"},
      {"bin(383D4649582E342E3201393D31380133353D410134393D4D450135363D594F550131303D32303101),fix_"
       "tag_value(99)",
       "<none>"},
      {"bin(383D4649582E342E32),fix_is_valid", "false"},
      {"str(x),fix_tag_value(X)",
       "<error: 'fix_tag_value': a tag is a number, or one of BeginString, BodyLength, MsgType, "
       "SenderCompID, TargetCompID and CheckSum>"},
  });
}

TEST(MessageConverters, ReadMqtt) {
  CheckRows({
      {"bin(102400044D51545404C6003C00026D650003772F740003627965000475736572000470617373),mqtt_is_"
       "valid",
       "true"},
      {"bin(101000064D51497364700302003C00026D65),mqtt_is_valid", "true"},
      {"bin(101900044D5154540502003C0C1100000078150004617574680000),mqtt_is_valid", "true"},
      {"bin(20020100),mqtt_is_valid", "true"},
      {"bin(20080000052100092401),mqtt_is_valid", "true"},
      {"bin(102400044D51545404C6003C00026D650003772F7400036279650004757365720004706173),mqtt_is_"
       "valid",
       "false"},
      {"bin(102400054D51545404C6003C00026D650003772F740003627965000475736572000470617373),mqtt_is_"
       "valid",
       "false"},
      {"bin(102400044D51545404C6003C00026D650003772F740003627965000475736572000470617373),mqtt_"
       "field_value(connect,username)",
       "user"},
      {"bin(102400044D51545404C6003C00026D650003772F740003627965000475736572000470617373),mqtt_"
       "field_value(1,PASSWORD)",
       "pass"},
      {"bin(102400044D51545404C6003C00026D650003772F740003627965000475736572000470617373),mqtt_"
       "field_value(connect,will_topic)",
       "w/t"},
      {"bin(102400044D51545404C6003C00026D650003772F740003627965000475736572000470617373),mqtt_"
       "field_value(connect,will_payload)",
       "bye"},
      {"bin(102400044D51545404C6003C00026D650003772F740003627965000475736572000470617373),mqtt_"
       "field_value(connect,client_identifier)",
       "me"},
      {"bin(102400044D51545404C6003C00026D650003772F740003627965000475736572000470617373),mqtt_"
       "field_value(connect,keepalive)",
       "60"},
      {"bin(102400044D51545404C6003C00026D650003772F740003627965000475736572000470617373),mqtt_"
       "field_value(connect,flags)",
       "198"},
      {"bin(102400044D51545404C6003C00026D650003772F740003627965000475736572000470617373),mqtt_"
       "field_value(connect,protocol_version)",
       "4"},
      {"bin(101000064D51497364700302003C00026D65),mqtt_field_value(connect,protocol_name)",
       "MQIsdp"},
      {"bin(101000064D51497364700302003C00026D65),mqtt_field_value(connect,username)", "<none>"},
      {"bin(101900044D5154540502003C0C1100000078150004617574680000),mqtt_field_value(connect,17)",
       "120"},
      {"bin(101900044D5154540502003C0C1100000078150004617574680000),mqtt_field_value(connect,21)",
       "auth"},
      {"bin(101900044D5154540502003C0C1100000078150004617574680000),mqtt_field_value(connect,33)",
       "<none>"},
      {"bin(20080000052100092401),mqtt_field_value(connack,33)", "9"},
      {"bin(20080000052100092401),mqtt_field_value(connack,36)", "1"},
      {"bin(20020100),mqtt_field_value(connack,flags)", "1"},
      {"bin(20020100),mqtt_field_value(connect,flags)", "<none>"},
      {"bin(10),mqtt_field_value(connect,x)",
       "<error: 'mqtt_field_value': no field or property of such a packet is called 'x'>"},
      {"bin(10),mqtt_field_value(publish,flags)",
       "<error: 'mqtt_field_value': the packets are 'connect' and 'connack'>"},
  });
}

TEST(MessageConverters, AddItemsWhereThereIsOne) {
  CheckRows({
      {"str(a),add_item(',',,x)", "a,x"},
      {"str(),add_item(',',,x)", "x"},
      {"str(a),add_item(',',txn.none)", "a"},
      {"str(a),add_item(',')", "<error: 'add_item': a <var> or a <suff> is expected>"},
  });
}

// Manual 7.3.1, regsub.
TEST(Regsub, PutsGroupsIn) {
  const ConverterRow rows[] = {
      {"str(/a//b///c),regsub('/+',/,g)", "/a/b/c"},
      {"str(/a//b///c),regsub('//+',/)", "/a/b///c"},
      {"str(abcABC),regsub(B,x,i)", "axcABC"},
      {"str(abcABC),regsub(b,x,gi)", "axcAxC"},
      {"str(abc),regsub('(b)','<\\1\\0>')", "a<bb>c"},
      {"str(abc),regsub(x,y,g)", "abc"},
      {"str(aaa),regsub(^a,x,g)", "xaa"},
      {"str(abc),regsub('x*',-,g)", "-a-b-c-"},
      {"str(),regsub(^,x)", "x"},
      {"str(abc),regsub(b)",
       "<error: 'regsub' lacks its <subst>; it is regsub(<regex>,<subst>"
       "[,<flags>])>"},
      {"str(abc),regsub([,x)",
       "<error: 'regsub': regular expression '[': missing terminating ] "
       "for character class (at character 2)>"},
      {"str(abc),regsub(b,x,gz)", "<error: 'regsub': the flags are 'g' and 'i'>"},
  };
  for (const ConverterRow& row : rows)
    EXPECT_EQ(Eval(row.expression), row.expected) << row.expression;
}

}  // namespace
}  // namespace engine
