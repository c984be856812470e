#include "cli/version_command.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <utility>

namespace triune::cli {

void AddVersionCommand(CLI::App& app, int& exit_status, std::string version) {
  app.set_version_flag("--version", "triune " + version, "Print the version");
  CLI::App* command = app.add_subcommand("version", "Print the version");
  command->callback([&exit_status, version = std::move(version)] {
    std::printf("triune %s\n", version.c_str());
    exit_status = 0;
  });
}

}  // namespace triune::cli
