// Tasks that want other resources than one processor.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "compute/local/amounts.h"
#include "compute/local/worker_pool.h"
#include "triune/core/detail/task.h"

namespace triune::compute {

/// Lets tasks start when what they ask for is there. Those that ask for one processor and nothing else, most of them,
/// go straight to the pool, whose threads stand for the processors: it is told to use fewer while others have more than
/// one, or one for them, and more while they have less. Fair: tasks that want the same start in the order in which they
/// came; kinds of them take turns, also with those in the pool; and a kind that was passed over often enough is waited
/// for. Thread-safe.
class Admission final : public WorkerPool::Watcher {
 public:
  /// The pool may be constructed later, and must be destroyed earlier.
  Admission(Amounts total, WorkerPool& pool);

  static bool Concerns(const detail::Task& task) {
    return task.options() != nullptr && !task.options()->AsksForOneCpuOnly();
  }
  /// InvalidArgument; kUnschedulable when it asks for more than there will ever be.
  Status Check(const TaskOptions& options) const;
  /// Takes over a reference. The options were checked.
  void Enqueue(detail::Task& task) noexcept;

  /// On a thread that runs such a task, around waiting: others may have what it has meanwhile, but for what can't be
  /// shared out again.
  static void BeginBlocking() noexcept;
  static void EndBlocking() noexcept;
  /// Of the task on this thread.
  static const std::vector<int>& Gpus() noexcept;

  void OnThreadFree() noexcept override;
  void OnTaskDone() noexcept override;

 private:
  class Grant;
  class Locked;
  /// Tasks that want the same.
  struct Kind {
    Amounts demand;
    std::deque<detail::Task*> tasks;
    int passed_over = 0;
  };
  static constexpr int kMostPassedOver = 64;

  void TryAdmit();
  /// Null when there is none that could start if the pool left it the processors.
  Kind* Choose();
  int64_t ThreadsBeside(int64_t cpus) const;
  bool TakeGpus(int64_t amount, std::vector<int>* gpus);
  void Release(Grant& grant) noexcept;
  void Suspend(const Grant& grant) noexcept;
  void Resume(const Grant& grant) noexcept;

  const Amounts total_;
  WorkerPool& pool_;
  std::mutex mutex_;
  Amounts available_;
  int64_t cpus_in_use_ = 0;      ///< By granted tasks that do not wait; may be more than there are, for a moment.
  int64_t granted_threads_ = 0;  ///< Those tasks.
  std::vector<int64_t> gpus_;    ///< What is left of each.
  std::map<Amounts, Kind> kinds_;
  Amounts last_;  ///< The kind that was served last.
  bool pools_turn_ = false;
  std::vector<detail::Pointer<detail::Task>> dropped_;
};

}  // namespace triune::compute
