#include "triune/core/errors.h"

#include <array>

namespace triune {

std::string_view ErrorKindName(ErrorKind kind) {
  static constexpr std::array<std::string_view, 15> kNames = {
      "TASK_FAILED",       "TASK_CANCELLED",      "DEADLINE_EXCEEDED", "GET_TIMEOUT",  "ACTOR_DIED",
      "ACTOR_UNAVAILABLE", "PENDING_CALLS_LIMIT", "UNSCHEDULABLE",     "DEADLOCK",     "WORKER_CRASHED",
      "OUT_OF_MEMORY",     "OBJECT_STORE_FULL",   "CAPACITY_EXCEEDED", "OBJECT_FREED", "OBJECT_LOST"};
  const auto number = static_cast<size_t>(kind);
  return number < kNames.size() ? kNames[number] : std::string_view();
}

const TaskError* TaskError::Of(const Status& status) { return dynamic_cast<const TaskError*>(status.detail()); }

std::string Describe(const Status& status) {
  std::string text;
  int depth = 0;
  for (const Status* error = &status; error != nullptr; ++depth) {
    if (depth > 0) text += "\ncaused by: ";
    text += error->ToString();
    const TaskError* detail = TaskError::Of(*error);
    if (detail == nullptr) break;
    text += "\n  " + std::string(ErrorKindName(detail->kind));
    if (!detail->task.empty()) text += " in " + detail->task;
    if (detail->attempt > 0) text += ", attempt " + std::to_string(detail->attempt + 1);
    for (const std::string& call : detail->stack) text += "\n    at " + call;
    error = detail->cause.ok() ? nullptr : &detail->cause;
  }
  return text;
}

}  // namespace triune
