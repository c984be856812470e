// How the commands of `triune` are written: one file NAME_command.{h,cc} each, with one function
//
//   void AddNameCommand(CLI::App& app, int& exit_status);
//
// that adds a subcommand to `app`. Its callback does the work and sets `exit_status`. Results go to standard output,
// everything else (progress, warnings, errors) to standard error. app/main.cc lists the commands.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "triune/status.h"

namespace CLI {
class App;
}

namespace triune::cli {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

using AddCommand = std::function<void(CLI::App& app, int& exit_status)>;

/// Parses the command line with the commands that `add_commands` adds, runs the one that it names and returns the exit
/// status: 0, 1 (the command failed) or 2 (wrong usage; the message names what is wrong and points to --help). Option
/// names may be written with '_' for '-'.
int RunCommandLine(int argc, const char* const* argv, const AddCommand& add_commands);

/// Prints "triune: MESSAGE" to standard error and returns kExitFailed; for OK only returns kExitOk.
int ReportStatus(const Status& status);

}  // namespace triune::cli
