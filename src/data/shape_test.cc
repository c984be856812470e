#include "data/shape.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace triune {
namespace {

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

TEST(ShapeTest, CountsElements) {
  EXPECT_EQ(Shape().ElementCount(), 1);
  EXPECT_EQ((Shape{5}).ElementCount(), 5);
  EXPECT_EQ((Shape{2, 3, 4}).ElementCount(), 24);
  EXPECT_EQ((Shape{2, 0, 4}).ElementCount(), 0);
  EXPECT_EQ((Shape{kMost}).ElementCount(), kMost);
}

TEST(ShapeTest, NegativeAndOverflowingShapesHaveNoCount) {
  EXPECT_FALSE((Shape{-1}).ElementCount());
  EXPECT_FALSE((Shape{2, -3}).ElementCount());
  EXPECT_FALSE((Shape{0, -1}).ElementCount());
  EXPECT_FALSE((Shape{-2, -2}).ElementCount());
  EXPECT_FALSE((Shape{kMost, 2}).ElementCount());
  EXPECT_FALSE((Shape{int64_t{1} << 32, int64_t{1} << 32}).ElementCount());
  // Also when a zero hides the overflow: a runtime may multiply in another order.
  EXPECT_FALSE((Shape{0, kMost, 2}).ElementCount());
}

TEST(ShapeTest, AcceptsEqualShapesAndAnyForMinusOne) {
  EXPECT_TRUE((Shape{-1, 4}).Accepts(Shape{7, 4}));
  EXPECT_TRUE((Shape{-1, 4}).Accepts(Shape{0, 4}));
  EXPECT_TRUE(Shape().Accepts(Shape()));
  EXPECT_FALSE((Shape{-1, 4}).Accepts(Shape{7, 5}));
  EXPECT_FALSE((Shape{-1, 4}).Accepts(Shape{4}));
  EXPECT_FALSE((Shape{-1, 4}).Accepts(Shape{1, 4, 1}));
}

TEST(ShapeTest, AppendsUpToTheLargestRank) {
  Shape shape;
  for (size_t i = 0; i < Shape::kMaxRank; ++i) EXPECT_TRUE(shape.Append(static_cast<int64_t>(i)));
  EXPECT_FALSE(shape.Append(99));
  EXPECT_EQ(shape.rank(), Shape::kMaxRank);
  EXPECT_EQ(shape[15], 15);
  shape.Clear();
  EXPECT_EQ(shape.rank(), 0U);
  EXPECT_EQ(shape, Shape());
}

TEST(ShapeTest, PrintsAndCompares) {
  EXPECT_EQ(Shape().ToString(), "[]");
  EXPECT_EQ((Shape{1, 3, -1}).ToString(), "[1,3,-1]");
  std::vector<int64_t> dims = {1, 3};
  EXPECT_EQ(Shape(std::span<const int64_t>(dims)), (Shape{1, 3}));
  EXPECT_FALSE((Shape{1, 3}) == (Shape{1, 3, 1}));
  EXPECT_FALSE((Shape{1, 3}) == (Shape{3, 1}));
}

}  // namespace
}  // namespace triune
