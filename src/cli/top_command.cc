#include "cli/top_command.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>

#include "base/strings.h"
#include "cli/command.h"
#include "cli/output_format.h"
#include "cli/state_source.h"

namespace triune::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Flags {
  std::string socket;
  double interval = 1;
  bool once = false;
};

uint64_t Count(const Json& stats, const char* group, const char* key) {
  const Json::json_pointer place(StrCat("/", group, "/", key));
  return stats.contains(place) && stats[place].is_number() ? stats[place].get<uint64_t>() : 0;
}

template <typename... Number>
std::string Format(const char* format, Number... number) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, number...);
  return text.data();
}

std::string Bytes(double bytes) {
  constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  for (; bytes >= 1024 && unit + 1 < kUnits.size(); ++unit) bytes /= 1024;
  return Format(unit == 0 || bytes >= 100 ? "%.0f %s" : "%.1f %s", bytes, kUnits.at(unit));
}

/// "CPU 1/2, GPU 0/1": used of what there is.
std::string Resources(const Json& stats) {
  if (!stats.contains("resources_total") || !stats["resources_total"].is_object()) return "";
  const Json available = stats.value("resources_available", Json::object());
  std::string text;
  for (const auto& [name, total] : stats["resources_total"].items()) {
    const auto all = total.get<double>();
    const double used = all - available.value(name, 0.0);
    text += StrCat(text.empty() ? "" : ", ", name, " ");
    text += name == "memory" ? StrCat(Bytes(used), " of ", Bytes(all)) : Format("%g of %g", used, all);
  }
  return text;
}

std::string Table(const Json& listing, const std::vector<std::pair<const char*, const char*>>& columns) {
  if (!listing.is_object()) return "";
  std::vector<std::vector<std::string>> rows(1);
  for (const auto& [key, title] : columns) rows[0].emplace_back(title);
  for (const Json& item : listing.value("result", Json::array())) {
    std::vector<std::string>& cells = rows.emplace_back();
    for (const auto& [key, title] : columns) {
      const Json value = item.value(key, Json());
      cells.push_back(value.is_null() ? "-" : value.is_string() ? value.get<std::string>() : value.dump());
    }
  }
  return rows.size() > 1 ? "\n" + FormatTable(rows) : "";
}

Result<TopState> Look(const std::string& socket) {
  TopState state;
  TRIUNE_ASSIGN_OR_RETURN(state.stats, AskSession(socket, "/api/v0/stats"));
  TRIUNE_ASSIGN_OR_RETURN(state.tasks,
                          AskSession(socket, StrCat("/api/v0/tasks?detail=true&limit=50",
                                                    "&filter_keys=state&filter_predicates=%3D&filter_values=RUNNING")));
  TRIUNE_ASSIGN_OR_RETURN(state.actors, AskSession(socket, StrCat("/api/v0/actors?limit=50&filter_keys=state",
                                                                  "&filter_predicates=%3D&filter_values=ALIVE")));
  TRIUNE_ASSIGN_OR_RETURN(state.workers, AskSession(socket, "/api/v0/workers?limit=50"));
  return state;
}

uint64_t Ended(const Json& stats) {
  return Count(stats, "tasks", "FINISHED") + Count(stats, "tasks", "FAILED") + Count(stats, "tasks", "CANCELLED");
}

size_t LinesOfTerminal() {
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 1 ? size.ws_row - size_t{1} : 0;
}

Status Top(const Flags& flags) {
  const bool on_terminal = isatty(STDOUT_FILENO) == 1 && !flags.once;
  double per_second = -1;
  uint64_t ended = 0;
  auto looked = std::chrono::steady_clock::time_point();
  while (true) {
    TRIUNE_ASSIGN_OR_RETURN(const TopState state, Look(flags.socket));
    const auto now = std::chrono::steady_clock::now();
    const uint64_t ended_now = Ended(state.stats);
    if (looked != std::chrono::steady_clock::time_point()) {
      per_second = static_cast<double>(ended_now - ended) / std::chrono::duration<double>(now - looked).count();
    }
    ended = ended_now;
    looked = now;
    const std::string screen = TopScreen(state, per_second, on_terminal ? LinesOfTerminal() : 0);
    // From the first line, over what was there, and nothing below.
    std::printf(on_terminal ? "\x1b[H\x1b[2J%s" : "%s", screen.c_str());
    std::fflush(stdout);
    if (flags.once) return {};
    std::this_thread::sleep_for(std::chrono::duration<double>(flags.interval));
    if (!on_terminal) std::printf("\n");
  }
}

}  // namespace

std::string TopScreen(const TopState& state, double per_second, size_t lines) {
  const Json& stats = state.stats;
  auto tasks = [&](const char* key) { return Count(stats, "tasks", key); };
  auto actors = [&](const char* key) { return Count(stats, "actors", key); };
  std::string text = StrCat("tasks      ", tasks("RUNNING"), " running, ", tasks("PENDING_NODE_ASSIGNMENT"),
                            " queued, ", tasks("PENDING_ARGS_AVAIL"), " waiting for arguments; ", tasks("FINISHED"),
                            " finished, ", tasks("FAILED"), " failed, ", tasks("CANCELLED"), " cancelled");
  if (per_second >= 0) text += Format("; %.0f/s", per_second);
  text +=
      StrCat("\nactors     ", actors("ALIVE"), " alive, ", actors("PENDING_CREATION") + actors("DEPENDENCIES_UNREADY"),
             " pending, ", actors("RESTARTING"), " restarting, ", actors("DEAD"), " dead");
  text += StrCat("\nresources  ", Resources(stats));
  text += StrCat("\nobjects    ", Bytes(static_cast<double>(Count(stats, "objects", "shared_memory_bytes"))), " of ",
                 Bytes(static_cast<double>(Count(stats, "objects", "shared_memory_capacity"))), " of shared memory; ",
                 Bytes(static_cast<double>(Count(stats, "objects", "spilled_bytes"))), " on disk");
  text += StrCat("\nworkers    ", Count(stats, "workers", "threads"), " threads, ",
                 Count(stats, "workers", "processes"), " processes\n");
  text += Table(state.tasks, {{"task_id", "TASK"}, {"name", "NAME"}, {"type", "TYPE"}, {"worker_pid", "PID"}});
  text += Table(state.actors, {{"actor_id", "ACTOR"}, {"class_name", "CLASS"}, {"name", "NAME"}, {"pid", "PID"}});
  text += Table(state.workers, {{"worker_id", "WORKER"}, {"worker_type", "TYPE"}, {"state", "STATE"}, {"pid", "PID"}});
  size_t end = 0;
  for (size_t line = 0; lines != 0 && line < lines; ++line) {
    end = text.find('\n', end);
    if (end == std::string::npos) return text;
    ++end;
  }
  return lines == 0 ? text : text.substr(0, end);
}

void AddTopCommand(CLI::App& app, int& exit_status) {
  auto flags = std::make_shared<Flags>();
  CLI::App* command = app.add_subcommand("top", "Watch a running session");
  AddStateSocketOption(*command, flags->socket);
  command->add_option("--interval", flags->interval, "Seconds between two looks")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  command->add_flag("--once", flags->once, "Look once");
  command->callback([flags, &exit_status] { exit_status = ReportStatus(Top(*flags)); });
}

}  // namespace triune::cli
