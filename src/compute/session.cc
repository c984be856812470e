#include "triune/core/session.h"

#include "base/clock.h"
#include "compute/actor_directory.h"
#include "compute/cancel_family.h"
#include "compute/local/local_engine.h"
#include "compute/local/machine_resources.h"
#include "compute/task_error.h"

namespace triune {
namespace {

TimePoint DeadlineIn(Duration timeout) {
  return timeout == Duration::max() ? kNever : DeadlineAfter(Clock::System().Now(), timeout);
}

}  // namespace

bool compute::CancelFamily(detail::Task& task, const CancelOptions& options) {
  // The children first seen after this are cancelled by whoever submits them.
  Status error = compute::MakeError(ErrorKind::kTaskCancelled, StatusCode::kCancelled, task.Name() + " was cancelled",
                                    task.Name());
  const bool was_in_time = task.Abandon(std::move(error), options.recursive, options.force);
  if (options.recursive) {
    for (const auto& child : task.Children()) CancelFamily(*child, options);
  }
  return was_in_time;
}

Session::Session(const SessionOptions& options)
    : ending_{std::make_shared<std::atomic<bool>>(false)},
      named_{std::make_shared<detail::ActorDirectory>()},
      engine_(std::make_unique<compute::LocalEngine>(compute::MachineResources(options))) {}

// Waits for all that runs, which may still use the session, and then lets go of the detached actors.
Session::~Session() = default;

Session::NamedActors::~NamedActors() { directory->Clear(); }
Session::Ending::~Ending() { has_ended->store(true, std::memory_order_release); }

void detail::StartTask(Engine& engine, Task& task) noexcept {
  if (task.options() == nullptr) return task.Start();
  Status status = engine.Check(*task.options());
  if (!status.ok()) task.Abandon(std::move(status));
  task.Start();
  Duration timeout = task.options()->timeout;
  if (timeout != Duration::max()) engine.AbandonAt(task, DeadlineIn(timeout));
}

void Session::StartWithOptions(detail::Task& task) { detail::StartTask(*engine_, task); }

Status Session::WaitFor(detail::Object& object, Duration timeout) {
  if (!object.ready()) {
    detail::Object* objects[] = {&object};
    TRIUNE_RETURN_IF_ERROR(engine_->WaitFor(objects, 1, DeadlineIn(timeout)));
  }
  return object.status();
}

std::vector<size_t> Session::WaitForSome(std::span<detail::Object* const> objects, size_t count, Duration timeout) {
  std::ignore = engine_->WaitFor(objects, count, DeadlineIn(timeout));
  std::vector<size_t> ready;
  for (size_t i = 0; i < objects.size(); ++i) {
    if (objects[i]->ready()) ready.push_back(i);
  }
  return ready;
}

bool Session::Cancel(detail::Object& object, const CancelOptions& options) {
  detail::Task* task = object.task();
  return task != nullptr && compute::CancelFamily(*task, options);
}

detail::Pointer<detail::ActorCore> Session::StartActor(detail::ActorCore& actor,
                                                       detail::Pointer<detail::CreationTask> creation) {
  actor.SetCreation(std::move(creation));
  detail::Pointer<detail::ActorCore> existing;
  Status status;
  if (!actor.options().name.empty()) {
    status = named_.directory->Add(named_.directory, actor, &existing);
    if (existing) status = AlreadyExists("there is another that is meant");
  } else if (actor.options().detached) {
    status = InvalidArgument("a detached actor needs a name");
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

}  // namespace triune
