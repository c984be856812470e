#include "base/reusable_vector.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace triune {
namespace {

struct Item {
  std::string text;
  std::shared_ptr<int> shared;
  void Clear() {
    text.clear();
    shared.reset();
  }
};

TEST(ReusableVectorTest, AddsClearedElements) {
  ReusableVector<Item> items;
  EXPECT_TRUE(items.empty());
  items.Add().text = "a";
  items.Add().text = "b";
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(items[0].text, "a");
  EXPECT_EQ(items.back().text, "b");
  items.Clear();
  EXPECT_TRUE(items.empty());
  EXPECT_EQ(items.begin(), items.end());
  EXPECT_EQ(items.Add().text, "");
}

TEST(ReusableVectorTest, KeepsTheMemoryOfElements) {
  ReusableVector<Item> items;
  items.Add().text.assign(1000, 'x');
  const char* memory = items[0].text.data();
  items.Clear();
  Item& again = items.Add();
  EXPECT_GE(again.text.capacity(), 1000U);
  again.text.assign(1000, 'y');
  EXPECT_EQ(again.text.data(), memory);
}

TEST(ReusableVectorTest, ClearReleasesWhatIsShared) {
  ReusableVector<Item> items;
  auto shared = std::make_shared<int>(1);
  items.Add().shared = shared;
  EXPECT_EQ(shared.use_count(), 2);
  items.Clear();
  EXPECT_EQ(shared.use_count(), 1);
}

TEST(ReusableVectorTest, IteratesOverTheElementsInUse) {
  ReusableVector<Item> items;
  for (const char* text : {"a", "b", "c"}) items.Add().text = text;
  items.Clear();
  for (const char* text : {"d", "e"}) items.Add().text = text;
  std::string all;
  for (const Item& item : items) all += item.text;
  EXPECT_EQ(all, "de");
}

}  // namespace
}  // namespace triune
