// The processes that run tasks of a session.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "compute/logs/worker_logs.h"
#include "compute/process/memory_watch.h"
#include "compute/process/shared_memory.h"
#include "compute/process/worker_process.h"
#include "compute/process/zygote.h"
#include "triune/core/detail/task.h"
#include "triune/core/runtime_env.h"
#include "triune/status.h"

namespace triune::compute {

struct ProcessPoolOptions {
  SharedMemoryOptions objects{};
  size_t most_idle = 1;        ///< Processes that are kept though they have nothing to do.
  uint64_t worker_memory = 0;  ///< Bytes that one may have for itself; 0: no limit.
  bool log_to_driver = true;   ///< Whether what they write is written here.
};

/// Where a process gets more to do.
class TaskSource {
 public:
  /// A task that is ready, with a reference, or null.
  virtual detail::Task* Next() noexcept = 0;
  /// It has not begun: others may run it. Takes over the reference.
  virtual void GiveBack(detail::Task& task) noexcept = 0;

 protected:
  ~TaskSource() = default;
};

/// Starts nothing before the first task. As many processes run tasks as threads ask for it, each for one task at a
/// time: whoever calls Run counts as running meanwhile. Thread-safe.
class ProcessPool {
 public:
  ProcessPool(ProcessHost& host, const ProcessPoolOptions& options);
  ~ProcessPool();
  /// The session ends: actors get a moment to end by themselves, and then there are no processes any more.
  void Close();
  ProcessPool(const ProcessPool&) = delete;
  ProcessPool& operator=(const ProcessPool&) = delete;

  /// Runs the task's function in some process, and keeps its value in the task.
  Status Run(detail::Task& task, int attempt);
  /// The same for a task that nobody has begun, and those of the source as long as they are short: several are on their
  /// way to one process at a time. Takes over the reference.
  void RunAll(detail::Task& first, TaskSource& source) noexcept;
  Result<Buffer> CopyToSharedMemory(std::span<const std::byte> bytes);
  Result<std::shared_ptr<SharedMemory>> shared_memory();
  /// The task was cancelled, or nobody wants its result any more.
  void Interrupt(const detail::Task& task) noexcept;

  /// Of shared memory, for tests and listings; all zeros before there is any.
  shm::ArenaStatistics object_statistics();
  /// The same of all values, also those on disk.
  shm::SpillStatistics spill_statistics();

  /// Whether bytes lie in shared memory.
  bool IsShared(const std::byte* data);
  struct Listed {
    uint64_t number;
    pid_t pid;  ///< 0: not known yet.
    bool is_idle;
  };
  std::vector<Listed> List();

  /// In one that the caller has acquired.
  static Status RunIn(WorkerProcess& worker, detail::Task& task, int attempt);

  using WorkerPointer = std::shared_ptr<WorkerProcess>;
  /// A process for the caller alone, until Release, Discard or Stop.
  Result<WorkerPointer> Acquire(const RuntimeEnv& environment);
  void Release(WorkerPointer worker);
  /// Ends the process, should it still be there.
  void Discard(WorkerProcess& worker);
  /// Asks it to end by itself.
  void Stop(WorkerPointer worker);

  /// InvalidArgument when it is not registered.
  static Result<const detail::RemoteFunction*> FunctionOf(const detail::Task& task);

 private:
  class Batch;
  // With the mutex locked.
  Status MakeMemory();
  Status StartZygote();
  /// One that has nothing to do, and the same setting; or null.
  WorkerPointer TakeIdle(const WorkerSetting& setting);
  Result<WorkerPointer> StartWorker(const WorkerSetting& setting);
  /// With the mutex locked.
  void Kill(WorkerProcess& worker);
  void OnSpawned(uint64_t worker, pid_t pid);
  void OnDied(uint64_t worker, int wait_status);
  void OnLost();

  ProcessHost& host_;
  const ProcessPoolOptions options_;
  std::mutex mutex_;
  std::shared_ptr<SharedMemory> memory_;
  uint64_t last_number_ = Zygote::kNone;
  std::unordered_map<uint64_t, WorkerPointer> workers_;  ///< All that are alive.
  std::vector<WorkerPointer> idle_;                      ///< The one last that had something to do last.
  std::vector<WorkerPointer> stopping_;
  std::condition_variable stopped_;
  bool zygote_lost_ = false;
  bool is_closed_ = false;
  WorkerLogs logs_;
  std::unique_ptr<Zygote> zygote_;  // its thread uses the others
  MemoryWatch memory_watch_;        // and so does this one's
};

}  // namespace triune::compute
