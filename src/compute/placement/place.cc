#include "compute/placement/place.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace triune::compute {
namespace {

using Placement = std::optional<std::vector<size_t>>;

void Put(const Amounts& bundle, NodeResources& node) { node.Subtract(bundle, node.ChooseGpus(bundle)); }

/// Those of `bundles` that the node has room for together, and what is left of it.
std::vector<size_t> Fill(std::span<const Amounts> bundles, const std::vector<size_t>& order, NodeResources& node) {
  std::vector<size_t> put;
  for (size_t bundle : order) {
    if (!node.Covers(bundles[bundle])) continue;
    Put(bundles[bundle], node);
    put.push_back(bundle);
  }
  return put;
}

/// The node that takes most comes first; of those that take as many, the smallest, so that the large ones stay.
Placement Pack(std::span<const Amounts> bundles, std::span<const NodeResources> nodes, size_t most_nodes) {
  std::vector<size_t> node_of(bundles.size());
  std::vector<size_t> left = LargestFirst(bundles);
  std::vector<bool> is_used(nodes.size());
  for (size_t used = 0; !left.empty(); ++used) {
    if (used == most_nodes) return std::nullopt;
    std::vector<size_t> best;
    size_t best_node = 0;
    for (size_t i = 0; i < nodes.size(); ++i) {
      if (is_used[i]) continue;
      NodeResources node = nodes[i];
      std::vector<size_t> put = Fill(bundles, left, node);
      const bool is_better = put.size() > best.size() ||
                             (put.size() == best.size() && !put.empty() && nodes[i].CompareSize(nodes[best_node]) < 0);
      if (!is_better) continue;
      best = std::move(put);
      best_node = i;
    }
    if (best.empty()) return std::nullopt;
    is_used[best_node] = true;
    for (size_t bundle : best) node_of[bundle] = best_node;
    std::erase_if(left, [&](size_t bundle) { return std::find(best.begin(), best.end(), bundle) != best.end(); });
  }
  return node_of;
}

/// Each on the node that has fewest of them.
Placement Spread(std::span<const Amounts> bundles, std::span<const NodeResources> nodes) {
  std::vector<NodeResources> left(nodes.begin(), nodes.end());
  std::vector<size_t> count(nodes.size());
  std::vector<size_t> node_of(bundles.size());
  for (size_t bundle : LargestFirst(bundles)) {
    size_t best = nodes.size();
    for (size_t i = 0; i < nodes.size(); ++i) {
      if (!left[i].Covers(bundles[bundle])) continue;
      if (best == nodes.size() || count[i] < count[best] ||
          (count[i] == count[best] && left[i].CompareSize(left[best]) > 0)) {
        best = i;
      }
    }
    if (best == nodes.size()) return std::nullopt;
    Put(bundles[bundle], left[best]);
    ++count[best];
    node_of[bundle] = best;
  }
  return node_of;
}

/// Matches bundles and nodes, one with one: where a node is taken, whoever has it looks for another.
class Matching {
 public:
  Matching(std::span<const Amounts> bundles, std::span<const NodeResources> nodes)
      : bundles_(bundles), nodes_(nodes), bundle_on_(nodes.size(), kNone) {}

  Placement Find() {
    for (size_t bundle = 0; bundle < bundles_.size(); ++bundle) {
      seen_.assign(nodes_.size(), false);
      if (!FindNode(bundle)) return std::nullopt;
    }
    std::vector<size_t> node_of(bundles_.size());
    for (size_t node = 0; node < nodes_.size(); ++node) {
      if (bundle_on_[node] != kNone) node_of[bundle_on_[node]] = node;
    }
    return node_of;
  }

 private:
  static constexpr size_t kNone = static_cast<size_t>(-1);

  bool FindNode(size_t bundle) {
    for (size_t node = 0; node < nodes_.size(); ++node) {
      if (seen_[node] || !nodes_[node].Covers(bundles_[bundle])) continue;
      seen_[node] = true;
      if (bundle_on_[node] != kNone && !FindNode(bundle_on_[node])) continue;
      bundle_on_[node] = bundle;
      return true;
    }
    return false;
  }

  std::span<const Amounts> bundles_;
  std::span<const NodeResources> nodes_;
  std::vector<size_t> bundle_on_;
  std::vector<bool> seen_;
};

}  // namespace

std::vector<size_t> LargestFirst(std::span<const Amounts> bundles) {
  std::vector<size_t> order(bundles.size());
  std::iota(order.begin(), order.end(), size_t{0});
  auto size = [&](size_t i) { return std::make_tuple(bundles[i].gpus(), bundles[i].cpus(), bundles[i].Get("memory")); };
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return size(a) > size(b); });
  return order;
}

std::optional<std::vector<size_t>> Place(std::span<const Amounts> bundles, PlacementStrategy strategy,
                                         std::span<const NodeResources> nodes) {
  switch (strategy) {
    case PlacementStrategy::kStrictPack:
      return Pack(bundles, nodes, 1);
    case PlacementStrategy::kStrictSpread:
      return bundles.size() > nodes.size() ? std::nullopt : Matching(bundles, nodes).Find();
    case PlacementStrategy::kSpread:
      // Where that leaves no room for some, close together is better than not at all.
      if (Placement spread = Spread(bundles, nodes)) return spread;
      break;
    case PlacementStrategy::kPack:
      break;
  }
  return Pack(bundles, nodes, nodes.size());
}

}  // namespace triune::compute
