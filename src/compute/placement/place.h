// Which node each bundle of a placement group is to be on.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "compute/placement/node_resources.h"
#include "triune/core/placement_group.h"

namespace triune::compute {

/// The order in which bundles are put on a node: the largest first, since small ones find room beside them.
std::vector<size_t> LargestFirst(std::span<const Amounts> bundles);

/// For each bundle the number of its node, among `nodes`, which is what is free now; nothing when there is no room.
/// Pure. STRICT_PACK and STRICT_SPREAD find a way whenever there is one, apart from how parts of GPUs are cut; PACK and
/// SPREAD put the largest bundles first and do not go back, and so may miss one where nodes are nearly full.
std::optional<std::vector<size_t>> Place(std::span<const Amounts> bundles, PlacementStrategy strategy,
                                         std::span<const NodeResources> nodes);

}  // namespace triune::compute
