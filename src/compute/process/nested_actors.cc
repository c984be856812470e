// What tasks of a worker ask for about actors.
#include <string>
#include <utility>
#include <vector>

#include "compute/actor_object.h"
#include "compute/process/error_message.h"
#include "compute/process/nested.h"
#include "compute/process/nested_calls.h"
#include "triune/core/session.h"

namespace triune::compute {
namespace {

/// Null when there is none, or it is no constructor.
const detail::RemoteFunction* ConstructorAt(uint64_t number) {
  const detail::RemoteFunction* function = detail::RemoteRegistry::At(number);
  return function != nullptr && function->make_cell != nullptr ? function : nullptr;
}

detail::ObjectPointer ReferenceTo(detail::Pointer<detail::ActorCore> actor) {
  return detail::ObjectPointer::Adopt(new ActorObject(std::move(actor)));
}

}  // namespace

Result<detail::Pointer<detail::ActorCore>> NestedCalls::ActorOf(uint64_t handle) const {
  auto found = known_.find(handle);
  const auto* object = found == known_.end() ? nullptr : dynamic_cast<ActorObject*>(found->second.object.get());
  if (object == nullptr) return InvalidArgument("it has no such actor");
  return detail::Pointer<detail::ActorCore>(&object->actor());
}

Status NestedCalls::HandleCreateActor(MessageReader& message) {
  const auto header = message.Take<ActorHeader>();
  const detail::RemoteFunction* constructor = ConstructorAt(header.function);
  if (message.failed() || constructor == nullptr || header.arguments != constructor->parameters.size()) {
    return InvalidArgument("an actor that can't be");
  }
  ActorOptions options{.name = message.Text(),
                       .detached = header.detached != 0,
                       .get_if_exists = header.get_if_exists != 0,
                       .max_restarts = header.max_restarts,
                       .max_concurrency = header.max_concurrency,
                       .max_pending_calls = header.max_pending_calls,
                       .isolation = kProcess};
  ReadNeeds(message, options);
  TRIUNE_ASSIGN_OR_RETURN(auto arguments, ReadArguments(message, header.arguments));
  Status status;
  InNameOf(header.slot, [&] {
    auto actor = detail::Pointer<detail::ActorCore>::Adopt(constructor->make_cell(host_.engine(), std::move(options)));
    auto creation =
        detail::Pointer<detail::CreationTask>::Adopt(new StoredCreation(*constructor, std::move(arguments), *actor));
    if (auto existing = host_.engine().session()->StartActor(*actor, std::move(creation))) actor = std::move(existing);
    status = Add(header.handle, {ReferenceTo(std::move(actor)), nullptr});
  });
  return status;
}

Status NestedCalls::HandleCallActor(MessageReader& message) {
  const auto header = message.Take<CallHeader>();
  const detail::RemoteFunction* method = detail::RemoteRegistry::At(header.function);
  if (message.failed() || method == nullptr || method->make_cell != nullptr || method->element != nullptr ||
      header.arguments != method->parameters.size()) {
    return InvalidArgument("a call that can't be");
  }
  TRIUNE_ASSIGN_OR_RETURN(auto actor, ActorOf(header.actor));
  if (method->key.actor == nullptr || *method->key.actor != actor->type()) {
    return InvalidArgument("a method of another actor");
  }
  std::shared_ptr<TaskOptions> options;
  std::string name = message.Text();
  if (!name.empty() || header.retries != 0 || header.timeout != Duration::max().count()) {
    options = std::make_shared<TaskOptions>();
    options->name = std::move(name);
    options->retries = header.retries;
    options->timeout = Duration(header.timeout);
  }
  TRIUNE_ASSIGN_OR_RETURN(auto arguments, ReadArguments(message, header.arguments));
  Status status;
  InNameOf(header.slot, [&] {
    auto call =
        detail::Pointer<StoredCall>::Adopt(new StoredCall(*method, std::move(arguments), *actor, std::move(options)));
    status = Add(header.handle, {call, method->result});
    if (status.ok()) detail::StartCall(*actor, *call);
  });
  return status;
}

Status NestedCalls::HandleKillActor(MessageReader& message) {
  const auto handle = message.Take<uint64_t>();
  const bool restart = message.Take<uint8_t>() != 0;
  TRIUNE_ASSIGN_OR_RETURN(auto actor, ActorOf(handle));
  actor->Kill(restart);
  return {};
}

Status NestedCalls::HandleActorReady(MessageReader& message) {
  const auto actor_handle = message.Take<uint64_t>();
  const auto handle = message.Take<uint64_t>();
  TRIUNE_ASSIGN_OR_RETURN(auto actor, ActorOf(actor_handle));
  return Add(handle, {detail::ObjectPointer(&actor->creation()), nullptr});
}

Status NestedCalls::HandleFindActor(MessageReader& message) {
  const auto request = message.Take<uint64_t>();
  const auto handle = message.Take<uint64_t>();
  const detail::RemoteFunction* constructor = ConstructorAt(message.Take<uint64_t>());
  const std::string name = message.Text();
  if (message.failed() || constructor == nullptr) return InvalidArgument("an actor that can't be");
  auto actor = host_.engine().session()->FindActor(name, *constructor->key.type);
  if (!actor.ok()) return Reply(request, actor.status());
  TRIUNE_RETURN_IF_ERROR(Add(handle, {ReferenceTo(*std::move(actor)), nullptr}));
  return Reply(request, Status());
}

}  // namespace triune::compute
