// check_protocols.h - the named checks, as lists of rules: redis, SMTP, PostgreSQL, MySQL, LDAP and
// TLS (manual 4.2).
//
// Owns:    nothing.
// Threads: start-up; the functions in the rules are pure.
// Units:   bytes.
// Errors:  what a server answers that it should not is an outcome of the rules.
// States:  none.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/server/check_config.h"

namespace engine {

// `option mysql-check`.
enum class MysqlClient : uint8_t { kPost41, kPre41, kPost80 };

std::vector<CheckRule> RedisCheck();
// `hello`: "HELO" or "EHLO".
std::vector<CheckRule> SmtpCheck(std::string_view hello, std::string_view domain);
std::vector<CheckRule> PostgresCheck(std::string_view user);
// Without a user nothing is sent.
std::vector<CheckRule> MysqlCheck(std::string_view user, MysqlClient client);
std::vector<CheckRule> LdapCheck();
// `option ssl-hello-chk`.
std::vector<CheckRule> TlsHelloCheck();

}  // namespace engine
