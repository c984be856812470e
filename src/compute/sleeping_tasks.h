// Tasks that wait inside their functions, to be woken when they are cancelled.
#pragma once

#include "compute/sleeper.h"
#include "triune/core/detail/task.h"

namespace triune::compute {

/// While it lives, cancelling the task interrupts the sleeper.
class Interruptible {
 public:
  /// `task`: may be null.
  Interruptible(detail::Task* task, Interruptee& sleeper);
  ~Interruptible();
  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;

 private:
  detail::Task* task_;
};

/// Wakes the task where it sleeps. Thread-safe.
void InterruptSleep(detail::Task& task) noexcept;

}  // namespace triune::compute
