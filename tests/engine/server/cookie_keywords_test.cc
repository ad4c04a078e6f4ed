// The words about persistence by cookie.

#include "engine/server/cookie_keywords.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/engine/server/build_text.h"

namespace engine {
namespace {

using Lines = std::vector<std::string>;

constexpr const char* kCookieDefaults =
    "defaults\n mode http\n timeout connect 1s\n timeout client 30s\n timeout server 40s\n";

// Line 7.
BuiltText InCookieBackend(const std::string& lines) {
  return BuiltText(std::string(kCookieDefaults) + "backend b\n" + lines);
}

const ProxyConfig& Backend(const BuiltText& built) {
  return *built.configuration->FindBackend("b");
}
const CookieConfig& Cookie(const BuiltText& built) { return Backend(built).http.cookie; }

TEST(CookieKeywords, NameAlone) {
  const BuiltText built = InCookieBackend(" cookie SRV\n");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  EXPECT_EQ(Cookie(built).name, "SRV");
  EXPECT_EQ(Cookie(built).mode, CookieMode::kObserved);
  EXPECT_FALSE(Cookie(built).indirect);
  EXPECT_EQ(built.warnings(), Lines{});
}

TEST(CookieKeywords, EveryWord) {
  const BuiltText built = InCookieBackend(
      " cookie SRV insert indirect nocache postonly preserve httponly secure domain .a.com"
      " domain b.com maxidle 30m maxlife 8h dynamic attr SameSite=Lax attr x\n"
      " dynamic-cookie-key k\n");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  const CookieConfig& cookie = Cookie(built);
  EXPECT_EQ(cookie.mode, CookieMode::kInsert);
  EXPECT_TRUE(cookie.indirect && cookie.no_cache && cookie.post_only && cookie.preserve);
  EXPECT_TRUE(cookie.dynamic);
  EXPECT_EQ(cookie.attributes,
            "; path=/; domain=.a.com; domain=b.com; HttpOnly; Secure; SameSite=Lax; x");
  EXPECT_EQ(cookie.max_idle_s, 1800u);
  EXPECT_EQ(cookie.max_life_s, 28800u);
  EXPECT_EQ(cookie.dynamic_key, "k");
  EXPECT_EQ(built.warnings(), Lines{});
}

TEST(CookieKeywords, TheLastLineCountsWhole) {
  const BuiltText built = InCookieBackend(
      " dynamic-cookie-key k\n cookie A insert indirect httponly\n cookie B rewrite\n");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  EXPECT_EQ(Cookie(built).name, "B");
  EXPECT_EQ(Cookie(built).mode, CookieMode::kRewrite);
  EXPECT_FALSE(Cookie(built).indirect);
  EXPECT_EQ(Cookie(built).attributes, "; path=/");
  EXPECT_EQ(Cookie(built).dynamic_key, "k");
}

TEST(CookieKeywords, DefaultsAreInherited) {
  const BuiltText built(std::string(kCookieDefaults) +
                        " cookie S prefix\n option persist\n dynamic-cookie-key k\n"
                        " default-server cookie d redir http://x\n"
                        "backend b\n server s 192.0.2.1:80\n server t 192.0.2.2:80 cookie t\n"
                        "backend c\n no option persist\n cookie T insert\n");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  EXPECT_EQ(Cookie(built).name, "S");
  EXPECT_TRUE(Backend(built).persist);
  EXPECT_EQ(Backend(built).servers[0]->cookie, "d");
  EXPECT_EQ(Backend(built).servers[0]->redirect_prefix, "http://x");
  EXPECT_EQ(Backend(built).servers[1]->cookie, "t");
  const ProxyConfig& other = *built.configuration->FindBackend("c");
  EXPECT_EQ(other.http.cookie.name, "T");
  EXPECT_EQ(other.http.cookie.dynamic_key, "k");
  EXPECT_FALSE(other.persist);
}

TEST(CookieKeywords, Errors) {
  struct Row {
    const char* line;
    const char* error;
  };
  const Row rows[] = {
      {" cookie", "7:8 'cookie': expects the name of a cookie"},
      {" cookie ''", "7:9 'cookie': '' is not the name of a cookie"},
      {" cookie 'S x'", "7:9 'cookie': 'S x' is not the name of a cookie"},
      {" cookie 'S;'", "7:9 'cookie': 'S;' is not the name of a cookie"},
      {" cookie S=", "7:9 'cookie': 'S=' is not the name of a cookie"},
      {" cookie S foo", "7:11 'cookie': unexpected 'foo'"},
      {" cookie S insert rewrite",
       "7:18 'cookie': 'rewrite', 'insert' and 'prefix' exclude each other"},
      {" cookie S prefix insert",
       "7:18 'cookie': 'rewrite', 'insert' and 'prefix' exclude each other"},
      {" cookie S rewrite indirect", "7:9 'cookie': 'rewrite' and 'indirect' exclude each other"},
      {" cookie S preserve", "7:9 'cookie': 'preserve' requires 'insert' or 'indirect'"},
      {" cookie S prefix preserve", "7:9 'cookie': 'preserve' requires 'insert' or 'indirect'"},
      {" cookie S insert maxidle", "7:18 'cookie': 'maxidle' expects an argument"},
      {" cookie S insert maxidle x", "7:26 'cookie': expects a time"},
      {" cookie S insert maxlife 70000d", "7:26 'cookie': timer overflow in '70000d'"},
      {" cookie S insert domain", "7:18 'cookie': 'domain' expects an argument"},
      {" cookie S insert domain 'a b.c'",
       "7:25 'cookie': character ' ' is not permitted in a domain"},
      {" cookie S insert domain 'a.b;x'",
       "7:25 'cookie': character ';' is not permitted in a domain"},
      {" cookie S insert attr", "7:18 'cookie': 'attr' expects an argument"},
      {" cookie S insert attr 'a;b'",
       "7:23 'cookie': expects an attribute without control characters and without ';'"},
      {" cookie S insert attr ''",
       "7:23 'cookie': expects an attribute without control characters and without ';'"},
      {" dynamic-cookie-key", "7:20 'dynamic-cookie-key': expects a key"},
      {" option persist x", "7:17 'option persist': unexpected 'x'"},
      {" server s 192.0.2.1:80 cookie", "7:30 'cookie': expects a value"},
      {" server s 192.0.2.1:80 cookie ''", "7:31 'cookie': expects a value"},
      {" server s 192.0.2.1:80 cookie 'a;b'",
       "7:31 'cookie': a cookie's value has no control characters and no ';'"},
      {" server s 192.0.2.1:80 redir", "7:29 'redir': expects a prefix"},
      {" server s 192.0.2.1:80 redir ''", "7:30 'redir': expects a prefix"},
      {" server s 192.0.2.1:80 redir 'http://a b'",
       "7:30 'redir': a location has no control characters and no blanks"},
  };
  for (const Row& row : rows) {
    const BuiltText built = InCookieBackend(std::string(row.line) + "\n");
    ASSERT_EQ(built.errors().size(), 1u) << row.line << "\n" << built.Render();
    EXPECT_EQ(built.errors()[0].substr(0, std::string(row.error).size()), row.error) << row.line;
  }
}

TEST(CookieKeywords, ValuesThatWouldNotComeBackAreRefused) {
  EXPECT_EQ(
      InCookieBackend(" cookie S prefix\n server s 192.0.2.1:80 cookie a~b\n").errors().size(), 1u);
  EXPECT_EQ(InCookieBackend(" cookie S insert\n server s 192.0.2.1:80 cookie a~b\n").errors(),
            Lines{});
  EXPECT_EQ(InCookieBackend(" cookie S insert maxidle 3s\n server s 192.0.2.1:80 cookie 'a|b'\n")
                .errors()
                .size(),
            1u);
  EXPECT_EQ(InCookieBackend(" cookie S insert\n server s 192.0.2.1:80 cookie 'a|b'\n").errors(),
            Lines{});
}

TEST(CookieKeywords, Warnings) {
  EXPECT_EQ(InCookieBackend(" cookie S insert domain localhost\n").warnings(),
            (Lines{"7:25 domain 'localhost' contains no embedded dot"}));
  EXPECT_EQ(InCookieBackend(" cookie S insert domain .com\n").warnings(),
            (Lines{"7:25 domain '.com' contains no embedded dot"}));
  EXPECT_EQ(InCookieBackend(" cookie S prefix maxidle 3s\n").warnings(),
            (Lines{"7:2 'maxidle' and 'maxlife' have no effect without 'insert'"}));
  EXPECT_EQ(InCookieBackend(" cookie S insert domain a.com maxlife 3s\n").warnings(), Lines{});
}

TEST(CookieKeywords, TcpDoesWithout) {
  const BuiltText built =
      InCookieBackend(" mode tcp\n cookie S insert\n server s 192.0.2.1:80 cookie a\n");
  ASSERT_NE(built.configuration, nullptr) << built.Render();
  EXPECT_EQ(built.warnings().size(), 2u) << built.Render();
  EXPECT_FALSE(Cookie(built).enabled());
  EXPECT_EQ(Backend(built).servers[0]->cookie, "");
  const BuiltText redirected =
      InCookieBackend(" mode tcp\n server s 192.0.2.1:80 redir http://x\n");
  EXPECT_EQ(redirected.errors().size(), 1u) << redirected.Render();
}

TEST(CookieKeywords, DynamicCookies) {
  const std::string lines =
      " cookie S insert dynamic\n server a 127.0.0.1:80 cookie own\n server b 127.0.0.1:80\n"
      " server c 127.0.0.1\n server d unix@/x\n server e 0.0.0.0:80\n";
  const BuiltText keyed = InCookieBackend(" dynamic-cookie-key secret\n" + lines);
  ASSERT_NE(keyed.configuration, nullptr) << keyed.Render();
  const auto cookie = [](const BuiltText& built, size_t server) {
    const ServerConfig& config = *Backend(built).servers[server];
    return CookieOf(config, config.address);
  };
  EXPECT_EQ(cookie(keyed, 0), "own");
  EXPECT_EQ(cookie(keyed, 1), "83fb1331509c7322");
  EXPECT_EQ(cookie(keyed, 2).size(), 16u) << "the port is the client's";
  EXPECT_EQ(cookie(keyed, 3), "") << "only for IP addresses";
  EXPECT_EQ(cookie(keyed, 4), "") << "the address is the client's";
  const BuiltText without_key = InCookieBackend(lines);
  ASSERT_NE(without_key.configuration, nullptr) << without_key.Render();
  EXPECT_EQ(cookie(without_key, 0), "own");
  EXPECT_EQ(cookie(without_key, 1), "");
}

}  // namespace
}  // namespace engine
