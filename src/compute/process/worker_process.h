// A process that runs tasks, seen from the driver.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "compute/process/link.h"
#include "compute/process/message.h"
#include "compute/process/shared_memory.h"
#include "compute/shm/leases.h"
#include "compute/shm/segment.h"
#include "triune/core/detail/remote_function.h"
#include "triune/core/detail/task.h"
#include "triune/status.h"
#include "triune/time.h"

namespace triune::compute {

/// One thread at a time uses it: whoever has it from the pool. What is for others says so.
class WorkerProcess {
 public:
  /// The number that the zygote knows it by. The process is started by the caller.
  static Result<std::shared_ptr<WorkerProcess>> Create(uint64_t number, SharedMemory& memory);
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  uint64_t number() const { return number_; }
  int link_fd() const { return link_memory_.fd(); }
  /// Until it has said that it is ready. An error when it ended first, or said nonsense.
  Status AwaitHello(TimePoint deadline);

  /// Runs the task's function there, and keeps the value in the task. The task's error; kWorkerCrashed when the process
  /// ended. After another error than those of the function the process must not be used again: usable().
  Status Run(detail::Task& task, const detail::RemoteFunction& function, int attempt);
  Status SendStop();
  /// Why there is no process any more; OK when there is.
  Status Alive() const;
  bool usable() const { return usable_ && !dead(); }

  /// On any thread: nobody wants the result, or the thread that waits has to look at something.
  void Interrupt() noexcept;
  /// On any thread, once: the process has ended.
  void SetDead(int wait_status) noexcept;
  bool dead() const noexcept { return dead_.load(std::memory_order_acquire); }
  /// To be told with the error, should it die now.
  void SetReason(Status why);

 private:
  WorkerProcess(uint64_t number, shm::Segment link_memory, Link link, SharedMemory& memory, shm::Holder holder);
  Status WriteRun(detail::Task& task, const detail::RemoteFunction& function, int attempt);
  Status Send(std::span<const std::byte> message);
  /// Handles what has come, until the result of the task that runs is there.
  Status Receive(detail::Task& task, const detail::RemoteFunction& function, bool* done);
  Status Handle(MessageReader& message, detail::Task& task, const detail::RemoteFunction& function, bool* done);
  Status HandleResult(MessageReader& message, detail::Task& task, const detail::RemoteFunction& function);
  Status HandleNeedBlock(MessageReader& message);
  Status HandleDrop(MessageReader& message);
  Status Crashed(const detail::Task& task, int attempt);
  /// It said something that makes no sense.
  Status Astray(std::string what);

  const uint64_t number_;
  const shm::Segment link_memory_;
  Link link_;
  SharedMemory& memory_;
  const shm::Holder holder_;
  SharedMemory::Pieces pieces_;
  bool usable_ = true;
  uint32_t sequence_ = 0;
  std::atomic<bool> dead_{false};
  int wait_status_ = 0;  ///< When dead.
  std::mutex reason_mutex_;
  Status reason_;
  std::vector<std::byte> outgoing_;
  std::vector<std::byte> incoming_;
  detail::Encoder encoder_;
};

}  // namespace triune::compute
