#include "compute/process/actor_host.h"

#include <utility>

namespace triune::compute {
namespace {

class ProcessActorHost final : public detail::ActorHost {
 public:
  ProcessActorHost(std::shared_ptr<ProcessPool> pool, ProcessPool::WorkerPointer worker)
      : pool_(std::move(pool)), worker_(std::move(worker)) {}
  ~ProcessActorHost() override { Stop(true); }

  Status Call(detail::Task& task, int attempt) override { return pool_->RunIn(*worker_, task, attempt); }
  Status Alive() const override { return worker_->Alive(); }
  void Stop(bool at_once) noexcept override {
    if (worker_ == nullptr) return;
    if (at_once) {
      pool_->Discard(*worker_);
    } else {
      pool_->Stop(std::move(worker_));
    }
    worker_ = nullptr;
  }

 private:
  const std::shared_ptr<ProcessPool> pool_;
  ProcessPool::WorkerPointer worker_;
};

}  // namespace

Result<std::unique_ptr<detail::ActorHost>> MakeProcessActorHost(std::shared_ptr<ProcessPool> pool,
                                                                const RuntimeEnv& environment) {
  TRIUNE_ASSIGN_OR_RETURN(ProcessPool::WorkerPointer worker, pool->Acquire(environment));
  return std::unique_ptr<detail::ActorHost>(std::make_unique<ProcessActorHost>(std::move(pool), std::move(worker)));
}

}  // namespace triune::compute
