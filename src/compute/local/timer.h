// Tasks whose time runs out.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "compute/local/worker_pool.h"
#include "triune/core/detail/task.h"
#include "triune/time.h"

namespace triune::compute {

/// Abandons tasks at their deadline, on a thread that starts with the first one. Takes no memory for tasks that are
/// done. Thread-safe.
class Timer {
 public:
  /// `pool` waits for what becomes ready because a task's time is up. It may be constructed later, and must be
  /// destroyed earlier.
  explicit Timer(WorkerPool& pool) : pool_(pool) {}
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void AbandonAt(detail::Task& task, TimePoint deadline);

 private:
  class Entry;
  void Loop();

  WorkerPool& pool_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::multimap<TimePoint, Entry*> entries_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace triune::compute
