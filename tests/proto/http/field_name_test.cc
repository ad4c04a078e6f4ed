#include "proto/http/field_name.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/fake/guard_page.h"

namespace proto {
namespace {

TEST(FieldNameTest, EveryNameIsFoundInAnyCase) {
  fake::GuardPage guard(64);
  for (int i = 1; i < int(FieldName::kCount); ++i) {
    std::string text(FieldNameText(FieldName(i)));
    EXPECT_EQ(FindFieldName(guard.Place(text)), FieldName(i)) << text;
    for (char& c : text) c = char(toupper(c));
    EXPECT_EQ(FindFieldName(guard.Place(text)), FieldName(i)) << text;
    text[0] = char(tolower(text[0]));
    EXPECT_EQ(FindFieldName(guard.Place(text)), FieldName(i)) << text;
  }
}

TEST(FieldNameTest, OneChangedByteIsAnotherName) {
  for (int i = 1; i < int(FieldName::kCount); ++i) {
    const std::string_view text = FieldNameText(FieldName(i));
    for (size_t at = 0; at < text.size(); ++at) {
      for (int c = 0; c < 256; ++c) {
        std::string changed(text);
        changed[at] = char(c);
        if (tolower(c) == text[at]) continue;
        const FieldName found = FindFieldName(changed);
        // A change may give another interned name ("te" has neighbours), never this one.
        EXPECT_NE(found, FieldName(i)) << text << " at " << at << " byte " << c;
      }
    }
  }
}

TEST(FieldNameTest, LongerShorterAndEmptyAreOther) {
  EXPECT_EQ(FindFieldName(""), FieldName::kOther);
  EXPECT_EQ(FindFieldName("t"), FieldName::kOther);
  EXPECT_EQ(FindFieldName("hosts"), FieldName::kOther);
  EXPECT_EQ(FindFieldName("hos"), FieldName::kOther);
  EXPECT_EQ(FindFieldName(std::string(4000, 'a')), FieldName::kOther);
}

}  // namespace
}  // namespace proto
