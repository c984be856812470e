// The threads of the embedded engine.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "compute/local/injector.h"
#include "compute/local/work_deque.h"

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
  using Runnable = detail::Runnable;

  /// Wants to know when a thread might be taken for something else.
  class Watcher {
   public:
    /// One has parked, or waits.
    virtual void OnThreadFree() noexcept = 0;
    /// One is done with a piece of work.
    virtual void OnTaskDone() noexcept = 0;

   protected:
    ~Watcher() = default;
  };

  explicit WorkerPool(int width);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Takes over one reference.
  void Enqueue(Runnable& work) noexcept;
  /// True on a thread of this pool.
  bool IsWorker() const noexcept { return OfThisThread() == this; }
  /// Null on other threads than a pool's.
  static WorkerPool* OfThisThread() noexcept;
  /// On a thread of the pool: the next work that it would run, when that is a task of this kind. Takes over the
  /// reference.
  detail::Task* TakeBatchable() noexcept;
  /// What a thread that waits has run itself may still be in the queues: takes out what is next in them and stale.
  void DropStale() noexcept;
  /// On any other thread, around running something itself. False when as many threads as are allowed run already.
  bool TryBeginRunning() noexcept;
  /// Again, after having waited: there may be more than are allowed, for a moment.
  void BeginRunning() noexcept { counts_.fetch_add(Pack({1, 0}), std::memory_order_seq_cst); }
  void EndRunning() noexcept;
  /// On a thread of the pool, around waiting.
  void BeginBlocking() noexcept;
  void EndBlocking() noexcept;

  /// From now on so many threads run at the same time; those that are too many park when they are done with what they
  /// do.
  void SetLimit(int64_t threads) noexcept;
  /// Whom to tell; null: nobody. It must live as long as the pool.
  void Watch(Watcher* watcher) noexcept { watcher_.store(watcher); }
  /// Runs it at once, on a thread of its own, within the limit or not. Takes over one reference.
  void StartWith(Runnable& work) noexcept;
  /// Around work that is not in a queue of the pool yet: the destructor waits for that, too.
  void BeginHolding() noexcept { held_.fetch_add(1, std::memory_order_seq_cst); }
  void EndHolding() noexcept;
  int64_t running() const noexcept { return Unpack(counts_.load(std::memory_order_seq_cst)).running; }
  /// Threads that wait, when none is at work and nothing is queued; -1 otherwise. All at one moment.
  int64_t only_blocked() const noexcept;
  /// Threads that are at work, and do not only look for it.
  int64_t busy() const noexcept {
    const Counts counts = Unpack(counts_.load(std::memory_order_seq_cst));
    return int64_t{counts.running} - counts.searching;
  }
  /// Waits until there is nothing to be done any more, as the destructor does. Where some are held and nothing runs
  /// that could free them, `free_some` is called; it says whether it has.
  void Drain(const std::function<bool()>& free_some) noexcept;
  /// What free_some goes by has changed.
  void WakeDrain() noexcept;
  bool AnyQueued() const noexcept;

  size_t thread_count() const;

 private:
  struct Worker {
    explicit Worker(WorkerPool& p) : pool(p) {}
    WorkerPool& pool;
    WorkDeque deque;
    std::atomic<uint32_t> wake{0};
    Runnable* handed = nullptr;  ///< What it was woken for.
    uint32_t ticks = 0;
    uint32_t random = 1;
    std::jthread thread;
  };
  /// All in one word, so that they are seen and changed together.
  struct Counts {
    uint32_t running;
    uint32_t searching = 0;
    uint32_t blocked = 0;
    uint32_t limit = 0;
    bool too_many() const { return running > limit; }
  };
  static constexpr size_t kMostThreads = 1024;

  void Loop(Worker& worker);
  Runnable* Next(Worker& worker) noexcept;
  Runnable* TakeInjected(Worker& worker) noexcept;
  Runnable* Steal(Worker& worker) noexcept;
  /// Looks for work, parks; null when the pool ends.
  Runnable* Search(Worker& worker) noexcept;
  Runnable* SearchForAWhile(Worker& worker) noexcept;
  /// Returns the counts before.
  uint64_t StopSearching() noexcept;
  /// Sees to it that somebody looks for work.
  void Notify() noexcept;
  bool WakeOrStart(Runnable* work = nullptr) noexcept;
  void ThreadIsFree() noexcept;
  void PutToSleep(Worker& worker, Counts counted_as) noexcept;
  /// True when it has slept.
  bool ParkIfTooMany(Worker& worker) noexcept;
  bool IsDone() const noexcept;
  /// The mutex is taken.
  void NotifyIdle() noexcept;

  static constexpr unsigned kBits = 16;
  static uint64_t Pack(Counts counts) {
    return uint64_t{counts.limit} << 3 * kBits | uint64_t{counts.blocked} << 2 * kBits |
           uint64_t{counts.running} << kBits | counts.searching;
  }
  static Counts Unpack(uint64_t word) {
    constexpr uint64_t kMask = (1U << kBits) - 1;
    return {.running = static_cast<uint32_t>(word >> kBits & kMask),
            .searching = static_cast<uint32_t>(word & kMask),
            .blocked = static_cast<uint32_t>(word >> 2 * kBits & kMask),
            .limit = static_cast<uint32_t>(word >> 3 * kBits)};
  }

  std::atomic<Watcher*> watcher_{nullptr};
  std::atomic<size_t> held_{0};
  std::atomic<bool> is_draining_{false};
  Injector injector_;
  alignas(64) std::atomic<uint64_t> counts_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<size_t> worker_count_{0};
  std::vector<std::atomic<Worker*>> workers_;  ///< The first worker_count_ are there.

  mutable std::mutex mutex_;
  std::condition_variable idle_;  ///< Nobody runs, or nothing is held any more.
  uint64_t changes_ = 0;          ///< Of that.
  std::vector<Worker*> parked_;
  std::vector<std::unique_ptr<Worker>> owned_;
};

}  // namespace triune::compute
