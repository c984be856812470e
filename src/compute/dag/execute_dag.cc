// Executing a DAG as tasks.
#include <typeinfo>
#include <unordered_map>
#include <utility>

#include "compute/dag/graph.h"

namespace triune::detail {
namespace {

/// In place of a value that there will not be.
class FailedObject final : public Object {
 public:
  explicit FailedObject(Status error) { SetReady(std::move(error)); }
};

}  // namespace

std::vector<ObjectPointer> ExecuteDag(Engine& engine, std::span<const DagNodePointer> outputs,
                                      std::span<const DagInput> inputs) {
  std::vector<ObjectPointer> results;
  const auto nodes = compute::NodesOf(outputs);
  std::vector<const std::type_info*> types;
  for (const DagInput& input : inputs) types.push_back(input.type);
  if (Status status = compute::CheckInputs(nodes, types); !status.ok()) {
    auto failed = ObjectPointer::Adopt(new FailedObject(std::move(status)));
    results.assign(outputs.size(), failed);
    return results;
  }
  std::unordered_map<const DagNodeCore*, ObjectPointer> objects;
  std::vector<ObjectPointer> arguments;
  for (const DagNodeCore* node : nodes) {
    if (node->input() != DagNodeCore::kNoInput) {
      objects.emplace(node, inputs[node->input()].object);
      continue;
    }
    arguments.clear();
    for (const auto& argument : node->arguments()) arguments.push_back(objects[argument.get()]);
    objects.emplace(node, node->Submit(engine, arguments));
  }
  for (const auto& output : outputs) results.push_back(objects[output.get()]);
  return results;
}

}  // namespace triune::detail
