#include "compute/dag/process_plan.h"

#include <algorithm>
#include <limits>
#include <string>
#include <typeinfo>
#include <unordered_map>
#include <utility>

#include "compute/dag/channel.h"
#include "compute/remote/convert.h"
#include "triune/core/detail/names.h"

namespace triune::compute {
namespace {

using detail::DagNodeCore;
using detail::RemoteFunction;
using detail::ValueCodec;

bool IsInProcess(const DagNodeCore& node) {
  return node.actor() != nullptr && node.actor()->options().isolation == kProcess;
}

class Planner {
 public:
  explicit Planner(const DagPlan& plan) : plan_(plan), value_of_step_(plan.steps.size()) {}
  ProcessPlan planned{};

  Status AddCall(uint32_t index) {
    const DagNodeCore& node = *plan_.steps[index].node;
    const RemoteFunction* function = detail::RemoteRegistry::Find(node.Remote());
    if (function == nullptr) {
      return InvalidArgument(node.Name() +
                             " can't run in another process: it is not registered there (TRIUNE_REMOTE_ACTOR)");
    }
    const std::type_info& returned = function->result == nullptr ? typeid(void) : *function->result->type;
    if (returned != node.value().type) return InvalidArgument(node.Name() + " was registered with another result");
    const TaskOptions* options = node.options().get();
    if (options != nullptr && options->retry_on) {
      return InvalidArgument("nodes of a compiled DAG in processes can't have retry_on: " + node.Name());
    }
    ScheduledCall call{.function = detail::RemoteRegistry::NumberOf(*function),
                       .name = options != nullptr && !options->name.empty() ? options->name : function->name,
                       .retries = options == nullptr ? 0 : options->retries,
                       .value = NewValue()};
    const uint32_t lane = LaneOf(*node.actor());
    value_of_step_[index] = call.value;
    const auto views = node.Views();
    if (views.size() != function->parameters.size()) {
      return InvalidArgument(node.Name() + " was registered with other parameters");
    }
    for (size_t i = 0; i < views.size(); ++i) {
      Result<ScheduledArgument> argument = Argument(node, views[i], *function->parameters[i], lane);
      if (!argument.ok()) {
        return std::move(argument).status().WithContext("argument " + std::to_string(i + 1) + " of " + node.Name());
      }
      call.arguments.push_back(*std::move(argument));
    }
    producers_.emplace(call.value, std::pair(lane, planned.lanes[lane].schedule.calls.size()));
    step_of_node_.emplace(&node, index);
    planned.lanes[lane].schedule.calls.push_back(std::move(call));
    return {};
  }

  void AddOutputs() {
    for (uint32_t i = 0; i < plan_.outputs.size(); ++i) {
      const uint32_t step = plan_.outputs[i].step;
      if (step == PlannedStep::kNone) continue;
      ScheduledCall& call = Producer(value_of_step_[step]);
      call.is_output = true;
      planned.outputs.push_back(
          {.output = i, .codec = detail::RemoteRegistry::At(call.function)->result, .value = call.value});
    }
  }

  void Finish(size_t rooms) {
    planned.shape = {.rooms = static_cast<uint32_t>(std::min<size_t>(rooms, std::numeric_limits<uint32_t>::max())),
                     .values = values_,
                     .lanes = static_cast<uint32_t>(planned.lanes.size())};
    for (uint32_t i = 0; i < planned.lanes.size(); ++i) {
      planned.lanes[i].schedule.shape = planned.shape;
      planned.lanes[i].schedule.lane = i;
    }
  }

 private:
  uint32_t NewValue() { return values_++; }
  uint32_t LaneOf(detail::ActorCore& actor) {
    const auto [found, is_new] = lane_of_.emplace(&actor, static_cast<uint32_t>(planned.lanes.size()));
    if (is_new) planned.lanes.push_back({.actor = &actor});
    return found->second;
  }
  ScheduledCall& Producer(uint32_t value) {
    const auto [lane, call] = producers_.at(value);
    return planned.lanes[lane].schedule.calls[call];
  }
  static void AddReader(std::vector<uint32_t>& readers, uint32_t lane) {
    if (std::find(readers.begin(), readers.end(), lane) == readers.end()) readers.push_back(lane);
  }

  Result<ScheduledArgument> Argument(const DagNodeCore& node, const detail::NodeArgumentView& view,
                                     const ValueCodec& codec, uint32_t lane) {
    if (view.node == detail::NodeArgumentView::kNoNode) return Constant(view.view, codec);
    const DagNodeCore& argument = *node.arguments()[view.node];
    if (argument.input() != DagNodeCore::kNoInput) {
      SentInput& input = InputAs(static_cast<uint32_t>(argument.input()), codec);
      AddReader(input.readers, lane);
      return ScheduledArgument{.value = input.value};
    }
    const uint32_t value = value_of_step_[step_of_node_.at(&argument)];
    ScheduledCall& producer = Producer(value);
    if (argument.value().type != *codec.type) {
      return InvalidArgument("the registered parameter is a " + detail::TypeName(*codec.type) + ", the node gives a " +
                             detail::TypeName(argument.value().type));
    }
    if (producers_.at(value).first != lane) AddReader(producer.readers, lane);
    return ScheduledArgument{.value = value};
  }

  SentInput& InputAs(uint32_t number, const ValueCodec& codec) {
    for (SentInput& input : planned.inputs) {
      if (input.input == number && *input.codec->type == *codec.type) return input;
    }
    planned.inputs.push_back({.input = number, .codec = &codec, .value = NewValue()});
    return planned.inputs.back();
  }

  static Result<ScheduledArgument> Constant(const detail::ArgumentView& view, const ValueCodec& codec) {
    detail::Encoder encoder;
    if (view.object != nullptr && view.object->stored() != nullptr) {
      const detail::StoredValue& stored = *view.object->stored();
      if (!stored.references.empty()) return InvalidArgument("references can't be constants of a compiled DAG");
      for (const Buffer& buffer : stored.attached) encoder.Attach(buffer);
      encoder.Own(stored.head);
    } else {
      TRIUNE_RETURN_IF_ERROR(EncodeAs(encoder, codec, view));
    }
    TRIUNE_ASSIGN_OR_RETURN(const EncodedForm form, FormOf(encoder));
    ScheduledArgument argument{.kind = form.kind, .bytes = std::vector<std::byte>(form.bytes)};
    WriteForm(encoder, form, argument.bytes);
    return argument;
  }

  const DagPlan& plan_;
  uint32_t values_ = 0;
  std::vector<uint32_t> value_of_step_;
  std::unordered_map<const DagNodeCore*, uint32_t> step_of_node_;
  std::unordered_map<uint32_t, std::pair<uint32_t, size_t>> producers_;  ///< Of values: lane, and which of its calls.
  std::unordered_map<const detail::ActorCore*, uint32_t> lane_of_;
};

}  // namespace

Result<bool> RunsInProcesses(const DagPlan& plan) {
  const DagNodeCore* here = nullptr;
  const DagNodeCore* in_process = nullptr;
  for (const PlannedStep& step : plan.steps) {
    if (!step.node) continue;
    if (step.node->actor() == nullptr && step.node->options() != nullptr &&
        step.node->options()->isolation == kProcess) {
      return InvalidArgument("functions of a compiled DAG can't have processes, only actors can: " + step.node->Name());
    }
    (IsInProcess(*step.node) ? in_process : here) = step.node.get();
  }
  if (here != nullptr && in_process != nullptr) {
    return InvalidArgument("a compiled DAG can't have nodes in processes beside others: " + in_process->Name() +
                           " has one, " + here->Name() + " has not");
  }
  return in_process != nullptr;
}

Result<ProcessPlan> ProcessPlan::Make(const DagPlan& plan, size_t rooms) {
  Planner planner(plan);
  for (uint32_t i = 0; i < plan.steps.size(); ++i) {
    if (plan.steps[i].node) TRIUNE_RETURN_IF_ERROR(planner.AddCall(i));
  }
  planner.AddOutputs();
  planner.Finish(rooms);
  TRIUNE_RETURN_IF_ERROR(planner.planned.shape.Check());
  return std::move(planner.planned);
}

}  // namespace triune::compute
