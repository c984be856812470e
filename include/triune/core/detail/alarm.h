// To be told at a time.
#pragma once

#include <map>

#include "triune/time.h"

namespace triune::compute {
class Timer;
}

namespace triune::detail {

/// In the list of a timer from when it is set until its time has come, or it is stopped.
class Alarm {
 public:
  /// Under the timer's lock, just before OnTime.
  virtual void BeforeTime() noexcept {}
  /// On the timer's thread. Must be short. The alarm may be gone when this returns.
  virtual void OnTime() noexcept = 0;

 protected:
  ~Alarm() = default;

 private:
  friend class compute::Timer;
  bool is_set_ = false;
  std::multimap<TimePoint, Alarm*>::iterator at_;
};

}  // namespace triune::detail
