// What a session is doing: numbers, and lists of its tasks, actors, objects, placement groups and workers.
//
// Names, states and fields are those of Ray's state API.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace triune {

/// Each number is right, but while tasks run they are not of one moment.
struct SessionStats {
  struct Tasks {
    uint64_t pending_args_avail = 0;       ///< PENDING_ARGS_AVAIL: an argument is not ready.
    uint64_t pending_node_assignment = 0;  ///< PENDING_NODE_ASSIGNMENT: queued, or waiting for resources.
    uint64_t running = 0;                  ///< RUNNING, also while they wait for others.
    uint64_t finished = 0;                 ///< FINISHED; since the session began, as the two others.
    uint64_t failed = 0;                   ///< FAILED, but for those that were cancelled.
    uint64_t cancelled = 0;                ///< FAILED in lists, with the error type TASK_CANCELLED.
    uint64_t retries = 0;                  ///< How often a task was called again.
  };
  struct Actors {
    uint64_t dependencies_unready = 0;  ///< DEPENDENCIES_UNREADY: an argument of the constructor is not ready.
    uint64_t pending_creation = 0;      ///< PENDING_CREATION
    uint64_t alive = 0;                 ///< ALIVE
    uint64_t restarting = 0;            ///< RESTARTING
    uint64_t dead = 0;                  ///< DEAD, since the session began.
  };
  struct PlacementGroups {
    uint64_t pending = 0;
    uint64_t created = 0;
    uint64_t removed = 0;  ///< Those that are still listed.
  };
  /// Shared memory, for values of processes. Values of threads are where the program has put them: nobody counts them.
  struct Objects {
    uint64_t shared_memory_blocks = 0;
    uint64_t shared_memory_bytes = 0;
    uint64_t shared_memory_capacity = 0;  ///< Bytes; 0 before there is any.
    uint64_t spilled_objects = 0;
    uint64_t spilled_bytes = 0;
  };
  struct Tracking {
    bool on = false;
    uint64_t tasks = 0;                 ///< In the table.
    uint64_t tasks_left_out = 0;        ///< Not in it any more, or never: it had no room.
    uint64_t trace_events_dropped = 0;  ///< They came faster than they could be written.
  };
  Tasks tasks{};
  Actors actors{};
  PlacementGroups placement_groups{};
  Objects objects{};
  uint64_t worker_processes = 0;
  uint64_t threads = 0;  ///< That run tasks; those that wait, too.
  std::map<std::string, double> resources_total{};
  std::map<std::string, double> resources_available{};
  Tracking tracking{};
};

/// One condition. Text is compared without regard to case.
struct StateFilter {
  std::string key;              ///< A field.
  std::string predicate = "=";  ///< Or "!=".
  std::string value;
};
/// "state=RUNNING" or "name!=f" as a filter; no value when there is no predicate in it.
std::optional<StateFilter> ParseStateFilter(std::string_view text);

struct ListOptions {
  std::vector<StateFilter> filters{};  ///< All must hold.
  size_t limit = 100;                  ///< After the filters.
  bool detail = false;                 ///< In text forms: all fields. In this interface all are there in any case.
};

/// Ray's ListApiResponse.
template <typename Row>
struct Listing {
  std::vector<Row> result;
  size_t total = 0;                 ///< There are, or were, as far as the session knows.
  size_t num_after_truncation = 0;  ///< Of these, what it has kept.
  size_t num_filtered = 0;          ///< Of these, what the filters let through; more than `result` has over the limit.
  std::string partial_failure_warning;  ///< What is lacking, and why; empty when nothing is.
};

/// Times are milliseconds since 1970; 0: not yet.
struct TaskInfo {
  std::string task_id;
  std::string name;
  std::string state;
  std::string type;  ///< NORMAL_TASK, ACTOR_TASK, ACTOR_CREATION_TASK
  int attempt_number = 0;
  std::string actor_id;
  std::string parent_task_id;
  std::string placement_group_id;
  int64_t worker_pid = 0;  ///< Of this program, or of the process that it runs in; 0: not yet.
  std::map<std::string, double> required_resources;
  std::string error_type;     ///< Of the latest failure, also when it was tried again: ErrorKindName.
  std::string error_message;  ///< As well.
  int64_t creation_time_ms = 0;
  int64_t start_time_ms = 0;  ///< Of the latest attempt.
  int64_t end_time_ms = 0;
};

struct ActorInfo {
  std::string actor_id;
  std::string class_name;
  std::string state;
  std::string name;
  int64_t pid = 0;
  int num_restarts = 0;
  bool is_detached = false;
  std::string placement_group_id;
  std::map<std::string, double> required_resources;
  std::string death_cause;
};

struct ObjectInfo {
  std::string object_id;
  int64_t object_size = -1;  ///< Bytes; -1: not known.
  int64_t reference_count = 0;
  std::string reference_type;  ///< TASK_RETURN, PUT
  std::string type;            ///< C++'s name of the value's type; empty when only its bytes are known.
  std::string state;           ///< CREATED, PENDING, FAILED
  std::string location;        ///< WORKER_HEAP (this program), MMAP_SHM (shared memory), SPILLED
  std::string task_id;         ///< Of the task that makes it.
};

struct PlacementGroupStateInfo {
  std::string placement_group_id;
  std::string name;
  std::string state;
  std::string strategy;
  std::vector<std::map<std::string, double>> bundles;
};

struct WorkerInfo {
  std::string worker_id;
  std::string worker_type;  ///< DRIVER: this program; WORKER: a process for tasks.
  std::string state;        ///< STARTING, IDLE, RUNNING
  int64_t pid = 0;
  bool is_alive = true;
  int64_t threads = 0;  ///< Of the driver: those that run tasks.
};

/// Tasks of one name and type; Ray: `ray summary tasks`.
struct TaskSummary {
  std::string func_or_class_name;
  std::string type;
  std::map<std::string, uint64_t> state_counts;
};

}  // namespace triune
