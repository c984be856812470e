// What does not depend on the types in a compiled DAG.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <span>

#include "triune/core/dag_options.h"
#include "triune/core/detail/dag_node.h"
#include "triune/core/detail/engine.h"
#include "triune/status.h"
#include "triune/time.h"

namespace triune::detail {

/// One execution, in its room.
class DagExecution;

/// A DAG with a fixed schedule and room for so many executions. Counted: by its handle, by the references to
/// executions, and by what is queued. Thread-safe.
class CompiledDagCore {
 public:
  static Result<Pointer<CompiledDagCore>> Make(Engine& engine, std::shared_ptr<const std::atomic<bool>> session_ended,
                                               std::span<const DagNodePointer> outputs,
                                               std::span<const ValueType* const> inputs, const CompileOptions& options);
  CompiledDagCore(const CompiledDagCore&) = delete;
  CompiledDagCore& operator=(const CompiledDagCore&) = delete;
  void Ref() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void Unref() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  /// Once: whether its outputs are to be a tuple, also where there is one only.
  void SetSeveralOutputs(bool several) noexcept { several_outputs_ = several; }
  bool has_several_outputs() const noexcept { return several_outputs_; }

  /// Takes room for an execution, the next one in order. Null when there is none: `error` says why.
  virtual DagExecution* Begin(Status* error) noexcept = 0;
  /// Where its input belongs, which is to be constructed and then announced.
  virtual void* Input(DagExecution& execution, size_t number) noexcept = 0;
  virtual void HasInput(DagExecution& execution, size_t number) noexcept = 0;
  /// Once it has its inputs, or an error instead.
  virtual void Start(DagExecution& execution, Status error) noexcept = 0;
  /// OK when its outputs are there. `is_over`: whether it has come to its end.
  virtual Status Wait(DagExecution& execution, Duration timeout, bool* is_over) = 0;
  virtual void* Output(DagExecution& execution, size_t number) noexcept = 0;
  /// Whether no later output is the same value.
  virtual bool IsLastUse(size_t output) const noexcept = 0;
  /// Nobody refers to it any more. It comes to an end nevertheless.
  virtual void Release(DagExecution& execution) noexcept = 0;

  /// No more executions. Waits for those under way: they run to the end, or, with `stop`, no node that has not begun
  /// is run, and functions that run are told.
  virtual void Close(bool stop) noexcept = 0;

 protected:
  CompiledDagCore() = default;
  virtual ~CompiledDagCore() = default;

 private:
  std::atomic<uint32_t> references_{1};
  bool several_outputs_ = false;
};

/// A reference to an execution: the part that does not depend on the type.
class ExecutionHandle {
 public:
  ExecutionHandle() = default;
  /// No execution, but an error.
  explicit ExecutionHandle(Status error) : error_(std::move(error)) {}
  ExecutionHandle(CompiledDagCore& core, DagExecution& execution) : core_(&core), execution_(&execution) {}
  ExecutionHandle(ExecutionHandle&& other) noexcept
      : core_(std::move(other.core_)),
        execution_(std::exchange(other.execution_, nullptr)),
        error_(std::move(other.error_)) {}
  ExecutionHandle& operator=(ExecutionHandle&& other) noexcept {
    if (this != &other) {
      Release();
      core_ = std::move(other.core_);
      execution_ = std::exchange(other.execution_, nullptr);
      error_ = std::move(other.error_);
    }
    return *this;
  }
  ~ExecutionHandle() { Release(); }

  /// Waits for the outputs. The execution is let go of where it failed, but not when the time was over.
  Status Wait(Duration timeout);
  void* Output(size_t number) const noexcept { return core_->Output(*execution_, number); }
  bool IsLastUse(size_t output) const noexcept { return core_->IsLastUse(output); }
  bool has_several_outputs() const noexcept { return core_->has_several_outputs(); }
  /// Its result was taken, or is not wanted.
  void Release() noexcept {
    if (execution_ == nullptr) return;
    core_->Release(*std::exchange(execution_, nullptr));
    core_ = {};
  }

 private:
  Pointer<CompiledDagCore> core_;
  DagExecution* execution_ = nullptr;
  Status error_;
};

}  // namespace triune::detail
