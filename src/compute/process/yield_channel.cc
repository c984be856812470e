#include "compute/process/yield_channel.h"

#include "compute/process/error_message.h"
#include "compute/process/message.h"
#include "compute/process/slot.h"
#include "compute/remote/convert.h"

namespace triune::compute {

bool YieldChannel::is_cancelled() const {
  return (frame_.stage->load(std::memory_order_acquire) & slot::kCancelled) != 0;
}

Status YieldChannel::NotWanted() const { return Cancelled("nobody wants what " + frame_.task.Name() + " yields"); }

Status YieldChannel::Yield(const void* value) {
  if (is_cancelled()) return NotWanted();
  if (++yielded_ <= header_.delivered) return {};
  if (room_ == 0) TRIUNE_RETURN_IF_ERROR(AwaitRoom());
  Status status = Send(value);
  encoder_.Clear();
  TRIUNE_RETURN_IF_ERROR(status);
  return --room_ == 0 ? AwaitRoom() : Status();
}

Status YieldChannel::Send(const void* value) {
  MessageWriter message(outgoing_, MessageKind::kYield);
  message.Put(header_.slot);
  message.Put(header_.sequence);
  Status status = EncodeAs(encoder_, *function_.element, {.value = value, .type = function_.element->type});
  if (status.ok()) status = WriteValue(message, encoder_, driver_);
  if (status.ok()) status = driver_.CheckLength(outgoing_);
  if (!status.ok()) return status.WithContext("what " + frame_.task.Name() + " yields could not be sent");
  driver_.Send(outgoing_);
  return {};
}

Status YieldChannel::AwaitRoom() {
  const uint64_t request = driver_.NewRequest();
  MessageWriter message(outgoing_, MessageKind::kAwaitRoom);
  message.Put(request);
  message.Put(header_.slot);
  const auto reply = driver_.Request(request, outgoing_, kNever, [] {
    const detail::Frame* frame = detail::current_frame;
    return frame != nullptr && (frame->stage->load(std::memory_order_acquire) & slot::kCancelled) != 0;
  });
  if (!reply.has_value()) {
    MessageWriter forget(outgoing_, MessageKind::kForget);
    forget.Put(request);
    driver_.Send(outgoing_);
    return NotWanted();
  }
  MessageReader reader(*reply);
  TRIUNE_RETURN_IF_ERROR(ReadStatus(reader));
  room_ = reader.Take<uint32_t>();
  return room_ > 0 ? Status() : NotWanted();
}

}  // namespace triune::compute
