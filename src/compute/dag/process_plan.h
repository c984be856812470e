// Which process of a compiled DAG does what.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "compute/dag/dag_plan.h"
#include "compute/dag/dag_schedule.h"
#include "triune/core/detail/actor.h"
#include "triune/core/detail/remote_function.h"

namespace triune::compute {

/// Whether all calls are those of actors with processes of their own, or none. InvalidArgument when there are both.
Result<bool> RunsInProcesses(const DagPlan& plan);

/// An input as some of the functions that have it as an argument want it.
struct SentInput {
  uint32_t input = 0;
  const detail::ValueCodec* codec = nullptr;
  uint32_t value = 0;               ///< Where it goes.
  std::vector<uint32_t> readers{};  ///< Lanes.
};

struct ReceivedOutput {
  uint32_t output = 0;
  const detail::ValueCodec* codec = nullptr;  ///< Null: it is none.
  uint32_t value = 0;
};

struct PlannedLane {
  detail::ActorCore* actor = nullptr;
  LaneSchedule schedule{};  ///< As far as it is the plan's.
};

/// Immutable.
struct ProcessPlan {
  /// The objects of the plan are ready. InvalidArgument when a function is not registered, or types are not those that
  /// it was registered with.
  static Result<ProcessPlan> Make(const DagPlan& plan, size_t rooms);

  RegionShape shape{};
  std::vector<PlannedLane> lanes{};
  std::vector<SentInput> inputs{};
  std::vector<ReceivedOutput> outputs{};  ///< Those that are not inputs.
};

}  // namespace triune::compute
