#include "engine/server/thread_set.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace engine {
namespace {

using Numbers = std::vector<uint32_t>;

TEST(ThreadSet, NumberSetsFollowTheManual) {
  struct Row {
    const char* text;
    Numbers numbers;  // empty: an error
  };
  const std::vector<Row> rows = {
      {"all", {1, 2, 3, 4, 5}},
      {"odd", {1, 3, 5}},
      {"even", {2, 4}},
      {"3", {3}},
      {"2-4", {2, 3, 4}},
      {"4-2", {2, 3, 4}},
      {"3-", {3, 4, 5}},
      {"-2", {1, 2}},
      {"", {}},
      {"-", {}},
      {"0", {}},
      {"6", {}},
      {"1-6", {}},
      {"x", {}},
      {"1-x", {}},
      {"1--2", {}},
  };
  for (const Row& row : rows) {
    const Parsed<Numbers> parsed = ParseNumberSet(row.text, 1, 5);
    EXPECT_EQ(parsed.value, row.numbers) << row.text;
    EXPECT_EQ(parsed.error.empty(), !row.numbers.empty()) << row.text;
  }
}

TEST(ThreadSet, ThreadsBeyondTheLastArePassedOver) {
  EXPECT_EQ(ParseThreadSet("1-100", 3).value, (Numbers{0, 1, 2}));
  EXPECT_EQ(ParseThreadSet("1/2-", 3).value, (Numbers{1, 2}));
  EXPECT_EQ(ParseThreadSet("3,1", 3).value, (Numbers{0, 2}));
  EXPECT_FALSE(ParseThreadSet("4", 3));
  EXPECT_FALSE(ParseThreadSet("2/1", 3));
  EXPECT_FALSE(ParseThreadSet("", 3));
}

struct CpuRow {
  const char* name;
  const char* threads;
  std::vector<std::string_view> cpus;
  std::vector<std::vector<int>> by_thread;  // the first five
  const char* error = "";
};

TEST(CpuMap, ExamplesOfTheManual) {
  const std::vector<CpuRow> rows = {
      {"AllOnFour", "1/1-2", {"0-3"}, {{0, 1, 2, 3}, {0, 1, 2, 3}}},
      {"AutoRange", "auto:1/1-4", {"0-3"}, {{0}, {1}, {2}, {3}}},
      {"AutoTwoRanges", "auto:1/1-4", {"0-1", "2-3"}, {{0}, {1}, {2}, {3}}},
      {"AutoBackwards", "auto:1/1-4", {"3", "2", "1", "0"}, {{0}, {1}, {2}, {3}}},
      {"AutoCommas", "auto:1/1-4", {"3,2,1,0"}, {{0}, {1}, {2}, {3}}},
      {"AutoOne", "auto:1/2", {"7"}, {{}, {7}}},
      {"OtherGroup", "2/1-2", {"0"}, {}},
      {"TooFewCpus",
       "auto:1/1-4",
       {"0"},
       {},
       "'auto:' needs as many CPUs as threads, but there are 1 and 4"},
      {"TooManyCpus",
       "auto:1/1",
       {"0-3"},
       {},
       "'auto:' needs as many CPUs as threads, but there are 4 and 1"},
      {"TwoRanges",
       "auto:1-2/1-2",
       {"0-1"},
       {},
       "'auto:' takes one range, of groups or of threads, the other must be a number"},
      {"BadCpu",
       "1/1",
       {"x"},
       {},
       "CPU set 'x' is not a set: expects 'all', 'odd', 'even', a number or a range between 0 and "
       "1023"},
  };
  for (const CpuRow& row : rows) {
    CpuMap map;
    EXPECT_EQ(map.Apply(row.threads, row.cpus), row.error) << row.name;
    EXPECT_EQ(map.by_thread(), row.by_thread) << row.name;
  }
}

TEST(CpuMap, WholeGroupIsEveryThreadOfTheWordSize) {
  CpuMap map;
  const std::vector<std::string_view> cpus = {"0-"};
  EXPECT_EQ(map.Apply("1", cpus), "");
  ASSERT_EQ(map.by_thread().size(), 64u);
  EXPECT_EQ(map.by_thread()[63].size(), 64u);
  CpuMap each;
  EXPECT_EQ(each.Apply("auto:1/all", cpus), "");
  EXPECT_EQ(each.by_thread()[5], std::vector<int>{5});
}

TEST(CpuMap, LaterLineReplacesWhatOverlaps) {
  CpuMap map;
  const std::vector<std::string_view> wide = {"0-3"};
  const std::vector<std::string_view> narrow = {"9"};
  EXPECT_EQ(map.Apply("1/1-2", wide), "");
  EXPECT_EQ(map.Apply("1/2", narrow), "");
  EXPECT_EQ(map.by_thread(), (std::vector<std::vector<int>>{{0, 1, 2, 3}, {9}}));
}

}  // namespace
}  // namespace engine
