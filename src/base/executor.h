// Running work on other threads.
#pragma once

#include <functional>
#include <thread>
#include <vector>

#include "base/bounded_queue.h"

namespace triune {

/// Thread-safe.
class Executor {
 public:
  virtual ~Executor() = default;
  /// Runs the task later, on some thread. False, and it never runs, when there is no room for it.
  virtual bool TrySubmit(std::function<void()> task) = 0;
};

/// A fixed number of threads behind one bounded queue. The threads start with the first task, so that an executor
/// nobody uses costs nothing. The destructor runs what is queued.
class ThreadPoolExecutor final : public Executor {
 public:
  ThreadPoolExecutor(size_t threads, size_t queue_capacity);
  ~ThreadPoolExecutor() override;
  bool TrySubmit(std::function<void()> task) override;

 private:
  void StartThreads();

  const size_t thread_count_;
  BoundedQueue<std::function<void()>> queue_;
  std::once_flag started_;
  std::vector<std::jthread> threads_;
};

}  // namespace triune
