#include "engine/server/stats_keywords.h"

#include <gtest/gtest.h>

#include "engine/server/rule_config.h"
#include "tests/engine/server/build_text.h"

namespace engine {
namespace {

const std::string kHttp =
    "defaults\n mode http\n timeout client 1s\n timeout connect 1s\n timeout server 1s\n";

const StatsConfig* StatsOfFirst(const BuiltText& built) {
  EXPECT_NE(built.configuration, nullptr) << built.Render();
  return built.configuration == nullptr ? nullptr : built.configuration->proxies[0]->stats.get();
}

TEST(StatsKeywords, NothingSaidIsNoPage) {
  EXPECT_EQ(StatsOfFirst(BuiltText(kHttp + "frontend f\n bind :1\n")), nullptr);
}

TEST(StatsKeywords, EnableHasTheManualsDefaults) {
  const BuiltText built(kHttp + "frontend f\n bind :1\n stats enable\n");
  const StatsConfig* stats = StatsOfFirst(built);
  ASSERT_NE(stats, nullptr);
  EXPECT_EQ(stats->uri, "/haproxy?stats");
  EXPECT_EQ(stats->realm, "HAProxy Statistics");
  EXPECT_TRUE(stats->users.empty());
  EXPECT_FALSE(stats->shows_version);
  EXPECT_TRUE(stats->Shows("any", "f"));
}

TEST(StatsKeywords, EveryLineIsKept) {
  const BuiltText built(kHttp +
                        "frontend f\n bind :1\n stats uri /s\n stats auth a:b:c\n stats auth d:\n"
                        " stats realm The\\ realm\n stats refresh 1500ms\n stats scope .\n"
                        " stats scope other\n stats show-version\n stats show-legends\n"
                        " stats show-modules\n stats show-node n1\n stats show-desc two words\n");
  const StatsConfig* stats = StatsOfFirst(built);
  ASSERT_NE(stats, nullptr) << built.Render();
  EXPECT_EQ(stats->uri, "/s");
  EXPECT_TRUE(stats->Admits("a", "b:c"));
  EXPECT_TRUE(stats->Admits("d", ""));
  EXPECT_FALSE(stats->Admits("a", "b"));
  EXPECT_FALSE(stats->Admits("d", "b:c"));
  EXPECT_EQ(stats->realm, "The realm");
  EXPECT_EQ(stats->refresh_s, 2u);
  EXPECT_TRUE(stats->Shows("f", "f"));
  EXPECT_TRUE(stats->Shows("other", "f"));
  EXPECT_FALSE(stats->Shows("third", "f"));
  EXPECT_TRUE(stats->shows_version && stats->shows_legends && stats->shows_modules);
  EXPECT_EQ(stats->node, "n1");
  EXPECT_EQ(stats->description, "two words");
}

TEST(StatsKeywords, RefreshIsInSeconds) {
  const BuiltText built(kHttp + "frontend f\n bind :1\n stats refresh 30\n");
  ASSERT_NE(StatsOfFirst(built), nullptr);
  EXPECT_EQ(built.configuration->proxies[0]->stats->refresh_s, 30u);
}

TEST(StatsKeywords, OwnLineTakesThePlaceOfDefaults) {
  const std::string defaults = kHttp + " stats uri /d\n stats refresh 5\n";
  const BuiltText inherits(defaults + "frontend f\n bind :1\n");
  ASSERT_NE(StatsOfFirst(inherits), nullptr);
  EXPECT_EQ(inherits.configuration->proxies[0]->stats->uri, "/d");
  const BuiltText owns(defaults + "frontend f\n bind :1\n stats hide-version\n");
  ASSERT_NE(StatsOfFirst(owns), nullptr);
  EXPECT_EQ(owns.configuration->proxies[0]->stats->uri, "/haproxy?stats");
  EXPECT_EQ(owns.configuration->proxies[0]->stats->refresh_s, 0u);
}

TEST(StatsKeywords, ConditionsMakeAPage) {
  const BuiltText built(
      kHttp +
      "listen f\n bind :1\n stats admin if TRUE\n"
      " stats http-request deny if { src 10.0.0.0/8 }\n stats http-request auth\n");
  ASSERT_NE(StatsOfFirst(built), nullptr);
  const ProxyConfig& proxy = *built.configuration->proxies[0];
  EXPECT_EQ(proxy.rules->stats_admin.size(), 1u);
  EXPECT_EQ(proxy.rules->set(RuleStage::kStats).rules.size(), 2u);
}

TEST(StatsKeywords, TcpProxyHasNone) {
  const BuiltText built("listen f\n mode tcp\n bind :1\n stats enable\n server s 192.0.2.1:1\n");
  EXPECT_EQ(StatsOfFirst(built), nullptr);
  EXPECT_NE(built.Render().find("'stats' ignored for listen 'f'"), std::string::npos);
}

TEST(StatsKeywords, Faults) {
  const struct {
    const char* name;
    const char* line;
    const char* message;
  } rows[] = {
      {"AuthWithoutPassword", "stats auth user", "'stats auth': expects 'user:password'"},
      {"AuthWithoutUser", "stats auth :secret", "'stats auth': expects 'user:password'"},
      {"RefreshOfNothing", "stats refresh soon", "'stats refresh': "},
      {"UriOfNothing", "stats uri", "'stats uri': expects"},
      {"RealmWithQuote", "stats realm 'a\"b'", "a byte that no realm may hold"},
      {"AdminWithoutCondition", "stats admin", "'stats admin': expects"},
      {"RuleOfAnother", "stats http-request return", "expects 'allow', 'deny' or 'auth'"},
      {"Both", "stats auth a:b\n stats http-request auth", "cannot stand beside"},
      {"Misspelt", "stats enabel", "unknown keyword"},
      {"ServiceMisspelt", "http-request use-service prometheus-exporte",
       "no service is named 'prometheus-exporte'"},
      {"ServiceOfTcp", "http-request use-service echo", "'echo' is a service of 'tcp-request"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    const BuiltText built(kHttp + "listen f\n bind :1\n " + row.line + "\n");
    EXPECT_EQ(built.configuration, nullptr);
    EXPECT_NE(built.Render().find(row.message), std::string::npos) << built.Render();
  }
}

}  // namespace
}  // namespace engine
