// One completion queue, and the thread that runs it.
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <mutex>

#include "base/clock.h"
#include "server/grpc/tag.h"

namespace triune::server::grpc_api {

/// A completion queue with its thread, on which all calls of the queue begin and end. The calls enter and leave, so
/// that the queue is shut down only when no operation can be begun on it any more, which gRPC would answer by aborting.
class Lane {
 public:
  /// `woken` is run on the lane's thread after Wake or Stop, once for several of them that come close together; `due`
  /// when the time of WakeAt has come, returning the next one.
  Lane(grpc::ServerCompletionQueue& queue, std::function<void()> woken, std::function<TimePoint(TimePoint now)> due)
      : queue_(queue), woken_(std::move(woken)), due_(std::move(due)), wake_(*this) {}

  /// The lane's thread: until the queue is shut down and drained.
  void Run();

  // On the lane's thread, or before it runs.
  grpc::ServerCompletionQueue& queue() { return queue_; }
  void Enter() { ++open_; }
  void Leave() {
    if (--open_ == 0) Drained();
  }
  /// Runs `due` then, or when an earlier call of this asked for it.
  void WakeAt(TimePoint when) { wake_at_ = std::min(wake_at_, when); }
  /// Streams are to end, and new ones are not to begin.
  bool stopping() const { return stopping_; }

  // On any thread.
  void Wake();
  /// No effect of Wake from here on. To be followed by the shutdown of the server, which lets the calls come back
  /// that wait for a request.
  void Stop();
  /// Blocks until Stop has been seen and every call has left. The queue can then be shut down.
  void WaitUntilDrained() const { drained_.wait(false, std::memory_order_acquire); }

 private:
  /// Comes back from the queue when somebody has woken the lane.
  class WakeTag final : public Tag {
   public:
    explicit WakeTag(Lane& lane) : lane_(lane) {}
    void Proceed(bool /*ok*/) override { lane_.Woken(); }

   private:
    Lane& lane_;
  };

  /// Under mutex_.
  void SetAlarm();
  bool NextTag(void** tag, bool* ok);
  void Woken();
  void Drained();

  grpc::ServerCompletionQueue& queue_;
  const std::function<void()> woken_;
  const std::function<TimePoint(TimePoint now)> due_;
  // Of the lane's thread.
  size_t open_ = 1;  // one for the lane itself, until it is stopped
  bool stopping_ = false;
  TimePoint wake_at_ = kNever;

  std::mutex mutex_;
  bool alarm_set_ = false;
  bool stopped_ = false;
  grpc::Alarm alarm_;
  WakeTag wake_;
  std::atomic<bool> drained_{false};
};

}  // namespace triune::server::grpc_api
