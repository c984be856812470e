// The schedule of a compiled DAG: what runs after what, and where values are kept.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "triune/core/detail/dag_node.h"

namespace triune::compute {

/// A node that is a call; or the begin or the end of an execution.
struct PlannedStep {
  static constexpr uint32_t kNone = UINT32_MAX;
  detail::DagNodePointer node{};  ///< Null for begin and end.
  /// How many others must be over before: those whose values it needs, an earlier call of the same actor, and, in its
  /// first call, the previous execution's last one.
  uint32_t waits_for = 0;
  std::vector<uint32_t> successors{};
  std::vector<uint32_t> needs{};      ///< Steps whose values are its arguments.
  std::vector<size_t> argument_at{};  ///< Where the values of the arguments are kept, in their order.
  size_t value_at = 0;                ///< Where its own is.
  bool is_output = false;
  uint32_t enters = kNone;  ///< Its actor, if it is the actor's first step.
  uint32_t leaves = kNone;  ///< Its actor, if it is the actor's last step.
  /// The first of the steps that can only run one after the other, of which this is one.
  uint32_t segment = 0;
};

struct PlannedInput {
  const detail::ValueType* value = nullptr;
  size_t value_at = 0;
  bool is_output = false;
};

struct PlannedActor {
  detail::ActorCore* actor = nullptr;
  uint32_t first = 0;  ///< Its steps: these two and others between them.
  uint32_t last = 0;
};

struct PlannedOutput {
  size_t value_at = 0;
  uint32_t step = PlannedStep::kNone;  ///< kNone: it is an input.
  bool is_last_use = true;             ///< No later output is the same value.
};

/// Immutable.
struct DagPlan {
  /// InvalidArgument when a compiled DAG can't do what the nodes ask for.
  static Result<DagPlan> Make(const detail::Engine& engine, std::span<const detail::DagNodePointer> outputs,
                              std::span<const detail::ValueType* const> inputs);

  std::vector<PlannedStep>
      steps{};  ///< What a step waits for comes before it. The first is the begin, the last the end.
  std::vector<PlannedInput> inputs{};
  std::vector<PlannedActor> actors{};  ///< Those that run one call at a time.
  std::vector<PlannedOutput> outputs{};
  std::vector<detail::ObjectPointer> objects{};            ///< What nodes have as arguments.
  std::vector<std::unique_ptr<detail::ObjectUse>> uses{};  ///< Of these, as long as the compiled DAG is there.
  bool has_branches = false;
  size_t bytes = 0;  ///< Of the memory for values.
  size_t alignment = 1;
};

}  // namespace triune::compute
