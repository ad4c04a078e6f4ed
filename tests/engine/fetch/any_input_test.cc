// Every converter there is, over inputs that no configuration would choose: none, empty, binary,
// huge, not UTF-8, numbers at their ends. What it gives must lie in memory that may be read, be of
// the type that it says, and be the same again. Meant to be run under the address sanitizer too:
// each input and each scratch ends where its allocation ends.

#include <gtest/gtest.h>

#include <climits>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/engine/fetch/traffic_fixture.h"

namespace engine {
namespace {

// A way to write each one down; what takes arguments stands there with several.
constexpr const char* kUses[] = {
    "add(1)",
    "add(9223372036854775807)",
    "add(txn.none)",
    "add(txn.number)",
    "add_item(',',txn.text)",
    "add_item(',',txn.text,-)",
    "add_item(',',txn.none,-)",
    "aes_cbc_dec(128,MTIzNDU2Nzg5MDEyMzQ1Ng==,MTIzNDU2Nzg5MDEyMzQ1Ng==)",
    "aes_cbc_enc(128,MTIzNDU2Nzg5MDEyMzQ1Ng==,MTIzNDU2Nzg5MDEyMzQ1Ng==)",
    "aes_cbc_dec(128,txn.text,txn.none)",
    "aes_gcm_dec(128,MTIzNDU2Nzg5MDEy,MTIzNDU2Nzg5MDEyMzQ1Ng==,txn.text)",
    "aes_gcm_enc(128,MTIzNDU2Nzg5MDEy,MTIzNDU2Nzg5MDEyMzQ1Ng==,txn.tag)",
    "and(255)",
    "b64dec",
    "base2",
    "base64",
    "be2dec(:,1)",
    "be2dec(:,8,1)",
    "be2hex(:,1)",
    "be2hex(:,7,1)",
    "be2hex",
    "le2dec(:,2)",
    "le2dec(:,8,1)",
    "bool",
    "bytes(0)",
    "bytes(3,4)",
    "bytes(-1)",
    "bytes(2147483647,2147483647)",
    "capture-req(0)",
    "capture-res(0)",
    "concat(<,txn.text,>)",
    "concat(<,txn.none)",
    "concat()",
    "cpl",
    "crc32",
    "crc32(1)",
    "crc32c(1)",
    "cut_crlf",
    "date",
    "debug",
    "digest(sha256)",
    "div(0)",
    "div(-1)",
    "div(txn.none)",
    "djb2(1)",
    "eth.data",
    "eth.dst",
    "eth.hdr",
    "eth.proto",
    "eth.src",
    "eth.vlan",
    "even",
    "fe_exists",
    "field(1,.)",
    "field(-1,.,2)",
    "field(2147483647,.,0)",
    "field(1,'.,:')",
    "fix_is_valid",
    "fix_tag_value(35)",
    "has_ctl",
    "has_ctl(1)",
    "hex",
    "hex2i",
    "hmac(sha256,bWlzdHJlc3M=)",
    "host_only",
    "htonl",
    "http_date",
    "http_date(1,ms)",
    "iif(yes,no)",
    "ip.data",
    "ip.df",
    "ip.dst",
    "ip.fp",
    "ip.hdr",
    "ip.proto",
    "ip.src",
    "ip.tos",
    "ip.ttl",
    "ip.ver",
    "ipmask(24,64)",
    "ipmask(0)",
    "json",
    "json(utf8)",
    "json(ascii)",
    "json(utf8s)",
    "json(utf8p)",
    "json(utf8ps)",
    "json_query('$.a')",
    "json_query('$.a[3].b','int')",
    "json_query('$[0]')",
    "jwt_decrypt_secret(MTIzNDU2Nzg5MDEyMzQ1Ng)",
    "jwt_decrypt_jwk(txn.text)",
    "jwt_decrypt_cert(txn.text)",
    "jwt_header_query('$.alg')",
    "jwt_header_query",
    "jwt_payload_query('$.sub','int')",
    "jwt_verify(HS256,secret)",
    "jwt_verify(txn.text,txn.none)",
    "jwt_verify_cert(txn.text,txn.text)",
    "language(fr;en)",
    "language(fr;en,de)",
    "length",
    "lower",
    "ltime(%Y)",
    "ltime('%s%%%C%c%x%X%Z',10)",
    "ltrim(a)",
    "ltrim(abc.)",
    "mod(0)",
    "mod(-1)",
    "mqtt_field_value(connect,client_identifier)",
    "mqtt_field_value(connect,17)",
    "mqtt_field_value(connack,flags)",
    "mqtt_is_valid",
    "ms_ltime(%3N)",
    "ms_utime(%Y%3N)",
    "mul(9223372036854775807)",
    "nbsrv",
    "neg",
    "not",
    "odd",
    "or(1)",
    "param(a)",
    "param(a,;)",
    "port_only",
    "protobuf(1)",
    "protobuf(1.2,int32)",
    "protobuf(1,sint64)",
    "protobuf(1,fixed64)",
    "protobuf(1,float)",
    "regsub(a,b)",
    "regsub('(.*)','\\1\\1',g)",
    "regsub('','x',g)",
    "reverse",
    "reverse_dom",
    "rfc7239_field(for)",
    "rfc7239_is_valid",
    "rfc7239_n2nn",
    "rfc7239_n2np",
    "rfc7239_nn",
    "rfc7239_np",
    "rtrim(a)",
    "sdbm(1)",
    "secure_memcmp(txn.text)",
    "set-var(txn.kept)",
    "set-var(txn.kept,ifempty)",
    "sha1",
    "sha2",
    "sha2(512)",
    "srv_is_up",
    "srv_queue",
    "strcmp(txn.text)",
    "strcmp(txn.none)",
    "sub(-9223372036854775808)",
    "tcp.dst",
    "tcp.flags",
    "tcp.options.mss",
    "tcp.options.sack",
    "tcp.options.tsopt",
    "tcp.options.tsval",
    "tcp.options.wscale",
    "tcp.options.wsopt",
    "tcp.options_list",
    "tcp.seq",
    "tcp.src",
    "tcp.win",
    "ub64dec",
    "ub64enc",
    "ungrpc(1)",
    "ungrpc(1.2,int64)",
    "unset-var(txn.kept)",
    "upper",
    "url_dec",
    "url_dec(1)",
    "url_enc",
    "url_enc(query)",
    "us_ltime(%6N)",
    "us_utime(%6N)",
    "utime(%Y-%m-%d)",
    "when(normal)",
    "word(1,.)",
    "word(-1,.,3)",
    "word(2147483647,.)",
    "wt6(1)",
    "x509_v_err_str",
    "xor(1)",
    "xxh3(1)",
    "xxh32(1)",
    "xxh64(1)"};

struct Input {
  std::string name;
  Sample sample;  // its text: see `bytes`
  std::string bytes;
};

std::vector<Input> Inputs() {
  const auto text = [](std::string name, std::string bytes) {
    return Input{std::move(name), Sample::String({}), std::move(bytes)};
  };
  std::vector<Input> all;
  all.push_back(text("empty", ""));
  all.push_back(text("one byte", "a"));
  all.push_back(text("NUL", std::string(1, '\0')));
  all.push_back(text("blanks", " \t\r\n "));
  std::string every;
  for (int i = 0; i < 256; ++i) every += char(i);
  all.push_back(text("every byte", every));
  all.push_back(text("lone continuations", "\x80\xbf\x80"));
  all.push_back(text("overlong", "\xc0\xaf\xe0\x80\xaf\xf0\x80\x80\xaf"));
  all.push_back(text("cut UTF-8", "caf\xc3"));
  all.push_back(text("surrogate", "\xed\xa0\x80"));
  all.push_back(text("beyond Unicode", "\xf4\x90\x80\x80\xff\xfe"));
  // What begins as something and never ends.
  for (const char* start : {"%",
                            "%4",
                            "\"",
                            "{\"a\":",
                            "{\"a\":[0,1,2,{\"b\":\"\\u12",
                            "[",
                            "for=\"[",
                            "8=FIX.4.4\x01"
                            "9=",
                            "\x10\xff\xff\xff\x7f",
                            "....",
                            "a.b.c",
                            "a.b.c.d.e",
                            "http://",
                            "[::",
                            "a=&a",
                            "fr;q=",
                            "0x",
                            "-",
                            "99999999999999999999",
                            "Sun, 06 Nov",
                            "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"}) {
    all.push_back(text(start, start));
  }
  for (const char c :
       {'a', '0', '{', '[', '"', '%', '.', ',', '=', '&', '\\', '\0', '\xff', '\x45'}) {
    const std::string shown = "huge " + std::to_string(int(uint8_t(c)));
    all.push_back(text(shown, std::string(60000, c)));
  }
  const size_t texts = all.size();
  for (size_t i = 0; i < texts; ++i) {
    all.push_back({all[i].name + ", binary", Sample::Binary({}), all[i].bytes});
  }
  for (const int64_t number : {int64_t(0), int64_t(1), int64_t(-1), int64_t(INT_MAX),
                               int64_t(INT_MIN), INT64_MAX, INT64_MIN}) {
    all.push_back({std::to_string(number), Sample::Integer(number), ""});
  }
  all.push_back({"true", Sample::Boolean(true), ""});
  all.push_back({"method", Sample::Method({}), "GET"});
  all.push_back({"empty method", Sample::Method({}), ""});
  all.push_back({"IPv4", Sample::Address(shard::Address::V4(0x7f000001, 0)), ""});
  shard::Address v6;
  v6.family = AF_INET6;
  all.push_back({"IPv6", Sample::Address(v6), ""});
  return all;
}

// Knows txn.in, and a few that arguments name.
class InputContext final : public StreamContext {
 public:
  InputContext(Scratch& scratch, const Sample* in) : StreamContext(scratch), in_(in) {}
  uint64_t WallMicros() const override { return 1700000000123456; }
  uint64_t Random() override { return 4; }
  const Sample* FindVariable(const VariableName& name) override {
    if (*name.name == "in") return in_;
    if (*name.name == "text") return &text_;
    return *name.name == "number" ? &number_ : nullptr;
  }
  bool StoreVariable(const VariableName&, const Sample&) override { return true; }

 private:
  const Sample* const in_;
  const Sample text_ = Sample::String("text");
  const Sample number_ = Sample::Integer(INT64_MAX);
};

// "<none>", or the type and value, every byte of it read.
std::string Give(const Expression& expression, const Input* input, size_t scratch_bytes) {
  // Exactly as long as what it holds, so that reading on is noticed. One of each size, since a
  // sanitizer maps what is large anew each time; what is in it must not show, so it changes.
  static std::map<size_t, std::unique_ptr<char[]>> memory_of;
  static unsigned char filling = 0;
  std::unique_ptr<char[]>& memory = memory_of[scratch_bytes];
  if (memory == nullptr) memory.reset(new char[scratch_bytes]);
  std::memset(memory.get(), ++filling, scratch_bytes);
  Scratch scratch(memory.get(), scratch_bytes);
  std::unique_ptr<char[]> bytes;
  Sample in;
  if (input != nullptr) {
    in = input->sample;
    bytes.reset(new char[input->bytes.size()]);
    std::memcpy(bytes.get(), input->bytes.data(), input->bytes.size());
    in.text = {bytes.get(), input->bytes.size()};
  }
  InputContext context(scratch, input == nullptr ? nullptr : &in);
  Sample sample;
  if (!expression.Run(context, sample)) return "<none>";
  std::string shown = std::to_string(int(sample.type)) + ":";
  switch (sample.type) {
    case SampleType::kBoolean:
    case SampleType::kInteger:
      return shown + std::to_string(sample.number);
    case SampleType::kAddress:
      return shown + sample.address.ToString();
    case SampleType::kString:
    case SampleType::kBinary:
    case SampleType::kMethod:
      break;
  }
  return shown + std::string(sample.text);
}

bool IsOfKind(const std::string& shown, SampleKind kind) {
  switch (kind) {
    case SampleKind::kBoolean:
      return shown == "0:0" || shown == "0:1";
    case SampleKind::kInteger:
      return shown[0] == '1';
    case SampleKind::kAddress:
      return shown[0] == '2';
    case SampleKind::kString:
      return shown[0] == '3';
    case SampleKind::kBinary:
      return shown[0] == '4';
    case SampleKind::kMethod:
      return shown[0] == '5';
    case SampleKind::kAny:
    case SampleKind::kSame:
      break;
  }
  return true;
}

std::string NameOf(const char* use) {
  return std::string(use).substr(0, std::string(use).find('('));
}

std::unique_ptr<const Expression> Compile(const std::string& use) {
  ExpressionProblem problem;
  auto expression = Expression::Compile("var(txn.in)," + use, AllUnits(), place::kLog, &problem);
  EXPECT_TRUE(expression) << use << ": " << problem.message;
  return expression ? std::make_unique<const Expression>(std::move(*expression)) : nullptr;
}

TEST(AnyInput, EveryConverterIsAmongThem) {
  std::map<std::string, int> uses;
  for (const char* use : kUses) ++uses[NameOf(use)];
  for (const std::string_view name : AllUnits().converter_names()) {
    EXPECT_EQ(uses.count(std::string(name)), 1u) << name << " is missing in kUses";
  }
}

TEST(AnyInput, EveryConverterGivesWhatItSays) {
  const std::vector<Input> inputs = Inputs();
  for (const char* use : kUses) {
    const auto expression = Compile(use);
    if (expression == nullptr) continue;
    const ConverterSpec& spec = *AllUnits().FindConverter(NameOf(use));
    EXPECT_EQ(Give(*expression, nullptr, 65536), "<none>") << use << " of nothing";
    for (const Input& input : inputs) {
      const std::string shown = Give(*expression, &input, 300000);
      if (shown != "<none>") {
        EXPECT_TRUE(IsOfKind(shown, spec.gives)) << use << " of " << input.name << ": " << shown;
      }
      EXPECT_EQ(Give(*expression, &input, 300000), shown) << use << " of " << input.name;
      // With little room or none it gives the same, or nothing.
      for (const size_t room : {0, 7, 64, 65536}) {
        const std::string again = Give(*expression, &input, room);
        const bool may_differ = spec.name.starts_with("jwt_decrypt") || spec.name == "jwt_verify" ||
                                spec.name == "jwt_verify_cert";
        EXPECT_TRUE(may_differ || again == shown || again == "<none>")
            << use << " of " << input.name << " in " << room << ": " << again.substr(0, 80);
      }
    }
  }
}

// Of the manual's words about what is empty, or cannot be read.
TEST(AnyInput, WhatIsEmptyOrBadGivesWhatTheManualSays) {
  const auto eval = [](const std::string& use, std::string bytes) {
    const auto expression = Compile(use);
    const Input input{"", Sample::String({}), std::move(bytes)};
    return expression == nullptr ? std::string() : Give(*expression, &input, 65536);
  };
  EXPECT_EQ(eval("length", ""), "1:0");
  EXPECT_EQ(eval("upper", ""), "3:");
  EXPECT_EQ(eval("reverse", ""), "3:");
  EXPECT_EQ(eval("base64", ""), "3:");
  EXPECT_EQ(eval("hex", ""), "3:");
  EXPECT_EQ(eval("hex", std::string("\0\xff", 2)), "3:00FF");
  EXPECT_EQ(eval("sha1,hex", ""), "3:DA39A3EE5E6B4B0D3255BFEF95601890AFD80709");
  EXPECT_EQ(eval("crc32", ""), "1:0");
  EXPECT_EQ(eval("json(utf8)", "\xff"), "<none>") << "no UTF-8: an error";
  EXPECT_EQ(eval("json(utf8s)", "a\xffz"), "3:az") << "what is bad is left out";
  EXPECT_EQ(eval("json(utf8p)", "a\xffz"), "<none>");
  EXPECT_EQ(eval("json(utf8ps)", "a\xffz"), "3:az");
  EXPECT_EQ(eval("ub64dec,add(1)", "NDI"), "1:43") << "a string, as the manual has it";
  EXPECT_EQ(eval("b64dec", "?"), "<none>");
  EXPECT_EQ(eval("url_dec", "%"), "<none>");
  EXPECT_EQ(eval("jwt_decrypt_secret(AAAA)", "a.b.c.d.e"), "4:") << "an empty text";
  EXPECT_EQ(eval("jwt_verify(HS256,x)", "a"), "1:-3");
  EXPECT_EQ(eval("http_date", ""), "<none>");
  EXPECT_EQ(eval("div(0)", "5"), "1:9223372036854775807");
  EXPECT_EQ(eval("mod(0)", "5"), "1:0");
}

}  // namespace
}  // namespace engine
