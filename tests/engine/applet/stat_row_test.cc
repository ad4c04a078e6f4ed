#include "engine/applet/stat_row.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace engine {
namespace {

size_t ColumnOf(std::string_view name) {
  const std::string header = StatHeader();
  const std::vector<std::string_view> names = base::Split(std::string_view(header).substr(2), ',');
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return i;
  }
  return SIZE_MAX;
}

// The positions that tools have in their code (management 9.1).
TEST(StatRow, ColumnsStandWhereTheManualHasThem) {
  const struct {
    std::string_view name;
    size_t column;
  } rows[] = {{"pxname", 0},
              {"svname", 1},
              {"scur", 4},
              {"stot", 7},
              {"bin", 8},
              {"status", 17},
              {"weight", 18},
              {"lastchg", 23},
              {"type", 32},
              {"hrsp_1xx", 39},
              {"req_tot", 48},
              {"ttime", 61},
              {"addr", 73},
              {"algo", 76},
              {"conn_tot", 79},
              {"connect", 84},
              {"uweight", 99},
              {"proto", 112},
              {"cache_hint_hits", 118},
              {"-", 119}};
  for (const auto& row : rows) EXPECT_EQ(ColumnOf(row.name), row.column) << row.name;
}

TEST(StatRow, LineHasAsManyColumnsAsTheHeader) {
  const std::string header = StatHeader();
  const std::string line = StatRow().ToCsv();
  EXPECT_EQ(std::count(header.begin(), header.end(), ','),
            std::count(line.begin(), line.end(), ','));
  EXPECT_TRUE(line.ends_with(",-,\n"));
}

TEST(StatRow, AmbiguousTextIsQuoted) {
  StatRow row;
  row.Set(StatColumn::pxname, "plain text");
  row.Set(StatColumn::svname, "a,b\"c");
  EXPECT_TRUE(row.ToCsv().starts_with("plain text,\"a,b\"\"c\",,"));
}

}  // namespace
}  // namespace engine
