#include "compute/local/timer.h"

#include <atomic>
#include <utility>

#include "base/clock.h"
#include "compute/task_error.h"

namespace triune::compute {

/// Hears when its task is done, and when its time has come; where both happen, the later of the two deletes it.
class Timer::Entry final : public detail::Waiter, public detail::Alarm {
 public:
  Entry(Timer& timer, detail::Task& task) : timer_(timer), task_(task) {}

  void OnReady(detail::Object&) noexcept override {
    if (timer_.Stop(*this) || is_half_over_.exchange(true)) delete this;
  }
  /// It is not done, or the one who has done it waits for the mutex: the task is still there.
  void BeforeTime() noexcept override { due_ = detail::Pointer<detail::Task>(&task_); }
  void OnTime() noexcept override {
    const auto task = std::move(due_);
    if (!task->RemoveWaiter(*this)) {
      // The task is done after all, and this hears of it, or will.
      if (is_half_over_.exchange(true)) delete this;
      return;
    }
    delete this;
    task->Abandon(MakeError(ErrorKind::kDeadlineExceeded, StatusCode::kDeadlineExceeded,
                            task->Name() + " was not done within its timeout", task->Name()),
                  true);
  }

 private:
  Timer& timer_;
  detail::Task& task_;
  detail::Pointer<detail::Task> due_;
  std::atomic<bool> is_half_over_{false};
};

Timer::~Timer() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Timer::AbandonAt(detail::Task& task, TimePoint deadline) {
  auto* entry = new Entry(*this, task);
  Set(*entry, deadline);
  if (!task.AddWaiter(*entry)) entry->OnReady(task);
}

void Timer::Set(detail::Alarm& alarm, TimePoint time) {
  std::lock_guard lock(mutex_);
  alarm.at_ = alarms_.emplace(time, &alarm);
  alarm.is_set_ = true;
  if (!thread_.joinable()) thread_ = std::thread([this] { Loop(); });
  if (alarm.at_ == alarms_.begin()) wake_.notify_one();
}

bool Timer::Stop(detail::Alarm& alarm) noexcept {
  std::lock_guard lock(mutex_);
  if (!std::exchange(alarm.is_set_, false)) return false;
  alarms_.erase(alarm.at_);
  return true;
}

void Timer::Loop() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (alarms_.empty()) {
      wake_.wait(lock);
      continue;
    }
    TimePoint next = alarms_.begin()->first;
    if (Clock::System().Now() < next) {
      wake_.wait_until(lock, next);
      continue;
    }
    detail::Alarm* alarm = alarms_.begin()->second;
    alarms_.erase(alarms_.begin());
    alarm->is_set_ = false;
    alarm->BeforeTime();
    // As long as it is not done with this the pool is not idle.
    pool_.BeginHolding();
    lock.unlock();
    alarm->OnTime();
    pool_.EndHolding();
    lock.lock();
  }
}

}  // namespace triune::compute
