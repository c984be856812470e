// How a task is to run.
#pragma once

#include <functional>
#include <string>

#include "triune/status.h"
#include "triune/time.h"

namespace triune {

struct TaskOptions {
  std::string name{};  ///< In errors, listings and traces; otherwise the function's own name, where it can be told.
  int retries = 0;     ///< How often the function is called again after it has failed.
  /// Which failures are worth another try; empty: all. Called on the thread that ran the function.
  std::function<bool(const Status&)> retry_on{};
  /// Counted from Submit. When it has passed the task fails, whether it had started or not; a function that runs can
  /// see that nobody waits any more (RuntimeContext::cancelled).
  Duration timeout = Duration::max();
};

}  // namespace triune
