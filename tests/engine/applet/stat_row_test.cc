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

// Two thousand servers are asked for a hundred columns, one by one.
TEST(StatRow, RowOfOneColumnMakesNoOther) {
  StatRow row(StatColumn::bin);
  int made = 0;
  const auto make = [&] { return uint64_t(++made); };
  row.Set(StatColumn::bout, make);
  row.Set(StatColumn::pxname, "web");
  EXPECT_EQ(made, 0);
  row.Set(StatColumn::bin, make);
  EXPECT_EQ(row.Get(StatColumn::bin), "1");
  EXPECT_EQ(row.Get(StatColumn::bout), "");
  EXPECT_EQ(row.Get(StatColumn::pxname), "");
  EXPECT_TRUE(row.WantsAny(StatColumn::bout, StatColumn::bin));
  EXPECT_FALSE(row.WantsAny(StatColumn::bout, StatColumn::pxname));
}

TEST(StatRow, AmbiguousTextIsQuoted) {
  StatRow row;
  row.Set(StatColumn::pxname, "plain text");
  row.Set(StatColumn::svname, "a,b\"c");
  EXPECT_TRUE(row.ToCsv().starts_with("plain text,\"a,b\"\"c\",,"));
}

TEST(StatRow, TypedAndJsonSayWhatIsKnown) {
  StatRow row;
  row.Set(StatColumn::pxname, "web");
  row.Set(StatColumn::iid, 3);
  row.Set(StatColumn::sid, 1);
  row.Set(StatColumn::type, 2);
  EXPECT_EQ(row.ToTyped(false),
            "S.3.1.0.pxname.1:KNSV:str:web\n"
            "S.3.1.27.iid.1:KGSV:u32:3\n"
            "S.3.1.28.sid.1:KGSV:u32:1\n"
            "S.3.1.32.type.1:CGSV:u32:2\n");
  EXPECT_TRUE(row.ToTyped(true).starts_with(
      "S.3.1.0.pxname.1:KNSV:str:web:\"Name of the proxy\"\nS.3.1.27."));
  const std::string json = row.ToJson();
  EXPECT_TRUE(
      json.starts_with("[{\"objType\":\"Server\",\"proxyId\":3,\"id\":1,"
                       "\"field\":{\"pos\":0,\"name\":\"pxname\"},"))
      << json;
  EXPECT_TRUE(json.ends_with("\"value\":2}}]")) << json;
}

}  // namespace
}  // namespace engine
