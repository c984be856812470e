// What the threads of an engine run.
#pragma once

namespace triune::detail {

class Task;

/// Stands in one queue at a time, and brings a reference to itself along.
class Runnable {
 public:
  /// Takes over the reference.
  virtual void Run() noexcept = 0;
  /// Whether there is nothing left to run, since somebody did it already; then it takes over the reference.
  virtual bool DropIfStale() noexcept = 0;

  /// Itself, when it is a task that may run in a process together with others like it.
  virtual Task* batchable() noexcept { return nullptr; }

  Runnable* next_ = nullptr;  ///< In its queue.

 protected:
  ~Runnable() = default;
};

}  // namespace triune::detail
