#include "triune/core/detail/async_call.h"

#include "compute/async/engine_of.h"
#include "compute/spin.h"
#include "compute/task_error.h"
#include "triune/core/detail/actor.h"
#include "triune/core/detail/resources.h"

namespace triune::detail {
namespace {

/// Destroys the outermost coroutine when it goes.
class Root {
 public:
  explicit Root(AsyncPromise*& promise) : promise_(promise) {}
  ~Root() { std::exchange(promise_, nullptr)->Destroy(); }
  Root(const Root&) = delete;
  Root& operator=(const Root&) = delete;
  AsyncPromise& operator*() const { return *promise_; }

 private:
  AsyncPromise*& promise_;
};

Status NobodyWaits() { return Cancelled("nobody waits for it any more"); }

}  // namespace

Status AsyncCall::Begin(AsyncPromise* root, Finish finish) {
  if (root == nullptr) return Internal("the function has returned an Async that is no coroutine any more");
  root_ = root;
  finish_ = finish;
  attempt_ = current_frame->attempt;
  caller_ = current_frame->caller;
  Frame& frame = *current_frame;
  Adopt(*root);
  if (!Drive()) {
    frame.waits = true;
    return {};
  }
  if (root_ == nullptr) return NobodyWaits();
  const Root ended(root_);
  return finish_(task_, *ended);
}

bool AsyncCall::Resume() noexcept {
  ToRunning();
  Frame frame{.task = task_, .outer = current_frame, .attempt = attempt_, .caller = caller_};
  current_frame = &frame;
  Status status;
  if (!Drive()) {
    current_frame = frame.outer;
    return false;
  }
  if (root_ == nullptr) {
    status = NobodyWaits();
  } else {
    try {
      const Root ended(root_);
      status = finish_(task_, *ended);
      if (!status.ok()) status = compute::Returned(task_, frame.attempt, std::move(status));
    } catch (...) {
      status = compute::Thrown(task_, frame.attempt);
    }
  }
  current_frame = frame.outer;
  return task_.Conclude(std::move(status), frame.attempt);
}

bool AsyncCall::Drive() noexcept {
  while (true) {
    if (task_.phase() == Task::kDone) {
      DestroyAll();
      root_ = nullptr;
      return true;
    }
    if (Advance()) return true;
    if (!Suspend()) return false;
  }
}

/// True when there is nothing to wait for.
bool AsyncCall::Suspend() noexcept {
  if ((state_.load() & kInterrupted) != 0 && task_.phase() == Task::kDone) return true;
  caller_ = current_frame->caller;
  Engine& engine = compute::EngineOf(task_);
  const bool takes_grant = grant_ == nullptr && task_.actor() == nullptr;
  if (takes_grant) grant_ = engine.KeepGrant();
  // Of the one who has the coroutine from here on; and the session does not end before it is queued again.
  task_.Ref();
  engine.BeginHolding();
  state_.fetch_add(kArming - kRunning);
  const Awaiter::Arming arming = awaiter().Arm(*this);
  if (arming == Awaiter::Arming::kArmed) {
    uint32_t untouched = kArming;
    if (state_.compare_exchange_strong(untouched, kWaiting)) return false;
    ToRunning();
  } else if (arming == Awaiter::Arming::kYields && (state_.load() & kInterrupted) == 0) {
    state_.fetch_add(kQueued - kArming);
    Mark(kFired);
    Queue();
    return false;
  } else {
    state_.fetch_sub(kArming - kRunning);
  }
  if (takes_grant) grant_ = nullptr;
  engine.EndHolding();
  task_.Unref();
  return true;
}

/// It was armed, and this thread has it.
void AsyncCall::ToRunning() noexcept {
  if ((state_.load() & kFired) == 0 && !awaiter().Disarm()) {
    compute::Spinner spinner;
    while ((state_.load() & kFired) == 0) spinner.Pause();
  }
  state_.fetch_and(kInterrupted);
}

bool AsyncCall::Mark(uint32_t bit) noexcept {
  uint32_t before = state_.load();
  while (true) {
    const bool waits = (before & kStages) == kWaiting;
    const uint32_t after = (waits ? before - kWaiting + kQueued : before) | bit;
    if (state_.compare_exchange_weak(before, after)) return waits;
  }
}

void AsyncCall::Fire() noexcept {
  if (Mark(kFired)) Queue();
}

void AsyncCall::Interrupt() noexcept {
  if (Mark(kInterrupted)) Queue();
}

void AsyncCall::Queue() noexcept {
  // It may be over at once on another thread.
  Engine& engine = compute::EngineOf(task_);
  if (ActorCore* actor = task_.actor()) {
    actor->ResumeSoon(static_cast<ActorTask&>(task_));
  } else if (grant_ != nullptr) {
    grant_->Schedule(*this);
  } else {
    engine.Schedule(*this);
  }
  engine.EndHolding();
}

void AsyncCall::Run() noexcept {
  const Pointer<Task> task = Pointer<Task>::Adopt(&task_);
  if (const auto grant = grant_; grant != nullptr) {
    bool is_over = false;
    grant->Around([&] { is_over = Resume(); });
    if (is_over) grant_ = nullptr;
  } else {
    Resume();
  }
}

}  // namespace triune::detail
