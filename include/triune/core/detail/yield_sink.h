// Where a generator's values go in a process for tasks.
#pragma once

#include "triune/core/detail/generator_frame.h"
#include "triune/status.h"

namespace triune::detail {

class YieldSink {
 public:
  /// Passes the value on, and waits until there is room for another. An error when nobody wants more.
  virtual Status Yield(const void* value) = 0;

  /// Of this thread; null outside of tasks.
  static YieldSink* Current() noexcept;
  static YieldSink* SetCurrent(YieldSink* sink) noexcept;

 protected:
  ~YieldSink() = default;
};

/// Runs the coroutine to its end. Throws what it throws.
Status YieldAll(GeneratorFrame frame);

}  // namespace triune::detail
