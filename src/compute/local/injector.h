// Tasks from threads that are not workers.
#pragma once

#include <atomic>
#include <cstddef>

#include "compute/spin.h"
#include "triune/core/detail/task.h"

namespace triune::compute {

/// First in, first out, linked through the tasks themselves: a queued task takes no memory here. Thread-safe.
class Injector {
 public:
  using Task = detail::Task;

  void Push(Task& task) noexcept {
    task.next_ = nullptr;
    Lock();
    (tail_ == nullptr ? head_ : tail_->next_) = &task;
    tail_ = &task;
    size_.store(size_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    Unlock();
  }

  /// Takes up to `most` tasks, linked by next_, and their number; null when there are none.
  Task* Take(size_t most, size_t* count) noexcept {
    *count = 0;
    if (empty()) return nullptr;
    Lock();
    Task* first = head_;
    Task* last = nullptr;
    for (Task* task = first; task != nullptr && *count < most; task = task->next_) {
      last = task;
      ++*count;
    }
    if (last != nullptr) {
      head_ = last->next_;
      if (head_ == nullptr) tail_ = nullptr;
      last->next_ = nullptr;
      size_.store(size_.load(std::memory_order_relaxed) - *count, std::memory_order_relaxed);
    }
    Unlock();
    return first;
  }

  size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }
  bool empty() const noexcept { return size() == 0; }

 private:
  void Lock() noexcept {
    Spinner spinner;
    while (locked_.exchange(true, std::memory_order_acquire)) {
      while (locked_.load(std::memory_order_relaxed)) spinner.Pause();
    }
  }
  void Unlock() noexcept { locked_.store(false, std::memory_order_release); }

  std::atomic<bool> locked_{false};
  Task* head_ = nullptr;
  Task* tail_ = nullptr;
  alignas(64) std::atomic<size_t> size_{0};
};

}  // namespace triune::compute
