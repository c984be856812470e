#include "cli/state_commands.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <memory>

#include "base/strings.h"
#include "cli/command.h"
#include "cli/output_format.h"
#include "cli/state_source.h"

namespace triune::cli {
namespace {

using Json = nlohmann::ordered_json;

/// For a table.
std::string Cell(const Json& value) {
  if (value.is_null()) return "-";
  if (value.is_string()) {
    std::string text = value.get<std::string>();
    for (char& c : text) {
      if (static_cast<unsigned char>(c) < ' ') c = ' ';
    }
    constexpr size_t kMost = 60;
    return text.size() <= kMost ? text : text.substr(0, kMost - 3) + "...";
  }
  return value.dump();
}

std::string Upper(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

struct ListFlags {
  std::string socket;
  std::string resource;
  std::vector<std::string> filters;
  int limit = 100;
  bool detail = false;
  std::string output = "table";
};

Status List(const ListFlags& flags) {
  std::string resource = flags.resource;
  for (char& c : resource) c = c == '-' ? '_' : c;
  std::string target = StrCat("/api/v0/", resource, "?limit=", flags.limit, flags.detail ? "&detail=true" : "");
  for (const std::string& filter : flags.filters) {
    TRIUNE_ASSIGN_OR_RETURN(const std::string query, FilterQuery(filter));
    target += query;
  }
  TRIUNE_ASSIGN_OR_RETURN(const Json listing, AskSession(flags.socket, target));
  if (!listing.is_object() || !listing.contains("result") || !listing["result"].is_array()) {
    return Unavailable("the session's answer is no list");
  }
  const std::string text = flags.output == "table"  ? ListingTable(listing)
                           : flags.output == "json" ? FormatJson(listing["result"])
                                                    : FormatYaml(listing["result"]);
  std::fputs(text.c_str(), stdout);
  return {};
}

Status Summarize(const std::string& socket, const std::string& output) {
  TRIUNE_ASSIGN_OR_RETURN(const Json answer, AskSession(socket, "/api/v0/tasks/summarize"));
  const Json::json_pointer place("/result/node_id_to_summary/cluster/summary");
  if (!answer.contains(place)) return Unavailable("the session's answer is no summary");
  const Json& summary = answer[place];
  if (output != "table") {
    std::fputs((output == "json" ? FormatJson(summary) : FormatYaml(summary)).c_str(), stdout);
    return {};
  }
  std::vector<std::vector<std::string>> rows = {{"FUNC_OR_CLASS_NAME", "TYPE", "STATE_COUNTS"}};
  for (const Json& entry : summary) {
    std::string counts;
    for (const auto& [state, count] : entry["state_counts"].items()) {
      counts += StrCat(counts.empty() ? "" : ", ", state, ": ", count.dump());
    }
    rows.push_back({Cell(entry["func_or_class_name"]), Cell(entry["type"]), counts});
  }
  std::fputs(FormatTable(rows).c_str(), stdout);
  return {};
}

Status SaveTimeline(const std::string& socket, const std::string& path) {
  TRIUNE_ASSIGN_OR_RETURN(const std::string trace, AskSessionForText(socket, "/timeline"));
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << trace;
  file.close();
  if (!file) return Unavailable(StrCat("can't write ", path));
  std::printf("%s: %zu bytes; open it with https://ui.perfetto.dev or chrome://tracing\n", path.c_str(), trace.size());
  return {};
}

void AddOutputOption(CLI::App& command, std::string& output) {
  command.add_option("-o,--output,--format", output, "Format of the answer")
      ->check(CLI::IsMember({"table", "json", "yaml"}))
      ->capture_default_str();
}

}  // namespace

Result<std::string> FilterQuery(const std::string& filter) {
  const size_t at = filter.find('=');
  const bool is_not = at != std::string::npos && at > 0 && filter[at - 1] == '!';
  const std::string key = at == std::string::npos ? "" : filter.substr(0, is_not ? at - 1 : at);
  if (key.empty()) return InvalidArgument(StrCat("--filter is KEY=VALUE or KEY!=VALUE, not ", Quoted(filter)));
  return StrCat("&filter_keys=", PercentEncode(key), "&filter_predicates=", is_not ? "%21%3D" : "%3D",
                "&filter_values=", PercentEncode(filter.substr(at + 1)));
}

std::string ListingTable(const Json& listing) {
  const Json& items = listing["result"];
  std::vector<std::vector<std::string>> rows(1);
  for (const Json& item : items) {
    std::vector<std::string> cells;
    for (const auto& [key, value] : item.items()) {
      if (rows.size() == 1) rows[0].push_back(Upper(key));
      cells.push_back(Cell(value));
    }
    rows.push_back(std::move(cells));
  }
  std::string text = rows.size() > 1 ? FormatTable(rows) + "\n" : "";
  text += StrCat(items.size(), " of ", listing.value("num_filtered", items.size()), " shown; ",
                 listing.value("total", items.size()), " in all\n");
  const std::string warning = listing.value("partial_failure_warning", "");
  if (!warning.empty()) text += warning + "\n";
  return text;
}

void AddListCommand(CLI::App& app, int& exit_status) {
  auto flags = std::make_shared<ListFlags>();
  CLI::App* command = app.add_subcommand("list", "List what a running session has");
  command->add_option("RESOURCE", flags->resource, "tasks, actors, objects, placement-groups or workers")
      ->required()
      ->check(CLI::IsMember({"tasks", "actors", "objects", "placement-groups", "workers"}));
  AddStateSocketOption(*command, flags->socket);
  command->add_option("-f,--filter", flags->filters, "KEY=VALUE or KEY!=VALUE, before the limit; repeatable")
      ->type_name("FILTER")
      ->expected(1);
  command->add_option("--limit", flags->limit, "Rows at most")->check(CLI::Range(1, 10000))->capture_default_str();
  command->add_flag("--detail", flags->detail, "All fields");
  AddOutputOption(*command, flags->output);
  command->callback([flags, &exit_status] { exit_status = ReportStatus(List(*flags)); });
}

void AddSummaryCommand(CLI::App& app, int& exit_status) {
  auto flags = std::make_shared<ListFlags>();
  CLI::App* command = app.add_subcommand("summary", "Count the tasks of a running session by function and state");
  command->add_option("RESOURCE", flags->resource, "tasks")->required()->check(CLI::IsMember({"tasks"}));
  AddStateSocketOption(*command, flags->socket);
  AddOutputOption(*command, flags->output);
  command->callback([flags, &exit_status] { exit_status = ReportStatus(Summarize(flags->socket, flags->output)); });
}

void AddTimelineCommand(CLI::App& app, int& exit_status) {
  struct Flags {
    std::string socket;
    std::string file = "timeline.json";
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* command = app.add_subcommand("timeline", "Save what a running session has traced; it must write a trace");
  AddStateSocketOption(*command, flags->socket);
  command->add_option("-o,--output-file", flags->file, "Where to")->type_name("FILE")->capture_default_str();
  command->callback([flags, &exit_status] { exit_status = ReportStatus(SaveTimeline(flags->socket, flags->file)); });
}

}  // namespace triune::cli
