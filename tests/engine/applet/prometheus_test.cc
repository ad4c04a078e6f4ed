#include "engine/applet/prometheus.h"

#include <gtest/gtest.h>

namespace engine {
namespace {

TEST(Prometheus, QueryNamesTheScopes) {
  const struct {
    const char* name;
    const char* query;
    bool good;
    const char* scopes;  // a letter each
  } rows[] = {
      {"None", "", true, "gfbs"},
      {"Other", "foo=bar&x", true, "gfbs"},
      {"One", "scope=global", true, "g"},
      {"Two", "scope=frontend&scope=server", true, "fs"},
      {"All", "scope=*", true, "gfbs"},
      {"NothingIsNone", "scope=", true, ""},
      {"NothingThenOne", "scope=&scope=backend", true, "b"},
      {"OneThenNothing", "scope=backend&scope=", true, ""},
      {"ThoseThatAreNotHere", "scope=listener&scope=sticktable", true, ""},
      {"Unknown", "scope=servers", false, ""},
      {"UnknownBehind", "scope=server&scope=x", false, ""},
      {"Maintenance", "scope=server&no-maint", true, "sm"},
      {"MaintenanceAlone", "no-maint=1", true, "gfbsm"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    ExportWish wish;
    ASSERT_EQ(ParseExportWish(row.query, &wish), row.good);
    if (!row.good) continue;
    std::string scopes;
    if (wish.global) scopes += 'g';
    if (wish.frontends) scopes += 'f';
    if (wish.backends) scopes += 'b';
    if (wish.servers) scopes += 's';
    if (wish.without_maintenance) scopes += 'm';
    EXPECT_EQ(scopes, row.scopes);
  }
}

TEST(Prometheus, LabelIsEscaped) {
  EXPECT_EQ(LabelText("plain"), "plain");
  EXPECT_EQ(LabelText("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
}

}  // namespace
}  // namespace engine
