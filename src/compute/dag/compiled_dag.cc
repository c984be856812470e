#include "triune/core/detail/compiled_dag.h"

#include <memory>
#include <utility>
#include <vector>

#include "compute/dag/dag_plan.h"
#include "compute/dag/process_dag.h"
#include "compute/dag/process_plan.h"
#include "compute/dag/scheduled_dag.h"

namespace triune::detail {
namespace {

/// A compiled DAG has values only: what is an object is waited for once.
Status AwaitObjects(Engine& engine, compute::DagPlan& plan) {
  for (const ObjectPointer& object : plan.objects) {
    auto use = std::make_unique<ObjectUse>(object);
    while (!use->ready()) {
      Object* one[] = {object.get()};
      TRIUNE_RETURN_IF_ERROR(engine.WaitFor(one, 1, kNever));
      use = std::make_unique<ObjectUse>(object);
    }
    TRIUNE_RETURN_IF_ERROR(use->status());
    plan.uses.push_back(std::move(use));
  }
  return {};
}

}  // namespace

Result<Pointer<CompiledDagCore>> CompiledDagCore::Make(Engine& engine,
                                                       std::shared_ptr<const std::atomic<bool>> session_ended,
                                                       std::span<const DagNodePointer> outputs,
                                                       std::span<const ValueType* const> inputs,
                                                       const CompileOptions& options) {
  if (options.max_inflight_executions == 0) return InvalidArgument("max_inflight_executions must be at least 1: is 0");
  TRIUNE_ASSIGN_OR_RETURN(auto plan, compute::DagPlan::Make(engine, outputs, inputs));
  TRIUNE_ASSIGN_OR_RETURN(const bool in_processes, compute::RunsInProcesses(plan));
  TRIUNE_RETURN_IF_ERROR(AwaitObjects(engine, plan));
  if (in_processes) {
    return compute::ProcessDag::Make(engine, std::move(session_ended), std::move(plan),
                                     options.max_inflight_executions);
  }
  return Pointer<CompiledDagCore>::Adopt(
      new compute::ScheduledDag(engine, std::move(session_ended), std::move(plan), options.max_inflight_executions));
}

Status ExecutionHandle::Wait(Duration timeout) {
  if (execution_ == nullptr) {
    return error_.ok() ? FailedPrecondition("there is no result, or it was taken already") : error_;
  }
  bool is_over = false;
  Status status = core_->Wait(*execution_, timeout, &is_over);
  if (is_over && !status.ok()) {
    error_ = status;
    Release();
  }
  return status;
}

}  // namespace triune::detail
