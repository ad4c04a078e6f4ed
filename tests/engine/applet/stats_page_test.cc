#include "engine/applet/stats_page.h"

#include <gtest/gtest.h>

#include "engine/applet/stats_admin.h"
#include "engine/applet/stats_html.h"

namespace engine {
namespace {

TEST(StatsPage, OptionsStandBehindTheAddress) {
  using Form = StatsWish::Form;
  const struct {
    const char* name;
    const char* behind;
    Form form;
    bool up, no_maint, no_refresh;
    const char* result;
  } rows[] = {
      {"None", "", Form::kHtml, false, false, false, ""},
      {"MoreOfTheAddress", "csv", Form::kHtml, false, false, false, ""},
      {"Csv", ";csv", Form::kCsv, false, false, false, ""},
      {"CsvWithAQuery", "/;csv?x=;y", Form::kCsv, false, false, false, ""},
      {"Json", ";json", Form::kJson, false, false, false, ""},
      {"Schema", ";json-schema", Form::kJsonSchema, false, false, false, ""},
      {"Several", ";up;norefresh;no-maint", Form::kHtml, true, true, true, ""},
      {"Result", ";st=DONE", Form::kHtml, false, false, false, "DONE"},
      {"Unknown", ";csvx;u", Form::kHtml, false, false, false, ""},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    const StatsWish wish = ParseStatsWish(row.behind);
    EXPECT_EQ(wish.form, row.form);
    EXPECT_EQ(wish.only_up, row.up);
    EXPECT_EQ(wish.without_maintenance, row.no_maint);
    EXPECT_EQ(wish.no_refresh, row.no_refresh);
    EXPECT_EQ(wish.result, row.result);
  }
}

TEST(StatsPage, TextBetweenTagsHoldsNone) {
  EXPECT_EQ(HtmlText("a<b>&\"c\"'\x01"), "a&lt;b&gt;&amp;&quot;c&quot;&#39; ");
}

TEST(StatsForm, IsDecoded) {
  StatsForm form;
  ASSERT_TRUE(ParseStatsForm("s=a&s=b%2Fc+d&x&action=maint&b=be", &form));
  EXPECT_EQ(form.servers, (std::vector<std::string>{"a", "b/c d"}));
  EXPECT_EQ(form.action, "maint");
  EXPECT_EQ(form.backend, "be");
}

TEST(StatsForm, BrokenEscapeIsNoForm) {
  for (const char* body : {"s=%", "s=%4", "s=%zz", "b=x%"}) {
    StatsForm form;
    EXPECT_FALSE(ParseStatsForm(body, &form)) << body;
  }
}

TEST(StatsForm, ActionIsACommand) {
  EXPECT_EQ(StatsCommand("maint", "b", "s"), "set server b/s state maint");
  EXPECT_EQ(StatsCommand("dhlth", "b", "s"), "disable health b/s");
  EXPECT_EQ(StatsCommand("shutdown", "b", "s"), "shutdown sessions server b/s");
  EXPECT_EQ(StatsCommand("reload", "b", "s"), "");
  EXPECT_EQ(StatsCommand("", "b", "s"), "");
}

TEST(StatsForm, EachActionOfferedIsOne) {
  const std::string html = StatsActionChoice();
  static constexpr std::string_view kBefore = "<option value=\"";
  size_t count = 0;
  for (size_t at = html.find(kBefore); at != html.npos; at = html.find(kBefore, at + 1)) {
    const size_t begin = at + kBefore.size();
    const std::string value = html.substr(begin, html.find('"', begin) - begin);
    if (value.empty()) continue;
    EXPECT_NE(StatsCommand(value, "b", "s"), "") << value;
    ++count;
  }
  EXPECT_EQ(count, 13u);
}

TEST(StatsForm, OtherHostsAreTold) {
  EXPECT_TRUE(IsSameHost("http://a.example:8080", "A.example:8080"));
  EXPECT_TRUE(IsSameHost("https://a.example/path?x", "a.example"));
  EXPECT_FALSE(IsSameHost("http://a.example", "a.example:8080"));
  EXPECT_FALSE(IsSameHost("http://evil/a.example", "a.example"));
  EXPECT_FALSE(IsSameHost("null", "null"));
  EXPECT_FALSE(IsSameHost("", ""));
}

}  // namespace
}  // namespace engine
