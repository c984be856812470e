#include "compute/dag/dag_schedule.h"

#include "compute/process/message.h"

namespace triune::compute {
namespace {

Status Nonsense() { return Status(StatusCode::kDataLoss, "the schedule of a compiled DAG makes no sense"); }

void WriteCall(MessageWriter& message, const ScheduledCall& call) {
  message.Put(call.function);
  message.Text(call.name);
  message.Put(call.retries);
  message.Put(call.value);
  message.Put(static_cast<uint8_t>(call.is_output));
  message.Put(static_cast<uint32_t>(call.readers.size()));
  for (const uint32_t reader : call.readers) message.Put(reader);
  message.Put(static_cast<uint32_t>(call.arguments.size()));
  for (const ScheduledArgument& argument : call.arguments) {
    message.Put(argument.value);
    if (argument.value != ScheduledArgument::kConstant) continue;
    message.Put(argument.kind);
    message.Put(static_cast<uint64_t>(argument.bytes.size()));
    message.Bytes(argument.bytes);
  }
}

Result<ScheduledCall> ReadCall(MessageReader& message, const RegionShape& shape) {
  ScheduledCall call;
  call.function = message.Take<uint64_t>();
  call.name = message.Text();
  call.retries = message.Take<int32_t>();
  call.value = message.Take<uint32_t>();
  call.is_output = message.Take<uint8_t>() != 0;
  for (auto left = message.Take<uint32_t>(); left > 0 && !message.failed(); --left) {
    call.readers.push_back(message.Take<uint32_t>());
    if (call.readers.back() >= shape.lanes) return Nonsense();
  }
  for (auto left = message.Take<uint32_t>(); left > 0 && !message.failed(); --left) {
    ScheduledArgument argument{.value = message.Take<uint32_t>()};
    if (argument.value == ScheduledArgument::kConstant) {
      argument.kind = message.Take<uint32_t>();
      const std::span<const std::byte> bytes = message.Bytes(message.Take<uint64_t>());
      argument.bytes.assign(bytes.begin(), bytes.end());
      if (argument.kind >= ValueSlot::kError) return Nonsense();
    } else if (argument.value >= shape.values) {
      return Nonsense();
    }
    call.arguments.push_back(std::move(argument));
  }
  if (message.failed() || call.value >= shape.values) return Nonsense();
  return call;
}

}  // namespace

std::vector<std::byte> LaneSchedule::Write() const {
  std::vector<std::byte> bytes;
  MessageWriter message(bytes);
  message.Put(dag);
  message.Put(region);
  message.Put(shape);
  message.Put(lane);
  message.Put(static_cast<uint32_t>(calls.size()));
  for (const ScheduledCall& call : calls) WriteCall(message, call);
  return bytes;
}

Result<LaneSchedule> LaneSchedule::Read(std::span<const std::byte> bytes) {
  MessageReader message(bytes);
  LaneSchedule schedule;
  schedule.dag = message.Take<uint64_t>();
  schedule.region = message.Take<uint64_t>();
  schedule.shape = message.Take<RegionShape>();
  schedule.lane = message.Take<uint32_t>();
  if (message.failed() || !schedule.shape.Check().ok() || schedule.lane >= schedule.shape.lanes) return Nonsense();
  for (auto left = message.Take<uint32_t>(); left > 0 && !message.failed(); --left) {
    TRIUNE_ASSIGN_OR_RETURN(ScheduledCall call, ReadCall(message, schedule.shape));
    schedule.calls.push_back(std::move(call));
  }
  if (message.failed() || schedule.calls.empty()) return Nonsense();
  return schedule;
}

}  // namespace triune::compute
