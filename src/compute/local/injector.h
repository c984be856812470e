// Work from threads that are not workers.
#pragma once

#include <atomic>
#include <cstddef>

#include "compute/spin.h"
#include "triune/core/detail/runnable.h"

namespace triune::compute {

/// First in, first out, linked through what is queued: that takes no memory here. Thread-safe.
class Injector {
 public:
  using Runnable = detail::Runnable;

  void Push(Runnable& work) noexcept {
    work.next_ = nullptr;
    Lock();
    (tail_ == nullptr ? head_ : tail_->next_) = &work;
    tail_ = &work;
    size_.store(size_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    Unlock();
  }

  /// Takes up to `most` tasks, linked by next_, and their number; null when there are none.
  Runnable* Take(size_t most, size_t* count) noexcept {
    *count = 0;
    if (empty()) return nullptr;
    Lock();
    Runnable* first = head_;
    Runnable* last = nullptr;
    for (Runnable* task = first; task != nullptr && *count < most; task = task->next_) {
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

  /// In front of all others.
  void PushFront(Runnable& work) noexcept {
    Lock();
    work.next_ = head_;
    head_ = &work;
    if (tail_ == nullptr) tail_ = &work;
    size_.store(size_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    Unlock();
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
  Runnable* head_ = nullptr;
  Runnable* tail_ = nullptr;
  alignas(64) std::atomic<size_t> size_{0};
};

}  // namespace triune::compute
