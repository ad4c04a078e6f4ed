#include "engine/expr/expression.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "engine/expr/converters.h"

namespace engine {
namespace {

class TestContext final : public EvalContext {
 public:
  explicit TestContext(Scratch& scratch) : EvalContext(scratch) {}
  uint64_t WallMicros() const override { return 1700000000123456; }
  uint64_t Random() override { return random_; }
  const Sample* FindVariable(const VariableName& name) override {
    const auto found = variables.find(*name.name);
    return found == variables.end() ? nullptr : &found->second;
  }
  std::map<std::string, Sample> variables;

 private:
  uint64_t random_ = 0x123456789abcdef0;
};

const Registry& AllUnits() {
  static const Registry* registry = [] {
    auto* all = new Registry;
    all->Add(ConstantFetches());
    all->Add(NumberConverters());
    all->Add(TextConverters());
    all->Add(EncodingConverters());
    return all;
  }();
  return *registry;
}

// What an expression gives, as text; "<none>" without a sample.
std::string Evaluate(std::string_view text, size_t scratch_bytes = 4096) {
  ExpressionProblem problem;
  const auto expression = Expression::Compile(text, AllUnits(), needs::kNothing, &problem);
  if (!expression) return "error: " + problem.message;
  std::vector<char> memory(scratch_bytes);
  Scratch scratch(memory.data(), memory.size());
  TestContext context(scratch);
  context.variables["ten"] = Sample::Integer(10);
  context.variables["word"] = Sample::String("abc");
  context.variables["one"] = Sample::Integer(1);
  context.variables["three"] = Sample::Integer(3);
  Sample sample;
  if (!expression->Run(context, sample)) return "<none>";
  if (!Cast(sample, SampleKind::kString, scratch)) return "<no text>";
  return std::string(sample.text);
}

struct ExpressionRow {
  const char* expression;
  const char* result;
};

void Check(std::initializer_list<ExpressionRow> rows) {
  for (const ExpressionRow& row : rows)
    EXPECT_EQ(Evaluate(row.expression), row.result) << row.expression;
}

TEST(Expression, Constants) {
  Check({{"always_true", "1"},
         {"always_false", "0"},
         {"bool(true)", "1"},
         {"bool(0)", "0"},
         {"int(-5)", "-5"},
         {"int(9223372036854775807)", "9223372036854775807"},
         {"str(abc)", "abc"},
         {"str()", ""},
         {"str", ""},
         {"str('a,b)')", "a,b)"},
         {"str(\"a\\\"b\")", "a\"b"},
         {"str(a\\,b)", "a,b"},
         {"ipv4(10.1.2.3)", "10.1.2.3"},
         {"ipv6(::1)", "::1"},
         {"meth(GET)", "GET"},
         {"bin(414243)", "ABC"},
         {"rand(7)", "5"},
         {"date", "1700000000"},
         {"date(-5)", "1699999995"},
         {"date(1,ms)", "1700000000124"},
         {"date_us", "123456"},
         {"env(NO_SUCH_VARIABLE_HERE)", "<none>"}});
}

// The examples and the limits of the manual, 7.3.1.
TEST(Expression, Numbers) {
  Check({{"int(5),add(3)", "8"},
         {"int(5),add(txn.ten)", "15"},
         {"int(5),add(txn.missing)", "<none>"},
         {"int(5),add(txn.word)", "5"},
         {"int(9223372036854775807),add(1)", "9223372036854775807"},
         {"int(-9223372036854775808),sub(1)", "-9223372036854775808"},
         {"int(-9223372036854775808),neg", "9223372036854775807"},
         {"int(4611686018427387904),mul(-4)", "-9223372036854775808"},
         {"int(7),div(2)", "3"},
         {"int(7),div(0)", "9223372036854775807"},
         {"int(-9223372036854775808),div(-1)", "9223372036854775807"},
         {"int(7),mod(4)", "3"},
         {"int(7),mod(0)", "0"},
         {"int(-9223372036854775808),mod(-1)", "0"},
         {"int(12),and(10)", "8"},
         {"int(12),or(3)", "15"},
         {"int(12),xor(10)", "6"},
         {"int(0),cpl", "-1"},
         {"int(4),even", "1"},
         {"int(4),odd", "0"},
         {"int(-1),odd", "1"},
         {"int(4),bool", "1"},
         {"int(0),not", "1"},
         {"int(1),htonl,hex", "00000001"},
         {"str(12),add(1)", "13"},
         {"str(12x),add(1)", "13"},
         {"str(),add(1)", "<none>"},
         {"always_true,add(1)", "2"},
         {"ipv4(0.0.1.0),add(1)", "257"},
         {"ipv6(::1),add(1)", "<none>"}});
}

TEST(Expression, Texts) {
  Check({{"str(aBc),lower", "abc"},
         {"str(aBc),upper", "ABC"},
         {"str(abc),length", "3"},
         {"str(ab cd),reverse", "dc ba"},
         {"str(www.example.com),reverse_dom", "com.example.www"},
         {"str(example.com.),reverse_dom", "com.example"},
         {"str(a..b),reverse_dom", "<none>"},
         {"str(.a),reverse_dom", "<none>"},
         {"str(),reverse_dom", "<none>"},
         {"str(xxaxx),ltrim(x)", "axx"},
         {"str(xxaxx),rtrim(x)", "xxa"},
         {"str(xx),ltrim(x)", ""},
         {"str(xx),rtrim(x)", ""},
         {"bin(610d0a62),cut_crlf", "a"},
         {"always_true,iif(https,http)", "https"},
         {"int(0),iif(https,http)", "http"},
         {"str(Example.COM:8080),host_only", "example.com"},
         {"str(Example.COM),host_only", "example.com"},
         {"str([::1]:80),host_only", "[::1]"},
         {"str([::1]),host_only", "[::1]"},
         {"str(Example.COM:8080),port_only", "8080"},
         {"str([::1]),port_only", "0"},
         {"str([::1]:80),port_only", "80"},
         {"str(h:99999),port_only", "0"},
         {"str(abc),strcmp(txn.word)", "0"},
         {"str(abc),strcmp(txn.missing)", "<none>"},
         {"str(a),concat(-,txn.word,!)", "a-abc!"},
         {"str(a),concat(-)", "a-"},
         {"str(a),concat(,txn.missing,!)", "a!"},
         {"str(),concat('addr=(',txn.ten),concat(',',txn.ten,')')", "addr=(10,10)"}});
}

TEST(Expression, FieldsAndWords) {
  Check({{"str(f1_f2_f3__f5),field(4,_)", ""},
         {"str(f1_f2_f3__f5),field(5,_)", "f5"},
         {"str(f1_f2_f3__f5),field(6,_)", "<none>"},
         {"str(f1_f2_f3__f5),field(2,_,0)", "f2_f3__f5"},
         {"str(f1_f2_f3__f5),field(2,_,2)", "f2_f3"},
         {"str(f1_f2_f3__f5),field(-2,_,3)", "f2_f3_"},
         {"str(f1_f2_f3__f5),field(-3,_,0)", "f1_f2_f3"},
         {"str(f1_f2_f3__f5),field(-6,_)", "<none>"},
         {"str(_a_),field(1,_)", ""},
         {"str(_a_),field(-1,_)", ""},
         {"str(_a_),field(3,_)", ""},
         {"str(a),field(-9223372036854775808,_)", "<none>"},
         {"str(f1_f2_f3__f5),word(4,_)", "f5"},
         {"str(f1_f2_f3__f5),word(5,_)", "<none>"},
         {"str(f1_f2_f3__f5),word(2,_,0)", "f2_f3__f5"},
         {"str(f1_f2_f3__f5),word(3,_,2)", "f3__f5"},
         {"str(f1_f2_f3__f5),word(-2,_,3)", "f1_f2_f3"},
         {"str(f1_f2_f3__f5),word(-3,_,0)", "f1_f2"},
         {"str(/f1/f2/f3/f4),word(1,/)", "f1"},
         {"str(/f1////f2/f3/f4),word(1,/)", "f1"},
         {"str(/f1////f2/f3/f4),word(2,/)", "f2"},
         {"str(////),word(1,/)", "<none>"},
         {"str(////),word(-1,/)", "<none>"},
         {"str(a b\tc),word(2,' ')", "b\tc"}});
}

TEST(Expression, Encodings) {
  Check({{"str(),base64", ""},
         {"str(f),base64", "Zg=="},
         {"str(fo),base64", "Zm8="},
         {"str(foo),base64", "Zm9v"},
         {"str(foobar),base64", "Zm9vYmFy"},
         {"bin(fbff),base64", "+/8="},
         {"bin(fbff),ub64enc", "-_8"},
         {"str(Zm9vYg==),b64dec", "foob"},
         {"str(Zm9vYg),b64dec", "<none>"},
         {"str(Zm9vYg),ub64dec", "foob"},
         {"str(Zm9v!A==),b64dec", "<none>"},
         {"str(Z===),b64dec", "<none>"},
         {"str(-_8),ub64dec,hex", "FBFF"},
         {"str(-_8=),b64dec", "<none>"},
         {"bin(01ff),hex", "01FF"},
         {"str(ff),hex2i", "255"},
         {"str(zz),hex2i", "0"},
         {"str(1ffffffffffffffff),hex2i", "0"},
         {"bin(0a),base2", "00001010"},
         {"bin(01020304050607),be2dec(:,2)", "258:772:1286:7"},
         {"bin(01020304050607),be2dec(-,2,1)", "258-772-1286"},
         {"bin(01020304050607),be2dec(,2,1)", "2587721286"},
         {"bin(7f000001),be2dec(.,1)", "127.0.0.1"},
         // The manual's example says 513:1284:2055:7, which is not what these bytes are.
         {"bin(01020304050607),le2dec(:,2)", "513:1027:1541:7"},
         {"bin(01020304050607),le2dec(-,2,1)", "513-1027-1541"},
         {"bin(ffffffffffffffff),be2dec(,8)", "18446744073709551615"},
         {"bin(01020304050607),be2hex", "01020304050607"},
         {"bin(01020304050607),be2hex(:,2)", "0102:0304:0506:07"},
         {"bin(01020304050607),be2hex(--,2,1)", "0102--0304--0506"},
         {"bin(0102030405060708),be2hex(,3,1)", "010203040506"},
         {"str(a%20b%2Bc),url_dec", "a b+c"},
         {"str(a+b?c+d),url_dec", "a+b?c d"},
         {"str(a+b),url_dec(1)", "a b"},
         {"str(a%2),url_dec", "<none>"},
         {"str(%zz),url_dec", "<none>"},
         {"str(a b/~),url_enc", "a%20b%2F~"},
         {"str(012345),bytes(0)", "012345"},
         {"str(012345),bytes(1,3)", "123"},
         {"str(012345),bytes(txn.one,txn.three)", "123"},
         {"str(012345),bytes(6)", ""},
         {"str(012345),bytes(-1)", ""},
         {"str(012345),bytes(1,-1)", ""},
         {"str(012345),bytes(4,100)", "45"},
         {"ipv4(10.1.2.3),ipmask(24)", "10.1.2.0"},
         {"ipv4(10.1.2.3),ipmask(255.0.0.0)", "10.0.0.0"},
         {"ipv4(10.1.2.3),ipmask(0)", "0.0.0.0"},
         {"ipv6(2001:db8::1),ipmask(24)", "<none>"},
         {"ipv6(2001:db8:1::1),ipmask(24,32)", "2001:db8::"},
         {"ipv6(2001:db8:1::1),ipmask(24,ffff::)", "2001::"}});
}

TEST(Expression, MistakesAreNamed) {
  Check({{"", "error: a sample fetch is expected"},
         {"nonsense", "error: unknown sample fetch 'nonsense'"},
         {"req.hdr(host)", "error: sample fetch 'req.hdr' is not supported yet"},
         {"str(a),nonsense", "error: unknown converter 'nonsense'"},
         {"str(a),", "error: a converter is expected behind ','"},
         {"str(a),xxh32", "error: converter 'xxh32' is not supported yet"},
         {"str(a", "error: 'str': its arguments have no closing ')'"},
         {"str('a)", "error: 'str': its arguments have no closing ')'"},
         {"str(a,b)", "error: 'str' has too many arguments; it is str([<string>])"},
         {"always_true(1)", "error: 'always_true' takes no argument"},
         {"int()", "error: 'int' lacks its <integer>; it is int(<integer>)"},
         {"int(x)", "error: 'int' expects an integer as <integer>, not 'x'"},
         {"int(1),add(x)",
          "error: 'add' expects an integer or a variable as <value>, not 'x': its name begins with "
          "one of 'proc.', 'sess.', 'txn.', 'req.', 'res.' and 'check.'"},
         {"int(1),add(txn.)",
          "error: 'add' expects an integer or a variable as <value>, not 'txn.': its name holds "
          "letters, digits, '_' and '.'"},
         {"bin(123)", "error: 'bin': an even number of hexadecimal digits is expected"},
         {"bin(1g)", "error: 'bin': hexadecimal digits are expected"},
         {"bool(maybe)", "error: 'bool': 'true', 'false', '1' or '0' is expected"},
         {"ipv4(1.2.3)", "error: 'ipv4': an IPv4 address is expected"},
         {"rand(0)", "error: 'rand': a range above 0 is expected"},
         {"str(a),field(0,_)", "error: 'field': pieces are counted from 1, or from -1 at the end"},
         {"str(a),be2dec(:,9)", "error: 'be2dec': a chunk has 1 to 8 bytes"},
         {"str(a),be2dec(:)",
          "error: 'be2dec' lacks its <chunk_size>; it is be2dec([<separator>,<chunk_size>[,"
          "<truncate>]])"},
         {"bin(61),even",
          "error: 'even' takes integer, which what stands before it does not give (binary)"},
         {"always_true,ipmask(24)",
          "error: 'ipmask' takes address, which what stands before it does not give (boolean)"},
         {"int(1) add(1)", "error: unexpected ' add(1)' behind the expression"}});
}

TEST(Expression, WhatIsNotAtHandIsRefused) {
  static constexpr FetchSpec kFetch[] = {
      {"late", SampleKind::kInteger, {}, needs::kResponseHead | needs::kClient, nullptr}};
  Registry registry;
  registry.Add(kFetch);
  ExpressionProblem problem;
  EXPECT_FALSE(Expression::Compile("late", registry, needs::kClient, &problem));
  EXPECT_EQ(problem.message, "'late' needs the HTTP response, which is not at hand here");
  EXPECT_TRUE(
      Expression::Compile("late", registry, needs::kClient | needs::kResponseHead, &problem));
}

TEST(Expression, FrontEndsWhereTheExpressionEnds) {
  ExpressionProblem problem;
  size_t used = 0;
  ASSERT_TRUE(
      Expression::CompileFront("str(a),upper]rest", AllUnits(), needs::kNothing, &used, &problem));
  EXPECT_EQ(used, 12u);
}

// Each row with every size of scratch: it gives the whole result, or none.
TEST(Expression, TooLittleScratchGivesNoSample) {
  for (const char* text :
       {"str(foobar),base64,hex", "str(ABC),lower", "int(12345),concat(x)", "str(a b),url_enc",
        "bin(01020304050607),be2dec(:,2)", "str(www.example.com),reverse_dom",
        "ipv6(2001:db8::1),upper", "str(Zm9vYg==),b64dec", "bin(ff),base2"}) {
    const std::string whole = Evaluate(text);
    bool worked = false;
    for (size_t bytes = 0; bytes < 128; ++bytes) {
      const std::string result = Evaluate(text, bytes);
      if (result == whole) {
        worked = true;
      } else {
        EXPECT_TRUE(result == "<none>" || result == "<no text>") << text << ' ' << bytes << result;
        EXPECT_FALSE(worked) << text;
      }
    }
    EXPECT_TRUE(worked) << text;
  }
}

}  // namespace
}  // namespace engine
