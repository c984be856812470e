// What a session runs on.
#pragma once

#include <cstddef>
#include <span>

#include "triune/core/detail/object.h"
#include "triune/core/detail/runnable.h"
#include "triune/core/detail/task.h"
#include "triune/time.h"

namespace triune::detail {

class Engine : public TaskRunner {
 public:
  virtual ~Engine() = default;
  /// Runs it soon, on a thread of the engine. Takes over a reference.
  virtual void Schedule(Runnable& work) noexcept = 0;
  /// Around work that waits for something of which the engine does not know: it does not end meanwhile.
  virtual void BeginHolding() noexcept = 0;
  virtual void EndHolding() noexcept = 0;
  /// Waits until `count` of the objects are ready. DeadlineExceeded when `deadline` passed first, Cancelled when the
  /// task that waits is not wanted any more, FailedPrecondition when it would wait for itself. May run the tasks of the
  /// objects on this thread.
  virtual Status WaitFor(std::span<Object* const> objects, size_t count, TimePoint deadline) = 0;
  /// Whether a task can ever run with these options.
  virtual Status Check(const TaskOptions& options) = 0;
  /// Abandons the task at that time.
  virtual void AbandonAt(Task& task, TimePoint deadline) = 0;
};

/// Starts a task of a function, with what its options want.
void StartTask(Engine& engine, Task& task) noexcept;

}  // namespace triune::detail
