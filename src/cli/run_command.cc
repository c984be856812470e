#include "cli/run_command.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>

#include "base/strings.h"
#include "cli/command.h"

namespace triune::cli {
namespace {

/// The program may go to another directory.
std::string Absolute(const std::string& path) { return std::filesystem::absolute(path).string(); }

/// In place of this program.
Status Run(const RunOptions& options) {
  for (const auto& [name, value] : EnvironmentOf(options)) setenv(name.c_str(), value.c_str(), /*overwrite=*/1);
  std::vector<char*> arguments;
  for (const std::string& argument : options.command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  return NotFound(StrCat("can't run ", options.command[0], ": ", std::strerror(errno)));
}

}  // namespace

std::vector<std::pair<std::string, std::string>> EnvironmentOf(const RunOptions& options) {
  std::vector<std::pair<std::string, std::string>> variables;
  if (options.cpus != 0) variables.emplace_back("TRIUNE_CPUS", std::to_string(options.cpus));
  if (options.memory != 0) variables.emplace_back("TRIUNE_MEMORY", std::to_string(options.memory));
  if (options.object_memory != 0) {
    variables.emplace_back("TRIUNE_OBJECT_MEMORY", std::to_string(options.object_memory));
  }
  if (!options.trace.empty()) variables.emplace_back("TRIUNE_TRACE", Absolute(options.trace));
  if (!options.state_socket.empty()) variables.emplace_back("TRIUNE_STATE_SOCKET", Absolute(options.state_socket));
  return variables;
}

void AddRunCommand(CLI::App& app, int& exit_status) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command = app.add_subcommand("run", "Run a program that uses triune/core.h");
  command->add_option("--cpus", options->cpus, "Threads that run tasks at the same time")->check(CLI::Range(1, 1024));
  command->add_option("--memory", options->memory, "Memory that tasks may ask for: 4GB, 512MiB")
      ->transform(CLI::AsSizeValue(false))
      ->type_name("SIZE");
  command
      ->add_option("--object-memory", options->object_memory,
                   "Shared memory for objects; what is more goes to disk: 4GB, 512MiB")
      ->transform(CLI::AsSizeValue(false))
      ->type_name("SIZE");
  command->add_option("--trace", options->trace, "Write a trace for Perfetto or chrome://tracing")->type_name("FILE");
  command->add_option("--state-socket", options->state_socket, "Listen there for `triune top` and `triune list`")
      ->type_name("PATH");
  // All from the first argument on that is none of these.
  command->prefix_command();
  command->footer("Then the program, and its own arguments: triune run --cpus 2 ./program --its-option");
  command->callback([options, command, &exit_status] {
    options->command = command->remaining();
    if (options->command.empty()) throw CLI::RequiredError("PROGRAM");
    if (options->command[0].starts_with('-')) throw CLI::ExtrasError({options->command[0]});
    exit_status = ReportStatus(Run(*options));
  });
}

}  // namespace triune::cli
