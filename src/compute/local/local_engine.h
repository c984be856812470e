// The engine that runs tasks on threads of this process.
#pragma once

#include "compute/local/admission.h"
#include "compute/local/amounts.h"
#include "compute/local/timer.h"
#include "compute/local/worker_pool.h"
#include "compute/process/actor_host.h"
#include "compute/process/process_pool.h"
#include "triune/core/detail/engine.h"

namespace triune {
struct SessionOptions;
}

namespace triune::compute {

class Sleeper;

class LocalEngine final : public detail::Engine, private ProcessHost {
 public:
  /// `total`: what the options come to; at least one processor.
  LocalEngine(const Amounts& total, const SessionOptions& options);
  ~LocalEngine() override;

  void Enqueue(detail::Task& task) noexcept override;
  void Announce(detail::Task& task) noexcept override;
  void Dismiss(detail::Task& task) noexcept override;
  void Capture(detail::Task& task) noexcept override { admission_->Capture(task); }
  void BeginHolding() noexcept override { pool_.BeginHolding(); }
  void EndHolding() noexcept override { pool_.EndHolding(); }
  void Schedule(detail::Runnable& work) noexcept override { pool_.Enqueue(work); }
  Status WaitFor(std::span<detail::Object* const> objects, size_t count, TimePoint deadline) override;
  Status Check(const TaskOptions& options) override;
  void AbandonAt(detail::Task& task, TimePoint deadline) override { timer_.AbandonAt(task, deadline); }
  Result<std::unique_ptr<detail::ActorHost>> MakeActorHost(const RuntimeEnv& environment) override {
    return MakeProcessActorHost(processes_, environment);
  }
  Result<Buffer> CopyToSharedMemory(std::span<const std::byte> bytes) override {
    return processes_->CopyToSharedMemory(bytes);
  }
  void RunElsewhere(detail::Task& task) noexcept override;
  void InterruptElsewhere(detail::Task& task) noexcept override { processes_->Interrupt(task); }
  Status CallElsewhere(detail::Task& task, int attempt) override { return processes_->Run(task, attempt); }
  detail::Resources& resources() noexcept override { return *admission_; }
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
  /// Lets another thread take this one's place meanwhile.
  Status Sleep(Sleeper& sleeper, TimePoint deadline);

  Timer timer_{pool_};
  // What actors have refers to these, and may outlive all this.
  std::shared_ptr<Admission> admission_;
  std::shared_ptr<ProcessPool> processes_;
  WorkerPool pool_;  // its destructor waits for tasks, which need the others
};

}  // namespace triune::compute
