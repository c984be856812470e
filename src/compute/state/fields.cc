#include "compute/state/fields.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/json_text.h"

namespace triune {

std::optional<StateFilter> ParseStateFilter(std::string_view text) {
  const size_t at = text.find('=');
  if (at == std::string_view::npos || at == 0) return std::nullopt;
  const bool is_not = text[at - 1] == '!';
  StateFilter filter{.key = std::string(text.substr(0, is_not ? at - 1 : at)),
                     .predicate = is_not ? "!=" : "=",
                     .value = std::string(text.substr(at + 1))};
  if (filter.key.empty()) return std::nullopt;
  return filter;
}

}  // namespace triune

namespace triune::compute {
namespace {

bool IsSameText(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

/// What is empty is not there.
FieldValue Text(const std::string& text) { return text.empty() ? FieldValue() : FieldValue(std::string_view(text)); }
FieldValue Time(int64_t time) { return time == 0 ? FieldValue() : FieldValue(time); }

constexpr Field<TaskInfo> kTaskFields[] = {
    {"task_id", [](const TaskInfo& task) { return Text(task.task_id); }},
    {"attempt_number", [](const TaskInfo& task) -> FieldValue { return int64_t{task.attempt_number}; }},
    {"name", [](const TaskInfo& task) -> FieldValue { return std::string_view(task.name); }},
    {"state", [](const TaskInfo& task) { return Text(task.state); }},
    {"actor_id", [](const TaskInfo& task) { return Text(task.actor_id); }},
    {"type", [](const TaskInfo& task) { return Text(task.type); }},
    {"parent_task_id", [](const TaskInfo& task) { return Text(task.parent_task_id); }},
    {"worker_pid", [](const TaskInfo& task) { return Time(task.worker_pid); }},
    {"error_type", [](const TaskInfo& task) { return Text(task.error_type); }},
    {"required_resources", [](const TaskInfo& task) -> FieldValue { return &task.required_resources; }, true},
    {"placement_group_id", [](const TaskInfo& task) { return Text(task.placement_group_id); }, true},
    {"creation_time_ms", [](const TaskInfo& task) { return Time(task.creation_time_ms); }, true},
    {"start_time_ms", [](const TaskInfo& task) { return Time(task.start_time_ms); }, true},
    {"end_time_ms", [](const TaskInfo& task) { return Time(task.end_time_ms); }, true},
    {"error_message", [](const TaskInfo& task) { return Text(task.error_message); }, true},
};

constexpr Field<ActorInfo> kActorFields[] = {
    {"actor_id", [](const ActorInfo& actor) { return Text(actor.actor_id); }},
    {"class_name", [](const ActorInfo& actor) { return Text(actor.class_name); }},
    {"state", [](const ActorInfo& actor) { return Text(actor.state); }},
    {"name", [](const ActorInfo& actor) { return Text(actor.name); }},
    {"pid", [](const ActorInfo& actor) { return Time(actor.pid); }},
    {"num_restarts", [](const ActorInfo& actor) -> FieldValue { return int64_t{actor.num_restarts}; }, true},
    {"is_detached", [](const ActorInfo& actor) -> FieldValue { return actor.is_detached; }, true},
    {"placement_group_id", [](const ActorInfo& actor) { return Text(actor.placement_group_id); }, true},
    {"required_resources", [](const ActorInfo& actor) -> FieldValue { return &actor.required_resources; }, true},
    {"death_cause", [](const ActorInfo& actor) { return Text(actor.death_cause); }, true},
};

constexpr Field<ObjectInfo> kObjectFields[] = {
    {"object_id", [](const ObjectInfo& object) { return Text(object.object_id); }},
    {"object_size", [](const ObjectInfo& object) -> FieldValue { return object.object_size; }},
    {"reference_count", [](const ObjectInfo& object) -> FieldValue { return object.reference_count; }},
    {"reference_type", [](const ObjectInfo& object) { return Text(object.reference_type); }},
    {"type", [](const ObjectInfo& object) { return Text(object.type); }},
    {"state", [](const ObjectInfo& object) { return Text(object.state); }},
    {"location", [](const ObjectInfo& object) { return Text(object.location); }},
    {"task_id", [](const ObjectInfo& object) { return Text(object.task_id); }, true},
};

constexpr Field<PlacementGroupStateInfo> kPlacementGroupFields[] = {
    {"placement_group_id", [](const PlacementGroupStateInfo& group) { return Text(group.placement_group_id); }},
    {"name", [](const PlacementGroupStateInfo& group) { return Text(group.name); }},
    {"state", [](const PlacementGroupStateInfo& group) { return Text(group.state); }},
    {"strategy", [](const PlacementGroupStateInfo& group) { return Text(group.strategy); }, true},
    {"bundles", [](const PlacementGroupStateInfo& group) -> FieldValue { return &group.bundles; }, true},
};

constexpr Field<WorkerInfo> kWorkerFields[] = {
    {"worker_id", [](const WorkerInfo& worker) { return Text(worker.worker_id); }},
    {"is_alive", [](const WorkerInfo& worker) -> FieldValue { return worker.is_alive; }},
    {"worker_type", [](const WorkerInfo& worker) { return Text(worker.worker_type); }},
    {"state", [](const WorkerInfo& worker) { return Text(worker.state); }},
    {"pid", [](const WorkerInfo& worker) { return Time(worker.pid); }},
    {"threads", [](const WorkerInfo& worker) -> FieldValue { return worker.threads; }, true},
};

void AppendAmounts(TextBuffer& out, const FieldAmounts& amounts) {
  out.Append('{');
  bool is_first = true;
  for (const auto& [name, amount] : amounts) {
    if (!std::exchange(is_first, false)) out.Append(',');
    AppendJsonString(out, name);
    out.Append(':');
    AppendJsonFloat(out, amount);
  }
  out.Append('}');
}

}  // namespace

std::span<const Field<TaskInfo>> FieldsOf(const TaskInfo*) { return kTaskFields; }
std::span<const Field<ActorInfo>> FieldsOf(const ActorInfo*) { return kActorFields; }
std::span<const Field<ObjectInfo>> FieldsOf(const ObjectInfo*) { return kObjectFields; }
std::span<const Field<PlacementGroupStateInfo>> FieldsOf(const PlacementGroupStateInfo*) {
  return kPlacementGroupFields;
}
std::span<const Field<WorkerInfo>> FieldsOf(const WorkerInfo*) { return kWorkerFields; }

bool IsEqual(const FieldValue& value, std::string_view text) {
  if (const auto* is = std::get_if<std::string_view>(&value)) return IsSameText(*is, text);
  if (const auto* is = std::get_if<bool>(&value))
    return IsSameText(*is ? "true" : "false", text) || text == (*is ? "1" : "0");
  if (const auto* is = std::get_if<int64_t>(&value)) {
    int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size() && number == *is;
  }
  return std::holds_alternative<std::monostate>(value) && text.empty();
}

Status BadKey(std::string_view key, const std::vector<std::string_view>& keys) {
  std::string message = "no field to filter by has this name: '" + std::string(key) + "'; there are ";
  for (size_t i = 0; i < keys.size(); ++i) {
    if (i > 0) message += ", ";
    message += keys[i];
  }
  return InvalidArgument(std::move(message));
}

Status CheckPredicate(const StateFilter& filter) {
  if (filter.predicate == "=" || filter.predicate == "!=") return {};
  return InvalidArgument("the predicate of a filter is = or !=, not '" + filter.predicate + "'");
}

void AppendField(TextBuffer& out, std::string_view name, const FieldValue& value) {
  AppendJsonString(out, name);
  out.Append(':');
  if (const auto* text = std::get_if<std::string_view>(&value)) {
    AppendJsonString(out, *text);
  } else if (const auto* number = std::get_if<int64_t>(&value)) {
    out.AppendNumber(*number);
  } else if (const auto* is = std::get_if<bool>(&value)) {
    out.Append(*is ? "true" : "false");
  } else if (const auto* amounts = std::get_if<const FieldAmounts*>(&value)) {
    AppendAmounts(out, **amounts);
  } else if (const auto* all = std::get_if<const std::vector<FieldAmounts>*>(&value)) {
    out.Append('[');
    for (size_t i = 0; i < (*all)->size(); ++i) {
      if (i > 0) out.Append(',');
      AppendAmounts(out, (**all)[i]);
    }
    out.Append(']');
  } else {
    out.Append("null");
  }
}

}  // namespace triune::compute
