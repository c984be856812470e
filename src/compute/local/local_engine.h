// The engine that runs tasks on threads of this process.
#pragma once

#include "compute/local/timer.h"
#include "compute/local/worker_pool.h"
#include "triune/core/detail/engine.h"

namespace triune::compute {

class Sleeper;

class LocalEngine final : public detail::Engine {
 public:
  explicit LocalEngine(int cpus) : pool_(cpus) {}

  void Enqueue(detail::Task& task) noexcept override { pool_.Enqueue(task); }
  void Schedule(detail::Runnable& work) noexcept override { pool_.Enqueue(work); }
  Status WaitFor(std::span<detail::Object* const> objects, size_t count, TimePoint deadline) override;
  void AbandonAt(detail::Task& task, TimePoint deadline) override { timer_.AbandonAt(task, deadline); }

 private:
  /// True when that has made the object ready.
  bool RunHere(detail::Object& object);
  Status WaitForOne(detail::Object& object, TimePoint deadline);
  /// Lets another thread take this one's place meanwhile.
  Status Sleep(Sleeper& sleeper, TimePoint deadline);

  Timer timer_;
  WorkerPool pool_;
};

}  // namespace triune::compute
