#include "compute/dag/dag_step.h"

#include <utility>

#include "compute/dag/dag_execution.h"
#include "compute/dag/scheduled_dag.h"
#include "compute/spin.h"
#include "triune/core/detail/actor.h"

namespace triune::compute {

using detail::ActorTask;
using detail::Task;

/// What a thread is busy with while it runs a node: for RuntimeContext, for the tasks that the node submits, for
/// errors, retries, and for the actor.
template <typename Base>
class StepTask final : public Base {
 public:
  template <typename... OfBase>
  explicit StepTask(DagStep& step, OfBase&&... of_base)
      : Base(std::forward<OfBase>(of_base)...), step_(step), node_(step.plan().node) {
    this->is_uncounted_ = true;  // what a compiled DAG does is not a task for those who look at tasks
  }

  void RunAtOnce() noexcept {
    call_.store(kAtOnce, std::memory_order_relaxed);
    this->Renew(Task::kRunning);
    this->Execute();
    AwaitEnd();
  }
  void Queue() noexcept {
    call_.store(kAtOnce, std::memory_order_relaxed);
    this->Renew(Task::kQueued);
  }
  /// Before it goes to its actor, which may run it while others abandon it.
  void GoToActor() noexcept { call_.store(kOutside, std::memory_order_release); }
  /// It is ready. True when the step may go on: nobody is inside the method, and nobody will be. Otherwise it goes on
  /// when the method returns.
  bool MayGoOn() noexcept {
    uint8_t call = call_.load(std::memory_order_acquire);
    while (!call_.compare_exchange_weak(call, call == kInside ? kDue : kOver, std::memory_order_acq_rel)) {
    }
    return call == kOutside;
  }
  /// Whoever has abandoned it may not be that far yet.
  void AwaitEnd() const noexcept {
    Spinner spinner;
    while (!this->ready()) spinner.Pause();
  }

 private:
  ~StepTask() override = default;
  void AwaitArguments() noexcept override {}
  /// This is what a run begins with.
  const Status* ArgumentError() const noexcept override {
    uint8_t call = call_.load(std::memory_order_acquire);
    if (call == kOutside) call_.compare_exchange_strong(call, kInside, std::memory_order_acq_rel);
    return call == kOver ? &this->status() : step_.Error();
  }
  Status Invoke(bool) override { return step_.Invoke(); }
  /// And this is the last that it does with the step.
  void DropArguments() noexcept override {
    uint8_t call = call_.load(std::memory_order_acquire);
    if (call == kInside) call_.compare_exchange_strong(call, kOutside, std::memory_order_acq_rel);
    if (call != kDue) return;
    call_.store(kOver, std::memory_order_release);
    step_.GoOn();
  }
  bool repeatable() const noexcept override { return true; }
  std::string FunctionName() const override { return node_->FunctionName(); }

  /// Where a call is that its actor runs. Whoever kills the actor makes it ready at once, but its room is in use until
  /// the method returns.
  enum Call : uint8_t {
    kAtOnce,   ///< On the thread that runs the step.
    kOutside,  ///< In the queue, or through with it.
    kInside,   ///< The step is in use.
    kDue,      ///< So it is, and it goes on right afterwards.
    kOver,     ///< It has gone on.
  };
  DagStep& step_;
  const detail::DagNodePointer node_;
  mutable std::atomic<uint8_t> call_{kAtOnce};
};

DagStep::DagStep(ScheduledDag& dag, detail::DagExecution& execution, const PlannedStep& plan)
    : dag_(dag),
      execution_(execution),
      plan_(plan),
      value_(execution.place(plan.value_at)),
      waits_for_(plan.waits_for) {
  if (!plan.node) return;
  for (size_t at : plan.argument_at) arguments_.push_back(execution.place(at));
  task_ = MakeTask();
}

DagStep::~DagStep() { DestroyValue(); }

detail::Pointer<Task> DagStep::MakeTask() {
  if (detail::ActorCore* actor = plan_.node->actor()) {
    return detail::Pointer<Task>::Adopt(new StepTask<ActorTask>(*this, *actor, plan_.node->options(), dag_.caller()));
  }
  return detail::Pointer<Task>::Adopt(new StepTask<Task>(*this, dag_.engine(), plan_.node->options()));
}

const Status* DagStep::Error() const noexcept {
  if (const Status* error = execution_.error()) return error;
  for (uint32_t index : plan_.needs) {
    const Status& status = execution_.step(index).status();
    if (!status.ok()) return &status;
  }
  return dag_.stopped();
}

void DagStep::DestroyValue() noexcept {
  if (std::exchange(has_value_, false) && plan_.node->value().destroy != nullptr) plan_.node->value().destroy(value_);
}

bool DagStep::RunNode() noexcept {
  if (!plan_.node || std::exchange(has_run_, false)) return true;
  // Tasks that it has submitted may still refer to the last one, or somebody who has killed its actor.
  if (!task_->unshared()) {
    auto task = MakeTask();
    dag_.Lock();
    std::swap(task, task_);
    dag_.Unlock();
  }
  if (plan_.node->actor() == nullptr) {
    static_cast<StepTask<Task>&>(*task_).RunAtOnce();
    return true;
  }
  auto& call = static_cast<StepTask<ActorTask>&>(*task_);
  if (Error() != nullptr) {
    call.RunAtOnce();  // which does not call anything
    return true;
  }
  detail::ActorCore& actor = *plan_.node->actor();
  call.Queue();
  if (actor.TryRunNow(call)) {
    call.AwaitEnd();
    return true;
  }
  // Once somebody waits for it, it may be over before it is in the queue: where the DAG is torn down.
  call.GoToActor();
  detail::Pointer<Task> queued(&call);
  if (!call.AddWaiter(*this)) return true;
  actor.Enqueue(*queued.Release());
  return false;
}

void DagStep::OnReady(detail::Object& object) noexcept {
  if (static_cast<StepTask<ActorTask>&>(object).MayGoOn()) GoOn();
}

void DagStep::GoOn() noexcept {
  has_run_ = true;
  List();
}

void DagStep::List() noexcept {
  // Once it is listed it may run, and all be over.
  ScheduledDag& dag = dag_;
  dag.Ref();
  execution_.CountListed(1);
  listed_.store(true, std::memory_order_release);
  if (in_pool_.exchange(true)) {
    dag.Unref();
  } else {
    dag.engine().Schedule(*this);
  }
}

bool DagStep::Claim() noexcept {
  bool listed = true;
  if (!listed_.compare_exchange_strong(listed, false, std::memory_order_acq_rel)) return false;
  execution_.CountListed(static_cast<uint32_t>(-1));
  return true;
}

void DagStep::Run() noexcept {
  ScheduledDag& dag = dag_;
  in_pool_.exchange(false);
  if (Claim()) dag.Run(this);
  dag.Unref();
}

bool DagStep::DropIfStale() noexcept {
  if (listed_.load()) return false;
  in_pool_.exchange(false);
  // It may have been listed again, relying on what is being taken out here.
  if (listed_.load() && !in_pool_.exchange(true)) return false;
  dag_.Unref();
  return true;
}

}  // namespace triune::compute
