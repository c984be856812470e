#include "compute/local/local_engine.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <deque>

#include "compute/process/environment.h"
#include "compute/sleeper.h"
#include "compute/sleeping_tasks.h"
#include "compute/spin.h"
#include "compute/task_error.h"
#include "triune/core/detail/actor.h"
#include "triune/core/session.h"

namespace triune::compute {
namespace {

using detail::current_frame;

/// A thread that waits for a task runs it itself, but not in too many layers: each takes a piece of the stack.
constexpr int kMostLayers = 64;
constexpr int kSpins = 64;
thread_local constinit int layers = 0;
/// Pools that this thread is none of, but in which it counts as one of those that run.
struct Guest {
  WorkerPool& pool;
  Guest* outer;
};
thread_local constinit Guest* guest = nullptr;

bool IsGuestOf(const WorkerPool& pool) {
  for (const Guest* at = guest; at != nullptr; at = at->outer) {
    if (&at->pool == &pool) return true;
  }
  return false;
}

/// Whether the object can only come after what this thread is in the middle of.
bool WouldWaitForItself(detail::Object& object) {
  detail::Task* task = object.task();
  if (task == nullptr) return false;
  detail::ActorCore* actor = task->actor();
  for (const detail::Frame* frame = current_frame; frame != nullptr; frame = frame->outer) {
    if (&frame->task == task) return true;
    if (actor != nullptr && actor->serial() && frame->task.actor() == actor) return true;
  }
  return false;
}

Status TimedOut() {
  return MakeError(ErrorKind::kGetTimeout, StatusCode::kDeadlineExceeded, "the object was not ready in time");
}
Status NotWanted() {
  return MakeError(ErrorKind::kTaskCancelled, StatusCode::kCancelled, "the task that waits was cancelled",
                   current_frame->task.Name());
}
Status WaitsForItself(detail::Object& object) {
  return MakeError(ErrorKind::kDeadlock, StatusCode::kFailedPrecondition,
                   current_frame->task.Name() + " would wait for itself: for " + object.task()->Name(),
                   current_frame->task.Name());
}

}  // namespace

namespace {

/// Ray's share of the machine's memory, unless the process may have no files as large: then half of those, as each
/// process has others.
uint64_t ObjectMemory() {
  const auto pages = static_cast<uint64_t>(std::max<int64_t>(sysconf(_SC_PHYS_PAGES), 1));
  const uint64_t share = pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) / 10 * 3;
  rlimit limit{};
  return getrlimit(RLIMIT_FSIZE, &limit) == 0 ? std::min<uint64_t>(share, limit.rlim_cur / 2) : share;
}

}  // namespace

LocalEngine::LocalEngine(const Amounts& total, const SessionOptions& options, Status problem)
    : state_(std::make_unique<SessionState>(options, std::move(problem))),
      admission_(std::make_shared<Admission>(total, pool_)),
      processes_(std::make_shared<ProcessPool>(
          static_cast<ProcessHost&>(*this),
          ProcessPoolOptions{.objects = {.bytes = options.object_memory == 0 ? ObjectMemory() : options.object_memory,
                                         .spill_directory = options.spill_directory,
                                         .spill_limit = options.spill_limit},
                             .most_idle = static_cast<size_t>(std::max<int64_t>(total.cpus() / Amounts::kOne, 1)),
                             .worker_memory = options.worker_memory,
                             .log_to_driver = options.log_to_driver})),
      pool_(static_cast<int>(total.cpus() / Amounts::kOne)) {
  state_book_ = state_->book();
  state_->Begin({.resources = *admission_, .processes = *processes_, .threads = pool_});
}

LocalEngine::~LocalEngine() {
  CloseDags();
  pool_.Drain([this] { return stalled_.FailStranded(pool_) || admission_->FailStranded(); });
  state_->StopServing();
  admission_->Close();
  processes_->Close();
  state_->Close();
}

Status LocalEngine::AddDag(detail::CompiledDagCore& dag) {
  std::lock_guard lock(dags_mutex_);
  if (dags_are_closed_) return FailedPrecondition("the session is over");
  dags_.emplace_back(&dag);
  return {};
}

void LocalEngine::RemoveDag(detail::CompiledDagCore& dag) noexcept {
  const detail::Pointer<detail::CompiledDagCore> kept(&dag);  // its end is not to come under the mutex
  std::lock_guard lock(dags_mutex_);
  std::erase_if(dags_, [&](const auto& each) { return each.get() == &dag; });
}

// Their loops never end by themselves, and count as work that is to be waited for.
void LocalEngine::CloseDags() noexcept {
  std::vector<detail::Pointer<detail::CompiledDagCore>> dags;
  {
    std::lock_guard lock(dags_mutex_);
    dags_are_closed_ = true;
    dags = dags_;
  }
  for (const auto& dag : dags) dag->Close(false);
}

void LocalEngine::Enqueue(detail::Task& task) noexcept {
  const bool was_announced = task.must_wait();  // it may be gone right after
  if (Admission::Concerns(task) || admission_->is_crowded()) {
    admission_->Enqueue(task);
  } else {
    pool_.Enqueue(task);
  }
  if (was_announced) pool_.EndHolding();
}

// An argument may come from another session, whose tasks are not among those that this one's end waits for.
void LocalEngine::Announce(detail::Task&) noexcept { pool_.BeginHolding(); }
void LocalEngine::Dismiss(detail::Task& task) noexcept {
  if (task.must_wait()) pool_.EndHolding();
}

// The session's end is to see to those that block a thread, too.
void LocalEngine::Stall(detail::GeneratorStream& stream, bool has_thread) noexcept {
  if (has_thread) pool_.BeginHolding();
  stalled_.Add(stream, has_thread);
}
void LocalEngine::Unstall(detail::GeneratorStream& stream) noexcept {
  if (stalled_.Remove(stream)) pool_.EndHolding();
}

Status LocalEngine::Check(const TaskOptions& options) {
  TRIUNE_RETURN_IF_ERROR(CheckRuntimeEnv(options.runtime_env, options.isolation));
  return admission_->Check(options);
}

void LocalEngine::RunElsewhere(detail::Task& task) noexcept {
  // What has resources of its own has this thread for itself alone.
  if (Admission::Concerns(task) || task.batchable() == nullptr) return detail::Engine::RunElsewhere(task);
  class Queue final : public TaskSource {
   public:
    explicit Queue(WorkerPool& pool) : pool_(pool) {}
    detail::Task* Next() noexcept override { return pool_.TakeBatchable(); }
    void GiveBack(detail::Task& given) noexcept override { pool_.Enqueue(given); }

   private:
    WorkerPool& pool_;
  };
  Queue queue(pool_);
  processes_->RunAll(task, queue);
}

bool LocalEngine::RunHere(detail::Object& object) {
  detail::Task* task = object.task();
  if (task == nullptr || layers >= kMostLayers || task->phase() != detail::Task::kQueued) return false;
  if (task->actor() == nullptr && Admission::Concerns(*task)) return false;
  const bool joins = !pool_.IsWorker() && !IsGuestOf(pool_);
  // The threads that are left are for actors then.
  if (joins && task->actor() == nullptr && !task->actor_creation() && admission_->is_crowded()) return false;
  if (joins && !pool_.TryBeginRunning()) return false;
  Guest here{.pool = pool_, .outer = guest};
  if (joins) guest = &here;
  ++layers;
  const bool ran = task->RunForWaiter();
  --layers;
  if (ran) pool_.DropStale();
  if (joins) {
    guest = here.outer;
    pool_.EndRunning();
  }
  return ran && object.ready();  // whoever abandoned it meanwhile may not be that far yet
}

Status LocalEngine::WaitForOne(detail::Object& object, TimePoint deadline) {
  // With a deadline the thread must not get lost in a task that takes longer.
  if (deadline == kNever && RunHere(object)) return {};
  Spinner spinner;
  for (int i = 0; i < kSpins; ++i) {
    if (object.ready()) return {};
    spinner.Pause();
  }
  return SleepUntilReady(object, deadline);
}

Status LocalEngine::Await(detail::Object& object, TimePoint deadline) {
  if (current_frame != nullptr && current_frame->task.cancelled() && !object.ready()) return NotWanted();
  return SleepUntilReady(object, deadline);
}

Status LocalEngine::SleepUntilReady(detail::Object& object, TimePoint deadline) {
  Sleeper sleeper(1);
  if (!object.AddWaiter(sleeper)) return {};
  Status status = Sleep(sleeper, deadline);
  if (status.ok() || object.RemoveWaiter(sleeper)) return status;
  sleeper.WaitUntilCalled(1);
  return {};
}

Status LocalEngine::Sleep(Sleeper& sleeper, TimePoint deadline) {
  detail::Task* task = current_frame == nullptr ? nullptr : &current_frame->task;
  BeginBlocking();
  bool enough;
  {
    Interruptible interruptible(task, sleeper);
    enough = sleeper.Sleep(deadline);
  }
  EndBlocking();
  if (enough) return {};
  return task != nullptr && task->cancelled() ? NotWanted() : TimedOut();
}

// Wherever this thread counts as one that runs: what it waits for may need another in its place there.
void LocalEngine::BeginBlocking() noexcept {
  if (WorkerPool* pool = WorkerPool::OfThisThread()) pool->BeginBlocking();
  for (Guest* at = guest; at != nullptr; at = at->outer) at->pool.EndRunning();
  Admission::BeginBlocking();
}

void LocalEngine::EndBlocking() noexcept {
  Admission::EndBlocking();
  if (WorkerPool* pool = WorkerPool::OfThisThread()) pool->EndBlocking();
  for (Guest* at = guest; at != nullptr; at = at->outer) at->pool.BeginRunning();
}

Status LocalEngine::CheckWait(detail::Object& object) {
  return WouldWaitForItself(object) ? WaitsForItself(object) : Status();
}

Status LocalEngine::WaitFor(std::span<detail::Object* const> objects, size_t count, TimePoint deadline) {
  count = std::min(count, objects.size());
  size_t ready = 0;
  for (detail::Object* object : objects) {
    if (object->ready()) {
      ++ready;
    } else if (current_frame != nullptr && WouldWaitForItself(*object)) {
      return WaitsForItself(*object);
    }
  }
  if (ready >= count) return {};
  if (current_frame != nullptr && current_frame->task.cancelled()) return NotWanted();
  if (objects.size() == 1) return WaitForOne(*objects[0], deadline);

  // One waiter for each object, since each stands in a list of its own.
  struct Entry final : detail::Waiter {
    explicit Entry(Sleeper& s) : sleeper(s) {}
    void OnReady(detail::Object& object) noexcept override { sleeper.OnReady(object); }
    Sleeper& sleeper;
    bool is_listed = false;
  };
  Sleeper sleeper(count);
  std::deque<Entry> entries;
  for (detail::Object* object : objects) {
    Entry& entry = entries.emplace_back(sleeper);
    entry.is_listed = object->AddWaiter(entry);
    if (!entry.is_listed) sleeper.OnReady(*object);
  }
  Status status = Sleep(sleeper, deadline);
  size_t called = objects.size();
  for (size_t i = 0; i < objects.size(); ++i) {
    if (entries[i].is_listed && objects[i]->RemoveWaiter(entries[i])) --called;
  }
  sleeper.WaitUntilCalled(called);
  return called >= count ? Status() : status;
}

}  // namespace triune::compute
