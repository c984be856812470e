// What a session knows of each of its tasks, actors and objects, when it keeps track of them.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "compute/state/state_book.h"
#include "compute/state/trace_event.h"
#include "compute/state/trace_file.h"
#include "triune/core/detail/actor.h"
#include "triune/core/detail/task.h"
#include "triune/core/errors.h"
#include "triune/core/state.h"

namespace triune::compute {

using ResourceAmounts = std::map<std::string, double>;

/// Times are nanoseconds of the steady clock; 0: not yet.
struct TaskRecord {
  enum State : uint8_t { kPendingArguments, kPendingNode, kRunning, kFinished, kFailed };
  enum Type : uint8_t { kNormal, kActorCall, kActorCreation };
  uint64_t id = 0;
  uint64_t parent = 0;
  uint64_t actor = 0;
  uint64_t group = 0;
  State state = kPendingNode;
  Type type = kNormal;
  bool may_overlap = false;
  TraceEvent::Track track = TraceEvent::kOtherThread;  ///< Of its latest run, as is the thread.
  TraceEvent::Track submit_track = TraceEvent::kOtherThread;
  int attempt = 0;
  int64_t worker_pid = 0;
  int64_t thread = 0;
  int64_t submit_thread = 0;
  int64_t created = 0;
  int64_t started = 0;
  int64_t ended = 0;
  std::shared_ptr<const std::string> name{};
  std::shared_ptr<const ResourceAmounts> resources{};  ///< Null: one processor.
  std::string_view error_type{};
  std::shared_ptr<const std::string> error{};
};

struct ActorRecord {
  uint64_t id = 0;
  uint64_t group = 0;
  detail::ActorLife life = detail::ActorLife::kDependenciesUnready;
  bool is_detached = false;
  int restarts = 0;
  int64_t pid = 0;
  std::string class_name{};
  std::string name{};
  ResourceAmounts resources{};
  std::string death_cause{};
};

struct StateLimits {
  size_t tasks = 100'000;  ///< Ray's RAY_task_events_max_num_task_in_gcs.
  size_t actors = 100'000;
  size_t objects = 1'000'000;
};

/// Tables of a bounded size: of tasks and actors those go first that were over first, and one that can't be kept is
/// left out. Tasks have no room for a number of their own: while they are not over they are known by their addresses.
/// Thread-safe.
class StateTracker {
 public:
  /// `trace`: may be null.
  StateTracker(const StateLimits& limits, std::unique_ptr<TraceFile> trace);

  void OnTask(detail::Task& task, detail::TaskEvent event, const Status* error) noexcept;
  void OnActor(detail::ActorCore& actor, detail::ActorLife life, int restarts, const Status* why) noexcept;
  /// The task, or call, runs in that process.
  void OnWorker(const detail::Task& task, int64_t pid) noexcept;
  /// False when it is left out.
  bool OnObject(StateBook& book, detail::Object& object, int64_t bytes) noexcept;
  void OnObjectGone() noexcept { objects_.fetch_sub(1, std::memory_order_relaxed); }

  /// In the order in which they were submitted.
  std::vector<TaskRecord> Tasks() const;
  std::vector<ActorRecord> Actors() const;
  /// That were there, and are not among those.
  uint64_t tasks_left_out() const noexcept { return tasks_left_out_.load(std::memory_order_relaxed); }
  uint64_t actors_left_out() const;
  uint64_t objects_left_out() const noexcept { return objects_left_out_.load(std::memory_order_relaxed); }
  size_t tasks_kept() const;

  uint64_t trace_events_dropped() const noexcept { return trace_dropped_.load(std::memory_order_relaxed); }
  /// The tasks that are in the table, as a trace.
  std::string Timeline() const;
  /// Writes what is left of the trace. Once nothing runs any more.
  void CloseTrace();

  /// Of a time of its clock: milliseconds since 1970.
  int64_t WallMilliseconds(int64_t time) const noexcept;

 private:
  struct alignas(64) Shard {
    mutable std::mutex mutex;
    std::unordered_map<const detail::Task*, TaskRecord> tasks;
  };
  Shard& ShardOf(const detail::Task& task) const noexcept;
  uint64_t IdOf(const detail::Task& task) const noexcept;
  TaskRecord NewRecord(detail::Task& task);
  void Submit(detail::Task& task);
  void Begin(detail::Task& task);
  void Retry(detail::Task& task, const Status& error);
  void End(detail::Task& task, detail::TaskEvent event, const Status* error);
  /// Of those that are not over.
  void SetState(detail::Task& task, TaskRecord::State state);
  /// It is over.
  void Keep(std::shared_ptr<const TaskRecord> kept);
  void Trace(const TaskRecord& record, TraceEvent::Kind kind);

  const StateLimits limits_;
  const int64_t pid_;
  const int64_t wall_offset_;  ///< Nanoseconds.
  std::unique_ptr<TraceFile> trace_;
  std::atomic<uint64_t> trace_dropped_{0};
  mutable std::array<Shard, 32> shards_;
  std::atomic<uint64_t> last_id_{0};
  std::atomic<size_t> live_{0};
  std::atomic<uint64_t> tasks_left_out_{0};
  std::atomic<size_t> objects_{0};
  std::atomic<uint64_t> objects_left_out_{0};

  mutable std::mutex over_mutex_;
  std::deque<std::shared_ptr<const TaskRecord>> over_;

  mutable std::mutex actors_mutex_;
  std::map<uint64_t, ActorRecord> actors_;
  std::deque<uint64_t> dead_;
  uint64_t actors_left_out_ = 0;
};

}  // namespace triune::compute
