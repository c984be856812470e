// One node of one execution of a compiled DAG.
#pragma once

#include <atomic>
#include <cstdint>

#include "compute/dag/dag_plan.h"
#include "triune/core/detail/compiled_dag.h"
#include "triune/core/detail/object.h"
#include "triune/core/detail/runnable.h"
#include "triune/core/detail/task.h"

namespace triune::compute {

class ScheduledDag;

/// Where an execution's step is. Used again by the next execution that gets the same room.
///
/// A step that waits for a thread is listed: any may claim it. It is put into the pool for that, but the thread that
/// waits for the execution may be faster; then what is in the pool is stale, and stays there until somebody finds it.
/// If the step is listed again before that, it will do.
class DagStep final : public detail::Runnable, public detail::Waiter {
 public:
  DagStep(ScheduledDag& dag, detail::DagExecution& execution, const PlannedStep& plan);
  ~DagStep();
  DagStep(const DagStep&) = delete;
  DagStep& operator=(const DagStep&) = delete;

  const PlannedStep& plan() const noexcept { return plan_; }
  detail::DagExecution& execution() const noexcept { return execution_; }

  /// One of those that it waits for is over; true for the last one.
  bool Satisfy() noexcept {
    if (plan_.waits_for != 1 && waits_for_.fetch_sub(1, std::memory_order_acq_rel) != 1) return false;
    waits_for_.store(plan_.waits_for, std::memory_order_relaxed);
    return true;
  }
  /// On this thread, as far as it is the node's; false when its actor is busy, which then runs it and lists it again.
  bool RunNode() noexcept;
  void List() noexcept;
  /// True for the one who is to run it.
  bool Claim() noexcept;
  bool is_listed() const noexcept { return listed_.load(std::memory_order_relaxed); }

  /// When it has run.
  const Status& status() const noexcept { return task_->status(); }
  void* value() const noexcept { return value_; }
  void DestroyValue() noexcept;
  /// For telling it that it is not wanted any more. Under the DAG's lock.
  const detail::Pointer<detail::Task>& task() const noexcept { return task_; }

  void Run() noexcept override;
  bool DropIfStale() noexcept override;
  void OnReady(detail::Object& object) noexcept override;

  /// Of the thread that will run it next.
  DagStep* later = nullptr;

 private:
  template <typename Base>
  friend class StepTask;
  detail::Pointer<detail::Task> MakeTask();
  const Status* Error() const noexcept;
  /// After its actor has run the call, or will not.
  void GoOn() noexcept;
  Status Invoke() {
    Status status = plan_.node->Invoke(arguments_.data(), value_);
    has_value_ = status.ok();
    return status;
  }

  ScheduledDag& dag_;
  detail::DagExecution& execution_;
  const PlannedStep& plan_;
  std::vector<const void*> arguments_;
  void* value_;
  std::atomic<uint32_t> waits_for_;
  std::atomic<bool> listed_{false};
  std::atomic<bool> in_pool_{false};
  bool has_value_ = false;
  bool has_run_ = false;  ///< As a call that its actor has run.
  /// What the thread that runs it is busy with; another one when somebody still refers to the last.
  detail::Pointer<detail::Task> task_;
};

}  // namespace triune::compute
