#include "server/grpc/lane.h"

#include <grpc/support/time.h>

namespace triune::server::grpc_api {

namespace {

/// Both clocks are the system's monotonic one.
gpr_timespec ToGrpc(TimePoint when) {
  gpr_timespec time = gpr_time_from_nanos(
      std::chrono::duration_cast<std::chrono::nanoseconds>(when.time_since_epoch()).count(), GPR_TIMESPAN);
  time.clock_type = GPR_CLOCK_MONOTONIC;
  return time;
}

}  // namespace

void Lane::Run() {
  void* tag;
  bool ok;
  while (NextTag(&tag, &ok)) {
    if (tag != nullptr) Tag::FromQueue(tag).Proceed(ok);
  }
}

bool Lane::NextTag(void** tag, bool* ok) {
  // Without anything to wait for, no clock is read.
  if (wake_at_ == kNever) return queue_.Next(tag, ok);
  auto next = queue_.AsyncNext(tag, ok, ToGrpc(wake_at_));
  if (next != grpc::CompletionQueue::TIMEOUT) {
    TimePoint now = Clock::System().Now();
    if (now >= wake_at_) wake_at_ = due_(now);
    return next == grpc::CompletionQueue::GOT_EVENT;
  }
  *tag = nullptr;
  wake_at_ = due_(Clock::System().Now());
  return true;
}

void Lane::Wake() {
  std::lock_guard lock(mutex_);
  if (!stopped_) SetAlarm();
}

void Lane::Stop() {
  std::lock_guard lock(mutex_);
  if (stopped_) return;
  stopped_ = true;
  SetAlarm();
}

void Lane::SetAlarm() {
  // An alarm that has not come back yet serves this purpose too, and must not be set twice.
  if (alarm_set_) return;
  alarm_set_ = true;
  // In the past: it goes off at once, without a timer.
  alarm_.Set(&queue_, gpr_inf_past(GPR_CLOCK_REALTIME), wake_.AsTag());
}

void Lane::Woken() {
  {
    std::lock_guard lock(mutex_);
    alarm_set_ = false;
    stopping_ = stopped_;
  }
  woken_();
  // Nothing sets the alarm after Stop, so that this is reached once.
  if (stopping_) Leave();
}

void Lane::Drained() {
  drained_.store(true, std::memory_order_release);
  drained_.notify_all();
}

}  // namespace triune::server::grpc_api
