// A compiled DAG: its plan, the room for its executions, and who goes next.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "compute/dag/dag_execution.h"
#include "compute/dag/dag_plan.h"
#include "compute/dag/dag_step.h"
#include "compute/spin.h"
#include "triune/core/detail/compiled_dag.h"

namespace triune::compute {

class ScheduledDag final : public detail::CompiledDagCore {
 public:
  ScheduledDag(detail::Engine& engine, std::shared_ptr<const std::atomic<bool>> session_ended, DagPlan plan,
               size_t room);
  ~ScheduledDag() override;

  detail::DagExecution* Begin(Status* error) noexcept override;
  void* Input(detail::DagExecution& execution, size_t number) noexcept override;
  void HasInput(detail::DagExecution& execution, size_t number) noexcept override;
  void Start(detail::DagExecution& execution, Status error) noexcept override;
  Status Wait(detail::DagExecution& execution, Duration timeout, bool* is_over) override;
  void* Output(detail::DagExecution& execution, size_t number) noexcept override;
  bool IsLastUse(size_t output) const noexcept override { return plan_.outputs[output].is_last_use; }
  void Release(detail::DagExecution& execution) noexcept override;
  void Close(bool stop) noexcept override;

  /// The step, and those that can run after it, as long as they are not worth a thread of their own.
  void Run(DagStep* step) noexcept;
  /// Null, or why no node is run any more.
  const Status* stopped() const noexcept { return stop_.load(std::memory_order_acquire) ? &stopped_ : nullptr; }
  detail::Engine& engine() const noexcept { return engine_; }
  /// Under which its actors know it.
  uint64_t caller() const noexcept { return caller_; }

  void Lock() noexcept {
    Spinner spinner;
    while (locked_.exchange(true, std::memory_order_acquire)) spinner.Pause();
  }
  void Unlock() noexcept { locked_.store(false, std::memory_order_release); }

 private:
  class Lap;
  /// Lets an actor's first call of each execution come after the last one of the execution before. A cell for each
  /// execution that may be under way: 0; kOpen, when it may come; or the execution, which waits for that.
  struct Gate {
    static constexpr uintptr_t kOpen = 1;
    std::unique_ptr<std::atomic<uintptr_t>[]> cells;
  };
  void Arrive(detail::DagExecution& execution, uint32_t actor) noexcept;
  void Leave(detail::DagExecution& execution, uint32_t actor) noexcept;
  DagStep* Finish(DagStep& step, DagStep** later) noexcept;
  void End(detail::DagExecution& execution) noexcept;
  void Free(detail::DagExecution& execution) noexcept;
  Status WhyNot(bool is_closed) const;
  Status WaitFor(detail::DagExecution& execution, TimePoint deadline);
  void TellThoseThatRun(detail::DagExecution& execution) noexcept;

  detail::Engine& engine_;
  const std::shared_ptr<const std::atomic<bool>> session_ended_;
  const DagPlan plan_;
  const uint64_t caller_;
  std::vector<Gate> gates_;  ///< One for each actor.
  /// How long each segment takes, in nanoseconds: about the longest of the last times.
  const std::unique_ptr<std::atomic<uint32_t>[]> costs_;
  std::vector<detail::Pointer<detail::DagExecution>> executions_;
  Status stopped_;
  std::atomic<bool> stop_{false};
  alignas(64) std::atomic<bool> locked_{false};
  bool is_closed_ = false;
  uint64_t next_ = 0;
  std::vector<detail::DagExecution*> free_;
};

}  // namespace triune::compute
