// The threads of the embedded engine.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "compute/local/injector.h"
#include "compute/local/task_deque.h"

namespace triune::compute {

/// Runs tasks on as many threads as there are processors to use, each with a deque that the others steal from. A thread
/// that blocks says so, and another takes its place, so that a task may wait for any other without a deadlock. Threads
/// start when there is work for them. Thread-safe; the destructor waits for what is queued.
///
/// A thread is running (it has a task, or looks for one: then it also counts as searching), parked, or blocked. There
/// are never fewer running ones than there is work for, up to `width`; when blocked ones come back there may be more
/// for a moment, and the next to be done with its task parks.
class WorkerPool {
 public:
  using Task = detail::Task;
  /// Runs a task; called with one reference to it, which it takes over.
  class Runner {
   public:
    virtual void Run(Task& task) noexcept = 0;

   protected:
    ~Runner() = default;
  };

  WorkerPool(int width, Runner& runner);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Takes over one reference.
  void Enqueue(Task& task) noexcept;
  /// True on a thread of this pool.
  bool IsWorker() const noexcept;
  /// On a thread of the pool, around waiting.
  void BeginBlocking() noexcept;
  void EndBlocking() noexcept;

  int width() const { return width_; }
  size_t thread_count() const;

 private:
  struct Worker {
    explicit Worker(WorkerPool& p) : pool(p) {}
    WorkerPool& pool;
    TaskDeque deque;
    std::atomic<uint32_t> wake{0};
    uint32_t ticks = 0;
    uint32_t random = 1;
    std::jthread thread;
  };
  /// Both counts in one word, so that they are seen together.
  struct Counts {
    uint32_t running;
    uint32_t searching;
  };
  static constexpr size_t kMostThreads = 1024;

  void Loop(Worker& worker);
  Task* Next(Worker& worker) noexcept;
  Task* TakeInjected(Worker& worker) noexcept;
  Task* Steal(Worker& worker) noexcept;
  /// Looks for work, parks; null when the pool ends.
  Task* Search(Worker& worker) noexcept;
  bool AnyQueued() const noexcept;
  /// Sees to it that somebody looks for work.
  void Notify() noexcept;
  bool WakeOrStart() noexcept;
  void PutToSleep(Worker& worker, Counts counted_as) noexcept;
  /// True when it has slept.
  bool ParkIfTooMany(Worker& worker) noexcept;

  static uint64_t Pack(Counts counts) { return uint64_t{counts.running} << 32U | counts.searching; }
  static Counts Unpack(uint64_t word) { return {static_cast<uint32_t>(word >> 32U), static_cast<uint32_t>(word)}; }

  const int width_;
  Runner& runner_;
  Injector injector_;
  alignas(64) std::atomic<uint64_t> counts_{0};
  std::atomic<uint32_t> blocked_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<size_t> worker_count_{0};
  std::vector<std::atomic<Worker*>> workers_;  ///< The first worker_count_ are there.

  mutable std::mutex mutex_;
  std::condition_variable idle_;  ///< Nobody runs.
  std::vector<Worker*> parked_;
  std::vector<std::unique_ptr<Worker>> owned_;
};

}  // namespace triune::compute
