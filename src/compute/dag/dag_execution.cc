#include "compute/dag/dag_execution.h"

#include <utility>

#include "compute/dag/scheduled_dag.h"
#include "compute/spin.h"

namespace triune::detail {

using compute::DagStep;

DagExecution::DagExecution(compute::ScheduledDag& dag, Engine& engine, const compute::DagPlan& plan)
    : Task(engine, nullptr),
      dag_(dag),
      plan_(plan),
      memory_(static_cast<std::byte*>(::operator new(plan.bytes, std::align_val_t{plan.alignment})),
              Free{std::align_val_t{plan.alignment}}),
      has_input_(plan.inputs.size()) {
  is_uncounted_ = true;
  for (const auto& step : plan.steps) steps_.push_back(std::make_unique<DagStep>(dag, *this, step));
}

DagExecution::~DagExecution() {
  DestroyValues(false);
  DestroyValues(true);
}

Status DagExecution::OutputError() const {
  if (!error_.ok()) return error_;
  for (const auto& output : plan_.outputs) {
    if (output.step == compute::PlannedStep::kNone) continue;
    const Status& status = steps_[output.step]->status();
    if (!status.ok()) return status;
  }
  return {};
}

void DagExecution::DestroyValues(bool outputs) noexcept {
  for (size_t i = 0; i < has_input_.size(); ++i) {
    const auto& input = plan_.inputs[i];
    if (input.is_output != outputs || !std::exchange(has_input_[i], false)) continue;
    if (input.value->destroy != nullptr) input.value->destroy(place(input.value_at));
  }
  for (const auto& step : steps_) {
    if (step->plan().is_output == outputs) step->DestroyValue();
  }
}

bool DagExecution::Drop() noexcept {
  if (ready()) return true;
  if (fate_.exchange(kDropped, std::memory_order_acq_rel) != kEnded) return false;
  compute::Spinner spinner;
  while (!ready()) spinner.Pause();
  return true;
}

bool DagExecution::RunForWaiter() noexcept {
  bool found = true;
  while (found && !ready() && listed_.load(std::memory_order_acquire) != 0) {
    found = false;
    for (const auto& step : steps_) {
      if (!step->is_listed() || !step->Claim()) continue;
      found = true;
      dag_.Run(step.get());
      if (ready()) break;
    }
  }
  return ready();
}

}  // namespace triune::detail
