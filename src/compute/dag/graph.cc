#include "compute/dag/graph.h"

#include <algorithm>
#include <string>
#include <unordered_set>

namespace triune::compute {

using detail::DagNodeCore;

std::vector<const DagNodeCore*> NodesOf(std::span<const detail::DagNodePointer> outputs) {
  std::vector<const DagNodeCore*> nodes;
  std::unordered_set<const DagNodeCore*> seen;
  auto add = [&](std::span<const detail::DagNodePointer> more) {
    for (const auto& node : more) {
      if (seen.insert(node.get()).second) nodes.push_back(node.get());
    }
  };
  add(outputs);
  for (size_t i = 0; i < nodes.size(); ++i) add(nodes[i]->arguments());
  std::sort(nodes.begin(), nodes.end(), [](const auto* a, const auto* b) { return a->serial() < b->serial(); });
  return nodes;
}

Status CheckInputs(std::span<const DagNodeCore* const> nodes, std::span<const std::type_info* const> types) {
  std::vector<bool> used(types.size());
  for (const DagNodeCore* node : nodes) {
    if (node->input() == DagNodeCore::kNoInput) continue;
    if (node->input() >= types.size()) {
      return InvalidArgument("the DAG has more inputs than are given: uses " + node->Name() + ", given " +
                             std::to_string(types.size()));
    }
    const std::type_info& given = *types[node->input()];
    if (given != node->value().type) {
      return InvalidArgument(node->Name() + " of the DAG is of another type: wanted " +
                             detail::TypeName(node->value().type) + ", given " + detail::TypeName(given));
    }
    used[node->input()] = true;
  }
  for (size_t i = 0; i < used.size(); ++i) {
    if (!used[i]) return InvalidArgument("the DAG does not use all inputs that are given: input " + std::to_string(i));
  }
  return {};
}

}  // namespace triune::compute
