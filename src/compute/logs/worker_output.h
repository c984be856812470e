// A worker's standard output and standard error.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace triune::compute {

/// Says in the streams which task writes to them. Thread-compatible; lives until the process ends.
class WorkerOutput {
 public:
  WorkerOutput();
  WorkerOutput(const WorkerOutput&) = delete;
  WorkerOutput& operator=(const WorkerOutput&) = delete;

  void Begin(std::string_view task);
  /// What the task has written goes out, also when its last line has no end.
  void End();

 private:
  void Mark();

  std::array<int, 2> pipes_{-1, -1};  ///< Of its own: a task may do with the others what it likes.
  std::string task_;
};

}  // namespace triune::compute
