// The named checks: what they send, and what they make of answers, whole and byte by byte.

#include "engine/server/check_protocols.h"

#include <gtest/gtest.h>

#include <string>

namespace engine {
namespace {

using namespace std::string_literals;

struct AnswerCase {
  const char* name;
  std::vector<CheckRule> (*make)();
  size_t rule;  // of the list
  std::string answer;
  ExpectResult result;
  CheckStatus status;
  int32_t code;
  const char* text;
};

std::vector<CheckRule> Smtp() { return SmtpCheck("HELO", "localhost"); }
std::vector<CheckRule> Postgres() { return PostgresCheck("u"); }
std::vector<CheckRule> Mysql() { return MysqlCheck("u", MysqlClient::kPost41); }

std::string MysqlPacket(const std::string& payload, char sequence = 0) {
  return std::string{char(payload.size()), char(payload.size() >> 8), 0, sequence} + payload;
}

constexpr ExpectResult kMatch = ExpectResult::kMatch;
constexpr ExpectResult kFailed = ExpectResult::kFailed;
constexpr CheckStatus kRsp = CheckStatus::kL7Response;
constexpr CheckStatus kSts = CheckStatus::kL7Status;
constexpr const char* kEmpty = "TCPCHK got an empty response";

const AnswerCase kAnswers[] = {
    {"RedisPong", RedisCheck, 2, "+PONG\r\n", kMatch, kRsp, 0, "Redis server is ok"},
    {"RedisError", RedisCheck, 2, "-NOAUTH Authentication required.\r\n", kFailed, kSts, 0,
     "-NOAUTH Authentication required."},
    {"RedisCut", RedisCheck, 2, "+PON", kFailed, kSts, 0, "+PON"},
    {"RedisNothing", RedisCheck, 2, "", kFailed, kRsp, 0, kEmpty},
    {"SmtpBanner", Smtp, 1, "220 mail ESMTP\r\n", kMatch, kRsp, 220, "mail ESMTP"},
    {"SmtpLongBanner", Smtp, 1, "220-mail\r\n220 x\r\n", kMatch, kRsp, 220, "x"},
    {"SmtpNoText", Smtp, 1, "250\r\n", kMatch, kRsp, 250, ""},
    {"SmtpRefused", Smtp, 1, "554 go away\r\n", kFailed, kSts, 554, "go away"},
    {"SmtpGarbage", Smtp, 1, "-ERR no\r\n", kFailed, kRsp, 0, "-ERR no"},
    {"SmtpShort", Smtp, 1, "22\r\n", kFailed, kRsp, 0, "22"},
    {"SmtpCut", Smtp, 1, "220-mail\r\n220", kFailed, kRsp, 0, "220-mail"},
    {"SmtpNothing", Smtp, 1, "", kFailed, kRsp, 0, kEmpty},
    {"PostgresAuthentication", Postgres, 2, "R\0\0\0\x08\0\0\0\0"s, kMatch, kRsp, 0,
     "PostgreSQL server is ok"},
    {"PostgresPassword", Postgres, 2, "R\0\0\0\x0c\0\0\0\5abcd"s, kMatch, kRsp, 0,
     "PostgreSQL server is ok"},
    {"PostgresError", Postgres, 2, "E\0\0\0\x2fSFATAL\0C3D000\0Mdatabase \"u\" does not exist\0\0"s,
     kFailed, kRsp, 0, "database \"u\" does not exist"},
    {"PostgresErrorWithoutMessage", Postgres, 2, "E\0\0\0\x0cSFATAL\0\0"s, kFailed, kRsp, 0,
     "FATAL"},
    {"PostgresGarbage", Postgres, 2, "-ERR no\r\n", kFailed, kSts, 0, "PostgreSQL unknown error"},
    {"PostgresBadLength", Postgres, 2, "R\0\0\0\3xxxxx"s, kFailed, kSts, 0,
     "PostgreSQL unknown error"},
    {"PostgresCut", Postgres, 2, "R\0\0\0\x08\0\0"s, kFailed, kRsp, 0, "R\0\0\0\b\0\0"},
    {"MysqlGreeting", Mysql, 1,
     MysqlPacket("\x0a"
                 "5.5.5-10.11\0rest"s),
     kMatch, kRsp, 0, "5.5.5-10.11"},
    {"MysqlBlocked", Mysql, 1, MysqlPacket("\xff\x69\x04Host is blocked"s), kFailed, kSts, 1129,
     "Host is blocked"},
    {"MysqlGarbage", Mysql, 1, "HTTP/1.0 400 Bad", kFailed, kRsp, 0, "HTTP/1.0 400 Bad"},
    {"MysqlOtherPacket", Mysql, 1, MysqlPacket("\x05hello"s), kFailed, kRsp, 0,
     "not a greeting of MySQL"},
    {"MysqlOk", Mysql, 3, MysqlPacket("\0\0\0\2\0\0\0"s, 2), kMatch, kRsp, 0, ""},
    {"MysqlOtherAuthentication", Mysql, 3, MysqlPacket("\xfemysql_native_password\0"s, 2), kMatch,
     kRsp, 0, ""},
    {"MysqlDenied", Mysql, 3, MysqlPacket("\xff\x15\x04#28000Access denied"s, 2), kFailed, kSts,
     1045, "#28000Access denied"},
    {"MysqlEmptyPacket", Mysql, 3, "\0\0\0\0"s, kFailed, kRsp, 0, "empty packet of MySQL"},
    {"LdapSuccess", LdapCheck, 2,
     "0\x0c\x02\x01\x01"
     "a\x07\x0a\x01\x00\x04\x00\x04\x00"s,
     kMatch, kRsp, 0, "Success"},
    {"LdapLongLengths", LdapCheck, 2,
     "0\x84\0\0\0\x10\x02\x01\x01"
     "a\x84\0\0\0\x07\x0a\x01\x00\x04\x00\x04\x00"s,
     kMatch, kRsp, 0, "Success"},
    {"LdapInvalidCredentials", LdapCheck, 2,
     "0\x0c\x02\x01\x01"
     "a\x07\x0a\x01\x31\x04\x00\x04\x00"s,
     kFailed, kSts, 49, "See RFC: http://tools.ietf.org/html/rfc4511#section-4.1.9"},
    {"LdapGarbage", LdapCheck, 2, "+PONG\r\n and more", kFailed, kRsp, 0, "Not LDAPv3 protocol"},
    {"LdapOtherMessage", LdapCheck, 2,
     "0\x0c\x02\x01\x02"
     "a\x07\x0a\x01\x00\x04\x00\x04\x00"s,
     kFailed, kRsp, 0, "Not LDAPv3 protocol"},
    {"LdapCut", LdapCheck, 2, "0\x0c\x02\x01"s, kFailed, kRsp, 0, "Not LDAPv3 protocol"},
    {"TlsHello", TlsHelloCheck, 2, "\x16\x03\x00\x00\x02\x02\x28"s, kMatch,
     CheckStatus::kL6Response, 0, ""},
    {"TlsAlert", TlsHelloCheck, 2, "\x15\x03\x01\x00\x02\x02\x28"s, kMatch,
     CheckStatus::kL6Response, 0, ""},
    {"TlsGarbage", TlsHelloCheck, 2, "SSH-2.0", kFailed, CheckStatus::kL6Response, 0, ""},
    {"TlsCut", TlsHelloCheck, 2, "\x16\x03"s, kFailed, CheckStatus::kL6Response, 0, ""},
};

class AnswerTest : public testing::TestWithParam<AnswerCase> {};

// The same comes out however the answer is cut: until then more is waited for, and what was said
// once stays.
TEST_P(AnswerTest, WholeAndByteByByte) {
  const AnswerCase& param = GetParam();
  const std::vector<CheckRule> rules = param.make();
  const ExpectFunction function = rules[param.rule].expect.function;
  ASSERT_NE(function, nullptr);
  ExpectNote whole;
  EXPECT_EQ(function(param.answer, true, &whole), param.result);
  EXPECT_EQ(whole.code, param.code);
  if (param.result == ExpectResult::kFailed) {
    EXPECT_EQ(whole.status, param.status);
  }
  EXPECT_STREQ(whole.text.c_str(), std::string(param.text).c_str());
  for (size_t length = 0; length <= param.answer.size(); ++length) {
    ExpectNote note;
    const std::string cut = param.answer.substr(0, length);  // its end is the end of its memory
    const ExpectResult result = function(cut, false, &note);
    if (result == ExpectResult::kNeedMore) continue;
    EXPECT_EQ(result, param.result) << length;
    return;
  }
  // Never conclusive without the end: what is cut.
  EXPECT_EQ(param.result, ExpectResult::kFailed);
}

INSTANTIATE_TEST_SUITE_P(CheckProtocols, AnswerTest, testing::ValuesIn(kAnswers),
                         [](const auto& info) { return info.param.name; });

TEST(CheckProtocols, WhatIsSent) {
  EXPECT_EQ(RedisCheck()[1].bytes, "*1\r\n$4\r\nPING\r\n");
  EXPECT_EQ(SmtpCheck("EHLO", "a.b")[2].bytes, "EHLO a.b\r\n");
  EXPECT_EQ(SmtpCheck("EHLO", "a.b")[4].bytes, "QUIT\r\n");
  EXPECT_EQ(PostgresCheck("u")[1].bytes, "\0\0\0\x10\0\3\0\0user\0u\0\0"s);
  EXPECT_EQ(LdapCheck()[1].bytes, "0\x0c\2\1\1`\7\2\1\3\4\0\x80\0"s);
  EXPECT_EQ(MysqlCheck("haproxy", MysqlClient::kPost41)[2].bytes,
            ")\0\0\1\0\x82\0\0\0\x80\0\1!"s + std::string(23, '\0') + "haproxy\0\0\1\0\0\0\1"s);
  EXPECT_EQ(MysqlCheck("haproxy", MysqlClient::kPre41)[2].bytes,
            "\x0e\0\0\1\0\x80\0\0\1haproxy\0\0\1\0\0\0\1"s);
  EXPECT_EQ(MysqlCheck("", MysqlClient::kPost41).size(), 2u);
  const std::string hello = TlsHelloCheck()[1].bytes;
  EXPECT_EQ(hello.substr(0, 3), "\x16\3\0"s);
  EXPECT_EQ(size_t(uint8_t(hello[3])) << 8 | uint8_t(hello[4]), hello.size() - 5);
  EXPECT_EQ(size_t(uint8_t(hello[7])) << 8 | uint8_t(hello[8]), hello.size() - 9);
}

}  // namespace
}  // namespace engine
