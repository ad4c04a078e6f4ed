#include "proto/http/target.h"

#include <gtest/gtest.h>

namespace proto {
namespace {

TEST(AuthorityTest, HostAndPort) {
  struct Row {
    const char* name;
    const char* text;
    bool good;
    const char* host;
    int port;
  };
  const Row rows[] = {
      {"name", "example.com", true, "example.com", 0},
      {"port", "example.com:8080", true, "example.com", 8080},
      {"empty port", "example.com:", true, "example.com", 0},
      {"address", "192.0.2.1:80", true, "192.0.2.1", 80},
      {"ipv6", "[2001:db8::1]", true, "[2001:db8::1]", 0},
      {"ipv6 port", "[::1]:443", true, "[::1]", 443},
      {"ipv6 mapped", "[::ffff:192.0.2.1]:1", true, "[::ffff:192.0.2.1]", 1},
      {"future literal", "[v1.a:b]", true, "[v1.a:b]", 0},
      {"underscore", "a_b", true, "a_b", 0},
      {"percent", "a%20b", true, "a%20b", 0},
      {"empty", "", true, "", 0},
      {"only port", ":80", false, "", 0},
      {"userinfo", "user@example.com", false, "", 0},
      {"userinfo with password", "a:b@example.com", false, "", 0},
      {"space", "a b", false, "", 0},
      {"slash", "a/b", false, "", 0},
      {"backslash", "a\\b", false, "", 0},
      {"question mark", "a?b", false, "", 0},
      {"number sign", "a#b", false, "", 0},
      {"quote", "a\"b", false, "", 0},
      {"high byte", "a\xc3\xa9", false, "", 0},
      {"bad percent", "a%2", false, "", 0},
      {"bad percent digit", "a%2g", false, "", 0},
      {"two colons", "a:1:2", false, "", 0},
      {"port too high", "a:65536", false, "", 0},
      {"port overflows", "a:4294967376", false, "", 0},
      {"port zero", "a:0", false, "", 0},
      {"port signed", "a:+80", false, "", 0},
      {"port with letter", "a:80x", false, "", 0},
      {"bracket open", "[::1", false, "", 0},
      {"bracket empty", "[]", false, "", 0},
      {"bracket tail", "[::1]x", false, "", 0},
      {"bracket name", "[abc]", false, "", 0},
      {"bracket zone", "[fe80::1%eth0]", false, "", 0},
      {"bracket inside", "a[::1]", false, "", 0},
      {"two hosts", "a, b", false, "", 0},
  };
  for (const Row& row : rows) {
    Authority authority;
    ASSERT_EQ(ParseAuthority(row.text, &authority), row.good) << row.name;
    if (!row.good) continue;
    EXPECT_EQ(authority.host, row.host) << row.name;
    EXPECT_EQ(authority.port_number, row.port) << row.name;
  }
}

TEST(TargetTest, FormsAndParts) {
  struct Row {
    const char* name;
    Method method;
    const char* target;
    TargetError error;
    TargetForm form;
    const char* scheme;
    const char* authority;
    const char* path;
    const char* query;  // null: none
  };
  constexpr auto kOk = TargetError::kNone;
  constexpr auto kForm = TargetError::kBadForm;
  constexpr auto kAuth = TargetError::kBadAuthority;
  constexpr auto kO = TargetForm::kOrigin;
  constexpr auto kA = TargetForm::kAbsolute;
  const Row rows[] = {
      {"root", Method::kGet, "/", kOk, kO, "", "", "/", nullptr},
      {"query", Method::kGet, "/a?b=c", kOk, kO, "", "", "/a", "b=c"},
      {"empty query", Method::kGet, "/a?", kOk, kO, "", "", "/a", ""},
      {"two marks", Method::kGet, "/a?b?c", kOk, kO, "", "", "/a", "b?c"},
      {"two slashes", Method::kGet, "//a/b", kOk, kO, "", "", "//a/b", nullptr},
      {"absolute", Method::kGet, "http://h:1/p?q", kOk, kA, "http", "h:1", "/p", "q"},
      {"absolute, no path", Method::kGet, "http://h", kOk, kA, "http", "h", "", nullptr},
      {"absolute, only query", Method::kGet, "http://h?q", kOk, kA, "http", "h", "", "q"},
      {"absolute, other scheme", Method::kGet, "a+b.c-1://h/", kOk, kA, "a+b.c-1", "h", "/",
       nullptr},
      {"absolute, empty host", Method::kGet, "http:///p", kAuth, kA, "", "", "", nullptr},
      {"absolute, userinfo", Method::kGet, "http://u@h/", kAuth, kA, "", "", "", nullptr},
      {"absolute, backslash", Method::kGet, "http://h\\@x/", kAuth, kA, "", "", "", nullptr},
      {"absolute, one slash", Method::kGet, "http:/h", kForm, kA, "", "", "", nullptr},
      {"no slashes", Method::kGet, "mailto:a", kForm, kA, "", "", "", nullptr},
      {"scheme of digits", Method::kGet, "1://h", kForm, kA, "", "", "", nullptr},
      {"empty scheme", Method::kGet, "://h", kForm, kA, "", "", "", nullptr},
      {"relative", Method::kGet, "a/b", kForm, kA, "", "", "", nullptr},
      {"query alone", Method::kGet, "?a", kForm, kA, "", "", "", nullptr},
      {"authority without CONNECT", Method::kGet, "h:80", kForm, kA, "", "", "", nullptr},
      {"empty", Method::kGet, "", kForm, kO, "", "", "", nullptr},
      {"asterisk", Method::kOptions, "*", kOk, TargetForm::kAsterisk, "", "", "", nullptr},
      {"asterisk with GET", Method::kGet, "*", kForm, kO, "", "", "", nullptr},
      {"asterisk and more", Method::kOptions, "*a", kForm, kO, "", "", "", nullptr},
      {"CONNECT", Method::kConnect, "h:443", kOk, TargetForm::kAuthority, "", "h:443", "", nullptr},
      {"CONNECT without port", Method::kConnect, "h", kAuth, kO, "", "", "", nullptr},
      {"CONNECT with path", Method::kConnect, "/a", kAuth, kO, "", "", "", nullptr},
      {"CONNECT with URI", Method::kConnect, "http://h:80/", kAuth, kO, "", "", "", nullptr},
  };
  for (const Row& row : rows) {
    base::Arena arena;
    RequestHead head(arena);
    head.method = row.method;
    ASSERT_EQ(ParseTarget(row.target, {}, head), row.error) << row.name;
    if (row.error != kOk) continue;
    EXPECT_EQ(head.target_form, row.form) << row.name;
    EXPECT_EQ(head.scheme, row.scheme) << row.name;
    EXPECT_EQ(head.authority, row.authority) << row.name;
    EXPECT_EQ(head.path, row.path) << row.name;
    EXPECT_EQ(head.has_query, row.query != nullptr) << row.name;
    EXPECT_EQ(head.query, row.query != nullptr ? row.query : "") << row.name;
  }
}

TEST(TargetTest, AnyConnectAuthorityOnDemand) {
  base::Arena arena;
  RequestHead head(arena);
  head.method = Method::kConnect;
  TargetOptions options;
  options.accept_any_connect_authority = true;
  EXPECT_EQ(ParseTarget("what/ever", options, head), TargetError::kNone);
  EXPECT_EQ(head.authority, "what/ever");
}

TEST(HostTest, AgreesWithTheTarget) {
  struct Row {
    const char* name;
    Method method;
    const char* target;
    const char* host;  // null: no field
    TargetError error;
  };
  constexpr auto kOk = TargetError::kNone;
  constexpr auto kMismatch = TargetError::kHostMismatch;
  const Row rows[] = {
      {"origin", Method::kGet, "/", "h", kOk},
      {"origin, empty", Method::kGet, "/", "", kOk},
      {"missing", Method::kGet, "/", nullptr, TargetError::kMissingHost},
      {"bad", Method::kGet, "/", "a b", TargetError::kBadHost},
      {"userinfo", Method::kGet, "/", "u@h", TargetError::kBadHost},
      {"absolute", Method::kGet, "http://h/", "h", kOk},
      {"absolute, case", Method::kGet, "http://H/", "h", kOk},
      {"absolute, default port", Method::kGet, "http://h:80/", "h", kOk},
      {"absolute, default port in Host", Method::kGet, "https://h/", "h:443", kOk},
      {"absolute, empty port", Method::kGet, "http://h:/", "h", kOk},
      {"absolute, other scheme's port", Method::kGet, "http://h:443/", "h", kMismatch},
      {"absolute, other host", Method::kGet, "http://h/", "i", kMismatch},
      {"absolute, empty Host", Method::kGet, "http://h/", "", kMismatch},
      {"absolute, missing", Method::kGet, "http://h/", nullptr, TargetError::kMissingHost},
      {"asterisk", Method::kOptions, "*", "h", kOk},
      {"CONNECT", Method::kConnect, "h:443", "h:443", kOk},
      {"CONNECT, Host without port", Method::kConnect, "h:443", "h", kOk},
      {"CONNECT, other port, none in Host", Method::kConnect, "h:8443", "h", kMismatch},
      {"CONNECT, other host", Method::kConnect, "h:443", "i:443", kMismatch},
  };
  for (const Row& row : rows) {
    base::Arena arena;
    RequestHead head(arena);
    head.method = row.method;
    ASSERT_EQ(ParseTarget(row.target, {}, head), kOk) << row.name;
    if (row.host != nullptr) {
      ASSERT_TRUE(head.fields.Add("Host", row.host));
    }
    EXPECT_EQ(CheckHost(head, {}), row.error) << row.name;
    TargetOptions relaxed;
    relaxed.accept_host_mismatch = true;
    EXPECT_EQ(CheckHost(head, relaxed), row.error == kMismatch ? kOk : row.error) << row.name;
  }
}

TEST(HostTest, OneIsEnough) {
  base::Arena arena;
  RequestHead head(arena);
  ASSERT_TRUE(head.fields.Add("Host", "a") && head.fields.Add("host", "a"));
  EXPECT_EQ(CheckHost(head, {}), TargetError::kRepeatedHost);
}

TEST(HostTest, OldVersionsNeedNone) {
  base::Arena arena;
  RequestHead head(arena);
  head.version = {1, 0};
  EXPECT_EQ(CheckHost(head, {}), TargetError::kNone);
}

}  // namespace
}  // namespace proto
