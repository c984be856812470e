#include "serving/call_cost.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <thread>
#include <vector>

namespace triune::serving {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

TEST(CallCostTest, KnowsNothingAtFirst) {
  CallCost cost;
  EXPECT_EQ(cost.Estimate(0), std::nullopt);
  EXPECT_EQ(cost.Estimate(std::numeric_limits<uint64_t>::max()), std::nullopt);
}

TEST(CallCostTest, TakesTheFirstTimeAsItIs) {
  CallCost cost;
  cost.Record(100, microseconds(50));
  EXPECT_EQ(cost.Estimate(100), microseconds(50));
  EXPECT_EQ(cost.Estimate(64), microseconds(50)) << "the same power of two";
  EXPECT_EQ(cost.Estimate(127), microseconds(50)) << "the same power of two";
}

TEST(CallCostTest, ScalesUpForLargerInputs) {
  CallCost cost;
  cost.Record(100, microseconds(50));
  EXPECT_EQ(cost.Estimate(200), microseconds(100));
  EXPECT_EQ(cost.Estimate(100 * 1024), microseconds(50 * 1024));
}

TEST(CallCostTest, ScalesFromTheNearestSmallerSize) {
  CallCost cost;
  cost.Record(100, microseconds(50));
  cost.Record(100 * 16, microseconds(60));
  EXPECT_EQ(cost.Estimate(100 * 32), microseconds(120));
  EXPECT_EQ(cost.Estimate(100 * 8), microseconds(400)) << "not from a larger one while there is a smaller";
}

TEST(CallCostTest, TakesTheTimeOfALargerInputForASmallerOne) {
  CallCost cost;
  cost.Record(1 << 20, microseconds(900));
  cost.Record(1 << 10, microseconds(300));
  EXPECT_EQ(cost.Estimate(0), microseconds(300));
}

TEST(CallCostTest, FollowsTheModelUpAndDown) {
  CallCost cost;
  cost.Record(100, microseconds(100));
  for (int i = 0; i < 100; ++i) cost.Record(100, microseconds(200));
  EXPECT_NEAR(static_cast<double>(cost.Estimate(100)->count()), 200e3, 2e3);
  for (int i = 0; i < 100; ++i) cost.Record(100, microseconds(20));
  EXPECT_NEAR(static_cast<double>(cost.Estimate(100)->count()), 20e3, 1e3);
}

TEST(CallCostTest, OneOutlierDoesNotMakeAShortModelLong) {
  CallCost cost;
  for (int i = 0; i < 10; ++i) cost.Record(100, microseconds(50));
  cost.Record(100, seconds(10));
  EXPECT_LT(*cost.Estimate(100), microseconds(100));
}

TEST(CallCostTest, RecoversFromAFirstCallThatWasAnOutlier) {
  CallCost cost;
  cost.Record(100, microseconds(50000));
  for (int i = 0; i < 60; ++i) cost.Record(100, microseconds(50));
  EXPECT_LT(*cost.Estimate(100), microseconds(100));
}

TEST(CallCostTest, HugeInputsAndTimesDoNotOverflow) {
  CallCost cost;
  cost.Record(0, Duration::max() / 16);
  EXPECT_GT(*cost.Estimate(std::numeric_limits<uint64_t>::max()), Duration(0));
  cost.Record(std::numeric_limits<uint64_t>::max(), microseconds(1));
  EXPECT_EQ(cost.Estimate(uint64_t{1} << 60), microseconds(1)) << "the largest sizes share a class";
}

TEST(CallCostTest, ATimeOfZeroIsATimeAllTheSame) {
  CallCost cost;
  cost.Record(8, Duration(0));
  EXPECT_EQ(cost.Estimate(8), Duration(1));
}

TEST(CallCostTest, ThreadsMayRecordAtTheSameTime) {
  CallCost cost;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) cost.Record(100, microseconds(40 + i % 3));
    });
  }
  threads.clear();
  EXPECT_GE(*cost.Estimate(100), microseconds(40));
  EXPECT_LE(*cost.Estimate(100), microseconds(43));
}

}  // namespace
}  // namespace triune::serving
