#include "cli/runtimes_command.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "base/strings.h"
#include "cli/command.h"
#include "cli/output_format.h"
#include "cli/runtime_install.h"
#include "model/runtime_registry.h"

namespace triune::cli {
namespace {

using model::RuntimeInfo;
using Json = nlohmann::ordered_json;

struct Options {
  std::string output = "table";
  std::vector<std::string> runtime_path;
  std::string name;
  std::string version;
};

std::string Formats(const RuntimeInfo& info) {
  std::string text;
  for (const std::string& format : info.formats) text += (text.empty() ? "" : ",") + format;
  return text;
}

std::string_view StatusWord(const RuntimeInfo& info) {
  if (info.status.ok()) return "ready";
  return info.status.code() == StatusCode::kNotFound ? "not installed" : "error";
}

std::string OrDash(const std::string& text) { return text.empty() ? "-" : text; }

/// `places` is where was looked: the same for all that are not installed, so it is said once.
std::string Table(const std::vector<RuntimeInfo>& runtimes, const std::string& places) {
  std::vector<std::vector<std::string>> rows = {{"NAME", "VERSION", "FORMATS", "STATUS", "LIBRARY"}};
  std::string reasons;
  std::string missing;
  for (const RuntimeInfo& info : runtimes) {
    rows.push_back({info.name, OrDash(info.version), OrDash(Formats(info)), std::string(StatusWord(info)),
                    OrDash(info.library_path)});
    if (info.status.code() == StatusCode::kNotFound) {
      missing += StrCat("  triune runtimes install ", info.name, "\n");
    } else if (!info.status.ok()) {
      reasons += StrCat(info.status.message(), "\n");
    }
  }
  if (!missing.empty()) reasons += StrCat("Looked in ", places, ". To install:\n", missing);
  return FormatTable(rows) + (reasons.empty() ? "" : "\n" + reasons);
}

Json AsJson(const std::vector<RuntimeInfo>& runtimes) {
  Json list = Json::array();
  for (const RuntimeInfo& info : runtimes) {
    Json item = {{"name", info.name},         {"title", info.title},        {"version", info.version},
                 {"formats", info.formats},   {"status", StatusWord(info)}, {"library", info.library_path},
                 {"plugin", info.plugin_path}};
    if (!info.status.ok()) item["error"] = info.status.message();
    list.push_back(std::move(item));
  }
  return Json{{"runtimes", std::move(list)}};
}

int List(const Options& options) {
  model::RuntimeSearch search = model::RuntimeSearch::FromEnvironment();
  search.paths.insert(search.paths.begin(), options.runtime_path.begin(), options.runtime_path.end());
  std::vector<RuntimeInfo> runtimes = model::RuntimeRegistry(search).List();
  std::string text = options.output == "table"  ? Table(runtimes, search.Places())
                     : options.output == "json" ? FormatJson(AsJson(runtimes))
                                                : FormatYaml(AsJson(runtimes));
  std::fputs(text.c_str(), stdout);
  return kExitOk;
}

Status Install(const Options& options) {
  TRIUNE_ASSIGN_OR_RETURN(std::vector<PinnedRuntime> list, ParseRuntimeList(BuiltInRuntimeList()));
  TRIUNE_ASSIGN_OR_RETURN(PinnedRuntime runtime, FindPinnedRuntime(list, options.name, options.version));
  std::string folder = model::RuntimeSearch::FromEnvironment().user_folder;
  if (folder.empty()) return FailedPrecondition("neither XDG_DATA_HOME nor HOME says where runtimes are kept");
  TRIUNE_ASSIGN_OR_RETURN(InstalledRuntime installed, InstallRuntime(runtime, folder, [](std::string_view step) {
                            std::fprintf(stderr, "%s\n", std::string(step).c_str());
                          }));
  std::printf("%s %s %s: %s\n", runtime.name.c_str(), runtime.version.c_str(),
              installed.was_there_before ? "is installed already" : "installed", installed.library.c_str());
  return {};
}

}  // namespace

void AddRuntimesCommand(CLI::App& app, int& exit_status) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("runtimes", "Show which model runtimes are found, or install one");
  command->add_option("-o,--output", options->output, "Format of the answer")
      ->check(CLI::IsMember({"table", "json", "yaml"}))
      ->capture_default_str();
  command->add_option("--runtime-path", options->runtime_path, "Folder with runtime libraries; repeatable")
      ->type_name("FOLDER")
      ->expected(1);
  CLI::App* install = command->add_subcommand("install", "Fetch a runtime into the user's folder");
  install->add_option("NAME", options->name, "Runtime, as `triune runtimes` names it")->required();
  install->add_option("--version", options->version, "Version; this release of triune knows one of each");
  install->callback([options, &exit_status] { exit_status = ReportStatus(Install(*options)); });
  command->callback([options, command, &exit_status] {
    if (command->get_subcommands().empty()) exit_status = List(*options);
  });
}

}  // namespace triune::cli
