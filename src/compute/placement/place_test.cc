#include "compute/placement/place.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

namespace triune::compute {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Amounts Of(double cpus, double gpus = 0, double memory = 0) { return *Amounts::Of(cpus, gpus, memory, {}); }
std::vector<NodeResources> Nodes(const std::vector<Amounts>& amounts) {
  std::vector<NodeResources> nodes;
  for (const Amounts& of_one : amounts) nodes.emplace_back(of_one);
  return nodes;
}
using Bundles = std::vector<Amounts>;

TEST(NodeResources, KnowWhichGpusAreLeft) {
  NodeResources node(Of(4, 2.5));
  EXPECT_TRUE(node.Covers(Of(1, 2)));
  EXPECT_FALSE(node.Covers(Of(5)));
  EXPECT_THAT(node.ChooseGpus(Of(0, 0.5)), ElementsAre(2)) << "the fullest that will do";
  node.Subtract(Of(1, 0.5), {0});
  node.Subtract(Of(1, 0.5), {1});
  EXPECT_FALSE(node.Covers(Of(0, 1))) << "two halves are no whole one";
  EXPECT_EQ(node.LackingOf(Of(1, 1)).ToString(), "GPU 1");
  EXPECT_THAT(node.ChooseGpus(Of(1)), IsEmpty());
  node.Add(Of(1, 0.5), {0});
  EXPECT_THAT(node.ChooseGpus(Of(0, 1)), ElementsAre(0));
  EXPECT_TRUE(node.LackingOf(Of(1, 1)).empty());
}

TEST(NodeResources, MayBeAPart) {
  NodeResources part;
  part.Add(Of(1, 2), {1, 3});
  EXPECT_THAT(part.ChooseGpus(Of(0, 2)), ElementsAre(1, 3));
  NodeResources node(Of(4, 4));
  node.Subtract(Of(1, 2), {1, 3});
  EXPECT_THAT(node.ChooseGpus(Of(0, 2)), ElementsAre(0, 2));
  node.Add(part);
  EXPECT_EQ(node.amounts(), Of(4, 4));
  EXPECT_THAT(node.ChooseGpus(Of(0, 4)), ElementsAre(0, 1, 2, 3));
}

TEST(Place, OneNodeTakesAllButWhatMustBeOnSeveral) {
  const auto node = Nodes({Of(4, 2)});
  const Bundles two{Of(2, 1), Of(2, 1)};
  for (auto strategy : {PlacementStrategy::kPack, PlacementStrategy::kSpread, PlacementStrategy::kStrictPack}) {
    EXPECT_EQ(Place(two, strategy, node), std::vector<size_t>({0, 0})) << PlacementStrategyName(strategy);
    EXPECT_EQ(Place(Bundles{Of(2), Of(3)}, strategy, node), std::nullopt) << PlacementStrategyName(strategy);
  }
  EXPECT_EQ(Place(two, PlacementStrategy::kStrictSpread, node), std::nullopt);
  EXPECT_EQ(Place(Bundles{Of(4, 2)}, PlacementStrategy::kStrictSpread, node), std::vector<size_t>({0}));
}

TEST(Place, PackTakesFewNodesAndSmallOnes) {
  const auto nodes = Nodes({Of(16), Of(2), Of(4)});
  EXPECT_EQ(Place(Bundles{Of(1), Of(1)}, PlacementStrategy::kPack, nodes), std::vector<size_t>({1, 1}));
  EXPECT_EQ(Place(Bundles{Of(1), Of(2), Of(1)}, PlacementStrategy::kPack, nodes), std::vector<size_t>({2, 2, 2}));
  EXPECT_EQ(Place(Bundles{Of(8), Of(8), Of(2)}, PlacementStrategy::kPack, nodes), std::vector<size_t>({0, 0, 1}));
}

TEST(Place, StrictPackTakesOneOrNone) {
  const auto nodes = Nodes({Of(4), Of(4), Of(6)});
  EXPECT_EQ(Place(Bundles{Of(3), Of(3)}, PlacementStrategy::kStrictPack, nodes), std::vector<size_t>({2, 2}));
  EXPECT_EQ(Place(Bundles{Of(2), Of(2)}, PlacementStrategy::kStrictPack, nodes), std::vector<size_t>({0, 0}));
  EXPECT_EQ(Place(Bundles{Of(4), Of(3)}, PlacementStrategy::kStrictPack, nodes), std::nullopt);
  EXPECT_EQ(Place(Bundles{Of(4), Of(3)}, PlacementStrategy::kPack, nodes), std::vector<size_t>({0, 1}));
}

TEST(Place, SpreadTakesManyNodesWhereItCan) {
  const auto nodes = Nodes({Of(4), Of(4), Of(4)});
  const auto three = *Place(Bundles{Of(1), Of(1), Of(1)}, PlacementStrategy::kSpread, nodes);
  EXPECT_EQ(std::set<size_t>(three.begin(), three.end()).size(), 3);
  const auto five = *Place(Bundles{Of(2), Of(2), Of(2), Of(2), Of(2)}, PlacementStrategy::kSpread, nodes);
  for (size_t node : {0U, 1U, 2U}) EXPECT_LE(std::count(five.begin(), five.end(), node), 2);
  EXPECT_EQ(Place(Bundles{Of(4), Of(4)}, PlacementStrategy::kSpread, Nodes({Of(1), Of(8)})),
            std::vector<size_t>({1, 1}));
}

TEST(Place, SpreadIsCloserTogetherRatherThanNotAtAll) {
  // One on each leaves no room for the one that only goes where the others might.
  const auto nodes = Nodes({*Amounts::Of(2, 0, 0, {{"disk", 1}}), Of(2)});
  const Bundles bundles{Of(1), Of(1), *Amounts::Of(1, 0, 0, {{"disk", 1}}), *Amounts::Of(1, 0, 0, {})};
  EXPECT_TRUE(Place(bundles, PlacementStrategy::kSpread, nodes).has_value());
}

TEST(Place, StrictSpreadFindsAWayWhenThereIsOne) {
  // The first bundle would take the only node of the last.
  const auto nodes = Nodes({Of(8, 1), Of(4), Of(2)});
  EXPECT_EQ(Place(Bundles{Of(1), Of(4), Of(1, 1)}, PlacementStrategy::kStrictSpread, nodes),
            std::vector<size_t>({2, 1, 0}));
  EXPECT_EQ(Place(Bundles{Of(1, 1), Of(1, 1)}, PlacementStrategy::kStrictSpread, nodes), std::nullopt);
  EXPECT_EQ(Place(Bundles{Of(1), Of(1), Of(1), Of(1)}, PlacementStrategy::kStrictSpread, nodes), std::nullopt);
}

TEST(Place, NoNodes) {
  for (auto strategy : {PlacementStrategy::kPack, PlacementStrategy::kSpread, PlacementStrategy::kStrictPack,
                        PlacementStrategy::kStrictSpread}) {
    EXPECT_EQ(Place(Bundles{Of(1)}, strategy, {}), std::nullopt);
  }
}

/// Whatever comes out must be possible, and keep what the strategy promises.
TEST(Place, RandomClusters) {
  std::mt19937 random(1);
  auto pick = [&](int n) { return static_cast<double>(std::uniform_int_distribution<int>(0, n)(random)); };
  int placed = 0;
  for (int round = 0; round < 3000; ++round) {
    Bundles of_nodes(static_cast<size_t>(pick(6)) + 1);
    for (auto& node : of_nodes) node = Of(pick(8), pick(4), pick(100));
    Bundles bundles(static_cast<size_t>(pick(5)) + 1);
    for (auto& bundle : bundles) bundle = Of(pick(4), pick(2) == 0 ? pick(2) : pick(10) / 10, pick(30));
    const auto strategy = static_cast<PlacementStrategy>(round % 4);
    const auto nodes = Nodes(of_nodes);
    const auto placement = Place(bundles, strategy, nodes);
    if (!placement) continue;
    ++placed;
    ASSERT_EQ(placement->size(), bundles.size());
    auto left = nodes;
    for (size_t i : LargestFirst(bundles)) {
      NodeResources& node = left[placement->at(i)];
      ASSERT_TRUE(node.Covers(bundles[i]));
      node.Subtract(bundles[i], node.ChooseGpus(bundles[i]));
    }
    const std::set<size_t> used(placement->begin(), placement->end());
    if (strategy == PlacementStrategy::kStrictPack) {
      ASSERT_EQ(used.size(), 1);
    }
    if (strategy == PlacementStrategy::kStrictSpread) {
      ASSERT_EQ(used.size(), bundles.size());
    }
  }
  EXPECT_GT(placed, 500);
}

}  // namespace
}  // namespace triune::compute
