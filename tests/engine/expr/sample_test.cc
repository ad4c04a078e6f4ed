#include "engine/expr/sample.h"

#include <gtest/gtest.h>

#include <string>

namespace engine {
namespace {

shard::Address V6() {
  shard::Address address;
  address.family = AF_INET6;
  address.v6 = in6addr_loopback;
  return address;
}

const Sample kSamples[] = {Sample::Boolean(true),
                           Sample::Integer(258),
                           Sample::Address(shard::Address::V4(0x7f000001, 0)),
                           Sample::Address(V6()),
                           Sample::String("10.0.0.1"),
                           Sample::Binary(std::string_view("\x0a\0\0\1", 4)),
                           Sample::Method("GET")};
constexpr SampleKind kKinds[] = {SampleKind::kBoolean, SampleKind::kInteger, SampleKind::kAddress,
                                 SampleKind::kString,  SampleKind::kBinary,  SampleKind::kMethod};

SampleKind KindOf(SampleType type) { return SampleKind(uint8_t(type)); }

TEST(Sample, CastsThatAreRefusedAtStartNeverWork) {
  for (const Sample& from : kSamples) {
    for (const SampleKind to : kKinds) {
      char memory[256];
      Scratch scratch(memory, sizeof(memory));
      Sample sample = from;
      const bool worked = Cast(sample, to, scratch);
      EXPECT_TRUE(!worked || IsCastable(KindOf(from.type), to)) << KindName(to);
      EXPECT_TRUE(!worked || KindOf(sample.type) == to) << KindName(to);
    }
  }
}

TEST(Sample, Results) {
  char memory[256];
  Scratch scratch(memory, sizeof(memory));
  Sample sample = Sample::Integer(258);
  ASSERT_TRUE(Cast(sample, SampleKind::kBinary, scratch));
  EXPECT_EQ(sample.text, std::string_view("\0\0\0\0\0\0\1\2", 8));
  sample = Sample::Address(V6());
  ASSERT_TRUE(Cast(sample, SampleKind::kBinary, scratch));
  EXPECT_EQ(sample.text.size(), 16u);
  ASSERT_TRUE(Cast(sample, SampleKind::kAddress, scratch));
  ASSERT_TRUE(Cast(sample, SampleKind::kString, scratch));
  EXPECT_EQ(sample.text, "::1");
  sample = Sample::Integer(0x7f000001);
  ASSERT_TRUE(Cast(sample, SampleKind::kAddress, scratch));
  ASSERT_TRUE(Cast(sample, SampleKind::kString, scratch));
  EXPECT_EQ(sample.text, "127.0.0.1");
  sample = Sample::String("10.0.0.256");
  EXPECT_FALSE(Cast(sample, SampleKind::kAddress, scratch));
  sample =
      Sample::String(std::string_view("1\0"
                                      "2",
                                      3));
  EXPECT_FALSE(Cast(sample, SampleKind::kAddress, scratch));
}

// As HAProxy 2.6 casts them.
TEST(Sample, TextIsTheAddressItBeginsWith) {
  struct Row {
    std::string_view text;
    std::string_view address;  // empty: there is none
  };
  char memory[64];
  for (const Row& row :
       {Row{"10.1.2.3", "10.1.2.3"},
        Row{"10.1.2.3:80", "10.1.2.3"},
        Row{"10.1.2.3:", "10.1.2.3"},
        Row{"10.1.2.3, 1.1.1.1", "10.1.2.3"},
        Row{"10.1.2.3/24", "10.1.2.3"},
        Row{"10.1.2.3;x", "10.1.2.3"},
        Row{"10.1.2.3x", "10.1.2.3"},
        Row{"10.1.2.3:80 and more than the longest address of version 6", "10.1.2.3"},
        Row{"010.001.0002.003", "10.1.2.3"},
        Row{"10.1.2.3.", ""},
        Row{"10.1.2.3.4", ""},
        Row{"10.1.2", ""},
        Row{"10.1.2.", ""},
        Row{"10..2.3", ""},
        Row{".1.2.3.4", ""},
        Row{"10.1.2.256", ""},
        Row{"10.1.2.2561", ""},
        Row{"4294967306.1.2.3", ""},
        Row{"+10.1.2.3", ""},
        Row{"\"10.1.2.3\"", ""},
        Row{"1", ""},
        Row{"", ""},
        Row{"::1", "::1"},
        Row{"::ffff:10.1.2.3", "::ffff:10.1.2.3"},
        Row{"::1/64", ""},
        Row{"::1 x", ""},
        Row{"[::1]", ""},
        Row{"[::1]:80", ""},
        Row{"2001:db8::1%eth0", ""}}) {
    Scratch scratch(memory, sizeof(memory));
    Sample sample = Sample::String(row.text);
    const bool is_address = Cast(sample, SampleKind::kAddress, scratch);
    ASSERT_EQ(is_address, !row.address.empty()) << row.text;
    if (!is_address) continue;
    ASSERT_TRUE(Cast(sample, SampleKind::kString, scratch));
    EXPECT_EQ(sample.text, row.address) << row.text;
  }
}

// As HAProxy 2.6 reads them; an empty text is no number.
TEST(Sample, TextIsTheNumberItBeginsWith) {
  struct Row {
    std::string_view text;
    int64_t number;
  };
  for (const Row& row :
       {Row{"12", 12}, Row{"12abc", 12}, Row{"abc", 0}, Row{"-5", -5}, Row{"+5", 5}, Row{"-", 0},
        Row{"--5", 0}, Row{"5-3", 5}, Row{"0x10", 0}, Row{"007", 7}, Row{"1.2.3.4", 1},
        Row{" 5", 0}, Row{"9223372036854775807", INT64_MAX}, Row{"9223372036854775808", INT64_MAX},
        Row{"-99999999999999999999", INT64_MIN}, Row{std::string_view("1\0002", 3), 1}}) {
    char memory[8];
    Scratch scratch(memory, sizeof(memory));
    Sample sample = Sample::String(row.text);
    ASSERT_TRUE(Cast(sample, SampleKind::kInteger, scratch)) << row.text;
    EXPECT_EQ(sample.number, row.number) << row.text;
    sample = Sample::String(row.text);
    ASSERT_TRUE(Cast(sample, SampleKind::kBoolean, scratch)) << row.text;
    EXPECT_EQ(sample.number, row.number != 0 ? 1 : 0) << row.text;
  }
  char memory[8];
  Scratch scratch(memory, sizeof(memory));
  Sample empty = Sample::String("");
  EXPECT_FALSE(Cast(empty, SampleKind::kInteger, scratch));
  EXPECT_FALSE(Cast(empty, SampleKind::kBoolean, scratch));
}

TEST(Sample, ScratchGivesBackItsEnd) {
  char memory[8];
  Scratch scratch(memory, sizeof(memory));
  char* first = scratch.Take(8);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(scratch.Take(1), nullptr);
  scratch.Shrink(first, 3);
  EXPECT_EQ(scratch.left(), 5u);
  EXPECT_EQ(scratch.Take(5), memory + 3);
  scratch.Reset();
  EXPECT_EQ(scratch.left(), 8u);
}

}  // namespace
}  // namespace engine
