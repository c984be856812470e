#include "compute/process/actor_host.h"

#include <chrono>
#include <utility>

namespace triune::compute {
namespace {

constexpr Duration kAwait = std::chrono::milliseconds(100);

class ProcessActorHost final : public detail::ActorHost {
 public:
  ProcessActorHost(std::shared_ptr<ProcessPool> pool, ProcessPool::WorkerPointer worker)
      : pool_(std::move(pool)), worker_(std::move(worker)) {}
  ~ProcessActorHost() override { Stop(true); }

  Status Call(detail::Task& task, int attempt) override { return pool_->RunIn(*worker_, task, attempt); }
  Result<bool> Begin(detail::Task& task) override {
    TRIUNE_ASSIGN_OR_RETURN(const detail::RemoteFunction* function, ProcessPool::FunctionOf(task));
    return worker_->Begin(task, *function, 0);
  }
  void Await(std::vector<Ended>& ended) override {
    calls_.clear();
    worker_->Await(calls_, std::chrono::steady_clock::now() + kAwait);
    for (auto& call : calls_) ended.push_back({call.task, std::move(call.status)});
    if (!worker_->usable()) pool_->Discard(*worker_);  // it may be in something that nobody waits for any more
  }
  void Interrupt() noexcept override { worker_->Interrupt(); }
  std::vector<detail::Task*> TakeBack() override { return worker_->TakeBack(); }
  size_t in_flight() const noexcept override { return worker_->in_flight(); }
  size_t loops() const noexcept override { return worker_->loops(); }
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
  std::vector<WorkerProcess::Ended> calls_;
};

}  // namespace

Result<std::unique_ptr<detail::ActorHost>> MakeProcessActorHost(std::shared_ptr<ProcessPool> pool,
                                                                const RuntimeEnv& environment) {
  TRIUNE_ASSIGN_OR_RETURN(ProcessPool::WorkerPointer worker, pool->Acquire(environment));
  return std::unique_ptr<detail::ActorHost>(std::make_unique<ProcessActorHost>(std::move(pool), std::move(worker)));
}

}  // namespace triune::compute
