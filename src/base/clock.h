// Time, passed in, so that tests never sleep.
#pragma once

#include <atomic>
#include <chrono>

#include "triune/time.h"

namespace triune {

/// Monotonic time. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint Now() const = 0;
  /// The system's monotonic clock; lives for the whole process.
  static const Clock& System();
};

/// A clock that stands still until told otherwise. For tests.
class ManualClock final : public Clock {
 public:
  TimePoint Now() const override { return TimePoint(Duration(now_.load(std::memory_order_acquire))); }
  void Advance(Duration by) { now_.fetch_add(by.count(), std::memory_order_acq_rel); }

 private:
  std::atomic<Duration::rep> now_{std::chrono::nanoseconds(std::chrono::hours(1)).count()};
};

/// `now + timeout`, or kNever where that would overflow.
inline TimePoint DeadlineAfter(TimePoint now, Duration timeout) {
  return timeout >= kNever - now ? kNever : now + timeout;
}

}  // namespace triune
