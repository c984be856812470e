// What a function can ask about the task that it is called for.
#pragma once

#include <string>
#include <vector>

namespace triune {

/// Of the task that this thread runs now; the innermost, where a task that waits has begun another.
class RuntimeContext {
 public:
  static bool in_task() noexcept;
  /// Whether the task's result is not wanted any more: it was cancelled, its time is up, or its actor was killed. Get
  /// and Wait return an error then. A function that runs for long should ask now and then, and return.
  static bool cancelled() noexcept;
  /// How many times the task has failed before; 0 outside of one.
  static int attempt() noexcept;
  /// Name for people; empty outside of a task.
  static std::string task_name();
  /// The numbers of the GPUs that the task was given, or the actor whose method it is; empty when none were asked for.
  static std::vector<int> gpu_ids();
};

}  // namespace triune
