#include "compute/state/metrics_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>
#include <utility>

namespace triune::compute {
namespace {

class Writer {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  void Begin(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    text_.append("# HELP ").append(name).append(" ").append(help).append("\n");
    text_.append("# TYPE ").append(name).append(" ").append(type).append("\n");
  }
  void Add(Labels labels, double value) {
    text_.append(name_);
    char before = '{';
    for (const auto& [label, text] : labels) {
      text_.push_back(std::exchange(before, ','));
      text_.append(label).append("=\"");
      Escape(text);
      text_.push_back('"');
    }
    if (before == ',') text_.push_back('}');
    std::array<char, 32> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    text_.push_back(' ');
    text_.append(digits.data(), end);
    text_.push_back('\n');
  }
  void Add(Labels labels, uint64_t value) { Add(labels, static_cast<double>(value)); }
  std::string Take() { return std::move(text_); }

 private:
  void Escape(std::string_view text) {
    for (const char c : text) {
      if (c == '\n') {
        text_.append("\\n");
        continue;
      }
      if (c == '\\' || c == '"') text_.push_back('\\');
      text_.push_back(c);
    }
  }
  std::string_view name_;
  std::string text_;
};

void AddTasks(Writer& writer, const SessionStats::Tasks& all, const std::vector<TaskMetric>& tasks) {
  writer.Begin("ray_tasks", "gauge", "Tasks and calls of actors, by state.");
  for (const TaskMetric& task : tasks) {
    writer.Add({{"Name", task.name}, {"State", task.state}, {"IsRetry", task.is_retry ? "1" : "0"}}, task.count);
  }
  if (!tasks.empty()) return;
  auto add = [&](std::string_view state, uint64_t count) {
    writer.Add({{"Name", ""}, {"State", state}, {"IsRetry", "0"}}, count);
  };
  add("PENDING_ARGS_AVAIL", all.pending_args_avail);
  add("PENDING_NODE_ASSIGNMENT", all.pending_node_assignment);
  add("RUNNING", all.running);
  add("FINISHED", all.finished);
  add("FAILED", all.failed + all.cancelled);
}

void AddActors(Writer& writer, const SessionStats::Actors& all, const std::vector<ActorMetric>& actors) {
  writer.Begin("ray_actors", "gauge", "Actors, by state.");
  for (const ActorMetric& actor : actors) writer.Add({{"Name", actor.name}, {"State", actor.state}}, actor.count);
  if (!actors.empty()) return;
  auto add = [&](std::string_view state, uint64_t count) { writer.Add({{"Name", ""}, {"State", state}}, count); };
  add("DEPENDENCIES_UNREADY", all.dependencies_unready);
  add("PENDING_CREATION", all.pending_creation);
  add("ALIVE", all.alive);
  add("RESTARTING", all.restarting);
  add("DEAD", all.dead);
}

void AddResources(Writer& writer, const SessionStats& stats) {
  writer.Begin("ray_resources", "gauge", "Resources of the session, by name, used and available.");
  for (const auto& [name, total] : stats.resources_total) {
    const auto found = stats.resources_available.find(name);
    const double available = found == stats.resources_available.end() ? 0 : found->second;
    writer.Add({{"Name", name}, {"State", "USED"}}, total - available);
    writer.Add({{"Name", name}, {"State", "AVAILABLE"}}, available);
  }
}

void AddObjects(Writer& writer, const SessionStats::Objects& objects) {
  writer.Begin("ray_object_store_memory", "gauge", "Bytes of values, by where they are.");
  writer.Add({{"Location", "MMAP_SHM"}}, objects.shared_memory_bytes);
  writer.Add({{"Location", "SPILLED"}}, objects.spilled_bytes);
  writer.Begin("ray_object_store_available_memory", "gauge", "Bytes of shared memory that values may still take.");
  writer.Add({},
             objects.shared_memory_capacity - std::min(objects.shared_memory_capacity, objects.shared_memory_bytes));
  writer.Begin("ray_object_store_used_memory", "gauge", "Bytes of shared memory that values take.");
  writer.Add({}, objects.shared_memory_bytes);
  writer.Begin("ray_object_store_num_local_objects", "gauge", "Blocks of shared memory in use.");
  writer.Add({}, objects.shared_memory_blocks);
}

}  // namespace

std::string MetricsText(const SessionStats& stats, const std::vector<TaskMetric>& tasks,
                        const std::vector<ActorMetric>& actors) {
  Writer writer;
  AddTasks(writer, stats.tasks, tasks);
  AddActors(writer, stats.actors, actors);
  AddResources(writer, stats);
  AddObjects(writer, stats.objects);
  writer.Begin("ray_placement_groups", "gauge", "Placement groups, by state.");
  writer.Add({{"State", "PENDING"}}, stats.placement_groups.pending);
  writer.Add({{"State", "CREATED"}}, stats.placement_groups.created);
  writer.Add({{"State", "REMOVED"}}, stats.placement_groups.removed);
  writer.Begin("triune_worker_processes", "gauge", "Processes for tasks.");
  writer.Add({}, stats.worker_processes);
  writer.Begin("triune_worker_threads", "gauge", "Threads that run tasks.");
  writer.Add({}, stats.threads);
  writer.Begin("triune_tasks_ended_total", "counter", "Tasks that are over, by how they ended.");
  writer.Add({{"Outcome", "FINISHED"}}, stats.tasks.finished);
  writer.Add({{"Outcome", "FAILED"}}, stats.tasks.failed);
  writer.Add({{"Outcome", "CANCELLED"}}, stats.tasks.cancelled);
  writer.Begin("triune_task_retries_total", "counter", "How often a task was called again after it had failed.");
  writer.Add({}, stats.tasks.retries);
  if (stats.tracking.on) {
    writer.Begin("triune_state_tasks_left_out", "gauge", "Tasks that are in no list: there was no room.");
    writer.Add({}, stats.tracking.tasks_left_out);
    writer.Begin("triune_trace_events_dropped_total", "counter", "Events that are not in the trace.");
    writer.Add({}, stats.tracking.trace_events_dropped);
  }
  return writer.Take();
}

}  // namespace triune::compute
