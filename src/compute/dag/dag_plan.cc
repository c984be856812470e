#include "compute/dag/dag_plan.h"

#include <algorithm>
#include <string>
#include <typeinfo>
#include <unordered_map>

#include "compute/dag/graph.h"

namespace triune::compute {
namespace {

using detail::ActorCore;
using detail::DagNodeCore;
using detail::ValueType;

Status CheckNode(const detail::Engine& engine, const DagNodeCore& node) {
  if (ActorCore* actor = node.actor()) {
    if (&actor->engine() != &engine) {
      return InvalidArgument("the DAG calls an actor of another session: " + actor->Name());
    }
    TRIUNE_RETURN_IF_ERROR(actor->Death());
  }
  const TaskOptions* options = node.options().get();
  if (options == nullptr) return {};
  if (options->reconstruct) return InvalidArgument("nodes of a compiled DAG can't be reconstructed: " + node.Name());
  if (options->timeout != Duration::max()) {
    return InvalidArgument("nodes of a compiled DAG can't have timeouts: " + node.Name());
  }
  if (node.actor() == nullptr && !options->AsksForOneCpuOnly()) {
    return InvalidArgument("nodes of a compiled DAG can't ask for resources: " + node.Name());
  }
  return {};
}

/// Makes the plan, step by step.
class Planner {
 public:
  DagPlan plan{};

  void AddInputs(std::span<const ValueType* const> inputs) {
    for (const ValueType* value : inputs) plan.inputs.push_back({.value = value, .value_at = Reserve(*value)});
  }
  void AddNode(const DagNodeCore& node) {
    if (node.input() != DagNodeCore::kNoInput) {
      value_at_[&node] = plan.inputs[node.input()].value_at;
      return;
    }
    const auto index = static_cast<uint32_t>(plan.steps.size());
    PlannedStep step{.node = detail::DagNodePointer(&node), .value_at = Reserve(node.value())};
    value_at_[&node] = step.value_at;
    step_of_[&node] = index;
    for (const auto& argument : node.arguments()) {
      step.argument_at.push_back(value_at_[argument.get()]);
      if (argument->input() == DagNodeCore::kNoInput) step.needs.push_back(step_of_[argument.get()]);
    }
    std::vector<uint32_t> before = step.needs;
    if (ActorCore* actor = node.actor(); actor != nullptr && actor->serial()) AddCall(*actor, index, &before);
    std::sort(before.begin(), before.end());
    before.erase(std::unique(before.begin(), before.end()), before.end());
    plan.objects.insert(plan.objects.end(), node.objects().begin(), node.objects().end());
    plan.steps.push_back(std::move(step));
    if (before.empty()) before.push_back(0);
    for (uint32_t other : before) ComesAfter(other, index);
  }
  Status AddOutputs(std::span<const detail::DagNodePointer> outputs) {
    for (size_t i = 0; i < outputs.size(); ++i) {
      const DagNodeCore& node = *outputs[i];
      PlannedOutput output{.value_at = value_at_[&node]};
      if (node.input() == DagNodeCore::kNoInput) {
        output.step = step_of_[&node];
        plan.steps[output.step].is_output = true;
      } else {
        plan.inputs[node.input()].is_output = true;
      }
      // An input may have several nodes, but has one value.
      for (size_t j = i + 1; j < outputs.size(); ++j) {
        if (node.value().size != 0 && value_at_[outputs[j].get()] == output.value_at) output.is_last_use = false;
      }
      if (!output.is_last_use && !node.value().copyable) {
        return InvalidArgument("a value that can't be copied is an output twice: " + node.Name());
      }
      plan.outputs.push_back(output);
    }
    return {};
  }
  void Finish() {
    for (uint32_t i = 0; i < plan.actors.size(); ++i) {
      PlannedActor& actor = plan.actors[i];
      plan.steps[actor.first].enters = i;
      plan.steps[actor.last].leaves = i;
      ++plan.steps[actor.first].waits_for;
    }
    const auto end = static_cast<uint32_t>(plan.steps.size());
    plan.steps.emplace_back();
    for (uint32_t i = 0; i < end; ++i) {
      if (plan.steps[i].successors.empty()) ComesAfter(i, end);
    }
    for (uint32_t i = 0; i <= end; ++i) {
      PlannedStep& step = plan.steps[i];
      step.segment = i;
      plan.has_branches |= step.successors.size() > 1;
    }
    for (uint32_t i = 0; i < end; ++i) {
      const PlannedStep& step = plan.steps[i];
      if (step.successors.size() != 1) continue;
      PlannedStep& next = plan.steps[step.successors[0]];
      if (next.waits_for == 1) next.segment = step.segment;
    }
  }

 private:
  size_t Reserve(const ValueType& value) {
    const size_t at = (plan.bytes + value.alignment - 1) / value.alignment * value.alignment;
    plan.bytes = at + value.size;
    plan.alignment = std::max(plan.alignment, value.alignment);
    return at;
  }
  void ComesAfter(uint32_t before, uint32_t after) {
    plan.steps[before].successors.push_back(after);
    ++plan.steps[after].waits_for;
  }
  void AddCall(ActorCore& actor, uint32_t index, std::vector<uint32_t>* before) {
    auto [found, is_first] = actors_.emplace(&actor, plan.actors.size());
    if (is_first) {
      plan.actors.push_back({.actor = &actor, .first = index, .last = index});
    } else {
      before->push_back(std::exchange(plan.actors[found->second].last, index));
    }
  }

  std::unordered_map<const DagNodeCore*, size_t> value_at_;
  std::unordered_map<const DagNodeCore*, uint32_t> step_of_;
  std::unordered_map<const ActorCore*, size_t> actors_;
};

}  // namespace

Result<DagPlan> DagPlan::Make(const detail::Engine& engine, std::span<const detail::DagNodePointer> outputs,
                              std::span<const ValueType* const> inputs) {
  const auto nodes = NodesOf(outputs);
  std::vector<const std::type_info*> types;
  for (const ValueType* input : inputs) types.push_back(&input->type);
  TRIUNE_RETURN_IF_ERROR(CheckInputs(nodes, types));
  Planner planner;
  planner.plan.steps.emplace_back();  // the begin
  planner.AddInputs(inputs);
  for (const DagNodeCore* node : nodes) {
    TRIUNE_RETURN_IF_ERROR(CheckNode(engine, *node));
    planner.AddNode(*node);
  }
  if (planner.plan.steps.size() == 1) return InvalidArgument("the DAG has no node to run");
  TRIUNE_RETURN_IF_ERROR(planner.AddOutputs(outputs));
  planner.Finish();
  return std::move(planner.plan);
}

}  // namespace triune::compute
