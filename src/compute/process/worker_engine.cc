#include "compute/process/worker_engine.h"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "compute/process/error_message.h"
#include "compute/process/nested.h"
#include "compute/process/slot.h"
#include "compute/process/worker_messages.h"
#include "compute/spin.h"
#include "compute/task_error.h"

namespace triune::compute {
namespace {

using detail::current_frame;

bool IsCancelled() {
  return current_frame != nullptr && current_frame->stage != nullptr &&
         (current_frame->stage->load(std::memory_order_acquire) & slot::kCancelled) != 0;
}

}  // namespace

void WorkerEngine::SubmitToDriver(detail::Task& task, detail::ReceivedObject& result) {
  Status status = Submit(task, result);
  if (!status.ok()) result.Fail(std::move(status));
}

Status WorkerEngine::Submit(detail::Task& task, detail::ReceivedObject& result) {
  const detail::RemoteFunction* function = detail::RemoteRegistry::Find(task.Remote());
  if (function == nullptr) {
    return InvalidArgument(task.Name() +
                           " can't be submitted in a process for tasks: it is not registered (TRIUNE_REMOTE)");
  }
  static const TaskOptions kDefault;
  const TaskOptions& options = task.options() == nullptr ? kDefault : *task.options();
  if (options.retry_on) {
    return InvalidArgument("retry_on of " + task.Name() + " can't be sent: a task in a process has none to give");
  }
  if (options.placement_group) {
    return InvalidArgument("placement_group of " + task.Name() +
                           " can't be sent: groups are made outside of processes");
  }
  const uint64_t handle = driver_.NewHandle();
  std::vector<std::byte> bytes;
  MessageWriter message(bytes, MessageKind::kSubmit);
  message.Put(SubmitHeader{.handle = handle,
                           .function = detail::RemoteRegistry::NumberOf(*function),
                           .slot = SlotOfThisThread(driver_.page()),
                           .arguments = static_cast<uint32_t>(function->parameters.size()),
                           .timeout = options.timeout.count(),
                           .retries = options.retries,
                           .reconstruct = options.reconstruct ? 1U : 0U});
  message.Text(options.name);
  WriteNeeds(message, options);
  TRIUNE_RETURN_IF_ERROR(WriteArguments(message, task, *function, driver_));
  TRIUNE_RETURN_IF_ERROR(driver_.CheckLength(bytes));
  driver_.Send(bytes);
  result.SetCodec(function->result);
  result.SetOrigin(driver_.Keep(handle));
  return {};
}

std::optional<DriverConnection::Bytes> WorkerEngine::AskFor(std::span<detail::ReceivedObject* const> objects,
                                                            size_t needed, TimePoint deadline) {
  if (deadline <= std::chrono::steady_clock::now()) needed = 0;
  const uint64_t request = driver_.NewRequest();
  std::vector<std::byte> bytes;
  MessageWriter message(bytes, MessageKind::kWait);
  message.Put(request);
  message.Put(WaitHeader{.slot = SlotOfThisThread(driver_.page()),
                         .needed = static_cast<uint32_t>(needed),
                         .count = static_cast<uint32_t>(objects.size())});
  for (const detail::ReceivedObject* object : objects) message.Put(object->origin()->handle());
  if (!driver_.CheckLength(bytes).ok()) return std::nullopt;
  auto reply = driver_.Request(request, bytes, needed == 0 ? kNever : deadline, &IsCancelled);
  if (reply.has_value()) return reply;
  MessageWriter forget(bytes, MessageKind::kForget);
  forget.Put(request);
  driver_.Send(bytes);
  if (IsCancelled() || needed == 0) return std::nullopt;
  return AskFor(objects, 0, kNever);
}

Status WorkerEngine::WaitFor(std::span<detail::Object* const> objects, size_t count, TimePoint deadline) {
  count = std::min(count, objects.size());
  size_t ready = 0;
  std::vector<detail::ReceivedObject*> awaited;
  for (detail::Object* object : objects) {
    if (object->ready()) {
      ++ready;
    } else if (HandleOf(*object) != 0) {
      awaited.push_back(object->received());
    }
  }
  // Wait tells all that are ready, which only the driver knows.
  if (awaited.empty() || (ready >= count && objects.size() == 1 && count > 0)) return {};
  auto give_up = [] {
    return IsCancelled()
               ? MakeError(ErrorKind::kTaskCancelled, StatusCode::kCancelled, "the task that waits was cancelled",
                           current_frame->task.Name())
               : MakeError(ErrorKind::kGetTimeout, StatusCode::kDeadlineExceeded, "the object was not ready in time");
  };
  if (IsCancelled()) return give_up();
  const auto reply = AskFor(awaited, count > ready ? count - ready : 0, deadline);
  if (!reply.has_value()) {
    return IsCancelled() ? give_up() : InvalidArgument("too many objects to wait for at the same time");
  }
  MessageReader reader(*reply);
  TRIUNE_RETURN_IF_ERROR(ReadStatus(reader));
  std::vector<uint32_t> numbers(reader.Take<uint32_t>());
  for (uint32_t& number : numbers) number = reader.Take<uint32_t>();
  if (awaited.size() == 1) {
    if (!numbers.empty()) TRIUNE_RETURN_IF_ERROR(Fetch(*awaited[0], reader));
    return ready + numbers.size() >= count ? Status() : give_up();
  }
  // Those that are ready: their values one by one.
  for (uint32_t number : numbers) {
    detail::ReceivedObject* object = awaited.at(number);
    if (object->ready()) continue;
    const auto value = AskFor({&object, 1}, 1, kNever);
    if (!value.has_value()) return give_up();
    MessageReader value_reader(*value);
    TRIUNE_RETURN_IF_ERROR(ReadStatus(value_reader));
    value_reader.Take<uint32_t>();
    value_reader.Take<uint32_t>();
    TRIUNE_RETURN_IF_ERROR(Fetch(*object, value_reader));
  }
  return ready + numbers.size() >= count ? Status() : give_up();
}

Status WorkerEngine::Fetch(detail::ReceivedObject& object, MessageReader& reply) {
  Status status = ReadStatus(reply);
  // Another thread may have been told as well.
  if (!object.ClaimFill()) {
    Spinner spinner;
    while (!object.ready()) spinner.Pause();
    return {};
  }
  if (!status.ok()) {
    object.Fail(std::move(status));
  } else if (object.value_type() == typeid(void)) {
    object.Fill({});
  } else {
    Result<ReceivedValue> value = ReadValue(reply, driver_);
    if (value.ok()) {
      object.Fill(value->decoder);
    } else {
      object.Fail(std::move(value).status());
    }
  }
  return {};
}

std::optional<DriverConnection::Bytes> WorkerEngine::Ask(MessageKind kind, uint64_t handle) {
  const uint64_t request = driver_.NewRequest();
  std::vector<std::byte> bytes;
  MessageWriter message(bytes, kind);
  message.Put(request);
  message.Put(handle);
  return driver_.Request(request, bytes);
}

bool WorkerEngine::ContainsAtDriver(detail::Object& object) {
  const uint64_t handle = HandleOf(object);
  if (handle == 0) return false;
  const auto reply = Ask(MessageKind::kContains, handle);
  return reply.has_value() && MessageReader(*reply).Take<uint8_t>() != 0;
}

Status WorkerEngine::FreeObject(detail::Object& object) {
  const uint64_t handle = HandleOf(object);
  if (handle == 0) return Engine::FreeObject(object);
  const auto reply = Ask(MessageKind::kFree, handle);
  if (!reply.has_value()) return Unavailable("the driver does not answer");
  MessageReader reader(*reply);
  return ReadStatus(reader);
}

bool WorkerEngine::CancelAtDriver(detail::Object& object, bool recursive, bool force) {
  const uint64_t handle = HandleOf(object);
  if (handle == 0) return false;
  const uint64_t request = driver_.NewRequest();
  std::vector<std::byte> bytes;
  MessageWriter message(bytes, MessageKind::kCancel);
  message.Put(request);
  message.Put(handle);
  message.Put(static_cast<uint8_t>(recursive));
  message.Put(static_cast<uint8_t>(force));
  const auto reply = driver_.Request(request, bytes);
  return reply.has_value() && MessageReader(*reply).Take<uint8_t>() != 0;
}

}  // namespace triune::compute
