#include "compute/dag/scheduled_dag.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "base/clock.h"
#include "compute/start_task.h"
#include "compute/task_error.h"
#include "triune/core/detail/actor.h"

namespace triune::compute {
namespace {

using detail::DagExecution;
using detail::Frame;
using std::chrono::steady_clock;

/// What takes longer than this is handed to another thread, if there is something else to do on this one: that takes
/// about as long.
constexpr uint32_t kWorthAThread = 3000;
/// Nobody knows yet.
constexpr uint32_t kUnknown = UINT32_MAX;
/// Nodes that begin while a DAG is torn down are told a little later.
constexpr auto kTellAgainAfter = std::chrono::milliseconds(5);

}  // namespace

/// Measures the segments that a thread runs.
class ScheduledDag::Lap {
 public:
  explicit Lap(ScheduledDag& dag) : dag_(dag) {}
  /// From here on it runs that one.
  void Begin(const DagStep& step) noexcept {
    if (!dag_.plan_.has_branches || step.plan().segment == segment_) return;
    const auto now = steady_clock::now();
    if (segment_ != PlannedStep::kNone) Keep(now - start_);
    start_ = now;
    segment_ = &step.execution().step(step.plan().segment) == &step ? step.plan().segment : PlannedStep::kNone;
  }
  void End() noexcept {
    if (segment_ != PlannedStep::kNone) Keep(steady_clock::now() - start_);
    Forget();
  }
  void Forget() noexcept { segment_ = PlannedStep::kNone; }

 private:
  void Keep(steady_clock::duration time) noexcept {
    auto& cost = dag_.costs_[segment_];
    const auto now = static_cast<uint32_t>(std::clamp<int64_t>(time.count(), 0, kUnknown - 1));
    const uint32_t before = cost.load(std::memory_order_relaxed);
    cost.store(before == kUnknown ? now : std::max(now, before - before / 8), std::memory_order_relaxed);
  }
  ScheduledDag& dag_;
  uint32_t segment_ = PlannedStep::kNone;
  steady_clock::time_point start_{};
};

ScheduledDag::ScheduledDag(detail::Engine& engine, std::shared_ptr<const std::atomic<bool>> session_ended, DagPlan plan,
                           size_t room)
    : engine_(engine),
      session_ended_(std::move(session_ended)),
      plan_(std::move(plan)),
      caller_(detail::NewCallerId()),
      gates_(plan_.actors.size()),
      costs_(std::make_unique<std::atomic<uint32_t>[]>(plan_.steps.size())),
      stopped_(MakeError(ErrorKind::kTaskCancelled, StatusCode::kCancelled, "the compiled DAG was torn down",
                         "compiled DAG")) {
  for (size_t i = 0; i < plan_.steps.size(); ++i) costs_[i].store(kUnknown, std::memory_order_relaxed);
  for (Gate& gate : gates_) {
    gate.cells = std::make_unique<std::atomic<uintptr_t>[]>(room);
    gate.cells[0].store(Gate::kOpen, std::memory_order_relaxed);
  }
  for (size_t i = 0; i < room; ++i) {
    executions_.push_back(detail::Pointer<DagExecution>::Adopt(new DagExecution(*this, engine, plan_)));
  }
  for (size_t i = room; i-- > 0;) free_.push_back(executions_[i].get());
}

ScheduledDag::~ScheduledDag() = default;

DagExecution* ScheduledDag::Begin(Status* error) noexcept {
  DagExecution* execution = nullptr;
  uint64_t number = 0;
  Lock();
  const bool is_closed = is_closed_ || session_ended_->load(std::memory_order_relaxed);
  if (!is_closed && !free_.empty()) {
    execution = free_.back();
    free_.pop_back();
    execution->in_use = true;
    number = next_++;
  }
  Unlock();
  if (execution == nullptr) {
    *error = WhyNot(is_closed);
  } else {
    execution->Begin(number, gates_.empty() ? 0 : number % executions_.size());
  }
  return execution;
}

Status ScheduledDag::WhyNot(bool is_closed) const {
  if (const Status* error = stopped()) return *error;
  if (is_closed) return FailedPrecondition("the session of the compiled DAG has ended");
  return MakeError(ErrorKind::kCapacityExceeded, StatusCode::kResourceExhausted,
                   "as many executions of the compiled DAG are under way, or their results were not taken, as "
                   "max_inflight_executions allows: " +
                       std::to_string(executions_.size()),
                   "compiled DAG");
}

void* ScheduledDag::Input(DagExecution& execution, size_t number) noexcept {
  return execution.place(plan_.inputs[number].value_at);
}

void ScheduledDag::HasInput(DagExecution& execution, size_t number) noexcept { execution.HasInput(number); }

void* ScheduledDag::Output(DagExecution& execution, size_t number) noexcept {
  return execution.place(plan_.outputs[number].value_at);
}

void ScheduledDag::Start(DagExecution& execution, Status error) noexcept {
  execution.SetError(std::move(error));
  for (uint32_t i = 0; i < gates_.size(); ++i) Arrive(execution, i);
  execution.begin().List();
}

void ScheduledDag::Arrive(DagExecution& execution, uint32_t actor) noexcept {
  auto& cell = gates_[actor].cells[execution.cell()];
  if (cell.exchange(reinterpret_cast<uintptr_t>(&execution)) != Gate::kOpen) return;
  cell.store(0);
  // It has not begun: this can't be the last thing that it waits for.
  execution.step(plan_.actors[actor].first).Satisfy();
}

void ScheduledDag::Leave(DagExecution& execution, uint32_t actor) noexcept {
  const size_t next = execution.cell() + 1;
  auto& cell = gates_[actor].cells[next == executions_.size() ? 0 : next];
  const uintptr_t waiting = cell.exchange(Gate::kOpen);
  if (waiting == 0) return;
  cell.store(0);
  DagStep& step = reinterpret_cast<DagExecution*>(waiting)->step(plan_.actors[actor].first);
  if (step.Satisfy()) step.List();
}

void ScheduledDag::Run(DagStep* step) noexcept {
  Lap lap(*this);
  DagStep* later = nullptr;
  while (step != nullptr) {
    DagExecution& execution = step->execution();
    if (execution.IsEnd(*step)) {
      lap.End();
      End(execution);
      step = nullptr;
    } else {
      lap.Begin(*step);
      if (step->RunNode()) {
        step = Finish(*step, &later);
      } else {
        step = nullptr;
        lap.Forget();
      }
    }
    if (step == nullptr && later != nullptr) step = std::exchange(later, later->later);
  }
}

/// Returns the one to go on with.
DagStep* ScheduledDag::Finish(DagStep& step, DagStep** later) noexcept {
  const PlannedStep& plan = step.plan();
  DagExecution& execution = step.execution();
  if (plan.leaves != PlannedStep::kNone) Leave(execution, plan.leaves);
  DagStep* next = nullptr;
  for (uint32_t index : plan.successors) {
    DagStep& successor = execution.step(index);
    if (!successor.Satisfy()) continue;
    if (next == nullptr) {
      next = &successor;
    } else if (costs_[successor.plan().segment].load(std::memory_order_relaxed) > kWorthAThread) {
      successor.List();
    } else {
      successor.later = std::exchange(*later, &successor);
    }
  }
  return next;
}

void ScheduledDag::End(DagExecution& execution) noexcept {
  Status error = execution.OutputError();
  execution.DestroyValues(false);
  const bool is_wanted = execution.ComeToEnd();
  // From here on the room is of whoever wants the result.
  execution.SetReady(std::move(error));
  if (!is_wanted) Free(execution);
}

Status ScheduledDag::Wait(DagExecution& execution, Duration timeout, bool* is_over) {
  Status status;
  if (!execution.ready()) status = WaitFor(execution, DeadlineIn(timeout));
  *is_over = status.ok();
  return status.ok() ? execution.status() : status;
}

Status ScheduledDag::WaitFor(DagExecution& execution, TimePoint deadline) {
  for (const Frame* frame = detail::current_frame; frame != nullptr; frame = frame->outer) {
    for (const PlannedActor& actor : plan_.actors) {
      if (frame->task.actor() != actor.actor) continue;
      return MakeError(ErrorKind::kDeadlock, StatusCode::kFailedPrecondition,
                       frame->task.Name() + " would wait for itself: for a compiled DAG that calls its actor",
                       frame->task.Name());
    }
  }
  detail::Object* objects[] = {&execution};
  return engine_.WaitFor(objects, 1, deadline);
}

void ScheduledDag::Release(DagExecution& execution) noexcept {
  if (execution.Drop()) Free(execution);
}

void ScheduledDag::Free(DagExecution& execution) noexcept {
  execution.DestroyValues(true);
  Lock();
  execution.in_use = false;
  free_.push_back(&execution);
  Unlock();
}

void ScheduledDag::Close(bool stop) noexcept {
  if (stop) stop_.store(true, std::memory_order_release);
  std::vector<DagExecution*> under_way;
  Lock();
  is_closed_ = true;
  for (const auto& execution : executions_) {
    if (execution->in_use) under_way.push_back(execution.get());
  }
  Unlock();
  // It waits also on behalf of a task that was cancelled, and nobody is asked whether that is a good idea.
  Frame* const frame = std::exchange(detail::current_frame, nullptr);
  for (DagExecution* execution : under_way) {
    while (!execution->ready()) {
      if (stop) {
        TellThoseThatRun(*execution);
        // What is listed calls nothing any more, and the workers may all be busy with something else.
        if (execution->RunForWaiter()) break;
      }
      std::ignore = WaitFor(*execution, stop ? DeadlineIn(kTellAgainAfter) : kNever);
    }
  }
  detail::current_frame = frame;
}

void ScheduledDag::TellThoseThatRun(DagExecution& execution) noexcept {
  for (const auto& step : execution.steps()) {
    Lock();
    const detail::Pointer<detail::Task> task = step->task();
    Unlock();
    if (!task) continue;
    const auto phase = task->phase();
    if (phase == detail::Task::kQueued || phase == detail::Task::kRunning) CancelFamily(*task, {});
  }
}

}  // namespace triune::compute
