// A limit for the memory of each process.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "compute/process/worker_process.h"

namespace triune::compute {

/// Bytes of memory that the process has for itself: not files, and not what it shares with others. 0 when it is gone.
uint64_t OwnMemoryOf(pid_t process);

/// Looks every now and then, on a thread of its own, how much the processes have that it was told of. Thread-safe.
class MemoryWatch {
 public:
  /// `limit`: bytes; 0: none, and nothing is done. `kill` is called for those that have more, maybe more than once.
  MemoryWatch(uint64_t limit, std::function<void(WorkerProcess&)> kill);
  ~MemoryWatch();
  MemoryWatch(const MemoryWatch&) = delete;
  MemoryWatch& operator=(const MemoryWatch&) = delete;

  void Add(std::shared_ptr<WorkerProcess> worker);
  void Remove(const WorkerProcess& worker);

 private:
  void Loop();
  void Look();

  const uint64_t limit_;
  const std::function<void(WorkerProcess&)> kill_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::vector<std::shared_ptr<WorkerProcess>> workers_;
  std::thread thread_;
};

}  // namespace triune::compute
