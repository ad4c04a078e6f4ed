#include "proto/http/field_list.h"

#include <gtest/gtest.h>

#include <string>

namespace proto {
namespace {

std::string Text(const FieldList& fields) {
  std::string text;
  for (const Field& field : fields) {
    text += std::string(field.name()) + "=" + std::string(field.value()) + ";";
  }
  return text;
}

class FieldListTest : public testing::Test {
 protected:
  base::Arena arena_;
  FieldList fields_{arena_, 100};
};

TEST_F(FieldListTest, KeepsOrderAndCase) {
  ASSERT_TRUE(fields_.Add("Host", "a"));
  ASSERT_TRUE(fields_.Add("X-One", "1"));
  ASSERT_TRUE(fields_.Add(FieldName::kVia, "v"));
  EXPECT_EQ(Text(fields_), "Host=a;X-One=1;via=v;");
  EXPECT_EQ(fields_[0].id(), FieldName::kHost);
  EXPECT_EQ(fields_[1].id(), FieldName::kOther);
}

TEST_F(FieldListTest, FindsAllOfAName) {
  ASSERT_TRUE(fields_.Add("Cookie", "a") && fields_.Add("x", "1") && fields_.Add("cookie", "b") &&
              fields_.Add("X", "2"));
  const Field* field = fields_.Find(FieldName::kCookie);
  ASSERT_NE(field, nullptr);
  EXPECT_EQ(field->value(), "a");
  field = fields_.FindNext(field);
  ASSERT_NE(field, nullptr);
  EXPECT_EQ(field->value(), "b");
  EXPECT_EQ(fields_.FindNext(field), nullptr);
  field = fields_.Find("X");
  ASSERT_NE(field, nullptr);
  EXPECT_EQ(field->value(), "1");
  field = fields_.FindNext(field);
  ASSERT_NE(field, nullptr);
  EXPECT_EQ(field->value(), "2");
  EXPECT_EQ(fields_.Count(FieldName::kCookie), 2u);
  EXPECT_EQ(fields_.Find("y"), nullptr);
  EXPECT_EQ(fields_.ValueOf(FieldName::kHost), "");
}

TEST_F(FieldListTest, PresenceFollowsEdits) {
  EXPECT_FALSE(fields_.Has(FieldName::kTe));
  ASSERT_TRUE(fields_.Add("TE", "a") && fields_.Add("te", "b") && fields_.Add("x", "c"));
  EXPECT_TRUE(fields_.Has(FieldName::kTe));
  fields_.Remove(0);
  EXPECT_TRUE(fields_.Has(FieldName::kTe));
  EXPECT_EQ(fields_.RemoveAll("Te"), 1u);
  EXPECT_FALSE(fields_.Has(FieldName::kTe));
  EXPECT_EQ(fields_.RemoveAll("X"), 1u);
  EXPECT_TRUE(fields_.empty());
}

TEST_F(FieldListTest, SetRemovesAllAndAddsAtTheEnd) {
  ASSERT_TRUE(fields_.Add("a", "1") && fields_.Add("b", "2") && fields_.Add("A", "3"));
  ASSERT_TRUE(fields_.Set("a", "4"));
  EXPECT_EQ(Text(fields_), "b=2;a=4;");
  fields_.SetValue(0, "5");
  EXPECT_EQ(Text(fields_), "b=5;a=4;");
}

TEST_F(FieldListTest, FullListRefuses) {
  FieldList small(arena_, 3);
  EXPECT_TRUE(small.Add("a", "1") && small.Add("b", "1") && small.Add("c", "1"));
  EXPECT_FALSE(small.Add("d", "1"));
  EXPECT_EQ(small.size(), 3u);
  small.Remove(0);
  EXPECT_TRUE(small.Add("d", "1"));
  EXPECT_FALSE(small.Add("e", "1"));
  small.LiftLimit();
  EXPECT_TRUE(small.Add("e", "1"));
}

TEST_F(FieldListTest, GrowsUpToItsLimit) {
  std::string names[100];
  for (int i = 0; i < 100; ++i) {
    names[i] = std::to_string(i);
    ASSERT_TRUE(fields_.Add(names[i], "v")) << i;
  }
  EXPECT_FALSE(fields_.Add("n", "v"));
  for (uint32_t i = 0; i < 100; ++i) EXPECT_EQ(fields_[i].name(), names[i]);
}

TEST_F(FieldListTest, OverlongNameIsRefused) {
  EXPECT_FALSE(fields_.Add(std::string(65536, 'a'), "v"));
  EXPECT_TRUE(fields_.empty());
}

TEST_F(FieldListTest, CopiesOutliveTheirSource) {
  {
    std::string name = "name", value = "value";
    ASSERT_TRUE(fields_.CopyAdd(name, value));
    name.assign("xxxx");
    value.assign("xxxxx");
  }
  EXPECT_EQ(Text(fields_), "name=value;");
}

TEST_F(FieldListTest, RelocateMovesOnlyWhatWasInTheBytes) {
  const std::string old_bytes = "Host: a";
  const std::string new_bytes = "Host: a";
  ASSERT_TRUE(
      fields_.Add(std::string_view(old_bytes).substr(0, 4), std::string_view(old_bytes).substr(6)));
  ASSERT_TRUE(fields_.Add(FieldName::kVia, "static"));
  fields_.Relocate(old_bytes.data(), old_bytes.size(), new_bytes.data());
  EXPECT_EQ(fields_[0].name().data(), new_bytes.data());
  EXPECT_EQ(fields_[0].value().data(), new_bytes.data() + 6);
  EXPECT_EQ(fields_[1].value(), "static");
}

}  // namespace
}  // namespace proto
