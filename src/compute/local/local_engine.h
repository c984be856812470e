// The engine that runs tasks on threads of this process.
#pragma once

#include <mutex>
#include <vector>

#include "compute/dag/dag_host.h"
#include "compute/generator/stalled_generators.h"
#include "compute/local/admission.h"
#include "compute/local/amounts.h"
#include "compute/local/timer.h"
#include "compute/local/worker_pool.h"
#include "compute/process/actor_host.h"
#include "compute/process/process_pool.h"
#include "compute/state/session_state.h"
#include "triune/core/detail/engine.h"

namespace triune {
struct SessionOptions;
}

namespace triune::compute {

class Sleeper;

class LocalEngine final : public detail::Engine, public DagHost, private ProcessHost {
 public:
  /// `total`: what the options come to; at least one processor.
  /// `problem`: with what the options came from.
  LocalEngine(const Amounts& total, const SessionOptions& options, Status problem = {});
  ~LocalEngine() override;

  void Enqueue(detail::Task& task) noexcept override;
  void Announce(detail::Task& task) noexcept override;
  void Dismiss(detail::Task& task) noexcept override;
  void Capture(detail::Task& task) noexcept override { admission_->Capture(task); }
  void BeginHolding() noexcept override { pool_.BeginHolding(); }
  void EndHolding() noexcept override { pool_.EndHolding(); }
  void Schedule(detail::Runnable& work) noexcept override { pool_.Enqueue(work); }
  Status WaitFor(std::span<detail::Object* const> objects, size_t count, TimePoint deadline) override;
  Status Await(detail::Object& object, TimePoint deadline) override;
  Status Check(const TaskOptions& options) override;
  void AbandonAt(detail::Task& task, TimePoint deadline) override { timer_.AbandonAt(task, deadline); }
  void SetAlarm(detail::Alarm& alarm, TimePoint time) override { timer_.Set(alarm, time); }
  bool StopAlarm(detail::Alarm& alarm) noexcept override { return timer_.Stop(alarm); }
  std::shared_ptr<detail::ActorLease> KeepGrant() override { return admission_->KeepGrant(); }
  Result<std::unique_ptr<detail::ActorHost>> MakeActorHost(const RuntimeEnv& environment) override {
    return MakeProcessActorHost(processes_, environment);
  }
  Result<Buffer> CopyToSharedMemory(std::span<const std::byte> bytes) override {
    return processes_->CopyToSharedMemory(bytes);
  }
  void RunElsewhere(detail::Task& task) noexcept override;
  void InterruptElsewhere(detail::Task& task) noexcept override { processes_->Interrupt(task); }
  Status CallElsewhere(detail::Task& task, int attempt) override { return processes_->Run(task, attempt); }
  void Stall(detail::GeneratorStream& stream, bool has_thread) noexcept override;
  void Unstall(detail::GeneratorStream& stream) noexcept override;
  detail::Resources& resources() noexcept override { return *admission_; }
  SessionState* session_state() const noexcept override { return state_.get(); }
  Result<std::shared_ptr<SharedMemory>> shared_memory() override { return processes_->shared_memory(); }
  ProcessHost& process_host() noexcept override { return *this; }
  Status AddDag(detail::CompiledDagCore& dag) override;
  void RemoveDag(detail::CompiledDagCore& dag) noexcept override;
  shm::ArenaStatistics object_statistics() { return processes_->object_statistics(); }
  shm::SpillStatistics spill_statistics() { return processes_->spill_statistics(); }

 private:
  detail::Engine& engine() noexcept override { return *this; }
  void BeginBlocking() noexcept override;
  void EndBlocking() noexcept override;
  Status CheckWait(detail::Object& object) override;
  /// True when that has made the object ready.
  bool RunHere(detail::Object& object);
  Status WaitForOne(detail::Object& object, TimePoint deadline);
  Status SleepUntilReady(detail::Object& object, TimePoint deadline);
  /// Lets another thread take this one's place meanwhile.
  Status Sleep(Sleeper& sleeper, TimePoint deadline);

  const std::unique_ptr<SessionState> state_;
  void CloseDags() noexcept;

  std::mutex dags_mutex_;
  std::vector<detail::Pointer<detail::CompiledDagCore>> dags_;  ///< Those that have loops in processes.
  bool dags_are_closed_ = false;
  Timer timer_{pool_};
  StalledGenerators stalled_;
  // What actors have refers to these, and may outlive all this.
  std::shared_ptr<Admission> admission_;
  std::shared_ptr<ProcessPool> processes_;
  WorkerPool pool_;  // its destructor waits for tasks, which need the others
};

}  // namespace triune::compute
