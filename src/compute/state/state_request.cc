#include "compute/state/state_request.h"

#include <algorithm>
#include <charconv>

#include "base/json_text.h"
#include "base/percent.h"
#include "compute/state/fields.h"
#include "compute/state/session_state.h"

namespace triune::compute {
namespace {

/// Of Ray's API server.
constexpr size_t kMostRows = 10'000;

Status Malformed(const char* what) { return InvalidArgument(std::string("the request is malformed: ") + what); }

Result<std::string> Decoded(std::string_view text, bool is_query) {
  std::string plus(text);
  if (is_query) std::replace(plus.begin(), plus.end(), '+', ' ');
  bool malformed = false;
  std::string decoded = PercentDecode(plus, &malformed);
  if (malformed) return Malformed("a percent sign without two hexadecimal digits");
  return decoded;
}

Status CheckHeaders(std::string_view lines) {
  while (!lines.empty()) {
    const size_t end = lines.find("\r\n");
    if (end == std::string_view::npos) return Malformed("a line without an end");
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(end + 2);
    if (line.empty()) return lines.empty() ? Status() : Malformed("it has a body");
    const size_t colon = line.find(':');
    if (colon == 0 || colon == std::string_view::npos) return Malformed("a header without a name");
    const bool has_control =
        std::any_of(line.begin(), line.end(), [](unsigned char c) { return (c < ' ' && c != '\t') || c == 127; });
    if (has_control) return Malformed("a header with control characters");
  }
  return Malformed("no end of the headers");
}

Result<bool> BooleanOf(std::string_view name, std::string_view text) {
  if (text == "1" || text == "true" || text == "True") return true;
  if (text == "0" || text == "false" || text == "False") return false;
  return InvalidArgument(std::string(name) + " is true or false, not '" + std::string(text) + "'");
}

int HttpStatus(const Status& status) {
  switch (status.code()) {
    case StatusCode::kInvalidArgument:
      return 400;
    case StatusCode::kNotFound:
      return 404;
    case StatusCode::kUnimplemented:
      return 405;
    case StatusCode::kFailedPrecondition:
      return 409;
    default:
      return 500;
  }
}

/// As Ray's API server wraps it.
std::string Wrapped(std::string_view result) {
  std::string body = R"({"result":true,"msg":"","data":{"result":)";
  body += result;
  body += "}}\n";
  return body;
}

template <typename Row>
Result<std::string> ListText(Result<Listing<Row>> listing, bool detail) {
  TRIUNE_RETURN_IF_ERROR(listing.status());
  TextBuffer out;
  auto number = [&](std::string_view key, size_t value) {
    AppendJsonString(out, key);
    out.Append(':');
    out.AppendNumber(value);
    out.Append(',');
  };
  out.Append('{');
  number("total", listing->total);
  number("num_after_truncation", listing->num_after_truncation);
  number("num_filtered", listing->num_filtered);
  out.Append(R"("partial_failure_warning":)");
  AppendJsonString(out, listing->partial_failure_warning);
  out.Append(R"(,"result":[)");
  for (size_t i = 0; i < listing->result.size(); ++i) {
    if (i > 0) out.Append(',');
    AppendRow(out, listing->result[i], detail);
  }
  out.Append("]}");
  return Wrapped(out.view());
}

Result<std::string> SummaryText(Result<std::vector<TaskSummary>> summaries) {
  TRIUNE_RETURN_IF_ERROR(summaries.status());
  uint64_t normal = 0;
  uint64_t calls = 0;
  uint64_t creations = 0;
  TextBuffer rows;
  for (const TaskSummary& summary : *summaries) {
    uint64_t& total = summary.type == "NORMAL_TASK" ? normal : summary.type == "ACTOR_TASK" ? calls : creations;
    if (rows.size() > 0) rows.Append(',');
    // Two types may have the same name.
    AppendJsonString(rows, summary.type == "NORMAL_TASK" ? summary.func_or_class_name
                                                         : summary.func_or_class_name + " (" + summary.type + ")");
    rows.Append(R"(:{"func_or_class_name":)");
    AppendJsonString(rows, summary.func_or_class_name);
    rows.Append(R"(,"type":)");
    AppendJsonString(rows, summary.type);
    rows.Append(R"(,"state_counts":{)");
    bool is_first = true;
    for (const auto& [state, count] : summary.state_counts) {
      if (!std::exchange(is_first, false)) rows.Append(',');
      AppendJsonString(rows, state);
      rows.Append(':');
      rows.AppendNumber(count);
      total += count;
    }
    rows.Append("}}");
  }
  std::string text = R"({"result":{"node_id_to_summary":{"cluster":{"summary":{)";
  text += rows.view();
  text += "},\"total_tasks\":" + std::to_string(normal) + ",\"total_actor_tasks\":" + std::to_string(calls) +
          ",\"total_actor_scheduled\":" + std::to_string(creations) + ",\"summary_by\":\"func_name\"}}}}";
  return Wrapped(text);
}

class StatsText {
 public:
  explicit StatsText(const SessionStats& stats) {
    Open("tasks");
    Put("PENDING_ARGS_AVAIL", stats.tasks.pending_args_avail);
    Put("PENDING_NODE_ASSIGNMENT", stats.tasks.pending_node_assignment);
    Put("RUNNING", stats.tasks.running);
    Put("FINISHED", stats.tasks.finished);
    Put("FAILED", stats.tasks.failed);
    Put("CANCELLED", stats.tasks.cancelled);
    Put("retries", stats.tasks.retries);
    Open("actors");
    Put("DEPENDENCIES_UNREADY", stats.actors.dependencies_unready);
    Put("PENDING_CREATION", stats.actors.pending_creation);
    Put("ALIVE", stats.actors.alive);
    Put("RESTARTING", stats.actors.restarting);
    Put("DEAD", stats.actors.dead);
    Open("placement_groups");
    Put("PENDING", stats.placement_groups.pending);
    Put("CREATED", stats.placement_groups.created);
    Put("REMOVED", stats.placement_groups.removed);
    Open("objects");
    Put("shared_memory_blocks", stats.objects.shared_memory_blocks);
    Put("shared_memory_bytes", stats.objects.shared_memory_bytes);
    Put("shared_memory_capacity", stats.objects.shared_memory_capacity);
    Put("spilled_objects", stats.objects.spilled_objects);
    Put("spilled_bytes", stats.objects.spilled_bytes);
    Open("workers");
    Put("processes", stats.worker_processes);
    Put("threads", stats.threads);
    Open("tracking");
    Put("tasks", stats.tracking.tasks);
    Put("tasks_left_out", stats.tracking.tasks_left_out);
    Put("trace_events_dropped", stats.tracking.trace_events_dropped);
    out_.Append("},");
    AppendField(out_, "resources_total", &stats.resources_total);
    out_.Append(',');
    AppendField(out_, "resources_available", &stats.resources_available);
    out_.Append('}');
  }
  std::string_view view() const { return out_.view(); }

 private:
  void Open(std::string_view name) {
    out_.Append(out_.size() == 0 ? "{" : "},");
    AppendJsonString(out_, name);
    out_.Append(":{");
    is_first_ = true;
  }
  void Put(std::string_view name, uint64_t value) {
    if (!std::exchange(is_first_, false)) out_.Append(',');
    AppendJsonString(out_, name);
    out_.Append(':');
    out_.AppendNumber(value);
  }
  TextBuffer out_;
  bool is_first_ = true;
};

Result<std::string> Body(const SessionState& state, const StateRequest& request) {
  constexpr std::string_view kApi = "/api/v0/";
  if (!request.path.starts_with(kApi)) return NotFound("");
  const std::string_view what = std::string_view(request.path).substr(kApi.size());
  TRIUNE_ASSIGN_OR_RETURN(const ListOptions options, ListOptionsOf(request));
  if (what == "tasks") return ListText(state.ListTasks(options), options.detail);
  if (what == "actors") return ListText(state.ListActors(options), options.detail);
  if (what == "objects") return ListText(state.ListObjects(options), options.detail);
  if (what == "placement_groups") return ListText(state.ListPlacementGroups(options), options.detail);
  if (what == "workers") return ListText(state.ListWorkers(options), options.detail);
  if (what == "tasks/summarize") return SummaryText(state.SummarizeTasks());
  if (what == "stats") return Wrapped(StatsText(state.Stats()).view());
  return NotFound("");
}

std::string_view Reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    default:
      return "Internal Server Error";
  }
}

}  // namespace

std::vector<std::string> StateRequest::All(std::string_view name) const {
  std::vector<std::string> all;
  for (const auto& [key, value] : query) {
    if (key == name) all.push_back(value);
  }
  return all;
}

std::optional<std::string> StateRequest::Last(std::string_view name) const {
  std::vector<std::string> all = All(name);
  return all.empty() ? std::nullopt : std::optional(std::move(all.back()));
}

Result<StateRequest> ParseStateRequest(std::string_view head) {
  const size_t end = head.find("\r\n");
  if (end == std::string_view::npos) return Malformed("no end of its first line");
  std::string_view line = head.substr(0, end);
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == 0 || first == last) {
    return Malformed("its first line is not METHOD TARGET HTTP/1.1");
  }
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return Malformed("it is not of HTTP 1.0 or 1.1");
  const bool is_word = std::all_of(method.begin(), method.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  if (!is_word) return Malformed("its method is not a word in capitals");
  const bool is_visible = std::all_of(target.begin(), target.end(), [](char c) { return c > ' ' && c < 127; });
  if (!is_visible || !target.starts_with('/')) return Malformed("its target is no path");
  if (method != "GET") return Unimplemented("only GET is understood");
  TRIUNE_RETURN_IF_ERROR(CheckHeaders(head.substr(end + 2)));
  StateRequest request;
  const size_t mark = target.find('?');
  TRIUNE_ASSIGN_OR_RETURN(request.path, Decoded(target.substr(0, mark), false));
  std::string_view rest = mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
  while (!rest.empty()) {
    const std::string_view part = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
    if (part.empty()) continue;
    const size_t equals = part.find('=');
    TRIUNE_ASSIGN_OR_RETURN(std::string key, Decoded(part.substr(0, equals), true));
    TRIUNE_ASSIGN_OR_RETURN(
        std::string value,
        Decoded(equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1), true));
    request.query.emplace_back(std::move(key), std::move(value));
  }
  return request;
}

Result<ListOptions> ListOptionsOf(const StateRequest& request) {
  ListOptions options;
  const std::vector<std::string> keys = request.All("filter_keys");
  const std::vector<std::string> predicates = request.All("filter_predicates");
  const std::vector<std::string> values = request.All("filter_values");
  if (keys.size() != predicates.size() || keys.size() != values.size()) {
    return InvalidArgument("a filter is one each of filter_keys, filter_predicates and filter_values; there are " +
                           std::to_string(keys.size()) + ", " + std::to_string(predicates.size()) + " and " +
                           std::to_string(values.size()));
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    options.filters.push_back({.key = keys[i], .predicate = predicates[i], .value = values[i]});
  }
  if (const auto text = request.Last("limit")) {
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), options.limit);
    if (error != std::errc() || end != text->data() + text->size() || options.limit > kMostRows) {
      return InvalidArgument("limit is a number up to " + std::to_string(kMostRows) + ", not '" + *text + "'");
    }
  }
  if (const auto text = request.Last("detail")) {
    TRIUNE_ASSIGN_OR_RETURN(options.detail, BooleanOf("detail", *text));
  }
  return options;
}

StateAnswer Answer(const SessionState& state, const StateRequest& request) {
  if (request.path == "/metrics") {
    return {.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = state.MetricsText()};
  }
  Result<std::string> body = request.path == "/timeline" ? state.Timeline() : Body(state, request);
  if (body.ok()) return {.body = *std::move(body)};
  if (body.status().code() == StatusCode::kNotFound) {
    return ErrorAnswer(
        404,
        "there is no such path; there are /api/v0/tasks, /api/v0/tasks/summarize, /api/v0/actors, "
        "/api/v0/objects, /api/v0/placement_groups, /api/v0/workers, /api/v0/stats, /metrics, /timeline");
  }
  return ErrorAnswer(HttpStatus(body.status()), body.status().message());
}

StateAnswer ErrorAnswer(int status, std::string_view message) {
  TextBuffer body;
  body.Append(R"({"result":false,"msg":)");
  AppendJsonString(body, message);
  body.Append(",\"data\":null}\n");
  return {.status = status, .body = std::string(body.view())};
}

std::string Serialized(const StateAnswer& answer) {
  std::string text = "HTTP/1.1 " + std::to_string(answer.status) + " ";
  text += Reason(answer.status);
  text += "\r\nContent-Type: ";
  text += answer.content_type;
  text += "\r\nContent-Length: " + std::to_string(answer.body.size()) + "\r\nConnection: close\r\n\r\n";
  text += answer.body;
  return text;
}

}  // namespace triune::compute
