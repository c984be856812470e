// Whether a thread should look for events again and again for a little while before it sleeps.
#pragma once

#include <algorithm>

#include "base/clock.h"

namespace triune::server::http {

/// Going to sleep and being woken costs a thread tens of microseconds, on a virtual machine more, and leaves its caches
/// to others; a client that sends its next request when it has the answer pays for that every time. This learns from
/// how long the last waits were: polling pays off only while at least three of four end within the window, so that a
/// server with little to do, or whose work comes at random, sleeps. Thread-compatible.
class BusyPoll {
 public:
  /// `window`: how long to poll at most; 0: never.
  explicit BusyPoll(Duration window) : window_(window) {}

  Duration window() const { return window_; }
  bool PaysOff() const { return score_ >= kEnough; }
  /// How long it took until the last event came, polling or asleep.
  void Record(Duration waited) { score_ = std::clamp(score_ + (waited <= window_ ? 1 : -kMiss), 0, kMost); }

 private:
  static constexpr int kMiss = 3;
  static constexpr int kEnough = 16;
  static constexpr int kMost = 2 * kEnough;

  Duration window_;
  int score_ = 0;
};

}  // namespace triune::server::http
