// A function with its arguments, on its way to a result.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "triune/core/detail/object.h"
#include "triune/core/task_options.h"
#include "triune/status.h"

namespace triune::detail {

class Task;

/// What tasks need of an engine.
class TaskRunner {
 public:
  /// All that the task waited for is ready. The runner takes over one reference.
  virtual void Enqueue(Task& task) noexcept = 0;

 protected:
  ~TaskRunner() = default;
};

/// The result of a function, and the function itself until it has run. Whoever claims the task runs it: a thread of the
/// engine, or one that waits for the result.
class Task : public Object {
 public:
  /// How far it is; only ever forward, but for a retry.
  enum Phase : uint32_t { kWaiting, kQueued, kRunning, kDone };

  Task(TaskRunner& runner, std::shared_ptr<const TaskOptions> options)
      : runner_(runner), options_(std::move(options)) {}
  Task* task() noexcept final { return this; }

  Phase phase() const noexcept { return static_cast<Phase>(word_.load(std::memory_order_acquire)); }
  void SetPhase(Phase phase) noexcept { word_.store(phase, std::memory_order_release); }
  /// True for the one who is to take it to the next phase.
  bool Advance(Phase from, Phase to) noexcept {
    uint32_t expected = from;
    return word_.compare_exchange_strong(expected, to, std::memory_order_acq_rel, std::memory_order_relaxed);
  }

  /// Null: the default ones.
  const TaskOptions* options() const noexcept { return options_.get(); }
  TaskRunner& runner() const noexcept { return runner_; }

  /// Calls the function and keeps its value. Throws what the function throws. `last`: the arguments are not needed
  /// again.
  virtual Status Invoke(bool last) = 0;
  virtual void DropArguments() noexcept = 0;

  /// Once, when all dependencies are added. The task holds a reference to itself until it has run.
  void Start() noexcept {
    Ref();
    DependencyReady();
  }

 protected:
  ~Task() override = default;

 private:
  friend class Dependency;
  void DependencyReady() noexcept {
    if (pending_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    if (Advance(kWaiting, kQueued)) {
      runner_.Enqueue(*this);
    } else {
      Unref();  // cancelled meanwhile
    }
  }

  TaskRunner& runner_;
  const std::shared_ptr<const TaskOptions> options_;
  std::atomic<uint32_t> pending_{1};  ///< Dependencies, and one until Start.

 public:
  Task* next_ = nullptr;  ///< In the queue of the runner.
};

/// An object that a task needs.
class Dependency final : public Waiter {
 public:
  Dependency(Task& task, ObjectPointer object) : task_(task), object_(std::move(object)) {
    task_.pending_.fetch_add(1, std::memory_order_relaxed);
    if (!object_->AddWaiter(*this)) task_.pending_.fetch_sub(1, std::memory_order_acq_rel);
  }
  void OnReady(Object&) noexcept override { task_.DependencyReady(); }
  Object& object() const noexcept { return *object_; }

 private:
  Task& task_;
  ObjectPointer object_;
};

}  // namespace triune::detail
