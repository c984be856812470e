#include "triune/core/session.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include "base/clock.h"
#include "compute/actor_directory.h"
#include "compute/local/local_engine.h"
#include "compute/local/machine_resources.h"
#include "compute/process/environment.h"
#include "compute/start_task.h"
#include "compute/state/session_environment.h"
#include "compute/state/session_state.h"
#include "compute/state/state_book.h"
#include "compute/task_error.h"

namespace triune {
namespace {

using compute::DeadlineIn;

std::unique_ptr<detail::Engine> MakeEngine(const SessionOptions& given) {
  auto [options, problem] = compute::WithEnvironment(given);
  return std::make_unique<compute::LocalEngine>(compute::MachineResources(options), options, std::move(problem));
}

bool Tracks(const detail::Engine& engine) {
  return engine.state_book() != nullptr && engine.state_book()->tracker() != nullptr;
}

Status OnlyDriver() {
  return FailedPrecondition("a task in a process can't be told what the session is doing: the driver can");
}

}  // namespace

Session::Session(const SessionOptions& options)
    : ending_{std::make_shared<std::atomic<bool>>(false)},
      named_{std::make_shared<detail::ActorDirectory>()},
      engine_(MakeEngine(options)),
      is_foreign_(false),
      is_tracked_(Tracks(*engine_)) {
  engine_->SetSession(this);
}

Session::Session(std::unique_ptr<detail::Engine> engine)
    : ending_{std::make_shared<std::atomic<bool>>(false)},
      named_{std::make_shared<detail::ActorDirectory>()},
      engine_(std::move(engine)),
      is_foreign_(true),
      is_tracked_(false) {
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

Result<std::shared_ptr<const detail::ObjectUse>> Session::WaitForUse(const detail::ObjectPointer& object,
                                                                     Duration timeout) {
  const TimePoint deadline = DeadlineIn(timeout);
  while (true) {
    auto use = std::make_shared<const detail::ObjectUse>(object);
    if (use->ready()) return use->status().ok() ? Result(std::move(use)) : use->status();
    use = {};
    TRIUNE_RETURN_IF_ERROR(WaitFor(object, Left(deadline)));
  }
}

TimePoint Session::DeadlineOf(Duration timeout) { return DeadlineIn(timeout); }

Duration Session::Left(TimePoint deadline) {
  if (deadline == kNever) return Duration::max();
  return std::max(deadline - Clock::System().Now(), Duration::zero());
}

Status Session::WaitForAll(std::span<detail::Object* const> objects, Duration timeout) {
  return engine_->WaitFor(objects, objects.size(), DeadlineIn(timeout));
}

Result<WaitResult> Session::WaitForSome(std::span<detail::Object* const> objects, size_t count, Duration timeout) {
  const TimePoint deadline = DeadlineIn(timeout);
  while (true) {
    Status status = engine_->WaitFor(objects, count, deadline);
    if (!status.ok() && status.code() != StatusCode::kDeadlineExceeded) return status;
    WaitResult result;
    for (size_t i = 0; i < objects.size(); ++i) {
      (objects[i]->ready() ? result.ready : result.remaining).push_back(i);
    }
    // Some may have been freed since, and are to be made again.
    if (is_foreign_ || !status.ok() || result.ready.size() >= std::min(count, objects.size())) return result;
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
  if (is_foreign_) {
    Status sent = engine_->driver_actors()->Create(actor, *creation);
    if (!sent.ok()) {
      actor.SetCreation(std::move(creation));
      actor.Refuse(std::move(sent));
    }
    return {};
  }
  actor.SetCreation(std::move(creation));
  detail::Pointer<detail::ActorCore> existing;
  Status status = compute::CheckRuntimeEnv(actor.options().runtime_env, actor.options().isolation);
  if (!status.ok()) {
    // Refused below, without a name.
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

Status Session::status() const { return is_foreign_ ? Status() : engine_->session_state()->status(); }
SessionStats Session::Stats() const { return is_foreign_ ? SessionStats() : engine_->session_state()->Stats(); }
Result<Listing<TaskInfo>> Session::ListTasks(const ListOptions& options) const {
  if (is_foreign_) return OnlyDriver();
  return engine_->session_state()->ListTasks(options);
}
Result<Listing<ActorInfo>> Session::ListActors(const ListOptions& options) const {
  if (is_foreign_) return OnlyDriver();
  return engine_->session_state()->ListActors(options);
}
Result<Listing<ObjectInfo>> Session::ListObjects(const ListOptions& options) const {
  if (is_foreign_) return OnlyDriver();
  return engine_->session_state()->ListObjects(options);
}
Result<Listing<PlacementGroupStateInfo>> Session::ListPlacementGroups(const ListOptions& options) const {
  if (is_foreign_) return OnlyDriver();
  return engine_->session_state()->ListPlacementGroups(options);
}
Result<Listing<WorkerInfo>> Session::ListWorkers(const ListOptions& options) const {
  if (is_foreign_) return OnlyDriver();
  return engine_->session_state()->ListWorkers(options);
}
Result<std::vector<TaskSummary>> Session::SummarizeTasks() const {
  if (is_foreign_) return OnlyDriver();
  return engine_->session_state()->SummarizeTasks();
}
std::string Session::MetricsText() const {
  return is_foreign_ ? std::string() : engine_->session_state()->MetricsText();
}
Status Session::WriteTrace(const std::string& path) const {
  if (is_foreign_) return OnlyDriver();
  TRIUNE_ASSIGN_OR_RETURN(const std::string text, engine_->session_state()->Timeline());
  std::FILE* file = std::fopen(path.c_str(), "we");
  bool written = file != nullptr && std::fwrite(text.data(), 1, text.size(), file) == text.size();
  if (file != nullptr) written = std::fclose(file) == 0 && written;
  if (written) return {};
  return InvalidArgument("the trace can't be written to " + path + ": " + std::generic_category().message(errno));
}

}  // namespace triune
