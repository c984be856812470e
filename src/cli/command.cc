#include "cli/command.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "cli/arguments.h"

namespace triune::cli {
namespace {

/// Help and errors as CLI11 words them, exit statuses as ours.
int ReportParseError(const CLI::App& app, const CLI::ParseError& error, const std::vector<std::string>& typed) {
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
    app.exit(error);  // --help, --version: prints to standard output
    return kExitOk;
  }
  // The subcommand that was being parsed knows best where its help is.
  std::string command = app.get_name();
  for (auto parsed = app.get_subcommands(); !parsed.empty(); parsed = parsed.front()->get_subcommands()) {
    command += " " + parsed.front()->get_name();
  }
  std::fprintf(stderr, "triune: %s\nRun '%s --help' for its usage.\n", NameAsTyped(error.what(), typed).c_str(),
               command.c_str());
  return kExitUsage;
}

/// CLI11 would only say that a subcommand is required.
bool HasCommand(const CLI::App& app, const std::string& name) {
  for (const CLI::App* command : app.get_subcommands(nullptr)) {
    if (command->check_name(name)) return true;
  }
  return false;
}

}  // namespace

int RunCommandLine(int argc, const char* const* argv, const AddCommand& add_commands) {
  int exit_status = kExitOk;
  CLI::App app("Train, tune and serve models under one framework.", "triune");
  app.require_subcommand(1);
  app.set_help_flag("-h,--help", "Print this help");
  app.get_formatter()->column_width(36);
  // CLI11 takes the arguments without the program's name, last first.
  const std::vector<std::string> typed(argv + 1, argv + (argc > 0 ? argc : 1));
  try {
    add_commands(app, exit_status);
    std::vector<std::string> arguments = HelpAsOption(NormalizeArguments(typed));
    if (!arguments.empty() && !arguments[0].starts_with('-') && !HasCommand(app, arguments[0])) {
      std::fprintf(stderr, "triune: no such command: %s\nRun 'triune --help' for a list.\n", arguments[0].c_str());
      return kExitUsage;
    }
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::ParseError& error) {
    return ReportParseError(app, error, typed);
  } catch (const std::exception& error) {
    return ReportStatus(Internal(error.what()));
  }
  return exit_status;
}

int ReportStatus(const Status& status) {
  if (status.ok()) return kExitOk;
  std::fprintf(stderr, "triune: %s\n", std::string(status.message()).c_str());
  return kExitFailed;
}

}  // namespace triune::cli
