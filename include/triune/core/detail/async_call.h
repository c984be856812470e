// Tasks whose functions are coroutines.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "triune/core/detail/coroutine.h"
#include "triune/core/detail/runnable.h"
#include "triune/status.h"

namespace triune::detail {

class ActorLease;
class Task;

/// The coroutine of a task. While it waits it has no thread, and holds a reference to the task; when what it waits for
/// is there, or the task is not wanted any more, it is queued: in its actor, or in the pool. Whoever takes it out there
/// has it for himself until it waits again. A coroutine whose task is done, since that was abandoned, does not go on:
/// it is destroyed.
class AsyncCall final : public CoroutineRun, public Runnable {
 public:
  explicit AsyncCall(Task& task) : task_(task) {}

  /// Keeps the value of a coroutine that is over. Throws what it has thrown.
  using Finish = Status (*)(Task& task, AsyncPromise& root);
  /// Inside of the task's function: runs the coroutine. When it waits, the frame of this thread is told, and the status
  /// means nothing.
  Status Begin(AsyncPromise* root, Finish finish);
  /// By the one who took it out of the queue: goes on. False when it waits again, or will; then the task may be gone.
  bool Resume() noexcept;

  /// By what it waits for.
  void Fire() noexcept;
  /// Nobody wants the task any more: it goes on where it waits, or does not wait where it will. Thread-safe; the caller
  /// has a reference to the task.
  void Interrupt() noexcept;

  void Run() noexcept override;
  bool DropIfStale() noexcept override { return false; }

  Task& task() const noexcept { return task_; }
  /// Where the actor lists it.
  size_t place = 0;

 private:
  /// Who has it.
  enum Stage : uint32_t {
    kRunning,  ///< A thread, or nobody yet.
    kArming,   ///< A thread that is about to leave it to what it waits for.
    kWaiting,  ///< What it waits for.
    kQueued,   ///< The queue.
    kStages = 3,
  };
  static constexpr uint32_t kFired = 4;        ///< What it waits for has called.
  static constexpr uint32_t kInterrupted = 8;  ///< For good.

  bool Drive() noexcept;
  bool Suspend() noexcept;
  void ToRunning() noexcept;
  /// Adds the bit; true for the one who is to queue it.
  bool Mark(uint32_t bit) noexcept;
  void Queue() noexcept;

  Task& task_;
  AsyncPromise* root_ = nullptr;
  Finish finish_ = nullptr;
  std::atomic<uint32_t> state_{kRunning};
  // Of the thread's frame:
  int attempt_ = 0;
  uint64_t caller_ = 0;
  std::shared_ptr<ActorLease> grant_;  ///< What the task was given to run with, if anything.
};

/// A task of such a function. `Base`: Task, or what an actor makes of it.
template <typename Base>
class CoroutineTask : public Base {
 public:
  using Base::Base;
  AsyncCall* async_call() noexcept final { return &call_; }

 protected:
  ~CoroutineTask() override = default;
  AsyncCall call_{*this};
};

}  // namespace triune::detail
