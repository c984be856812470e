#include "compute/process/worker_actors.h"

#include <string>
#include <vector>

#include "compute/process/error_message.h"
#include "compute/process/nested.h"
#include "compute/process/worker_messages.h"
#include "triune/core/detail/names.h"

namespace triune::compute {
namespace {

Status NotRegistered(const std::string& what) {
  return InvalidArgument(what +
                         " can't be asked for in a process for tasks: it is not registered "
                         "(TRIUNE_REMOTE_ACTOR)");
}

}  // namespace

void WorkerActors::StandFor(detail::ActorCore& cell, uint64_t handle) {
  auto actor = detail::Pointer<detail::ReceivedObject>::Adopt(new detail::TypedReceivedObject<void>());
  actor->SetOrigin(driver_.Keep(handle));
  cell.StandFor(std::move(actor));
}

Status WorkerActors::Create(detail::ActorCore& cell, detail::CreationTask& creation) {
  const detail::RemoteFunction* constructor = detail::RemoteRegistry::Find(creation.Remote());
  if (constructor == nullptr) return NotRegistered(detail::TypeName(cell.type()));
  const ActorOptions& options = cell.options();
  if (options.placement_group) {
    return InvalidArgument("placement_group of " + cell.Name() +
                           " can't be sent: groups are made outside of processes");
  }
  const uint64_t handle = driver_.NewHandle();
  std::vector<std::byte> bytes;
  MessageWriter message(bytes, MessageKind::kCreateActor);
  message.Put(ActorHeader{.handle = handle,
                          .function = detail::RemoteRegistry::NumberOf(*constructor),
                          .slot = SlotOfThisThread(driver_.page()),
                          .arguments = static_cast<uint32_t>(constructor->parameters.size()),
                          .max_pending_calls = options.max_pending_calls,
                          .max_restarts = options.max_restarts,
                          .max_concurrency = options.max_concurrency,
                          .detached = static_cast<uint8_t>(options.detached),
                          .get_if_exists = static_cast<uint8_t>(options.get_if_exists)});
  message.Text(options.name);
  WriteNeeds(message, options);
  TRIUNE_RETURN_IF_ERROR(WriteArguments(message, creation, *constructor, driver_));
  TRIUNE_RETURN_IF_ERROR(driver_.CheckLength(bytes));
  driver_.Send(bytes);
  StandFor(cell, handle);
  return {};
}

Status WorkerActors::Find(std::string_view name, detail::ActorCore& cell) {
  const detail::RemoteFunction* constructor =
      detail::RemoteRegistry::Find({.words = {}, .type = &cell.type(), .actor = &cell.type()});
  if (constructor == nullptr) return NotRegistered(detail::TypeName(cell.type()));
  const uint64_t request = driver_.NewRequest();
  const uint64_t handle = driver_.NewHandle();
  std::vector<std::byte> bytes;
  MessageWriter message(bytes, MessageKind::kFindActor);
  message.Put(request);
  message.Put(handle);
  message.Put(static_cast<uint64_t>(detail::RemoteRegistry::NumberOf(*constructor)));
  message.Text(name);
  TRIUNE_RETURN_IF_ERROR(driver_.CheckLength(bytes));
  const auto reply = driver_.Request(request, bytes);
  if (!reply.has_value()) return Cancelled("the task that asks was cancelled");
  MessageReader reader(*reply);
  TRIUNE_RETURN_IF_ERROR(ReadStatus(reader));
  StandFor(cell, handle);
  return {};
}

void WorkerActors::Call(detail::ActorCore& cell, detail::ActorTask& call, detail::ReceivedObject& result) {
  Status status = SendCall(cell, call, result);
  if (!status.ok()) result.Fail(std::move(status));
}

Status WorkerActors::SendCall(detail::ActorCore& cell, detail::ActorTask& call, detail::ReceivedObject& result) {
  const detail::RemoteFunction* method = detail::RemoteRegistry::Find(call.Remote());
  if (method == nullptr) return NotRegistered(call.Name());
  static const TaskOptions kDefault;
  const TaskOptions& options = call.options() == nullptr ? kDefault : *call.options();
  if (options.retry_on) {
    return InvalidArgument("retry_on of " + call.Name() + " can't be sent: a task in a process has none to give");
  }
  if (options.reconstruct) return InvalidArgument("the result of a method can't be reconstructed: " + call.Name());
  const uint64_t handle = driver_.NewHandle();
  std::vector<std::byte> bytes;
  MessageWriter message(bytes, MessageKind::kCallActor);
  message.Put(CallHeader{.handle = handle,
                         .actor = HandleOf(*cell.stands_for()),
                         .function = detail::RemoteRegistry::NumberOf(*method),
                         .slot = SlotOfThisThread(driver_.page()),
                         .arguments = static_cast<uint32_t>(method->parameters.size()),
                         .timeout = options.timeout.count(),
                         .retries = options.retries});
  message.Text(options.name);
  TRIUNE_RETURN_IF_ERROR(WriteArguments(message, call, *method, driver_));
  TRIUNE_RETURN_IF_ERROR(driver_.CheckLength(bytes));
  driver_.Send(bytes);
  result.SetCodec(method->result);
  result.SetOrigin(driver_.Keep(handle));
  return {};
}

void WorkerActors::Kill(detail::ActorCore& cell, bool restart) noexcept {
  std::vector<std::byte> bytes;
  MessageWriter message(bytes, MessageKind::kKillActor);
  message.Put(HandleOf(*cell.stands_for()));
  message.Put(static_cast<uint8_t>(restart));
  driver_.Send(bytes);
}

detail::ObjectPointer WorkerActors::Ready(detail::ActorCore& cell) {
  const uint64_t handle = driver_.NewHandle();
  std::vector<std::byte> bytes;
  MessageWriter message(bytes, MessageKind::kActorReady);
  message.Put(HandleOf(*cell.stands_for()));
  message.Put(handle);
  driver_.Send(bytes);
  auto ready = detail::Pointer<detail::ReceivedObject>::Adopt(new detail::TypedReceivedObject<void>());
  ready->SetOrigin(driver_.Keep(handle));
  return ready;
}

}  // namespace triune::compute
