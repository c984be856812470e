// The room for one execution of a compiled DAG.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include "compute/dag/dag_plan.h"
#include "compute/dag/dag_step.h"
#include "triune/core/detail/task.h"

namespace triune::detail {

/// Who waits for it waits for a task, which is ready when the end was reached, and until the next execution begins
/// here.
class DagExecution final : public Task {
 public:
  DagExecution(compute::ScheduledDag& dag, Engine& engine, const compute::DagPlan& plan);

  /// Before each execution. `number`: of the executions before it.
  void Begin(uint64_t number, size_t cell) noexcept {
    number_ = number;
    cell_ = cell;
    fate_.store(kUnderWay, std::memory_order_relaxed);
    Renew(kQueued);
  }
  uint64_t number() const noexcept { return number_; }
  /// Which of the actors' cells is its own.
  size_t cell() const noexcept { return cell_; }
  compute::DagStep& step(uint32_t index) noexcept { return *steps_[index]; }
  compute::DagStep& begin() noexcept { return *steps_.front(); }
  bool IsEnd(const compute::DagStep& step) const noexcept { return &step == steps_.back().get(); }
  std::byte* place(size_t at) noexcept { return memory_.get() + at; }
  void HasInput(size_t number) noexcept { has_input_[number] = true; }
  /// Null: there is none. Why it can't run.
  const Status* error() const noexcept { return error_.ok() ? nullptr : &error_; }
  void SetError(Status error) noexcept { error_ = std::move(error); }

  /// The first error among its outputs.
  Status OutputError() const;
  /// Values that are needed no longer: all but the outputs, and then those.
  void DestroyValues(bool outputs) noexcept;
  void CountListed(uint32_t by) noexcept { listed_.fetch_add(by); }

  /// Runs what is listed. On a thread that waits for the end.
  bool RunForWaiter() noexcept override;

  const std::vector<std::unique_ptr<compute::DagStep>>& steps() const noexcept { return steps_; }
  bool in_use = false;  ///< Under the DAG's lock.
  /// Before it is made ready. False when nobody wants the result.
  bool ComeToEnd() noexcept { return fate_.exchange(kEnded, std::memory_order_acq_rel) != kDropped; }
  /// By the one who refers to it. True when it is ready, and the room can be used again.
  bool Drop() noexcept;

 private:
  struct Free {
    std::align_val_t alignment;
    void operator()(std::byte* memory) const noexcept { ::operator delete(memory, alignment); }
  };
  ~DagExecution() override;
  void AwaitArguments() noexcept override {}
  const Status* ArgumentError() const noexcept override { return nullptr; }
  Status Invoke(bool) override { return {}; }
  void DropArguments() noexcept override {}
  bool repeatable() const noexcept override { return false; }
  std::string FunctionName() const override { return "compiled DAG"; }

  compute::ScheduledDag& dag_;
  const compute::DagPlan& plan_;
  std::unique_ptr<std::byte, Free> memory_;
  std::vector<std::unique_ptr<compute::DagStep>> steps_;
  std::vector<uint8_t> has_input_;
  uint64_t number_ = 0;
  size_t cell_ = 0;
  Status error_;
  std::atomic<uint32_t> listed_{0};
  enum Fate : uint8_t { kUnderWay, kDropped, kEnded };
  std::atomic<uint8_t> fate_{kUnderWay};
};

}  // namespace triune::detail
