#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "compute/async/engine_of.h"
#include "compute/task_error.h"
#include "triune/core/async.h"
#include "triune/core/detail/async_call.h"
#include "triune/core/runtime_context.h"

namespace triune::detail {
namespace {

/// How often a thread that sleeps in a coroutine's place looks whether it is cancelled.
constexpr Duration kLookAgain = std::chrono::milliseconds(10);

std::string NameOfTask() { return current_frame == nullptr ? std::string() : current_frame->task.Name(); }

Status NotWanted() {
  return compute::MakeError(ErrorKind::kTaskCancelled, StatusCode::kCancelled, "the task that waits was cancelled",
                            NameOfTask());
}

}  // namespace

void ThrowStatus(Status status) { throw StatusError(std::move(status)); }

Awaiter::Arming ObjectAwaiter::Arm(AsyncCall& call) noexcept {
  if (object_->task() == &call.task()) {
    failure_ = compute::MakeError(ErrorKind::kDeadlock, StatusCode::kFailedPrecondition,
                                  call.task().Name() + " would wait for itself", call.task().Name());
    return Arming::kThere;
  }
  call_ = &call;
  if (object_->AddUser(*this)) return Arming::kArmed;
  is_there_ = true;
  return Arming::kThere;
}

bool ObjectAwaiter::Disarm() noexcept { return object_->RemoveWaiter(*this); }

void ObjectAwaiter::OnReady(Object&) noexcept {
  is_there_ = true;
  call_->Fire();
}

void ObjectAwaiter::Block() noexcept {
  if (current_frame == nullptr) {
    failure_ = FailedPrecondition("a coroutine can wait for an object only as a task");
    return;
  }
  Object* objects[] = {object_.get()};
  while (failure_.ok() && !is_there_) {
    failure_ = compute::EngineOf(current_frame->task).WaitFor(objects, 1, kNever);
    // Somebody may have freed it since.
    if (failure_.ok()) is_there_ = TryUse(*object_);
  }
}

Status ObjectAwaiter::Outcome() const {
  if (is_there_) return StatusOf(*object_);
  return failure_.ok() ? NotWanted() : failure_;
}

Awaiter::Arming SleepAwaiter::Arm(AsyncCall& call) noexcept {
  if (duration_ <= Duration::zero()) {
    was_interrupted_ = call.task().cancelled();
    return was_interrupted_ ? Arming::kThere : Arming::kYields;
  }
  call_ = &call;
  compute::EngineOf(call.task()).SetAlarm(*this, DeadlineAfter(Clock::System().Now(), duration_));
  return Arming::kArmed;
}

bool SleepAwaiter::Disarm() noexcept {
  const bool was_stopped = compute::EngineOf(call_->task()).StopAlarm(*this);
  was_interrupted_ = was_stopped;
  return was_stopped;
}

void SleepAwaiter::OnTime() noexcept { call_->Fire(); }

void SleepAwaiter::Block() noexcept {
  const TimePoint until = DeadlineAfter(std::chrono::steady_clock::now(), duration_);
  while (std::chrono::steady_clock::now() < until) {
    if ((was_interrupted_ = RuntimeContext::cancelled())) return;
    std::this_thread::sleep_until(std::min(until, std::chrono::steady_clock::now() + kLookAgain));
  }
}

void SleepAwaiter::await_resume() const {
  if (was_interrupted_) ThrowStatus(NotWanted());
}

}  // namespace triune::detail
