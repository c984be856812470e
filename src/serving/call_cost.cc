#include "serving/call_cost.h"

#include <algorithm>
#include <bit>

namespace triune::serving {

int CallCost::ClassOf(uint64_t input_bytes) {
  return std::min(static_cast<int>(std::bit_width(input_bytes)), kClasses - 1);
}

void CallCost::Record(uint64_t input_bytes, Duration took) {
  std::atomic<int64_t>& cell = mean_ns_[static_cast<size_t>(ClassOf(input_bytes))];
  int64_t sample = std::max<int64_t>(took.count(), 1);
  int64_t mean = cell.load(std::memory_order_relaxed);
  // A sample far above the mean is most often the scheduler's doing; it counts, but not whole.
  int64_t next = mean == 0 ? sample : mean + (std::min(sample, 8 * mean) - mean) / 8;
  if (next != mean) cell.store(std::max<int64_t>(next, 1), std::memory_order_relaxed);
}

std::optional<Duration> CallCost::Estimate(uint64_t input_bytes) const {
  int wanted = ClassOf(input_bytes);
  for (int i = wanted; i >= 0; --i) {
    int64_t mean = mean_ns_[static_cast<size_t>(i)].load(std::memory_order_relaxed);
    if (mean == 0) continue;
    int doublings = std::min(wanted - i, 20);
    return Duration(std::min(mean, int64_t{1} << 40) << doublings);
  }
  for (int i = wanted + 1; i < kClasses; ++i) {
    int64_t mean = mean_ns_[static_cast<size_t>(i)].load(std::memory_order_relaxed);
    if (mean != 0) return Duration(mean);
  }
  return std::nullopt;
}

}  // namespace triune::serving
