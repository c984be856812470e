#include "compute/process/process_pool.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <functional>
#include <string>
#include <utility>

#include "compute/process/environment.h"
#include "compute/task_error.h"
#include "triune/core/detail/remote_function.h"

namespace triune::compute {
namespace {

/// Of a process, from its start to its first message. Programs with sanitizers take seconds.
constexpr Duration kStartsWithin = std::chrono::seconds(60);
/// Processes in a row that end before they have begun what they were asked for.
constexpr int kMostGone = 10;
/// Of a process that was asked to end: it runs the destructor of its actor.
constexpr Duration kStopsWithin = std::chrono::seconds(2);
/// After a message to the zygote could not be sent.
constexpr Duration kLossIsKnownWithin = std::chrono::seconds(1);

}  // namespace

ProcessPool::ProcessPool(ProcessHost& host, const ProcessPoolOptions& options)
    : host_(host),
      options_(options),
      logs_(options.log_to_driver),
      memory_watch_(options.worker_memory, [this](WorkerProcess& worker) {
        std::lock_guard lock(mutex_);
        Kill(worker);
      }) {}

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
  logs_.Close();
}

Status ProcessPool::MakeMemory() {
  if (memory_ != nullptr) return {};
  TRIUNE_ASSIGN_OR_RETURN(memory_, SharedMemory::Create(options_.objects));
  return {};
}

Result<Buffer> ProcessPool::CopyToSharedMemory(std::span<const std::byte> bytes) {
  TRIUNE_ASSIGN_OR_RETURN(const std::shared_ptr<SharedMemory> memory, shared_memory());
  return memory->Copy(bytes);
}

Result<std::shared_ptr<SharedMemory>> ProcessPool::shared_memory() {
  std::lock_guard lock(mutex_);
  TRIUNE_RETURN_IF_ERROR(MakeMemory());
  return memory_;
}

Status ProcessPool::StartZygote() {
  if (is_closed_) return FailedPrecondition("the session is over");
  if (zygote_ != nullptr && !zygote_lost_) return {};
  zygote_.reset();
  TRIUNE_RETURN_IF_ERROR(MakeMemory());
  zygote_lost_ = false;
  TRIUNE_ASSIGN_OR_RETURN(
      zygote_,
      Zygote::Start(memory_->segment(), {.spawned = [this](uint64_t worker, pid_t pid) { OnSpawned(worker, pid); },
                                         .died = [this](uint64_t worker, int status) { OnDied(worker, status); },
                                         .lost = [this] { OnLost(); }}));
  return {};
}

ProcessPool::WorkerPointer ProcessPool::TakeIdle(const WorkerSetting& setting) {
  for (size_t i = idle_.size(); i > 0; --i) {
    if (idle_[i - 1]->setting() != setting) continue;
    WorkerPointer worker = std::move(idle_[i - 1]);
    idle_.erase(idle_.begin() + static_cast<ptrdiff_t>(i - 1));
    if (worker->usable()) return worker;
    Kill(*worker);
  }
  return nullptr;
}

Result<ProcessPool::WorkerPointer> ProcessPool::StartWorker(const WorkerSetting& setting) {
  TRIUNE_RETURN_IF_ERROR(StartZygote());
  // Of other settings: they make room.
  if (!idle_.empty() && workers_.size() >= options_.most_idle) {
    Kill(*idle_.front());
    idle_.erase(idle_.begin());
  }
  TRIUNE_ASSIGN_OR_RETURN(WorkerPointer worker, WorkerProcess::Create(++last_number_, setting, host_, *memory_));
  TRIUNE_ASSIGN_OR_RETURN(const WorkerLogs::Ends ends, logs_.Open());
  Status status = zygote_->Spawn(
      worker->number(), {.link = worker->link_fd(), .output = ends.output, .error = ends.error}, worker->setting());
  WorkerLogs::CloseEnds(ends);
  TRIUNE_RETURN_IF_ERROR(status);
  workers_.emplace(worker->number(), worker);
  return worker;
}

Result<ProcessPool::WorkerPointer> ProcessPool::Acquire(const RuntimeEnv& environment) {
  WorkerSetting setting = SettingOf(environment);
  WorkerPointer worker;
  bool is_new = false;
  {
    std::unique_lock lock(mutex_);
    worker = TakeIdle(setting);
    if (worker == nullptr) {
      is_new = true;
      Result<WorkerPointer> started = StartWorker(setting);
      // Where the zygote has ended a moment ago, there is soon to be another.
      if (!started.ok() && zygote_ != nullptr &&
          stopped_.wait_for(lock, kLossIsKnownWithin, [this] { return zygote_lost_ || is_closed_; })) {
        started = StartWorker(setting);
      }
      TRIUNE_ASSIGN_OR_RETURN(worker, std::move(started));
    }
  }
  Status status = is_new ? worker->AwaitHello(std::chrono::steady_clock::now() + kStartsWithin) : Status();
  if (!status.ok()) {
    Discard(*worker);
    return status;
  }
  memory_watch_.Add(worker);
  return worker;
}

shm::ArenaStatistics ProcessPool::object_statistics() {
  std::lock_guard lock(mutex_);
  return memory_ == nullptr ? shm::ArenaStatistics() : memory_->statistics();
}

bool ProcessPool::IsShared(const std::byte* data) {
  std::lock_guard lock(mutex_);
  if (memory_ == nullptr) return false;
  const std::byte* begin = memory_->segment().data();
  return std::less_equal<>()(begin, data) && std::less<>()(data, begin + memory_->segment().size());
}

std::vector<ProcessPool::Listed> ProcessPool::List() {
  std::vector<Listed> all;
  std::lock_guard lock(mutex_);
  for (const auto& [number, worker] : workers_) {
    const bool is_idle = std::find(idle_.begin(), idle_.end(), worker) != idle_.end();
    all.push_back({.number = number, .pid = worker->shown_pid(), .is_idle = is_idle});
  }
  return all;
}

shm::SpillStatistics ProcessPool::spill_statistics() {
  std::lock_guard lock(mutex_);
  return memory_ == nullptr ? shm::SpillStatistics() : memory_->object_statistics();
}

void ProcessPool::Kill(WorkerProcess& worker) {
  if (!workers_.contains(worker.number()) || zygote_ == nullptr) return;
  worker.SetKilled();
  zygote_->Kill(worker.number());
}

void ProcessPool::Discard(WorkerProcess& worker) {
  memory_watch_.Remove(worker);
  std::lock_guard lock(mutex_);
  Kill(worker);
}

void ProcessPool::Stop(WorkerPointer worker) {
  if (!worker->usable() || !worker->SendStop().ok()) return Discard(*worker);
  memory_watch_.Remove(*worker);
  std::lock_guard lock(mutex_);
  if (workers_.contains(worker->number()) && !is_closed_) stopping_.push_back(std::move(worker));
}

void ProcessPool::Release(WorkerPointer worker) {
  if (!worker->usable()) return Discard(*worker);
  memory_watch_.Remove(*worker);
  std::lock_guard lock(mutex_);
  if (!workers_.contains(worker->number())) return;
  idle_.push_back(std::move(worker));
  if (idle_.size() <= options_.most_idle) return;
  Kill(*idle_.front());
  idle_.erase(idle_.begin());
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
  Status status;
  // One that nobody knows to be dead yet has not cost the task anything.
  for (int i = 0; i < kMostGone; ++i) {
    TRIUNE_ASSIGN_OR_RETURN(WorkerPointer worker, Acquire(task.options()->runtime_env));
    bool not_begun = false;
    status = worker->Run(task, *function, attempt, &not_begun);
    Release(std::move(worker));
    if (!not_begun) break;
  }
  return status;
}

void ProcessPool::Interrupt(const detail::Task& task) noexcept {
  std::lock_guard lock(mutex_);
  for (auto& [number, worker] : workers_) worker->Interrupt(task);
}

void ProcessPool::OnSpawned(uint64_t worker, pid_t pid) {
  std::lock_guard lock(mutex_);
  auto found = workers_.find(worker);
  if (found != workers_.end()) found->second->SetPid(pid);
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
  for (auto& [number, worker] : all) {
    // What it has started may be left, now that there is nobody else to end it.
    if (worker->pid() > 0) kill(-worker->pid(), SIGKILL);
    worker->SetReason(ErrorKind::kWorkerCrashed,
                      "was ended, since the process that makes others (triune-zygote) ended");
    worker->SetDead(SIGKILL);
  }
}

}  // namespace triune::compute
