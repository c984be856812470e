#include "triune/core/session.h"

#include <algorithm>

#include "compute/actor_directory.h"
#include "compute/local/local_engine.h"
#include "compute/local/machine_resources.h"
#include "compute/process/environment.h"
#include "compute/start_task.h"
#include "compute/task_error.h"

namespace triune {
namespace {

using compute::DeadlineIn;

}  // namespace

Session::Session(const SessionOptions& options)
    : ending_{std::make_shared<std::atomic<bool>>(false)},
      named_{std::make_shared<detail::ActorDirectory>()},
      engine_(std::make_unique<compute::LocalEngine>(compute::MachineResources(options), options)),
      is_foreign_(false) {
  engine_->SetSession(this);
}

Session::Session(std::unique_ptr<detail::Engine> engine)
    : ending_{std::make_shared<std::atomic<bool>>(false)},
      named_{std::make_shared<detail::ActorDirectory>()},
      engine_(std::move(engine)),
      is_foreign_(true) {
  engine_->SetSession(this);
}

Session* Session::Current() noexcept {
  const detail::Frame* frame = detail::current_frame;
  return frame == nullptr ? nullptr : frame->task.runner().session();
}

// Waits for all that runs, which may still use the session, and then lets go of the detached actors.
Session::~Session() = default;

Session::NamedActors::~NamedActors() { directory->Clear(); }
Session::Ending::~Ending() { has_ended->store(true, std::memory_order_release); }

void Session::StartWithOptions(detail::Task& task) { detail::StartTask(*engine_, task); }

Status Session::WaitFor(const detail::ObjectPointer& object, Duration timeout) {
  if (!object->ready()) {
    detail::Object* objects[] = {object.get()};
    return engine_->WaitFor(objects, 1, DeadlineIn(timeout));
  }
  // It was freed, and others use it still.
  const detail::ObjectUse use(object);
  return use.ready() ? use.status() : Status();
}

std::vector<size_t> Session::WaitForSome(std::span<detail::Object* const> objects, size_t count, Duration timeout) {
  const TimePoint deadline = DeadlineIn(timeout);
  while (true) {
    const Status status = engine_->WaitFor(objects, count, deadline);
    std::vector<size_t> ready;
    for (size_t i = 0; i < objects.size(); ++i) {
      if (objects[i]->ready()) ready.push_back(i);
    }
    // Some may have been freed since, and are to be made again.
    if (is_foreign_ || !status.ok() || ready.size() >= std::min(count, objects.size())) return ready;
  }
}

ObjectRef<Buffer> Session::PutBytes(std::span<const std::byte> bytes) {
  Result<Buffer> copy = engine_->CopyToSharedMemory(bytes);
  if (copy.ok()) return Put(*std::move(copy));
  auto* failed = new detail::TypedReceivedObject<Buffer>();
  failed->Fail(std::move(copy).status());
  return ObjectRef<Buffer>(detail::ObjectPointer::Adopt(failed));
}

bool Session::Cancel(detail::Object& object, const CancelOptions& options) {
  detail::Task* task = object.task();
  if (is_foreign_) return engine_->CancelAtDriver(object, options.recursive, options.force);
  return task != nullptr && compute::CancelFamily(*task, options);
}

detail::Pointer<detail::ActorCore> Session::StartActor(detail::ActorCore& actor,
                                                       detail::Pointer<detail::CreationTask> creation) {
  actor.SetCreation(std::move(creation));
  detail::Pointer<detail::ActorCore> existing;
  Status status = compute::CheckRuntimeEnv(actor.options().runtime_env, actor.options().isolation);
  if (!status.ok()) {
    // Refused below, without a name.
  } else if (is_foreign_) {
    status = engine_->resources().Check(actor.options());
  } else if (!actor.options().name.empty()) {
    status = named_.directory->Add(named_.directory, actor, &existing);
    if (existing) status = AlreadyExists("there is another that is meant");
  } else if (actor.options().detached) {
    status = InvalidArgument("a detached actor needs a name");
  }
  if (status.ok() && (!actor.options().AsksForNothing() || actor.options().bundle != -1)) {
    status = engine_->resources().Check(actor.options());
  }
  if (status.ok()) {
    actor.Create();
  } else {
    actor.Refuse(std::move(status));
  }
  return existing;
}

Result<detail::Pointer<detail::ActorCore>> Session::FindActor(std::string_view name, const std::type_info& type) {
  return named_.directory->Find(name, type);
}

PlacementGroup Session::CreatePlacementGroup(PlacementGroupOptions options) {
  return engine_->resources().CreatePlacementGroup(std::move(options));
}
bool Session::RemovePlacementGroup(const PlacementGroup& group) {
  return engine_->resources().RemovePlacementGroup(group);
}
Result<PlacementGroup> Session::GetPlacementGroup(std::string_view name) const {
  return engine_->resources().GetPlacementGroup(name);
}
std::vector<PlacementGroupInfo> Session::PlacementGroups() const { return engine_->resources().PlacementGroups(); }

std::map<std::string, double> Session::ClusterResources() const { return engine_->resources().Total(); }
std::map<std::string, double> Session::AvailableResources() const { return engine_->resources().Available(); }

}  // namespace triune
