#include "base/intrusive_list.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace base {
namespace {

struct Item {
  explicit Item(int n) : number(n) {}
  virtual ~Item() {
    run_hook.Unlink();
    idle_hook.Unlink();
  }
  int number;
  ListHook run_hook;
  ListHook idle_hook;
};
using RunList = IntrusiveList<Item, &Item::run_hook>;
using IdleList = IntrusiveList<Item, &Item::idle_hook>;

std::vector<int> NumbersOf(RunList& list) {
  std::vector<int> numbers;
  for (Item* item = list.front(); item != nullptr; item = list.Next(item)) {
    numbers.push_back(item->number);
  }
  return numbers;
}

TEST(IntrusiveList, EmptyHasNoEnds) {
  RunList list;
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.front(), nullptr);
  EXPECT_EQ(list.back(), nullptr);
  EXPECT_EQ(list.PopFront(), nullptr);
}

TEST(IntrusiveList, KeepsTheOrderOfComing) {
  RunList list;  // before what it lists: objects leave by being destroyed
  Item a(1), b(2), c(3);
  list.PushBack(&a);
  list.PushBack(&b);
  list.PushBack(&c);
  EXPECT_EQ(NumbersOf(list), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(list.front(), &a);
  EXPECT_EQ(list.back(), &c);
  EXPECT_EQ(list.PopFront(), &a);
  EXPECT_FALSE(a.run_hook.linked());
  EXPECT_EQ(NumbersOf(list), (std::vector<int>{2, 3}));
}

TEST(IntrusiveList, AnObjectMayStandInOneListPerHook) {
  RunList running;
  IdleList idle;
  Item a(1), b(2);
  running.PushBack(&a);
  idle.PushBack(&b);
  idle.PushBack(&a);
  EXPECT_EQ(running.front(), &a);
  EXPECT_EQ(idle.back(), &a);
  a.idle_hook.Unlink();
  EXPECT_EQ(idle.back(), &b);
  EXPECT_TRUE(a.run_hook.linked());
}

TEST(IntrusiveList, UnlinkingTwiceIsNothing) {
  RunList list;
  Item a(1);
  list.PushBack(&a);
  a.run_hook.Unlink();
  a.run_hook.Unlink();
  EXPECT_TRUE(list.empty());
}

TEST(IntrusiveList, AnObjectLeavesByBeingDestroyed) {
  RunList list;
  Item a(1), c(3);
  auto b = std::make_unique<Item>(2);
  list.PushBack(&a);
  list.PushBack(b.get());
  list.PushBack(&c);
  b.reset();
  EXPECT_EQ(NumbersOf(list), (std::vector<int>{1, 3}));
}

TEST(IntrusiveList, AppendTakesEverything) {
  RunList list, other, nothing;
  Item a(1), b(2), c(3);
  other.PushBack(&b);
  other.PushBack(&c);
  list.PushBack(&a);
  list.Append(other);
  EXPECT_TRUE(other.empty());
  EXPECT_EQ(NumbersOf(list), (std::vector<int>{1, 2, 3}));
  list.Append(nothing);
  EXPECT_EQ(NumbersOf(list), (std::vector<int>{1, 2, 3}));
  nothing.Append(list);
  EXPECT_EQ(NumbersOf(nothing), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(nothing.back(), &c);
}

TEST(IntrusiveListDeathTest, LinkingALinkedHookDies) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  RunList list;
  Item a(1);
  list.PushBack(&a);
  EXPECT_DEATH(list.PushBack(&a), "check failed");
}

TEST(IntrusiveList, FollowsAPlainModel) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  RunList list;
  std::vector<std::unique_ptr<Item>> items;
  for (int i = 0; i < 40; ++i) items.push_back(std::make_unique<Item>(i));
  std::deque<int> model;
  for (int step = 0; step < 20000; ++step) {
    Item* item = items[random() % items.size()].get();
    const bool listed = item->run_hook.linked();
    ASSERT_EQ(listed, std::find(model.begin(), model.end(), item->number) != model.end());
    switch (random() % 3) {
      case 0:  // at the end
        if (listed) break;
        list.PushBack(item);
        model.push_back(item->number);
        break;
      case 1:
        item->run_hook.Unlink();
        if (listed) model.erase(std::find(model.begin(), model.end(), item->number));
        break;
      default:
        Item* first = list.PopFront();
        ASSERT_EQ(first == nullptr, model.empty());
        if (first == nullptr) break;
        ASSERT_EQ(first->number, model.front());
        model.pop_front();
    }
    ASSERT_EQ(list.empty(), model.empty());
    if (!model.empty()) {
      ASSERT_EQ(list.front()->number, model.front());
      ASSERT_EQ(list.back()->number, model.back());
    }
  }
  ASSERT_EQ(NumbersOf(list), std::vector<int>(model.begin(), model.end()));
}

}  // namespace
}  // namespace base
