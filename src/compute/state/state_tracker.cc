#include "compute/state/state_tracker.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "compute/local/worker_pool.h"
#include "compute/state/object_registry.h"
#include "triune/core/detail/names.h"

namespace triune::compute {
namespace {

using detail::ActorLife;
using detail::TaskEvent;

/// Of an error's message: it is kept for each task.
constexpr size_t kMostMessage = 4096;

int64_t Now() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

int64_t ThisThread() {
  thread_local const int64_t number = gettid();
  return number;
}

TraceEvent::Track TrackOfThisThread(int64_t pid) {
  if (WorkerPool::OfThisThread() != nullptr) return TraceEvent::kPoolThread;
  return ThisThread() == pid ? TraceEvent::kMainThread : TraceEvent::kOtherThread;
}

std::shared_ptr<const std::string> Message(const Status& error) {
  std::string_view text = error.message();
  return std::make_shared<const std::string>(text.substr(0, kMostMessage));
}

std::string_view TypeOf(const Status& error) {
  const TaskError* details = TaskError::Of(error);
  return details == nullptr ? StatusCodeName(error.code()) : ErrorKindName(details->kind);
}

template <typename Options>
ResourceAmounts AmountsOf(const Options& options) {
  ResourceAmounts amounts = options.resources;
  if (options.cpus != 0) amounts["CPU"] = options.cpus;
  if (options.gpus != 0) amounts["GPU"] = options.gpus;
  if (options.memory != 0) amounts["memory"] = options.memory;
  return amounts;
}

std::shared_ptr<const ResourceAmounts> None() {
  static const auto none = std::make_shared<const ResourceAmounts>();
  return none;
}

}  // namespace

StateTracker::StateTracker(const StateLimits& limits, std::unique_ptr<TraceFile> trace)
    : limits_(limits),
      pid_(getpid()),
      wall_offset_(
          std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
              .count() -
          Now()),
      trace_(std::move(trace)) {}

int64_t StateTracker::WallMilliseconds(int64_t time) const noexcept {
  return time == 0 ? 0 : (time + wall_offset_) / 1'000'000;
}

StateTracker::Shard& StateTracker::ShardOf(const detail::Task& task) const noexcept {
  return shards_[reinterpret_cast<uintptr_t>(&task) / 32 * 0x9e37'79b9'7f4a'7c15 >> 59U];
}

uint64_t StateTracker::IdOf(const detail::Task& task) const noexcept {
  Shard& shard = ShardOf(task);
  std::lock_guard lock(shard.mutex);
  auto found = shard.tasks.find(&task);
  return found == shard.tasks.end() ? 0 : found->second.id;
}

TaskRecord StateTracker::NewRecord(detail::Task& task) {
  TaskRecord record;
  record.id = last_id_.fetch_add(1, std::memory_order_relaxed) + 1;
  record.name = std::make_shared<const std::string>(task.PlainName());
  const TaskOptions* options = task.options();
  if (task.actor_creation()) {
    const detail::ActorCore& actor = static_cast<detail::CreationTask&>(task).created();
    record.type = TaskRecord::kActorCreation;
    record.actor = actor.caller_id();
    record.resources = std::make_shared<const ResourceAmounts>(AmountsOf(actor.options()));
    if (actor.options().placement_group) record.group = actor.options().placement_group.id();
  } else if (const detail::ActorCore* actor = task.actor()) {
    record.type = TaskRecord::kActorCall;
    record.actor = actor->caller_id();
    record.may_overlap = !actor->serial();
    record.resources = None();
  } else if (options != nullptr) {
    if (!options->AsksForOneCpuOnly()) {
      record.resources = std::make_shared<const ResourceAmounts>(AmountsOf(*options));
    }
    if (options->placement_group) record.group = options->placement_group.id();
  }
  if (detail::current_frame != nullptr && &detail::current_frame->task != &task) {
    record.parent = IdOf(detail::current_frame->task);
  }
  record.created = Now();
  record.submit_thread = ThisThread();
  record.submit_track = TrackOfThisThread(pid_);
  return record;
}

void StateTracker::OnTask(detail::Task& task, TaskEvent event, const Status* error) noexcept {
  switch (event) {
    case TaskEvent::kSubmitted:
      return Submit(task);
    case TaskEvent::kAwaits:
      return SetState(task, TaskRecord::kPendingArguments);
    case TaskEvent::kArgumentsReady:
    case TaskEvent::kGivenBack:
      return SetState(task, TaskRecord::kPendingNode);
    case TaskEvent::kBegun:
      return Begin(task);
    case TaskEvent::kRetried:
      return Retry(task, *error);
    case TaskEvent::kFinished:
    case TaskEvent::kFailed:
    case TaskEvent::kCancelled:
      return End(task, event, error);
    default:
      return;
  }
}

void StateTracker::Submit(detail::Task& task) {
  if (live_.load(std::memory_order_relaxed) >= limits_.tasks) {
    tasks_left_out_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  TaskRecord record = NewRecord(task);
  Trace(record, TraceEvent::kSubmit);
  if (!task.is_tracked() && objects_.load(std::memory_order_relaxed) < limits_.objects) {
    objects_.fetch_add(1, std::memory_order_relaxed);
    ObjectRegistry::Add(*task.runner().state_book(), task, record.id, true, -1);
    task.SetTracked();
  }
  if (task.phase() == detail::Task::kDone) {
    // Refused before it was submitted.
    record.state = TaskRecord::kFailed;
    record.ended = record.created;
    if (task.ready()) {
      record.error_type = TypeOf(task.status());
      record.error = Message(task.status());
    }
    Trace(record, TraceEvent::kFailure);
    return Keep(std::make_shared<const TaskRecord>(std::move(record)));
  }
  live_.fetch_add(1, std::memory_order_relaxed);
  Shard& shard = ShardOf(task);
  std::lock_guard lock(shard.mutex);
  shard.tasks.insert_or_assign(&task, std::move(record));
}

void StateTracker::SetState(detail::Task& task, TaskRecord::State state) {
  Shard& shard = ShardOf(task);
  std::lock_guard lock(shard.mutex);
  auto found = shard.tasks.find(&task);
  if (found != shard.tasks.end()) found->second.state = state;
}

void StateTracker::Begin(detail::Task& task) {
  auto begin = [&](TaskRecord& record) {
    record.state = TaskRecord::kRunning;
    record.started = Now();
    record.thread = ThisThread();
    record.track = TrackOfThisThread(pid_);
    record.worker_pid = task.elsewhere() ? 0 : pid_;
  };
  Shard& shard = ShardOf(task);
  {
    std::lock_guard lock(shard.mutex);
    auto found = shard.tasks.find(&task);
    if (found != shard.tasks.end()) return begin(found->second);
  }
  // It was left out when it was submitted, or is over already. There are not more that run than there are threads and
  // room in processes, and those that run are to be seen in any case.
  TaskRecord record = NewRecord(task);
  record.parent = 0;
  begin(record);
  std::lock_guard lock(shard.mutex);
  if (task.phase() != detail::Task::kRunning) return;  // whoever ends it comes here after this
  if (shard.tasks.emplace(&task, std::move(record)).second) {
    live_.fetch_add(1, std::memory_order_relaxed);
    tasks_left_out_.fetch_sub(1, std::memory_order_relaxed);
  }
}

void StateTracker::Retry(detail::Task& task, const Status& error) {
  Shard& shard = ShardOf(task);
  TaskRecord attempt;
  {
    std::lock_guard lock(shard.mutex);
    auto found = shard.tasks.find(&task);
    if (found == shard.tasks.end()) return;
    TaskRecord& record = found->second;
    record.error_type = TypeOf(error);
    record.error = Message(error);
    record.ended = Now();
    attempt = record;
    record.ended = 0;
    record.started = attempt.ended;
    ++record.attempt;
  }
  Trace(attempt, TraceEvent::kRun);
  Trace(attempt, TraceEvent::kRetry);
}

void StateTracker::End(detail::Task& task, TaskEvent event, const Status* error) {
  Shard& shard = ShardOf(task);
  auto record = std::make_shared<TaskRecord>();
  bool has_run;
  {
    std::lock_guard lock(shard.mutex);
    auto found = shard.tasks.find(&task);
    if (found == shard.tasks.end()) return;
    *record = std::move(found->second);
    record->ended = Now();
    has_run = record->state == TaskRecord::kRunning;
    record->state = event == TaskEvent::kFinished ? TaskRecord::kFinished : TaskRecord::kFailed;
    if (error != nullptr) {
      record->error_type = TypeOf(*error);
      record->error = Message(*error);
    }
    live_.fetch_sub(1, std::memory_order_relaxed);
    shard.tasks.erase(found);
    Keep(record);  // still locked: whoever looks here and then there is to find it
  }
  if (has_run) Trace(*record, TraceEvent::kRun);
  if (error != nullptr) Trace(*record, TraceEvent::kFailure);
}

void StateTracker::Keep(std::shared_ptr<const TaskRecord> kept) {
  std::vector<std::shared_ptr<const TaskRecord>> left_out;
  {
    std::lock_guard lock(over_mutex_);
    over_.push_back(std::move(kept));
    while (!over_.empty() && over_.size() + live_.load(std::memory_order_relaxed) > limits_.tasks) {
      left_out.push_back(std::move(over_.front()));
      over_.pop_front();
    }
  }
  if (!left_out.empty()) tasks_left_out_.fetch_add(left_out.size(), std::memory_order_relaxed);
}

void StateTracker::OnWorker(const detail::Task& task, int64_t pid) noexcept {
  if (pid == 0) return;
  uint64_t actor = 0;
  {
    Shard& shard = ShardOf(task);
    std::lock_guard lock(shard.mutex);
    auto found = shard.tasks.find(&task);
    if (found == shard.tasks.end()) return;
    TaskRecord& record = found->second;
    actor = record.worker_pid == pid ? 0 : record.actor;
    record.worker_pid = pid;
    record.thread = pid;
    record.track = TraceEvent::kWorkerProcess;
  }
  if (actor == 0) return;
  std::lock_guard lock(actors_mutex_);
  auto found = actors_.find(actor);
  if (found != actors_.end()) found->second.pid = pid;
}

bool StateTracker::OnObject(StateBook& book, detail::Object& object, int64_t bytes) noexcept {
  if (objects_.load(std::memory_order_relaxed) >= limits_.objects) {
    objects_left_out_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  objects_.fetch_add(1, std::memory_order_relaxed);
  ObjectRegistry::Add(book, object, last_id_.fetch_add(1, std::memory_order_relaxed) + 1, false, bytes);
  return true;
}

void StateTracker::OnActor(detail::ActorCore& actor, ActorLife life, int restarts, const Status* why) noexcept {
  std::lock_guard lock(actors_mutex_);
  auto found = actors_.find(actor.caller_id());
  if (found == actors_.end()) {
    // One that was left out when it died is not to come back.
    if (life == ActorLife::kDead) return;
    found = actors_.emplace(actor.caller_id(), ActorRecord()).first;
    ActorRecord& made = found->second;
    const ActorOptions& options = actor.options();
    made.id = actor.caller_id();
    made.class_name = detail::TypeName(actor.type());
    made.name = options.name;
    made.is_detached = options.detached;
    made.resources = AmountsOf(options);
    made.pid = options.isolation == kProcess ? 0 : pid_;
    if (options.placement_group) made.group = options.placement_group.id();
  }
  ActorRecord& record = found->second;
  record.life = life;
  record.restarts = restarts;
  if (life != ActorLife::kDead) return;
  record.death_cause = why == nullptr ? "no handle referred to it any more" : std::string(why->message());
  dead_.push_back(record.id);
  while (!dead_.empty() && actors_.size() > limits_.actors) {
    actors_.erase(dead_.front());
    dead_.pop_front();
    ++actors_left_out_;
  }
}

void StateTracker::Trace(const TaskRecord& record, TraceEvent::Kind kind) {
  if (trace_ == nullptr) return;
  TraceEvent event;
  event.kind = kind;
  event.may_overlap = record.may_overlap;
  event.attempt = record.attempt;
  event.begin = record.started;
  event.end = record.ended;
  event.task = record.id;
  event.name = record.name;
  event.error = record.error;
  if (kind == TraceEvent::kSubmit || record.thread == 0) {
    event.track = record.submit_track;
    event.thread = record.submit_thread;
    event.pid = pid_;
    event.is_alone = detail::current_frame == nullptr;
  } else {
    event.track = record.track;
    event.thread = record.thread;
    event.pid = record.track == TraceEvent::kWorkerProcess ? record.worker_pid : pid_;
  }
  if (kind == TraceEvent::kSubmit) event.begin = event.end = record.created;
  if (kind == TraceEvent::kRun && record.state == TaskRecord::kFinished) event.error = nullptr;
  trace_->Add(std::move(event));
  trace_dropped_.store(trace_->dropped(), std::memory_order_relaxed);
}

std::string StateTracker::Timeline() const {
  TraceText text(pid_);
  for (const TaskRecord& record : Tasks()) {
    TraceEvent event;
    event.task = record.id;
    event.name = record.name;
    event.attempt = record.attempt;
    event.kind = TraceEvent::kSubmit;
    event.track = record.submit_track;
    event.thread = record.submit_thread;
    event.pid = pid_;
    event.is_alone = record.parent == 0;
    event.begin = event.end = record.created;
    text.Write(event);
    if (record.started == 0) continue;
    event.kind = TraceEvent::kRun;
    event.track = record.track;
    event.thread = record.thread;
    event.pid = record.track == TraceEvent::kWorkerProcess ? record.worker_pid : pid_;
    event.may_overlap = true;  // they do not come in the order in which they ended
    event.begin = record.started;
    event.end = record.ended == 0 ? Now() : record.ended;
    if (record.state == TaskRecord::kFailed) event.error = record.error;
    text.Write(event);
  }
  text.End(tasks_left_out());
  return std::string(text.text().view());
}

void StateTracker::CloseTrace() { trace_.reset(); }

std::vector<TaskRecord> StateTracker::Tasks() const {
  std::vector<TaskRecord> tasks;
  for (const Shard& shard : shards_) {
    std::lock_guard lock(shard.mutex);
    for (const auto& [task, record] : shard.tasks) tasks.push_back(record);
  }
  std::vector<std::shared_ptr<const TaskRecord>> over;
  {
    std::lock_guard lock(over_mutex_);
    over.assign(over_.begin(), over_.end());
  }
  for (const auto& record : over) tasks.push_back(*record);
  std::sort(tasks.begin(), tasks.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  // One that has ended meanwhile is there twice: as it is now, and as it was.
  auto end = std::unique(tasks.begin(), tasks.end(), [](TaskRecord& a, TaskRecord& b) {
    if (a.id != b.id) return false;
    if (b.ended != 0) a = b;
    return true;
  });
  tasks.erase(end, tasks.end());
  return tasks;
}

size_t StateTracker::tasks_kept() const {
  std::lock_guard lock(over_mutex_);
  return over_.size() + live_.load(std::memory_order_relaxed);
}

uint64_t StateTracker::actors_left_out() const {
  std::lock_guard lock(actors_mutex_);
  return actors_left_out_;
}

std::vector<ActorRecord> StateTracker::Actors() const {
  std::vector<ActorRecord> actors;
  std::lock_guard lock(actors_mutex_);
  for (const auto& [id, record] : actors_) actors.push_back(record);
  return actors;
}

}  // namespace triune::compute
