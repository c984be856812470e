// How long a model takes for a request of a given size, learnt from the requests that it has served.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace triune::serving {

/// A running mean of the time per power-of-two class of input bytes. Thread-safe, lock-free; updates of two threads at
/// the same moment may lose one, which does no harm.
class CallCost {
 public:
  void Record(uint64_t input_bytes, Duration took);
  /// For a class never seen: scaled up in proportion from the next smaller one that was, or the time of the next larger
  /// one. Nothing while nothing was seen.
  std::optional<Duration> Estimate(uint64_t input_bytes) const;

 private:
  static constexpr int kClasses = 40;
  static int ClassOf(uint64_t input_bytes);

  // Nanoseconds; 0: never seen.
  std::array<std::atomic<int64_t>, kClasses> mean_ns_{};
};

}  // namespace triune::serving
