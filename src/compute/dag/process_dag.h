// A compiled DAG whose nodes are methods of actors that have processes of their own.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "compute/dag/channel.h"
#include "compute/dag/dag_host.h"
#include "compute/dag/dag_plan.h"
#include "compute/dag/dag_region.h"
#include "compute/dag/process_plan.h"
#include "compute/sleeper.h"
#include "triune/core/detail/compiled_dag.h"
#include "triune/core/detail/engine.h"
#include "triune/core/detail/task.h"

namespace triune::compute {

/// The driver's part: it writes inputs, and reads outputs when somebody waits for them. All else the processes do by
/// themselves: each has a loop, which is a call of its actor that lasts as long as the DAG. When a loop ends before it
/// should, since its actor has died, so does the DAG.
class ProcessDag final : public detail::CompiledDagCore {
 public:
  static Result<detail::Pointer<detail::CompiledDagCore>> Make(detail::Engine& engine,
                                                               std::shared_ptr<const std::atomic<bool>> session_ended,
                                                               DagPlan plan, size_t rooms);
  ~ProcessDag() override;

  detail::DagExecution* Begin(Status* error) noexcept override;
  void* Input(detail::DagExecution& execution, size_t number) noexcept override;
  void HasInput(detail::DagExecution& execution, size_t number) noexcept override;
  void Start(detail::DagExecution& execution, Status error) noexcept override;
  Status Wait(detail::DagExecution& execution, Duration timeout, bool* is_over) override;
  void* Output(detail::DagExecution& execution, size_t number) noexcept override;
  bool IsLastUse(size_t output) const noexcept override { return plan_.outputs[output].is_last_use; }
  void Release(detail::DagExecution& execution) noexcept override;
  void Close(bool stop) noexcept override;

 private:
  class Memory;
  class Execution;
  class Lane;
  class Interrupting;

  ProcessDag(detail::Engine& engine, DagHost& host, std::shared_ptr<const std::atomic<bool>> session_ended,
             DagPlan plan, ProcessPlan processes, std::shared_ptr<Memory> memory, const DagRegion& region);
  void StartLanes();
  void LaneEnded(const Status& status) noexcept;
  /// Why there are no more executions; OK when there are. With the mutex locked.
  Status WhyNot() const;
  /// Rooms of executions that nobody wanted, and that are over. With the mutex locked.
  void TakeBackRooms();
  bool IsOver(const Execution& execution) const noexcept;
  bool IsSettled(const Execution& execution) const noexcept {
    return IsOver(execution) || is_broken_.load(std::memory_order_acquire);
  }
  Status Await(const Execution& execution, TimePoint deadline);
  void AwaitAll(bool stop) noexcept;
  /// Takes in the outputs, or gives the first error among them.
  Status Receive(Execution& execution);
  Status Receive(Execution& execution, const ReceivedOutput& output);

  detail::Engine& engine_;
  DagHost& host_;
  const std::shared_ptr<const std::atomic<bool>> session_ended_;
  const DagPlan plan_;
  const ProcessPlan processes_;
  const std::shared_ptr<Memory> memory_;
  const DagRegion region_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::vector<std::unique_ptr<Execution>> executions_;  ///< One for each room.
  std::mutex writing_;                                  ///< Inputs of one execution at a time.
  std::vector<ChannelWriter> inputs_;
  detail::Encoder encoder_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<uint32_t> others_wait_{0};  ///< Besides the thread that looks at the bell.
  bool somebody_looks_ = false;
  std::vector<Execution*> free_;
  std::vector<Execution*> dropped_;  ///< Under way, but not wanted.
  uint64_t next_ = 0;
  bool is_closed_ = false;
  bool was_stopped_ = false;
  std::atomic<bool> is_broken_{false};
  Status why_;  ///< When broken.
  std::mutex closing_;
  bool has_ended_ = false;  ///< Under closing_: the engine may be gone.
};

}  // namespace triune::compute
