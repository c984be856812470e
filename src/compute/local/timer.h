// Tasks whose time runs out, and others that want to be told at a time.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "compute/local/worker_pool.h"
#include "triune/core/detail/alarm.h"
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
  /// The pool must not end before it has rung or is stopped.
  void Set(detail::Alarm& alarm, TimePoint time);
  /// False when its time has come, or it was not set.
  bool Stop(detail::Alarm& alarm) noexcept;

 private:
  class Entry;
  void Loop();

  WorkerPool& pool_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::multimap<TimePoint, detail::Alarm*> alarms_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace triune::compute
