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
      {"many short", "a;b;c;d;e;s=;f;g;h", "a; b; c; d; e; f; g; h", 1},
      {"without '=' it is no cookie", "s; s=1; a", "s; a", 1},
      {"other case", "S=1; s=2", "S=1", 1},
      {"quoted with ';'", "s=\"1;s=2\"; a=3", "a=3", 1},
      {"inside of another's quotes", "a=\"x; s=1\"; s=2", "a=\"x; s=1\"", 1},
      {"comma is part of the value", "s=1,a=2", nullptr, 1},
      {"name is a part of another", "ss=1; s=2; as=3", "ss=1; as=3", 1},
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

TEST_F(CookieTest, TellsCookiesFromBareNames) {
  Add("a; b=; c=1");
  CookieReader reader(fields_);
  for (bool has_value : {false, true, true}) {
    ASSERT_TRUE(reader.Next());
    EXPECT_EQ(reader.has_value(), has_value) << reader.name();
  }
}

TEST_F(CookieTest, RemoveGoesThroughAllFields) {
  Add("s=1; a=1");
  ASSERT_TRUE(fields_.Add("x", "s=1"));
  Add("s=2");
  Add("b=2; s=3");
  EXPECT_EQ(RemoveCookie(fields_, "s"), 3u);
  ASSERT_EQ(fields_.size(), 3u);
  EXPECT_EQ(fields_[0].value(), "a=1");
  EXPECT_EQ(fields_[1].value(), "s=1");
  EXPECT_EQ(fields_[2].value(), "b=2");
}

TEST_F(CookieTest, CutsWhatStandsBeforeTheMark) {
  struct Row {
    const char* name;
    const char* before;
    const char* after;
    uint32_t cut;
  };
  const Row rows[] = {
      {"only", "s=p~1", "s=1", 1},
      {"no mark", "s=1", "s=1", 0},
      {"nothing behind it", "s=p~; a=2", "s=; a=2", 1},
      {"nothing before it", "s=~1", "s=1", 1},
      {"the first mark alone", "s=p~1~2", "s=1~2", 1},
      {"twice", "s=p~1;a=x~y;s=q~2", "s=1;a=x~y;s=2", 2},
      {"blanks stay", " s = p~1 ;\tb=2 ", " s = 1 ;\tb=2 ", 1},
      {"quote", "s=\"p~1\"; b=2", "s=1\"; b=2", 1},
      {"behind a quoted value", "a=\"s=p~1;\"; s=p~1", "a=\"s=p~1;\"; s=1", 1},
      {"mark in a name", "s~=1; ~s=2", "s~=1; ~s=2", 0},
      {"bare name", "s; s~; s=p~2", "s; s~; s=2", 1},
      {"other case", "S=p~1", "S=p~1", 0},
      {"comma", "s=p~1,s=q~2", "s=1,s=q~2", 1},
      {"bytes above 127", "s=\xff~\xfe", "s=\xfe", 1},
  };
  for (const Row& row : rows) {
    fields_.Clear();
    Add(row.before);
    EXPECT_EQ(CutCookieValues(fields_, "s", '~'), row.cut) << row.name;
    EXPECT_EQ(fields_.ValueOf(FieldName::kCookie), row.after) << row.name;
  }
}

TEST_F(CookieTest, CutsInEveryField) {
  Add("s=p~1");
  ASSERT_TRUE(fields_.Add("x", "s=p~1"));
  Add("b=2; s=q~3");
  EXPECT_EQ(CutCookieValues(fields_, "s", '~'), 2u);
  EXPECT_EQ(fields_[0].value(), "s=1");
  EXPECT_EQ(fields_[1].value(), "s=p~1");
  EXPECT_EQ(fields_[2].value(), "b=2; s=3");
}

TEST_F(CookieTest, EditsValuesOfAnyLength) {
  const std::string large(60000, 'v');
  const std::string value = "a=1; s=" + large + "~" + large + "; b=2";
  Add(value);
  EXPECT_EQ(CutCookieValues(fields_, "s", '~'), 1u);
  EXPECT_EQ(fields_.ValueOf(FieldName::kCookie), "a=1; s=" + large + "; b=2");
  EXPECT_EQ(RemoveCookie(fields_, "s"), 1u);
  EXPECT_EQ(fields_.ValueOf(FieldName::kCookie), "a=1; b=2");
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

TEST_F(CookieTest, PrefixedSetCookieKeepsTheRest) {
  struct Row {
    const char* name;
    const char* before;
    const char* after;
  };
  const Row rows[] = {
      {"plain", "SRV=s1", "SRV=p~s1"},
      {"attributes", "SRV=s1; Path=/", "SRV=p~s1; Path=/"},
      {"empty value", "SRV=", "SRV=p~"},
      {"empty value, attributes", "SRV=;Path=/", "SRV=p~;Path=/"},
      {"quoted", "SRV=\"a;b\"; Path=/", "SRV=p~\"a;b\"; Path=/"},
      {"has a mark already", "SRV=a~b", "SRV=p~a~b"},
      {"blanks", " SRV = s1 ; Path=/", "SRV=p~s1; Path=/"},
  };
  for (const Row& row : rows) {
    fields_.Clear();
    ASSERT_TRUE(fields_.Add(FieldName::kSetCookie, row.before));
    PrefixSetCookieValue(fields_, 0, "p", '~');
    EXPECT_EQ(fields_[0].value(), row.after) << row.name;
  }
}

TEST_F(CookieTest, SetCookieWithoutEqualsIsNone) {
  EXPECT_FALSE(ParseSetCookie("SRV").has_value());
  EXPECT_FALSE(ParseSetCookie("SRV; Path=/").has_value());
  EXPECT_TRUE(ParseSetCookie("SRV=").has_value());
  EXPECT_TRUE(ParseSetCookie("SRV=; Path=/").has_value());
  EXPECT_EQ(ParseSetCookie("a=1, SRV=2").name, "a");
}

}  // namespace
}  // namespace proto
