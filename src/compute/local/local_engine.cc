#include "compute/local/local_engine.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <typeinfo>

#include "compute/spin.h"
#include "compute/type_name.h"

namespace triune::compute {
namespace {

/// A thread that waits for a task runs it itself, but not in too many layers: each takes a piece of the stack.
constexpr int kMostLayers = 64;
constexpr int kSpins = 64;
thread_local int layers = 0;

std::string NameOf(const detail::Task& task) {
  return task.options() == nullptr || task.options()->name.empty() ? "a task" : "task '" + task.options()->name + "'";
}

/// What the function threw, as an error.
Status Thrown(const detail::Task& task) {
  std::string what = NameOf(task);
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return ResourceExhausted(what + " ran out of memory");
  } catch (const std::exception& exception) {
    return Status(StatusCode::kUnknown, what + " threw " + TypeName(typeid(exception)) + ": " + exception.what());
  } catch (...) {
    return Status(StatusCode::kUnknown, what + " threw something that is not a std::exception");
  }
}

void Execute(detail::Task& task) noexcept {
  Status status;
  for (int left = task.options() == nullptr ? 0 : task.options()->retries;; --left) {
    try {
      status = task.Invoke(left <= 0);
    } catch (...) {
      status = Thrown(task);
    }
    if (status.ok() || left <= 0) break;
  }
  task.DropArguments();
  task.SetPhase(detail::Task::kDone);
  task.SetReady(std::move(status));
}

}  // namespace

/// A thread that sleeps until so many of several objects are ready.
class Sleeper final : public detail::Waiter {
 public:
  explicit Sleeper(size_t count) : count_(count) {}

  void OnReady(detail::Object&) noexcept override {
    // Notified under the lock: the sleeper may be gone right after.
    std::lock_guard lock(mutex_);
    ++ready_;
    if (ready_ >= count_) wake_.notify_all();
  }
  bool Sleep(TimePoint deadline) {
    std::unique_lock lock(mutex_);
    auto enough = [this] { return ready_ >= count_; };
    if (deadline != kNever) return wake_.wait_until(lock, deadline, enough);
    wake_.wait(lock, enough);
    return true;
  }
  /// For those that are in no list any more, but may be about to be called.
  void WaitUntilCalled(size_t times) {
    std::unique_lock lock(mutex_);
    count_ = times;
    wake_.wait(lock, [&] { return ready_ >= times; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  size_t ready_ = 0;
  size_t count_;
};

void LocalEngine::Run(detail::Task& task) noexcept {
  if (task.Advance(detail::Task::kQueued, detail::Task::kRunning)) Execute(task);
  task.Unref();
}

bool LocalEngine::WaitFor(detail::Object& object, TimePoint deadline) {
  if (object.ready()) return true;
  detail::Task* task = object.task();
  // With a deadline the thread must not get lost in a task that takes longer.
  if (task != nullptr && deadline == kNever && layers < kMostLayers &&
      task->Advance(detail::Task::kQueued, detail::Task::kRunning)) {
    ++layers;
    Execute(*task);
    --layers;
    return true;
  }
  Spinner spinner;
  for (int i = 0; i < kSpins; ++i) {
    if (object.ready()) return true;
    spinner.Pause();
  }
  Sleeper sleeper(1);
  if (!object.AddWaiter(sleeper)) return true;
  bool ready = Sleep(sleeper, deadline);
  if (ready || object.RemoveWaiter(sleeper)) return ready;
  sleeper.WaitUntilCalled(1);
  return true;
}

bool LocalEngine::Sleep(Sleeper& sleeper, TimePoint deadline) {
  const bool is_worker = pool_.IsWorker();
  if (is_worker) pool_.BeginBlocking();
  const bool enough = sleeper.Sleep(deadline);
  if (is_worker) pool_.EndBlocking();
  return enough;
}

void LocalEngine::WaitForSome(std::span<detail::Object* const> objects, size_t count, TimePoint deadline) {
  // One waiter for each object, since each stands in a list of its own.
  struct Entry final : detail::Waiter {
    explicit Entry(Sleeper& s) : sleeper(s) {}
    void OnReady(detail::Object& object) noexcept override { sleeper.OnReady(object); }
    Sleeper& sleeper;
    bool is_listed = false;
  };
  Sleeper sleeper(std::min(count, objects.size()));
  std::deque<Entry> entries;
  for (detail::Object* object : objects) {
    Entry& entry = entries.emplace_back(sleeper);
    entry.is_listed = object->AddWaiter(entry);
    if (!entry.is_listed) sleeper.OnReady(*object);
  }
  Sleep(sleeper, deadline);
  size_t called = objects.size();
  for (size_t i = 0; i < objects.size(); ++i) {
    if (entries[i].is_listed && objects[i]->RemoveWaiter(entries[i])) --called;
  }
  sleeper.WaitUntilCalled(called);
}

bool LocalEngine::Cancel(detail::Object& object) {
  detail::Task* task = object.task();
  if (task == nullptr) return false;
  auto end = [&] { task->SetReady(Cancelled(NameOf(*task) + " was cancelled before it ran")); };
  if (task->Advance(detail::Task::kWaiting, detail::Task::kDone)) return end(), true;
  if (task->Advance(detail::Task::kQueued, detail::Task::kDone)) {
    task->DropArguments();
    return end(), true;
  }
  return false;
}

}  // namespace triune::compute
