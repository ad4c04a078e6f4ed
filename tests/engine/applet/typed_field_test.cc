#include "engine/applet/typed_field.h"

#include <gtest/gtest.h>

namespace engine {
namespace {

constexpr TypedField kField{4, "scur", "MGPV", "u32", "7", "Sessions now"};

TEST(TypedField, LineIsTheManuals) {
  EXPECT_EQ(TypedLine("F.2.0.", kField, false), "F.2.0.4.scur.1:MGPV:u32:7\n");
  EXPECT_EQ(TypedLine("", kField, true), "4.scur.1:MGPV:u32:7:\"Sessions now\"\n");
}

TEST(TypedField, JsonNamesTheTags) {
  EXPECT_EQ(JsonField("\"id\":3,", kField),
            "{\"id\":3,\"field\":{\"pos\":4,\"name\":\"scur\"},\"processNum\":1,"
            "\"tags\":{\"origin\":\"Metric\",\"nature\":\"Gauge\",\"scope\":\"Process\","
            "\"persistence\":\"Volatile\"},\"value\":{\"type\":\"u32\",\"value\":7}}");
  const TypedField text{1, "a", "KNS?", "str", "7", ""};
  EXPECT_NE(JsonField("", text).find("\"persistence\":\"Unknown\""), std::string::npos);
  EXPECT_NE(JsonField("", text).find("\"value\":\"7\"}}"), std::string::npos);
}

TEST(TypedField, JsonTextIsWhateverTheBytesAre) {
  const struct {
    const char* name;
    std::string text;
    std::string json;
  } rows[] = {
      {"plain", "a b", "\"a b\""},
      {"empty", "", "\"\""},
      {"quote and backslash", "\"\\", "\"\\\"\\\\\""},
      {"control", "\n\x01\x7f", "\"\\u000a\\u0001\\u007f\""},
      {"two bytes", "\xc3\xa4", "\"\xc3\xa4\""},
      {"four bytes", "\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\""},
      {"cut off", "a\xc3", "\"a\\u00c3\""},
      {"alone", "\x80", "\"\\u0080\""},
      {"too long", "\xc0\xaf", "\"\\u00c0\\u00af\""},
      {"surrogate", "\xed\xa0\x80", "\"\\u00ed\\u00a0\\u0080\""},
      {"past the end", "\xf5\x80\x80\x80", "\"\\u00f5\\u0080\\u0080\\u0080\""},
  };
  for (const auto& row : rows) EXPECT_EQ(JsonText(row.text), row.json) << row.name;
}

}  // namespace
}  // namespace engine
