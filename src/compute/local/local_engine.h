// The engine that runs tasks on threads of this process.
#pragma once

#include "compute/local/admission.h"
#include "compute/local/amounts.h"
#include "compute/local/timer.h"
#include "compute/local/worker_pool.h"
#include "triune/core/detail/engine.h"

namespace triune::compute {

class Sleeper;

class LocalEngine final : public detail::Engine {
 public:
  /// `total`: at least one processor.
  explicit LocalEngine(const Amounts& total);
  ~LocalEngine() override;

  void Enqueue(detail::Task& task) noexcept override;
  void Announce(detail::Task& task) noexcept override;
  void Dismiss(detail::Task& task) noexcept override;
  void Capture(detail::Task& task) noexcept override { admission_->Capture(task); }
  void BeginHolding() noexcept override { pool_.BeginHolding(); }
  void EndHolding() noexcept override { pool_.EndHolding(); }
  void Schedule(detail::Runnable& work) noexcept override { pool_.Enqueue(work); }
  Status WaitFor(std::span<detail::Object* const> objects, size_t count, TimePoint deadline) override;
  Status Check(const TaskOptions& options) override { return admission_->Check(options); }
  void AbandonAt(detail::Task& task, TimePoint deadline) override { timer_.AbandonAt(task, deadline); }
  detail::Resources& resources() noexcept override { return *admission_; }

 private:
  /// True when that has made the object ready.
  bool RunHere(detail::Object& object);
  Status WaitForOne(detail::Object& object, TimePoint deadline);
  /// Lets another thread take this one's place meanwhile.
  Status Sleep(Sleeper& sleeper, TimePoint deadline);

  Timer timer_{pool_};
  std::shared_ptr<Admission> admission_;  // what actors have refers to it, and may outlive all this
  WorkerPool pool_;                       // its destructor waits for tasks, which need the others
};

}  // namespace triune::compute
