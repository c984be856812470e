// Waiting for something that will come in a moment.
#pragma once

#include <sched.h>

namespace triune::compute {

/// Pauses the processor a little longer each time, then gives it to other threads: whoever is waited for may need it.
class Spinner {
 public:
  void Pause() noexcept {
    if (rounds_ >= kRounds) {
      sched_yield();
      return;
    }
    for (int i = 0; i < 1 << rounds_; ++i) __builtin_ia32_pause();
    ++rounds_;
  }

 private:
  static constexpr int kRounds = 6;
  int rounds_ = 0;
};

}  // namespace triune::compute
