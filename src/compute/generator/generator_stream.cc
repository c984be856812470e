#include "triune/core/detail/generator_stream.h"

#include <algorithm>
#include <string>
#include <utility>

#include "compute/start_task.h"
#include "compute/task_error.h"
#include "triune/core/detail/actor.h"
#include "triune/core/detail/engine.h"
#include "triune/core/detail/generator_task.h"

namespace triune::detail {
namespace {

/// Only says that something has happened.
class Signal final : public Object {};

/// A producer that has stopped goes on for this part of what may wait at least: starting it costs as much as several
/// values.
constexpr int64_t kParts = 16;
constexpr int kSpins = 64;

Status NotWanted(const Task& task) { return Cancelled("nobody wants what " + task.Name() + " yields"); }

}  // namespace

void GeneratorStream::Begin(bool may_suspend) noexcept {
  may_suspend_ = may_suspend;
  if (task_.options() != nullptr) {
    limit_ = task_.options()->generator_backpressure;
  } else {
    limit_ = TaskOptions().generator_backpressure;
  }
  if (!task_.AddWaiter(*this)) OnReady(task_);
}

Status GeneratorStream::Check() const {
  if (limit_ >= 1) return {};
  return InvalidArgument("generator_backpressure must be at least 1: " + std::to_string(limit_));
}

Status GeneratorStream::Drive(GeneratorFrame frame) {
  TRIUNE_RETURN_IF_ERROR(Check());
  frame_ = std::move(frame);
  yielded_ = 0;
  return Continue();
}

Status GeneratorStream::Continue() {
  suspended_.store(false, std::memory_order_relaxed);
  struct DropUnlessSuspended {
    ~DropUnlessSuspended() {
      if (!stream.suspended()) stream.DropFrame();
    }
    GeneratorStream& stream;
  } const drop{*this};
  while (frame_.Next()) {
    if (task_.cancelled()) return NotWanted(task_);
    if (++yielded_ <= delivered_) continue;
    switch (Push(ObjectPointer::Adopt(element_.make(frame_.value())))) {
      case Pushed::kMayGoOn:
        break;
      case Pushed::kNotWanted:
        return NotWanted(task_);
      case Pushed::kIsFull:
        if (may_suspend_) {
          suspended_.store(true, std::memory_order_relaxed);
          return {};
        }
        TRIUNE_RETURN_IF_ERROR(WaitForRoom());
    }
  }
  return frame_.status();
}

Status GeneratorStream::WaitForRoom() {
  while (const ObjectPointer room = AwaitRoom()) {
    Status status = engine_.Await(*room, kNever);
    if (status.ok()) continue;
    ForgetRoom();
    return status;
  }
  return room() > 0 ? Status() : NotWanted(task_);
}

GeneratorStream::Pushed GeneratorStream::Push(ObjectPointer object) noexcept {
  Waiting waiting;
  bool is_full;
  {
    std::lock_guard lock(mutex_);
    if (is_over()) return Pushed::kNotWanted;
    objects_.push_back(std::move(object));
    ++delivered_;
    is_full = static_cast<int64_t>(objects_.size()) >= limit_;
    waiting.consumers = std::move(arrival_);
  }
  Tell(std::move(waiting));
  return is_full ? Pushed::kIsFull : Pushed::kMayGoOn;
}

Status GeneratorStream::Receive(const ValueCodec& codec, const Decoder& decoder) {
  auto object = Pointer<ReceivedObject>::Adopt(element_.make_received());
  if (*codec.type == *element_.type) {
    object->SetCodec(&codec);
    object->Fill(decoder);
  } else {
    object->Fail(InvalidArgument("the registered function yields values of another type"));
  }
  {
    std::lock_guard lock(mutex_);
    if (!is_over() && static_cast<int64_t>(objects_.size()) >= limit_) {
      return InvalidArgument("more values than there is room for");
    }
  }
  std::ignore = Push(std::move(object));
  return {};
}

bool GeneratorStream::Park() noexcept {
  std::lock_guard lock(mutex_);
  if (is_over() || static_cast<int64_t>(objects_.size()) < limit_) return false;
  parked_ = true;
  engine_.Stall(*this, false);
  return true;
}

ObjectPointer GeneratorStream::AwaitRoom() noexcept {
  std::lock_guard lock(mutex_);
  if (is_over() || static_cast<int64_t>(objects_.size()) < limit_) return {};
  if (!room_) {
    room_ = ObjectPointer::Adopt(new Signal);
    engine_.Stall(*this, true);
  }
  return room_;
}

void GeneratorStream::ForgetRoom() noexcept {
  std::lock_guard lock(mutex_);
  std::ignore = ReleaseProducer();
}

uint32_t GeneratorStream::room() const noexcept {
  std::lock_guard lock(mutex_);
  return is_over() ? 0 : static_cast<uint32_t>(std::max<int64_t>(limit_ - static_cast<int64_t>(objects_.size()), 0));
}

GeneratorStream::Waiting GeneratorStream::ReleaseProducer() noexcept {
  Waiting waiting{.producer = std::move(room_), .parked = std::exchange(parked_, false)};
  if (waiting.parked || waiting.producer) engine_.Unstall(*this);
  return waiting;
}

void GeneratorStream::Tell(Waiting waiting) noexcept {
  if (waiting.consumers) waiting.consumers->SetReady();
  if (waiting.producer) waiting.producer->SetReady();
  if (waiting.parked) static_cast<GeneratorTask&>(task_).Unpark();
}

bool GeneratorStream::WouldWaitForItself() const noexcept {
  ActorCore* const actor = task_.actor();
  for (const Frame* frame = current_frame; frame != nullptr; frame = frame->outer) {
    if (&frame->task == &task_) return true;
    if (actor != nullptr && actor->serial() && frame->task.actor() == actor) return true;
  }
  return false;
}

bool GeneratorStream::ComesSoon(const Object& arrival) const noexcept {
  // Only as long as it costs less than to sleep, and not where the producer may need this thread's place.
  for (int i = 0; i < kSpins && task_.phase() == Task::kRunning; ++i) {
    if (arrival.ready()) return true;
    __builtin_ia32_pause();
  }
  return false;
}

Result<ObjectPointer> GeneratorStream::Next(TimePoint deadline) {
  while (true) {
    ObjectPointer object;
    ObjectPointer arrival;
    Waiting waiting;
    {
      std::lock_guard lock(mutex_);
      if (!objects_.empty()) {
        object = std::move(objects_.front());
        objects_.pop_front();
        const int64_t room = limit_ - static_cast<int64_t>(objects_.size());
        if (room >= std::max<int64_t>(limit_ / kParts, 1)) waiting = ReleaseProducer();
      } else if (ended_) {
        return error_.ok() ? Result<ObjectPointer>(ObjectPointer()) : Result<ObjectPointer>(Status(error_));
      } else {
        if (!arrival_) arrival_ = ObjectPointer::Adopt(new Signal);
        arrival = arrival_;
      }
    }
    if (object) {
      Tell(std::move(waiting));
      return object;
    }
    if (WouldWaitForItself()) {
      const std::string name = current_frame->task.Name();
      return compute::MakeError(ErrorKind::kDeadlock, StatusCode::kFailedPrecondition,
                                name + " would wait for itself: for what " + task_.Name() + " yields", name);
    }
    if (!ComesSoon(*arrival)) TRIUNE_RETURN_IF_ERROR(engine_.Await(*arrival, deadline));
  }
}

bool GeneratorStream::next_ready() const noexcept {
  std::lock_guard lock(mutex_);
  return !objects_.empty() || ended_;
}

void GeneratorStream::Close() noexcept {
  std::deque<ObjectPointer> dropped;
  Waiting waiting;
  bool had_ended;
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    had_ended = ended_;
    dropped.swap(objects_);
    waiting = ReleaseProducer();
  }
  if (!had_ended) compute::CancelFamily(task_, {.recursive = true, .force = false});
  Tell(std::move(waiting));
}

void GeneratorStream::OnReady(Object& task) noexcept {
  Waiting waiting;
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
    error_ = task.status();
    waiting = ReleaseProducer();
    waiting.consumers = std::move(arrival_);
  }
  Tell(std::move(waiting));
}

Result<ObjectPointer> GeneratorReader::Next(Duration timeout) const {
  return stream_.Next(compute::DeadlineIn(timeout));
}

ObjectPointer GeneratorReader::Completed() const noexcept { return ObjectPointer(task_.get()); }

ObjectPointer GeneratorReader::NextOrError(bool* is_last) const {
  Result<ObjectPointer> next = stream_.Next(kNever);
  if (next.ok()) return *std::move(next);
  *is_last = true;
  auto failed = Pointer<ReceivedObject>::Adopt(stream_.element().make_received());
  failed->Fail(std::move(next).status());
  return failed;
}

}  // namespace triune::detail
