#include "compute/start_task.h"

#include <utility>

#include "base/clock.h"
#include "compute/task_error.h"

namespace triune::compute {

TimePoint DeadlineIn(Duration timeout) {
  return timeout == Duration::max() ? kNever : DeadlineAfter(Clock::System().Now(), timeout);
}

bool CancelFamily(detail::Task& task, const CancelOptions& options) {
  // The children first seen after this are cancelled by whoever submits them.
  Status error =
      MakeError(ErrorKind::kTaskCancelled, StatusCode::kCancelled, task.Name() + " was cancelled", task.Name());
  const bool was_in_time = task.Abandon(std::move(error), options.recursive, options.force);
  if (options.recursive) {
    for (const auto& child : task.Children()) CancelFamily(*child, options);
  }
  return was_in_time;
}

}  // namespace triune::compute

void triune::detail::StartTask(Engine& engine, Task& task) noexcept {
  if (task.options() == nullptr) return task.Start();
  Status status = engine.Check(*task.options());
  if (status.ok() && task.options()->reconstruct) status = task.KeepForReconstruction();
  if (!status.ok()) task.Abandon(std::move(status));
  task.SetCaptures(task.options()->capture_child_tasks && task.options()->placement_group);
  task.Start();
  const Duration timeout = task.options()->timeout;
  if (timeout != Duration::max()) engine.AbandonAt(task, compute::DeadlineIn(timeout));
}
