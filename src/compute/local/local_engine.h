// The engine that runs tasks on threads of this process.
#pragma once

#include "compute/local/worker_pool.h"
#include "triune/core/session.h"

namespace triune::compute {

class Sleeper;

class LocalEngine final : public detail::Engine, private WorkerPool::Runner {
 public:
  explicit LocalEngine(int cpus) : pool_(cpus, *this) {}

  void Enqueue(detail::Task& task) noexcept override { pool_.Enqueue(task); }
  bool WaitFor(detail::Object& object, TimePoint deadline) override;
  void WaitForSome(std::span<detail::Object* const> objects, size_t count, TimePoint deadline) override;
  bool Cancel(detail::Object& object) override;

 private:
  void Run(detail::Task& task) noexcept override;
  /// Lets another thread take this one's place meanwhile. False when the deadline passed first.
  bool Sleep(Sleeper& sleeper, TimePoint deadline);

  WorkerPool pool_;
};

}  // namespace triune::compute
