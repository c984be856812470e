// A function with its arguments, on its way to a result.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <typeinfo>
#include <utility>
#include <vector>

#include "triune/core/detail/object.h"
#include "triune/core/detail/remote_function.h"
#include "triune/core/detail/runnable.h"
#include "triune/core/detail/state_book.h"
#include "triune/core/task_options.h"
#include "triune/status.h"

namespace triune {

class Session;

}  // namespace triune

namespace triune::detail {

class ActorCore;
class AsyncCall;
class GeneratorStream;
class Task;

/// What tasks need of whoever runs them.
class TaskRunner {
 public:
  /// All that the task waited for is ready. The runner takes over one reference.
  virtual void Enqueue(Task& task) noexcept = 0;
  /// The task was submitted and has to wait for arguments; Enqueue comes later, or Dismiss.
  virtual void Announce(Task&) noexcept {}
  /// Its arguments are ready, but it was abandoned meanwhile.
  virtual void Dismiss(Task&) noexcept {}
  /// The task was abandoned while it waited for arguments; others may wait behind it.
  virtual void Abandoned(Task&) noexcept {}
  /// A task that is to run in another process was taken out of the queue; as Task::Run.
  virtual void RunElsewhere(Task& task) noexcept;
  /// The session whose tasks it runs; null when it is over.
  virtual Session* session() noexcept = 0;
  /// It runs in another process, and was cancelled.
  virtual void InterruptElsewhere(Task&) noexcept {}
  /// Calls the function of a task that is to run in another process, and keeps its value.
  virtual Status CallElsewhere(Task&, int attempt) = 0;
  /// The task was submitted by one that captures its children, on this thread; nobody else knows it yet.
  virtual void Capture(Task&) noexcept {}
  /// Where what becomes of its tasks is counted; may be null.
  compute::StateBook* state_book() const noexcept { return state_book_; }

 protected:
  ~TaskRunner() = default;
  compute::StateBook* state_book_ = nullptr;
};

/// A task that a thread is busy with, on its stack.
struct Frame {
  Task& task;
  Frame* outer;
  int attempt = 0;
  uint64_t caller = 0;  ///< See CallerId; 0: none given yet.
  bool waits = false;   ///< The function is a coroutine, and does not run any more.
  /// In a process for tasks: whether it is cancelled is to be read here.
  const std::atomic<uint32_t>* stage = nullptr;
};
inline thread_local constinit Frame* current_frame = nullptr;

/// The result of a function, and the function itself until it has run. Whoever claims the task runs it: a thread of the
/// engine, or one that waits for the result.
class Task : public Object, public Runnable {
 public:
  /// How far it is; only ever forward. A task that is running becomes done by its runner, or by whoever does not want
  /// to wait for that: then the result is dropped.
  enum Phase : uint32_t { kWaiting, kQueued, kRunning, kDone };

  Task(TaskRunner& runner, std::shared_ptr<const TaskOptions> options) : runner_(runner), options_(std::move(options)) {
    elsewhere_ = options_ != nullptr && options_->isolation == Isolation::kProcess;
  }
  Task* task() noexcept final { return this; }

  Phase phase() const noexcept { return static_cast<Phase>(word_.load(std::memory_order_acquire)); }
  /// True for the one who is to take it to the next phase.
  bool Advance(Phase from, Phase to) noexcept {
    uint32_t expected = from;
    return word_.compare_exchange_strong(expected, to, std::memory_order_acq_rel, std::memory_order_relaxed);
  }

  /// Null: the default ones.
  const TaskOptions* options() const noexcept { return options_.get(); }
  TaskRunner& runner() const noexcept { return runner_; }
  /// Before it is started, or when it is captured.
  void SetOptions(std::shared_ptr<const TaskOptions> options) noexcept { options_ = std::move(options); }
  /// Whether tasks that it submits are in its placement group.
  bool captures() const noexcept { return captures_; }
  void SetCaptures(bool captures) noexcept { captures_ = captures; }
  /// For people: the option, or what FunctionName says.
  std::string Name() const;
  /// Without "task" and quotes; may be empty.
  std::string PlainName() const;
  bool cancelled() const noexcept { return cancel_.load(std::memory_order_relaxed) != kWanted; }

  /// Once, also when it was abandoned before. The task holds a reference to itself until
  /// it has run, and its dependencies are ready: they know it.
  void Start() noexcept {
    Ref();
    Note(TaskEvent::kSubmitted);
    if (current_frame != nullptr && phase() == kWaiting) JoinFamily(current_frame->task);
    AwaitArguments();
    if (pending_.load(std::memory_order_relaxed) != 1) {
      must_wait_ = true;
      Note(TaskEvent::kAwaits);
      runner_.Announce(*this);
    }
    DependencyReady();
  }
  void Run() noexcept override {
    if (elsewhere_) return runner_.RunElsewhere(*this);
    RunIfFirst();
    Unref();
  }
  Task* batchable() noexcept override { return elsewhere_ && options_->runtime_env.empty() ? this : nullptr; }

  /// True for the one who is to run it.
  bool Claim() noexcept {
    if (!Advance(kQueued, kRunning)) return false;
    Note(TaskEvent::kBegun);
    return true;
  }
  bool RunIfFirst() noexcept {
    if (!Claim()) return false;
    Execute();
    return true;
  }
  // For those who run many in one process. After Claim, one of these two.
  /// The first call has ended so: goes on as Run does.
  void Conclude(Status first) noexcept { Execute(&first); }
  /// The call after so many that have failed has ended so. False as Execute.
  bool Conclude(Status status, int attempt) noexcept {
    attempts_ = attempt;
    return Execute(&status);
  }
  /// It has not been called: back to the queue. False when it was abandoned meanwhile, and is over.
  bool GiveBack() noexcept;
  /// A call has ended so: false when the task is over. Where it is worth another try, it goes back to the queue.
  bool GiveBackToTryAgain(Status status) noexcept;
  /// Calls that have failed before it was given back.
  int attempts() const noexcept { return attempts_; }
  const Status* argument_error() const noexcept { return ArgumentError(); }
  bool DropIfStale() noexcept override {
    if (phase() < kRunning) return false;
    Unref();
    return true;
  }
  /// On a thread that waits for the task: runs what is in its way and the task, if nobody else is at it. True when that
  /// has made it ready.
  virtual bool RunForWaiter() noexcept {
    // One that may be queued again must have left the queue before.
    return (options_ == nullptr || !options_->reconstruct) && RunIfFirst();
  }
  /// Whose method it is; null for a function.
  virtual ActorCore* actor() noexcept { return nullptr; }
  /// Of a function that is a coroutine.
  virtual AsyncCall* async_call() noexcept { return nullptr; }
  virtual bool actor_creation() const noexcept { return false; }
  /// Of an actor's creation: its max_concurrency.
  virtual int actor_concurrency() const noexcept { return 1; }
  // For those who run it in another process. What the function is known by there; empty when it has no name.
  virtual RemoteKey Remote() const { return {}; }
  /// Of those that are ready, and not errors.
  virtual std::vector<ArgumentView> Arguments() const { return {}; }
  /// Where the value is to be made; then SetHasValue. Null for void.
  virtual void* place_for_value() noexcept { return nullptr; }
  void SetHasValue() noexcept { has_value_ = true; }
  /// Whether it keeps the value as it came; then there is no place for it, but Store.
  virtual bool keeps_stored() const noexcept { return false; }
  virtual void Store(StoredValue) {}
  /// Where it puts what it yields; null when it is no generator.
  virtual GeneratorStream* stream() noexcept { return nullptr; }
  bool elsewhere() const noexcept { return elsewhere_; }
  /// It can be listed (ForgetObject). Before anybody else knows of it.
  void SetTracked() noexcept { is_tracked_ = true; }
  bool is_tracked() const noexcept { return is_tracked_; }
  /// Before it is started: keeps what it needs to run again after its value was freed. An error when it can't.
  Status KeepForReconstruction() noexcept;
  /// Whether it was announced before it could be queued.
  bool must_wait() const noexcept { return must_wait_; }

  /// Makes the task an error without waiting for it. False when it was done already. A function that runs goes on, but
  /// is woken where it waits, and told. `with_children`: those that it submits from now on are cancelled, too. Not
  /// `though_running`: a function that runs is only told.
  bool Abandon(Status error, bool with_children = false, bool though_running = true) noexcept;
  /// Of those that are not done.
  std::vector<Pointer<Task>> Children();

 protected:
  ~Task() override {
    if (is_tracked_) [[unlikely]]
      ForgetObject(*this);
  }
  void Note(TaskEvent event, const Status* error = nullptr) noexcept {
    if (!is_uncounted_) detail::Note(runner_.state_book(), event, *this, error);
  }

  /// False when the function is a coroutine that waits: then the task may be gone.
  bool Execute(const Status* first = nullptr) noexcept;
  bool reconstructs() const noexcept final { return options_ != nullptr && options_->reconstruct; }
  Status Lost() noexcept final;
  void MakeAgain() noexcept final;
  /// As if it had never run, and in that phase. Only while nobody else knows of the task.
  void Renew(Phase phase) noexcept {
    Object::Renew();
    cancel_.store(kWanted, std::memory_order_relaxed);
    attempts_ = 0;
    word_.store(phase, std::memory_order_release);
  }

  /// Dependency::Await for each.
  virtual void AwaitArguments() noexcept = 0;
  /// Null when all arguments are values.
  virtual const Status* ArgumentError() const noexcept = 0;
  /// Calls the function and keeps its value. Throws what the function throws. `last`: the arguments are not needed
  /// again.
  virtual Status Invoke(bool last) = 0;
  virtual void DropArguments() noexcept = 0;
  /// Not inside of another: when this lets go of others, these come later.
  static void UnrefInTurn(ObjectPointer object) noexcept;
  /// Keeps them, but not their values, where those are objects'.
  virtual void ReleaseArguments() noexcept {}
  /// Whether the function can be called more than once.
  virtual bool repeatable() const noexcept = 0;
  /// Of the function, as far as it can be told.
  virtual std::string FunctionName() const = 0;

 private:
  friend class ActorCore;
  friend class Dependency;
  friend class GeneratorTask;
  void DependencyReady() noexcept {
    if (pending_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    if (Advance(kWaiting, kQueued)) {
      if (must_wait_) Note(TaskEvent::kArgumentsReady);
      runner_.Enqueue(*this);
    } else {
      Note(TaskEvent::kDismissed);
      if (must_wait_) Note(TaskEvent::kDismissedAwaiting);
      // Without its arguments, so that of a long chain not each takes the next one along.
      DropArguments();
      runner_.Dismiss(*this);
      Unref();
    }
  }
  Status Try(int attempt, bool last) noexcept;
  int retries() const noexcept { return options_ == nullptr || (!repeatable() && !elsewhere_) ? 0 : options_->retries; }
  /// Whether it is worth another try. The status may become what retry_on throws.
  bool WantsRetry(int left, int attempt, Status& status) noexcept;
  void End(Status status) noexcept;
  void StartAgain() noexcept;
  /// At the end of one that may run again.
  Status KeptArgumentsAfter(Status status) noexcept;
  enum Cancel : uint8_t { kWanted, kCancelled, kCancelledWithChildren };
  void SetCancelled(bool with_children) noexcept;
  void JoinFamily(Task& parent) noexcept;
  void LeaveFamily() noexcept;
  void LockChildren() noexcept;
  void UnlockChildren(Task* first) noexcept;

  TaskRunner& runner_;
  std::shared_ptr<const TaskOptions> options_;
  std::atomic<uint32_t> pending_{1};  ///< Dependencies, and one until Start.
  std::atomic<uint8_t> cancel_{kWanted};

 protected:
  std::atomic<bool> listed_{false};  ///< In the queue of its actor.
  // For derived classes; here, where there would be padding.
  bool keep_arguments_ = false;  ///< After the function has run.
  bool must_wait_ = false;
  bool has_arguments_ = true;
  bool has_value_ = false;
  // These share a byte: they are set before anybody else knows of the task.
  bool elsewhere_ : 1 = false;  ///< Runs in another process.
  bool is_uncounted_ : 1 = false;

 private:
  bool is_tracked_ : 1 = false;
  bool captures_ = false;
  int attempts_ = 0;
  // Tasks that were submitted inside another that is still running know it, and it them. The links between siblings
  // belong to the parent's lock.
  Task* parent_ = nullptr;
  Task* previous_sibling_ = nullptr;
  Task* next_sibling_ = nullptr;
  std::atomic<uintptr_t> children_{0};  ///< The latest; the lowest bit is a lock.
};

/// An object that a task needs.
class Dependency final : public ValueUser {
 public:
  Dependency(Task& task, ObjectPointer object) : task_(task), object_(std::move(object)) {}
  ~Dependency() {
    if (object_) EndUse(*object_);
  }
  Dependency(const Dependency&) = delete;
  Dependency& operator=(const Dependency&) = delete;
  /// From here on the object knows the task, which must stay until it is ready. The task has its value until Release.
  void Await() noexcept {
    if (TryUse(*object_)) return;
    task_.pending_.fetch_add(1, std::memory_order_relaxed);
    if (!object_->AddUser(*this)) task_.pending_.fetch_sub(1, std::memory_order_acq_rel);
  }
  void Release() noexcept { EndUse(*object_); }
  /// For good. Of a long chain of tasks that keep their arguments, not each then takes the next one along.
  void GiveUp() noexcept {
    EndUse(*object_);
    Task::UnrefInTurn(std::move(object_));
  }
  /// When ready: why there is no value.
  const Status& status() const noexcept { return StatusOf(*object_); }
  void OnReady(Object&) noexcept override { task_.DependencyReady(); }
  Object& object() const noexcept { return *object_; }

 private:
  Task& task_;
  ObjectPointer object_;
};

}  // namespace triune::detail
