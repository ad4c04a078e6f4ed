#include "proto/http/cookie.h"

#include <gtest/gtest.h>

#include <string>

namespace proto {
namespace {

class CookieTest : public testing::Test {
 protected:
  void Add(std::string_view value) { ASSERT_TRUE(fields_.Add(FieldName::kCookie, value)); }
  std::string All() {
    std::string text;
    CookieReader reader(fields_);
    while (reader.Next()) {
      text += std::string(reader.name()) + "=" + std::string(reader.value()) + "|";
    }
    return text;
  }
  base::Arena arena_;
  FieldList fields_{arena_, 100};
};

TEST_F(CookieTest, ReadsPairsOfAllFields) {
  Add("a=1; b=2");
  ASSERT_TRUE(fields_.Add("x", "y=1"));
  Add("c=3");
  EXPECT_EQ(All(), "a=1|b=2|c=3|");
  EXPECT_EQ(FindCookie(fields_, "b"), "2");
  EXPECT_EQ(FindCookie(fields_, "B"), std::nullopt);
  EXPECT_EQ(FindCookie(fields_, "y"), std::nullopt);
}

TEST_F(CookieTest, ReadsSloppyCookies) {
  struct Row {
    const char* name;
    const char* value;
    const char* all;
  };
  const Row rows[] = {
      {"no blank", "a=1;b=2", "a=1|b=2|"},
      {"blanks around", " a = 1 ;\tb=2 ", "a=1|b=2|"},
      {"no equals", "a; b=2", "a=|b=2|"},
      {"empty value", "a=;b=", "a=|b=|"},
      {"empty pairs", ";;a=1;;", "a=1|"},
      {"equals in value", "a=b=c", "a=b=c|"},
      {"quoted", "a=\"x;y\"; b=2", "a=\"x;y\"|b=2|"},
      {"quote never closed hides nothing", "a=\"x; b=2", "a=\"x|b=2|"},
      {"quote inside", "a=x\"y; b=2", "a=x\"y|b=2|"},
      {"empty", "", ""},
  };
  for (const Row& row : rows) {
    fields_.Clear();
    Add(row.value);
    EXPECT_EQ(All(), row.all) << row.name;
  }
}

TEST_F(CookieTest, RemoveLeavesTheOthers) {
  struct Row {
    const char* name;
    const char* before;
    const char* after;  // null: the field goes
    uint32_t removed;
  };
  const Row rows[] = {
      {"first", "s=1; a=2", "a=2", 1},
      {"last", "a=2; s=1", "a=2", 1},
      {"middle", "a=2; s=1; b=3", "a=2; b=3", 1},
      {"only", "s=1", nullptr, 1},
      {"twice", "s=1;a=1;s=2;b=2", "a=1; b=2", 2},
      {"none", "a=1;b=2", "a=1;b=2", 0},
      {"many short", "a;b;c;d;e;s;f;g;h", "a; b; c; d; e; f; g; h", 1},
  };
  for (const Row& row : rows) {
    fields_.Clear();
    Add(row.before);
    EXPECT_EQ(RemoveCookie(fields_, "s"), row.removed) << row.name;
    if (row.after == nullptr) {
      EXPECT_TRUE(fields_.empty()) << row.name;
    } else {
      EXPECT_EQ(fields_.ValueOf(FieldName::kCookie), row.after) << row.name;
    }
  }
}

TEST_F(CookieTest, SetValueKeepsTheRest) {
  Add("a=1; s=old; b=2");
  EXPECT_TRUE(SetCookieValue(fields_, "s", "much longer"));
  EXPECT_EQ(fields_.ValueOf(FieldName::kCookie), "a=1; s=much longer; b=2");
  EXPECT_TRUE(SetCookieValue(fields_, "s", ""));
  EXPECT_EQ(fields_.ValueOf(FieldName::kCookie), "a=1; s=; b=2");
  EXPECT_FALSE(SetCookieValue(fields_, "z", "1"));
  fields_.Clear();
  Add("s; b=2");
  EXPECT_TRUE(SetCookieValue(fields_, "s", "1"));
  EXPECT_EQ(fields_.ValueOf(FieldName::kCookie), "s=1; b=2");
}

TEST_F(CookieTest, SetCookieHasAttributes) {
  const SetCookie cookie = ParseSetCookie("SRV=s1; Path=/; HttpOnly;Max-Age=3");
  EXPECT_EQ(cookie.name, "SRV");
  EXPECT_EQ(cookie.value, "s1");
  std::string all;
  std::string_view rest = cookie.attributes, name, value;
  while (NextAttribute(&rest, &name, &value)) {
    all += std::string(name) + "=" + std::string(value) + "|";
  }
  EXPECT_EQ(all, "Path=/|HttpOnly=|Max-Age=3|");
}

TEST_F(CookieTest, ReplacedSetCookieKeepsAttributes) {
  ASSERT_TRUE(fields_.Add(FieldName::kSetCookie, "SRV=s1; Path=/"));
  ReplaceSetCookieValue(fields_, 0, "server-two");
  EXPECT_EQ(fields_[0].value(), "SRV=server-two; Path=/");
  fields_.SetValue(0, "SRV=s1");
  ReplaceSetCookieValue(fields_, 0, "x");
  EXPECT_EQ(fields_[0].value(), "SRV=x");
}

}  // namespace
}  // namespace proto
