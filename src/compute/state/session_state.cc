#include "compute/state/session_state.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <tuple>
#include <utility>

#include "compute/local/worker_pool.h"
#include "compute/process/process_pool.h"
#include "compute/state/fields.h"
#include "compute/state/ids.h"
#include "compute/state/metrics_text.h"
#include "compute/state/object_registry.h"
#include "compute/state/state_server.h"
#include "compute/state/state_tracker.h"
#include "triune/core/detail/names.h"
#include "triune/core/session.h"

namespace triune::compute {
namespace {

std::string_view StateName(TaskRecord::State state) {
  switch (state) {
    case TaskRecord::kPendingArguments:
      return "PENDING_ARGS_AVAIL";
    case TaskRecord::kPendingNode:
      return "PENDING_NODE_ASSIGNMENT";
    case TaskRecord::kRunning:
      return "RUNNING";
    case TaskRecord::kFinished:
      return "FINISHED";
    case TaskRecord::kFailed:
      return "FAILED";
  }
  return {};
}

std::string_view TypeName(TaskRecord::Type type) {
  switch (type) {
    case TaskRecord::kNormal:
      return "NORMAL_TASK";
    case TaskRecord::kActorCall:
      return "ACTOR_TASK";
    case TaskRecord::kActorCreation:
      return "ACTOR_CREATION_TASK";
  }
  return {};
}

TaskInfo InfoOf(const TaskRecord& record, const StateTracker& tracker) {
  TaskInfo info;
  info.task_id = HexId(record.id);
  info.name = *record.name;
  info.state = StateName(record.state);
  info.type = TypeName(record.type);
  info.attempt_number = record.attempt;
  info.actor_id = HexId(record.actor);
  info.parent_task_id = HexId(record.parent);
  info.placement_group_id = HexId(record.group);
  info.worker_pid = record.worker_pid;
  if (record.resources == nullptr) {
    info.required_resources["CPU"] = 1;
  } else {
    info.required_resources = *record.resources;
  }
  info.error_type = record.error_type;
  if (record.error != nullptr) info.error_message = *record.error;
  info.creation_time_ms = tracker.WallMilliseconds(record.created);
  info.start_time_ms = tracker.WallMilliseconds(record.started);
  info.end_time_ms = tracker.WallMilliseconds(record.ended);
  return info;
}

ActorInfo InfoOf(ActorRecord record) {
  return {.actor_id = HexId(record.id),
          .class_name = std::move(record.class_name),
          .state = std::string(ActorLifeName(record.life)),
          .name = std::move(record.name),
          .pid = record.pid,
          .num_restarts = record.restarts,
          .is_detached = record.is_detached,
          .placement_group_id = HexId(record.group),
          .required_resources = std::move(record.resources),
          .death_cause = std::move(record.death_cause)};
}

FieldAmounts AmountsOf(const Bundle& bundle) {
  FieldAmounts amounts = bundle.resources;
  if (bundle.cpus != 0) amounts["CPU"] = bundle.cpus;
  if (bundle.gpus != 0) amounts["GPU"] = bundle.gpus;
  if (bundle.memory != 0) amounts["memory"] = bundle.memory;
  return amounts;
}

/// `left_out`: those that are known to have been, but of which no more is known.
template <typename Row>
void AddLeftOut(Listing<Row>& listing, uint64_t left_out, std::string_view what) {
  listing.total += left_out;
  if (left_out == 0) return;
  listing.partial_failure_warning = std::to_string(left_out) + " " + std::string(what) +
                                    " are not among those that were searched: there is room for so many only";
}

}  // namespace

std::string_view ActorLifeName(detail::ActorLife life) {
  using detail::ActorLife;
  switch (life) {
    case ActorLife::kDependenciesUnready:
      return "DEPENDENCIES_UNREADY";
    case ActorLife::kPendingCreation:
      return "PENDING_CREATION";
    case ActorLife::kAlive:
      return "ALIVE";
    case ActorLife::kRestarting:
      return "RESTARTING";
    case ActorLife::kDead:
      return "DEAD";
    case ActorLife::kNumber:
      break;
  }
  return {};
}

SessionState::SessionState(const SessionOptions& options, Status problem) : socket_path_(options.state_socket) {
  AddProblem(std::move(problem));
  std::unique_ptr<TraceFile> trace;
  if (!options.trace_file.empty()) {
    auto opened = TraceFile::Open(options.trace_file);
    if (opened.ok()) {
      trace = *std::move(opened);
    } else {
      AddProblem(std::move(opened).status());
    }
  }
  std::unique_ptr<StateTracker> tracker;
  if (options.track_state || trace != nullptr || !socket_path_.empty()) {
    StateLimits limits;
    limits.tasks = options.max_tracked_tasks;
    tracker = std::make_unique<StateTracker>(limits, std::move(trace));
  }
  book_ = new StateBook(std::move(tracker));
}

SessionState::~SessionState() {
  StopServing();
  Close();
  book_->SetOver();
  book_->Unref();
}

void SessionState::AddProblem(Status problem) {
  if (problem.ok()) return;
  std::fprintf(stderr, "triune: %s\n", problem.ToString().c_str());
  std::lock_guard lock(mutex_);
  if (status_.ok()) status_ = std::move(problem);
}

Status SessionState::status() const {
  std::lock_guard lock(mutex_);
  return status_;
}

void SessionState::Begin(const Sources& sources) {
  sources_ = std::make_unique<Sources>(sources);
  if (socket_path_.empty()) return;
  auto server = StateServer::Start(socket_path_, *this);
  if (server.ok()) {
    server_ = *std::move(server);
  } else {
    AddProblem(std::move(server).status());
  }
}

void SessionState::StopServing() { server_.reset(); }

void SessionState::Close() {
  if (book_->tracker() != nullptr) book_->tracker()->CloseTrace();
}

Status SessionState::CheckTracked() const {
  if (book_->tracker() != nullptr) return {};
  return FailedPrecondition("the session keeps no track of that: SessionOptions::track_state");
}

SessionStats SessionState::Stats() const {
  SessionStats stats;
  stats.tasks = book_->Tasks();
  stats.actors = book_->Actors();
  for (const PlacementGroupInfo& group : sources_->resources.PlacementGroups()) {
    uint64_t& count = group.state == PlacementGroupState::kPending   ? stats.placement_groups.pending
                      : group.state == PlacementGroupState::kCreated ? stats.placement_groups.created
                                                                     : stats.placement_groups.removed;
    ++count;
  }
  const shm::SpillStatistics objects = sources_->processes.spill_statistics();
  stats.objects.shared_memory_blocks = objects.objects - objects.spilled_objects;
  stats.objects.shared_memory_bytes = objects.memory_used;
  stats.objects.shared_memory_capacity = objects.memory_limit;
  stats.objects.spilled_objects = objects.spilled_objects;
  stats.objects.spilled_bytes = objects.spilled;
  stats.worker_processes = sources_->processes.List().size();
  stats.threads = sources_->threads.thread_count();
  stats.resources_total = sources_->resources.Total();
  stats.resources_available = sources_->resources.Available();
  if (const StateTracker* tracker = book_->tracker()) {
    stats.tracking = {.on = true,
                      .tasks = tracker->tasks_kept(),
                      .tasks_left_out = tracker->tasks_left_out(),
                      .trace_events_dropped = tracker->trace_events_dropped()};
  }
  return stats;
}

Result<Listing<TaskInfo>> SessionState::ListTasks(const ListOptions& options) const {
  TRIUNE_RETURN_IF_ERROR(CheckTracked());
  const StateTracker& tracker = *book_->tracker();
  std::vector<TaskInfo> tasks;
  for (const TaskRecord& record : tracker.Tasks()) tasks.push_back(InfoOf(record, tracker));
  TRIUNE_ASSIGN_OR_RETURN(auto listing, Select(std::move(tasks), options));
  AddLeftOut(listing, tracker.tasks_left_out(), "tasks");
  return listing;
}

Result<Listing<ActorInfo>> SessionState::ListActors(const ListOptions& options) const {
  TRIUNE_RETURN_IF_ERROR(CheckTracked());
  std::vector<ActorInfo> actors;
  for (ActorRecord& record : book_->tracker()->Actors()) actors.push_back(InfoOf(std::move(record)));
  TRIUNE_ASSIGN_OR_RETURN(auto listing, Select(std::move(actors), options));
  AddLeftOut(listing, book_->tracker()->actors_left_out(), "actors");
  return listing;
}

ObjectInfo SessionState::Describe(detail::Object& object) const {
  ObjectInfo info;
  info.location = "WORKER_HEAP";
  info.reference_count = int64_t{object.references()} - 1;  // the one for this
  const detail::ObjectUse use{detail::ObjectPointer(&object)};
  if (!use.ready()) {
    info.state = "PENDING";
    return info;
  }
  info.state = use.status().ok() ? "CREATED" : "FAILED";
  if (!use.status().ok()) return info;
  auto look_at = [&](const Buffer& bytes) {
    info.object_size = std::max<int64_t>(info.object_size, 0) + static_cast<int64_t>(bytes.size());
    if (!bytes.empty() && sources_->processes.IsShared(bytes.data())) info.location = "MMAP_SHM";
  };
  if (const detail::StoredValue* stored = object.stored()) {
    look_at(stored->head);
    for (const Buffer& attached : stored->attached) look_at(attached);
    return info;
  }
  info.type = detail::TypeName(object.value_type());
  if (object.value_type() == typeid(Buffer)) {
    look_at(*static_cast<const Buffer*>(object.value()));
  } else if (object.value_type() == typeid(std::string)) {
    info.object_size = static_cast<int64_t>(static_cast<const std::string*>(object.value())->size());
  } else if (object.value_type() == typeid(void)) {
    info.object_size = 0;
  }
  return info;
}

Result<Listing<ObjectInfo>> SessionState::ListObjects(const ListOptions& options) const {
  TRIUNE_RETURN_IF_ERROR(CheckTracked());
  std::vector<ObjectRegistry::Entry> entries = ObjectRegistry::Of(*book_);
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  std::vector<ObjectInfo> objects;
  for (const auto& entry : entries) {
    ObjectInfo info = Describe(*entry.object);
    info.object_id = HexId(entry.id);
    info.reference_type = entry.is_task ? "TASK_RETURN" : "PUT";
    if (entry.is_task) info.task_id = info.object_id;
    if (info.object_size < 0) info.object_size = entry.bytes;
    objects.push_back(std::move(info));
  }
  TRIUNE_ASSIGN_OR_RETURN(auto listing, Select(std::move(objects), options));
  AddLeftOut(listing, book_->tracker()->objects_left_out(), "objects");
  return listing;
}

Result<Listing<PlacementGroupStateInfo>> SessionState::ListPlacementGroups(const ListOptions& options) const {
  std::vector<PlacementGroupStateInfo> groups;
  for (PlacementGroupInfo& group : sources_->resources.PlacementGroups()) {
    PlacementGroupStateInfo info{.placement_group_id = HexId(group.id),
                                 .name = std::move(group.name),
                                 .state = std::string(PlacementGroupStateName(group.state)),
                                 .strategy = std::string(PlacementStrategyName(group.strategy)),
                                 .bundles = {}};
    for (const Bundle& bundle : group.bundles) info.bundles.push_back(AmountsOf(bundle));
    groups.push_back(std::move(info));
  }
  return Select(std::move(groups), options);
}

Result<Listing<WorkerInfo>> SessionState::ListWorkers(const ListOptions& options) const {
  std::vector<WorkerInfo> workers;
  const auto threads = static_cast<int64_t>(sources_->threads.thread_count());
  workers.push_back({.worker_id = "driver",
                     .worker_type = "DRIVER",
                     .state = sources_->threads.busy() > 0 ? "RUNNING" : "IDLE",
                     .pid = getpid(),
                     .is_alive = true,
                     .threads = threads});
  std::vector<ProcessPool::Listed> processes = sources_->processes.List();
  std::sort(processes.begin(), processes.end(), [](const auto& a, const auto& b) { return a.number < b.number; });
  for (const auto& process : processes) {
    workers.push_back({.worker_id = HexId(process.number),
                       .worker_type = "WORKER",
                       .state = process.pid == 0 ? "STARTING" : (process.is_idle ? "IDLE" : "RUNNING"),
                       .pid = process.pid,
                       .is_alive = true,
                       .threads = 1});
  }
  return Select(std::move(workers), options);
}

Result<std::vector<TaskSummary>> SessionState::SummarizeTasks() const {
  TRIUNE_RETURN_IF_ERROR(CheckTracked());
  std::map<std::pair<std::string, TaskRecord::Type>, std::map<std::string, uint64_t>> counts;
  for (const TaskRecord& record : book_->tracker()->Tasks()) {
    ++counts[{*record.name, record.type}][std::string(StateName(record.state))];
  }
  std::vector<TaskSummary> summaries;
  for (auto& [key, states] : counts) {
    summaries.push_back({.func_or_class_name = key.first,
                         .type = std::string(TypeName(key.second)),
                         .state_counts = std::move(states)});
  }
  return summaries;
}

std::string SessionState::MetricsText() const {
  std::vector<TaskMetric> tasks;
  std::vector<ActorMetric> actors;
  if (const StateTracker* tracker = book_->tracker()) {
    std::map<std::tuple<std::string, std::string_view, bool>, uint64_t> counts;
    for (const TaskRecord& record : tracker->Tasks()) {
      ++counts[{*record.name, StateName(record.state), record.attempt > 0}];
    }
    for (const auto& [key, count] : counts) {
      tasks.push_back({std::get<0>(key), std::get<1>(key), std::get<2>(key), count});
    }
    std::map<std::pair<std::string, std::string_view>, uint64_t> actor_counts;
    for (const ActorRecord& record : tracker->Actors()) {
      ++actor_counts[{record.class_name, ActorLifeName(record.life)}];
    }
    for (const auto& [key, count] : actor_counts) actors.push_back({key.first, key.second, count});
  }
  return compute::MetricsText(Stats(), tasks, actors);
}

Result<std::string> SessionState::Timeline() const {
  TRIUNE_RETURN_IF_ERROR(CheckTracked());
  return book_->tracker()->Timeline();
}

}  // namespace triune::compute
