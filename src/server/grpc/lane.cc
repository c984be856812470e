#include "server/grpc/lane.h"

#include <grpc/support/time.h>

namespace triune::server::grpc_api {

void Lane::Run() {
  void* tag;
  bool ok;
  while (queue_.Next(&tag, &ok)) Tag::FromQueue(tag).Proceed(ok);
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
