// A thread that waits for objects.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>

#include "triune/core/detail/object.h"
#include "triune/time.h"

namespace triune::compute {

/// Who is told, on any thread, that nobody wants any more what is waited for.
class Interruptee {
 public:
  virtual void Interrupt() noexcept = 0;

 protected:
  ~Interruptee() = default;
};

/// Sleeps until so many of several objects are ready, or it is interrupted.
class Sleeper final : public detail::Waiter, public Interruptee {
 public:
  explicit Sleeper(size_t count) : count_(count) {}

  void OnReady(detail::Object&) noexcept override {
    // Notified under the lock: the sleeper may be gone right after.
    std::lock_guard lock(mutex_);
    if (++ready_ >= count_) wake_.notify_all();
  }
  void Interrupt() noexcept override {
    std::lock_guard lock(mutex_);
    interrupted_ = true;
    wake_.notify_all();
  }
  /// False when the deadline passed or it was interrupted first.
  bool Sleep(TimePoint deadline) {
    std::unique_lock lock(mutex_);
    auto is_over = [this] { return ready_ >= count_ || interrupted_; };
    if (deadline == kNever) {
      wake_.wait(lock, is_over);
    } else {
      wake_.wait_until(lock, deadline, is_over);
    }
    return ready_ >= count_;
  }
  /// For those that are in no list any more, but may be about to be called.
  void WaitUntilCalled(size_t times) {
    std::unique_lock lock(mutex_);
    count_ = times;
    wake_.wait(lock, [&] { return ready_ >= times; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  size_t ready_ = 0;
  size_t count_;
  bool interrupted_ = false;
};

}  // namespace triune::compute
