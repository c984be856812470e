// Many short tasks in one process.
#include <algorithm>
#include <chrono>
#include <deque>
#include <utility>

#include "compute/process/process_pool.h"

namespace triune::compute {
namespace {

/// So much is to be on its way to a process: what comes behind a task that takes longer than others before it waits.
constexpr Duration kOnTheWay = std::chrono::microseconds(100);
/// When none has ended for so long, those behind it go elsewhere.
constexpr Duration kPatience = std::chrono::milliseconds(1);
/// Then the thread looks what else there is to do.
constexpr int kMostTasks = 512;

}  // namespace

class ProcessPool::Batch {
 public:
  Batch(ProcessPool& pool, TaskSource& source) : pool_(pool), source_(source) {}

  void Run(detail::Task& first) {
    if (!Claim(first)) return;
    Result<WorkerPointer> acquired = pool_.Acquire({});
    if (!acquired.ok()) {
      Conclude(first, std::move(acquired).status());
      return;
    }
    WorkerPointer worker = *std::move(acquired);
    next_ = &first;
    std::vector<WorkerProcess::Ended> ended;
    while (true) {
      Fill(*worker);
      if (worker->in_flight() == 0 && next_ == nullptr) break;
      worker->Await(ended, std::chrono::steady_clock::now() + kPatience);
      const bool is_stuck = ended.empty() || worker->blocked();
      for (auto& call : ended) Conclude(*call.task, std::move(call.status));
      ended.clear();
      if (is_stuck || !worker->usable()) {
        for (detail::Task* task : worker->TakeBack()) GiveBack(*task);
        if (next_ != nullptr) GiveBack(*std::exchange(next_, nullptr));
        left_ = 0;
      }
      if (!worker->usable() && worker->in_flight() == 0) break;
    }
    pool_.Release(std::move(worker));
  }

 private:
  static bool Claim(detail::Task& task) {
    if (task.Claim()) return true;
    task.Unref();
    return false;
  }
  /// What is tried again goes through the queue: called here, it would be in the way of those that are in the process,
  /// which it may wait for.
  void Conclude(detail::Task& task, Status status) {
    if (task.GiveBackToTryAgain(std::move(status))) {
      source_.GiveBack(task);
    } else {
      task.Unref();
    }
  }
  void GiveBack(detail::Task& task) {
    if (task.GiveBack()) {
      source_.GiveBack(task);
    } else {
      task.Unref();
    }
  }

  static size_t Window(const WorkerProcess& worker) {
    const Duration each = worker.usual_time();
    if (each > kOnTheWay) return 1;
    return std::clamp<size_t>(static_cast<size_t>(kOnTheWay / std::max(each, Duration(1))), 1, kSlots);
  }

  detail::Task* Next() {
    if (next_ != nullptr) return std::exchange(next_, nullptr);
    while (left_ > 0) {
      detail::Task* task = source_.Next();
      if (task == nullptr) return nullptr;
      --left_;
      if (Claim(*task)) return task;
    }
    return nullptr;
  }

  void Fill(WorkerProcess& worker) {
    const size_t window = Window(worker);
    while (worker.usable() && worker.in_flight() < window && !worker.blocked()) {
      detail::Task* task = Next();
      if (task == nullptr) return;
      if (const Status* error = task->argument_error()) {
        Conclude(*task, *error);
        continue;
      }
      if (task->cancelled()) {
        Conclude(*task, Cancelled("the task was cancelled before it began"));
        continue;
      }
      Result<const detail::RemoteFunction*> function = FunctionOf(*task);
      Result<bool> sent =
          function.ok() ? worker.Begin(*task, **function, task->attempts()) : Result<bool>(function.status());
      if (!sent.ok()) {
        Conclude(*task, std::move(sent).status());
      } else if (!*sent) {
        next_ = task;
        return;
      }
    }
  }

  ProcessPool& pool_;
  TaskSource& source_;
  detail::Task* next_ = nullptr;  ///< Claimed, and not on its way.
  int left_ = kMostTasks;
};

void ProcessPool::RunAll(detail::Task& first, TaskSource& source) noexcept { Batch(*this, source).Run(first); }

}  // namespace triune::compute
