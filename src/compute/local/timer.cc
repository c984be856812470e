#include "compute/local/timer.h"

#include "base/clock.h"
#include "compute/task_error.h"

namespace triune::compute {

/// Hears when its task is done; deletes itself then, unless its time had come before that.
class Timer::Entry final : public detail::Waiter {
 public:
  Entry(Timer& timer, detail::Task& task) : timer_(timer), task_(task) {}

  void OnReady(detail::Object&) noexcept override {
    {
      std::lock_guard lock(timer_.mutex_);
      if (listed_) timer_.entries_.erase(at_);
    }
    delete this;
  }

  Timer& timer_;
  detail::Task& task_;
  bool listed_ = true;  // under the timer's mutex, as is all that follows
  std::multimap<TimePoint, Entry*>::iterator at_;
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
  {
    std::lock_guard lock(mutex_);
    entry->at_ = entries_.emplace(deadline, entry);
    if (!thread_.joinable()) thread_ = std::thread([this] { Loop(); });
    if (entry->at_ == entries_.begin()) wake_.notify_one();
  }
  if (!task.AddWaiter(*entry)) entry->OnReady(task);
}

void Timer::Loop() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (entries_.empty()) {
      wake_.wait(lock);
      continue;
    }
    TimePoint next = entries_.begin()->first;
    if (Clock::System().Now() < next) {
      wake_.wait_until(lock, next);
      continue;
    }
    Entry* entry = entries_.begin()->second;
    entries_.erase(entries_.begin());
    entry->listed_ = false;
    // It is not done, or the one who has done it waits for the mutex: the task is still there.
    detail::Pointer<detail::Task> task(&entry->task_);
    // As long as it is not done with this the pool is not idle.
    pool_.BeginHolding();
    lock.unlock();
    // When that says no, the task is done after all, and the entry hears of it.
    if (task->RemoveWaiter(*entry)) {
      delete entry;
      task->Abandon(MakeError(ErrorKind::kDeadlineExceeded, StatusCode::kDeadlineExceeded,
                              task->Name() + " was not done within its timeout", task->Name()),
                    true);
    }
    task = {};
    pool_.EndHolding();
    lock.lock();
  }
}

}  // namespace triune::compute
