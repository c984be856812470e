#include "triune/core/detail/task.h"

#include <string>
#include <utility>
#include <vector>

#include "compute/sleeping_tasks.h"
#include "compute/spin.h"
#include "compute/task_error.h"
#include "triune/core/detail/async_call.h"
#include "triune/core/detail/generator_stream.h"

namespace triune::detail {
namespace {

constexpr uintptr_t kChildrenLocked = 1;

TaskEvent EndWith(const Status& error) {
  const TaskError* details = TaskError::Of(error);
  return details != nullptr && details->kind == ErrorKind::kTaskCancelled ? TaskEvent::kCancelled : TaskEvent::kFailed;
}

}  // namespace

std::string Task::PlainName() const {
  if (options_ != nullptr && !options_->name.empty()) return options_->name;
  const RemoteFunction* registered = RemoteRegistry::Find(Remote());
  return registered != nullptr ? registered->name : FunctionName();
}

std::string Task::Name() const {
  const std::string name = PlainName();
  return name.empty() ? "a task" : "task '" + name + "'";
}

Status Task::Try(int attempt, bool last) noexcept {
  if (const Status* error = ArgumentError()) return *error;
  Status status;
  try {
    if (elsewhere_) return runner_.CallElsewhere(*this, attempt);
    status = Invoke(last);
  } catch (...) {
    return compute::Thrown(*this, attempt);
  }
  return status.ok() ? Status() : compute::Returned(*this, attempt, std::move(status));
}

void TaskRunner::RunElsewhere(Task& task) noexcept {
  task.RunIfFirst();
  task.Unref();
}

bool Task::GiveBack() noexcept {
  if (Advance(kRunning, kQueued)) {
    Note(TaskEvent::kGivenBack);
    return true;
  }
  DropArguments();
  return false;
}

bool Task::GiveBackToTryAgain(Status status) noexcept {
  Frame frame{.task = *this, .outer = current_frame, .attempt = attempts_};
  current_frame = &frame;
  const bool again = WantsRetry(retries() - attempts_, attempts_, status);
  current_frame = frame.outer;
  if (again) {
    Note(TaskEvent::kRetried, &status);
    ++attempts_;
    return GiveBack();
  }
  End(std::move(status));
  return false;
}

bool Task::WantsRetry(int left, int attempt, Status& status) noexcept {
  if (status.ok() || left <= 0 || cancelled() || ArgumentError() != nullptr) return false;
  try {
    return !options_->retry_on || options_->retry_on(status);
  } catch (...) {
    status = compute::Thrown(*this, attempt);
    return false;
  }
}

bool Task::Execute(const Status* first) noexcept {
  Frame frame{.task = *this, .outer = current_frame, .attempt = attempts_};
  current_frame = &frame;
  int left = retries() - attempts_;
  Status status;
  for (;; --left, ++frame.attempt) {
    status = first != nullptr ? *std::exchange(first, nullptr) : Try(frame.attempt, left <= 0 && !keep_arguments_);
    if (frame.waits) {
      current_frame = frame.outer;
      return false;
    }
    if (!WantsRetry(left, frame.attempt, status)) break;
    Note(TaskEvent::kRetried, &status);
  }
  attempts_ = frame.attempt;
  current_frame = frame.outer;
  End(std::move(status));
  return true;
}

Status Task::KeepForReconstruction() noexcept {
  if (stream() != nullptr || async_call() != nullptr) {
    return InvalidArgument("what coroutines return can't be reconstructed: " + Name());
  }
  if (options_->retries <= 0) return InvalidArgument(Name() + " can't be reconstructed without retries");
  if (!repeatable() && !elsewhere_) {
    return InvalidArgument(Name() + " can't be reconstructed: an argument can only be moved into its function, once");
  }
  keep_arguments_ = true;
  return {};
}

Status Task::KeptArgumentsAfter(Status status) noexcept {
  if (status.ok()) {
    ReleaseArguments();
    return status;
  }
  // The first time it would have failed before it was called.
  if (attempts_ > 0 && has_arguments_ && ArgumentError() != nullptr) {
    status = compute::MakeError(ErrorKind::kObjectLost, StatusCode::kDataLoss,
                                "the result of " + Name() + " was freed and can't be made again: an argument is lost",
                                Name(), std::move(status));
  }
  DropArguments();
  return status;
}

Status Task::Lost() noexcept {
  if (!reconstructs()) return Object::Lost();
  if (attempts_ < options_->retries) return {};
  DropArguments();
  return compute::MakeError(ErrorKind::kObjectLost, StatusCode::kDataLoss,
                            "the result of " + Name() + " was freed and can't be made again: all of its " +
                                std::to_string(options_->retries) + " retries are used",
                            Name());
}

void Task::MakeAgain() noexcept {
  // Arguments may have to be made again, too, and theirs: one after the other, or a long chain would take all the
  // stack.
  thread_local constinit std::vector<Pointer<Task>>* waiting = nullptr;
  if (waiting != nullptr) {
    waiting->emplace_back(this);
    return;
  }
  std::vector<Pointer<Task>> tasks{Pointer<Task>(this)};
  waiting = &tasks;
  while (!tasks.empty()) {
    const Pointer<Task> task = std::move(tasks.back());
    tasks.pop_back();
    task->StartAgain();
  }
  waiting = nullptr;
}

void Task::UnrefInTurn(ObjectPointer object) noexcept {
  thread_local constinit std::vector<ObjectPointer>* waiting = nullptr;
  if (waiting != nullptr) {
    waiting->push_back(std::move(object));
    return;
  }
  std::vector<ObjectPointer> objects;
  waiting = &objects;
  object = {};
  while (!objects.empty()) {
    const ObjectPointer next = std::move(objects.back());
    objects.pop_back();
  }
  waiting = nullptr;
}

void Task::StartAgain() noexcept {
  Ref();
  ++attempts_;
  must_wait_ = false;
  cancel_.store(kWanted, std::memory_order_relaxed);
  pending_.store(1, std::memory_order_relaxed);
  word_.store(kWaiting, std::memory_order_release);
  Note(TaskEvent::kSubmitted);
  AwaitArguments();
  if (pending_.load(std::memory_order_relaxed) != 1) {
    must_wait_ = true;
    Note(TaskEvent::kAwaits);
    runner_.Announce(*this);
  }
  DependencyReady();
}

void Task::End(Status status) noexcept {
  if (!keep_arguments_) {
    DropArguments();
  } else if (reconstructs()) {
    status = KeptArgumentsAfter(std::move(status));
  }
  if (!Advance(kRunning, kDone)) return;  // abandoned
  if (!status.ok() && cancelled()) {
    status = compute::MakeError(ErrorKind::kTaskCancelled, StatusCode::kCancelled, Name() + " was cancelled", Name(),
                                std::move(status));
  }
  LeaveFamily();
  if (status.ok()) [[likely]] {
    Note(TaskEvent::kFinished);
  } else {
    Note(EndWith(status), &status);
    Note(TaskEvent::kRunFailed);
  }
  SetReady(std::move(status));
}

void Task::SetCancelled(bool with_children) noexcept {
  uint8_t wanted = with_children ? kCancelledWithChildren : kCancelled;
  uint8_t before = cancel_.load(std::memory_order_relaxed);
  while (before < wanted && !cancel_.compare_exchange_weak(before, wanted, std::memory_order_seq_cst)) {
  }
}

bool Task::Abandon(Status error, bool with_children, bool though_running) noexcept {
  Phase before = phase();
  do {
    if (before == kDone) return false;
    if (before == kRunning && !though_running) break;
    // It may go one step further meanwhile, and so another time round.
  } while (!Advance(before, kDone) && ((before = phase()), true));
  // Told only now: it would be done at once otherwise, as if nobody had cancelled it.
  SetCancelled(with_children);
  if (before == kRunning) {
    compute::InterruptSleep(*this);
    if (AsyncCall* call = async_call()) call->Interrupt();
  }
  if (before == kRunning && elsewhere_) runner_.InterruptElsewhere(*this);
  if (before == kRunning && !though_running) return true;
  if (before == kQueued) DropArguments();
  LeaveFamily();
  // A generator that waits for its consumers has begun.
  const bool has_begun = before == kRunning || (stream() != nullptr && stream()->suspended());
  Note(EndWith(error), &error);
  Note(has_begun            ? TaskEvent::kAbandonedRunning
       : before == kWaiting ? TaskEvent::kAbandonedWaiting
                            : TaskEvent::kAbandonedQueued);
  SetReady(std::move(error));
  // An actor may wait for more than the arguments of its constructor.
  if (before == kWaiting || (before == kQueued && actor_creation())) runner_.Abandoned(*this);
  return true;
}

void Task::LockChildren() noexcept {
  compute::Spinner spinner;
  while ((children_.fetch_or(kChildrenLocked, std::memory_order_acquire) & kChildrenLocked) != 0) spinner.Pause();
}

void Task::UnlockChildren(Task* first) noexcept {
  children_.store(reinterpret_cast<uintptr_t>(first), std::memory_order_release);
}

void Task::JoinFamily(Task& parent) noexcept {
  if (parent.captures_) {
    runner_.Capture(*this);
    if (phase() == kDone) return;
  }
  parent.Ref();
  parent_ = &parent;
  parent.LockChildren();
  auto* first = reinterpret_cast<Task*>(parent.children_.load(std::memory_order_relaxed) & ~kChildrenLocked);
  next_sibling_ = first;
  if (first != nullptr) first->previous_sibling_ = this;
  parent.UnlockChildren(this);
  // Whoever cancels a family sets the flag first and then looks for children.
  if (parent.cancel_.load(std::memory_order_seq_cst) == kCancelledWithChildren) {
    Abandon(compute::MakeError(ErrorKind::kTaskCancelled, StatusCode::kCancelled,
                               Name() + " was cancelled: it was submitted by a task that is cancelled", Name()));
  }
}

void Task::LeaveFamily() noexcept {
  if (parent_ == nullptr) return;
  Task& parent = *std::exchange(parent_, nullptr);
  parent.LockChildren();
  auto* first = reinterpret_cast<Task*>(parent.children_.load(std::memory_order_relaxed) & ~kChildrenLocked);
  if (next_sibling_ != nullptr) next_sibling_->previous_sibling_ = previous_sibling_;
  if (previous_sibling_ != nullptr) previous_sibling_->next_sibling_ = next_sibling_;
  parent.UnlockChildren(first == this ? next_sibling_ : first);
  parent.Unref();
}

std::vector<Pointer<Task>> Task::Children() {
  std::vector<Pointer<Task>> children;
  LockChildren();
  auto* first = reinterpret_cast<Task*>(children_.load(std::memory_order_relaxed) & ~kChildrenLocked);
  for (Task* child = first; child != nullptr; child = child->next_sibling_) children.emplace_back(child);
  UnlockChildren(first);
  return children;
}

}  // namespace triune::detail
