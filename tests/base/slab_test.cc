#include "base/slab.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace base {
namespace {

struct Counted {
  explicit Counted(int* count, int value = 0) : live(count), number(value) { ++*live; }
  ~Counted() { --*live; }
  int* live;
  int number;
  char rest[100];
};

TEST(Slab, BuildsAndDestroys) {
  int live = 0;
  Slab<Counted> slab(2);
  Counted* a = slab.New(&live, 5);
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(a->number, 5);
  EXPECT_EQ(live, 1);
  EXPECT_EQ(slab.live(), 1u);
  slab.Delete(a);
  EXPECT_EQ(live, 0);
  EXPECT_EQ(slab.live(), 0u);
}

TEST(Slab, AFullOneGivesNullAndRecovers) {
  int live = 0;
  Slab<Counted> slab(2);
  Counted* a = slab.New(&live);
  Counted* b = slab.New(&live);
  EXPECT_EQ(slab.New(&live), nullptr);
  EXPECT_EQ(live, 2);
  slab.Delete(a);
  EXPECT_EQ(slab.New(&live), a);
  slab.Delete(a);
  slab.Delete(b);
}

TEST(Slab, WithoutCapacityGivesNull) {
  int live = 0;
  Slab<Counted> slab(0);
  EXPECT_EQ(slab.New(&live), nullptr);
}

TEST(Slab, TheSlotFreedLastIsHandedOutFirst) {
  int live = 0;
  Slab<Counted> slab(100);
  Counted* a = slab.New(&live);
  Counted* b = slab.New(&live);
  slab.Delete(a);
  slab.Delete(b);
  EXPECT_EQ(slab.New(&live), b);
  EXPECT_EQ(slab.New(&live), a);
  EXPECT_EQ(slab.touched(), 2u);
  slab.Delete(a);
  slab.Delete(b);
}

TEST(Slab, TellsWhichSlotIsNext) {
  int live = 0;
  Slab<Counted> slab(2);
  EXPECT_EQ(slab.PeekNext(), 0u);
  Counted* a = slab.New(&live);
  EXPECT_EQ(slab.PeekNext(), 1u);
  Counted* b = slab.New(&live);
  EXPECT_EQ(slab.PeekNext(), UINT32_MAX);
  slab.Delete(a);
  EXPECT_EQ(slab.PeekNext(), 0u);
  slab.Delete(b);
  EXPECT_EQ(slab.PeekNext(), 1u);
}

TEST(Slab, IndexAndAddressAgree) {
  int live = 0;
  Slab<Counted> slab(10);
  std::vector<Counted*> all;
  for (uint32_t i = 0; i < 10; ++i) {
    all.push_back(slab.New(&live));
    EXPECT_EQ(slab.IndexOf(all.back()), i);
    EXPECT_EQ(slab.At(i), all.back());
  }
  for (Counted* object : all) slab.Delete(object);
}

struct alignas(64) Line {
  char byte;
};

TEST(Slab, RespectsAlignment) {
  Slab<Line> slab(3);
  Line* a = slab.New();
  Line* b = slab.New();
  EXPECT_EQ(reinterpret_cast<uintptr_t>(a) % 64, 0u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(b) % 64, 0u);
  slab.Delete(a);
  slab.Delete(b);
}

// A million large slots cost nothing until they are used.
TEST(Slab, CommitsOnlyWhatIsTouched) {
  struct Large {
    char bytes[4096];
  };
  Slab<Large> slab(1u << 20);
  Large* one = slab.New();
  one->bytes[0] = 1;
  EXPECT_EQ(slab.capacity(), 1u << 20);
  EXPECT_EQ(slab.touched(), 1u);
  slab.Delete(one);
}

TEST(Slab, LiveObjectsNeverShareASlotAndNeverMove) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  int live = 0;
  Slab<Counted> slab(64);
  std::vector<Counted*> model;
  std::set<Counted*> addresses;
  int next = 0;
  std::vector<int> numbers;
  for (int step = 0; step < 20000; ++step) {
    if (random() % 2 == 0) {
      Counted* object = slab.New(&live, next);
      ASSERT_EQ(object == nullptr, model.size() == 64);
      if (object == nullptr) continue;
      ASSERT_TRUE(addresses.insert(object).second);
      model.push_back(object);
      numbers.push_back(next++);
    } else if (!model.empty()) {
      const size_t i = random() % model.size();
      ASSERT_EQ(model[i]->number, numbers[i]);
      addresses.erase(model[i]);
      slab.Delete(model[i]);
      model.erase(model.begin() + int(i));
      numbers.erase(numbers.begin() + int(i));
    }
    ASSERT_EQ(slab.live(), model.size());
    ASSERT_EQ(size_t(live), model.size());
  }
  for (Counted* object : model) slab.Delete(object);
}

#ifdef RINGWAY_DEBUG_CHECKS
TEST(SlabDeathTest, DiesWhenAnObjectOutlivesIt) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        Slab<int> slab(1);
        (void)slab.New(1);
      },
      "check failed");
}
#endif

}  // namespace
}  // namespace base
