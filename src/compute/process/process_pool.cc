#include "compute/process/process_pool.h"

#include <chrono>
#include <string>
#include <utility>

#include "compute/task_error.h"
#include "triune/core/detail/remote_function.h"

namespace triune::compute {
namespace {

/// Of a process, from its start to its first message. Programs with sanitizers take seconds.
constexpr Duration kStartsWithin = std::chrono::seconds(60);
/// Of a process that was asked to end: it runs the destructor of its actor.
constexpr Duration kStopsWithin = std::chrono::seconds(2);
/// As wait_status: what nobody could wait for.
constexpr int kKilled = 9;

}  // namespace

ProcessPool::~ProcessPool() { Close(); }

void ProcessPool::Close() {
  std::unique_ptr<Zygote> zygote;
  {
    std::unique_lock lock(mutex_);
    is_closed_ = true;
    stopped_.wait_for(lock, kStopsWithin, [this] { return stopping_.empty(); });
    zygote = std::move(zygote_);
  }
  zygote.reset();  // and so all workers
}

Status ProcessPool::StartZygote() {
  if (is_closed_) return FailedPrecondition("the session is over");
  if (zygote_ != nullptr && !zygote_lost_) return {};
  zygote_.reset();
  if (memory_ == nullptr) {
    TRIUNE_ASSIGN_OR_RETURN(memory_, SharedMemory::Create(options_.object_memory));
  }
  zygote_lost_ = false;
  TRIUNE_ASSIGN_OR_RETURN(
      zygote_,
      Zygote::Start(memory_->segment().fd(), {.died = [this](uint64_t worker, int status) { OnDied(worker, status); },
                                              .lost = [this] { OnLost(); }}));
  return {};
}

Result<ProcessPool::WorkerPointer> ProcessPool::Acquire() {
  WorkerPointer worker;
  {
    std::lock_guard lock(mutex_);
    while (!idle_.empty()) {
      worker = std::move(idle_.back());
      idle_.pop_back();
      if (worker->usable()) return worker;
    }
    TRIUNE_RETURN_IF_ERROR(StartZygote());
    TRIUNE_ASSIGN_OR_RETURN(worker, WorkerProcess::Create(++last_number_, host_, *memory_));
    TRIUNE_RETURN_IF_ERROR(zygote_->Spawn(worker->number(), worker->link_fd(), {}));
    workers_.emplace(worker->number(), worker);
  }
  Status status = worker->AwaitHello(std::chrono::steady_clock::now() + kStartsWithin);
  if (status.ok()) return worker;
  Discard(*worker);
  return status;
}

void ProcessPool::Discard(WorkerProcess& worker) {
  std::lock_guard lock(mutex_);
  if (workers_.contains(worker.number()) && zygote_ != nullptr) zygote_->Kill(worker.number());
}

void ProcessPool::Stop(WorkerPointer worker) {
  if (!worker->usable() || !worker->SendStop().ok()) return Discard(*worker);
  std::lock_guard lock(mutex_);
  if (workers_.contains(worker->number()) && !is_closed_) stopping_.push_back(std::move(worker));
}

void ProcessPool::Release(WorkerPointer worker) {
  if (!worker->usable()) return Discard(*worker);
  std::unique_lock lock(mutex_);
  if (idle_.size() < options_.most_idle) {
    idle_.push_back(std::move(worker));
    return;
  }
  lock.unlock();
  Discard(*worker);
}

Result<const detail::RemoteFunction*> ProcessPool::FunctionOf(const detail::Task& task) {
  if (const detail::RemoteFunction* function = detail::RemoteRegistry::Find(task.Remote())) return function;
  return InvalidArgument(task.Name() +
                         " can't run in another process: it is not registered there (TRIUNE_REMOTE, for functions and "
                         "methods with names)");
}

Status ProcessPool::RunIn(WorkerProcess& worker, detail::Task& task, int attempt) {
  TRIUNE_ASSIGN_OR_RETURN(const detail::RemoteFunction* function, FunctionOf(task));
  return worker.Run(task, *function, attempt);
}

Status ProcessPool::Run(detail::Task& task, int attempt) {
  TRIUNE_ASSIGN_OR_RETURN(const detail::RemoteFunction* function, FunctionOf(task));
  if (task.cancelled()) return Cancelled("the task was cancelled before it began");
  TRIUNE_ASSIGN_OR_RETURN(WorkerPointer worker, Acquire());
  Status status = worker->Run(task, *function, attempt);
  Release(std::move(worker));
  return status;
}

void ProcessPool::Interrupt(const detail::Task& task) noexcept {
  std::lock_guard lock(mutex_);
  for (auto& [number, worker] : workers_) worker->Interrupt(task);
}

void ProcessPool::OnDied(uint64_t worker, int wait_status) {
  WorkerPointer dead;
  {
    std::lock_guard lock(mutex_);
    auto found = workers_.find(worker);
    if (found == workers_.end()) return;
    dead = std::move(found->second);
    workers_.erase(found);
    std::erase(idle_, dead);
    if (std::erase(stopping_, dead) > 0) stopped_.notify_all();
  }
  dead->SetDead(wait_status);
}

void ProcessPool::OnLost() {
  std::unordered_map<uint64_t, WorkerPointer> all;
  {
    std::lock_guard lock(mutex_);
    zygote_lost_ = true;
    all.swap(workers_);
    idle_.clear();
    stopping_.clear();
    stopped_.notify_all();
  }
  for (auto& [number, worker] : all) worker->SetDead(kKilled);
}

}  // namespace triune::compute
