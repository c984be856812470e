// Which nodes a DAG consists of.
#pragma once

#include <span>
#include <typeinfo>
#include <vector>

#include "triune/core/detail/dag_node.h"

namespace triune::compute {

/// The outputs and all that they need, each once, in the order in which they were bound: what a node needs comes before
/// it.
std::vector<const detail::DagNodeCore*> NodesOf(std::span<const detail::DagNodePointer> outputs);

/// InvalidArgument unless the nodes' inputs are just these.
Status CheckInputs(std::span<const detail::DagNodeCore* const> nodes, std::span<const std::type_info* const> types);

}  // namespace triune::compute
