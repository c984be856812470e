// The floor's threads: oneTBB with as many as ours.
#pragma once

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

#include <cstddef>

namespace triune::bench {

/// The thread that calls Run is one of them, as oneTBB wants it.
class Arena {
 public:
  explicit Arena(int threads)
      : limit_(oneapi::tbb::global_control::max_allowed_parallelism, static_cast<size_t>(threads)), arena_(threads) {}

  template <typename Function>
  auto Run(Function&& function) {
    return arena_.execute(function);
  }
  /// On one of the others.
  template <typename Function>
  void Enqueue(Function&& function) {
    arena_.enqueue(function);
  }

 private:
  oneapi::tbb::global_control limit_;  // else there are never more threads than cores
  oneapi::tbb::task_arena arena_;
};

}  // namespace triune::bench
