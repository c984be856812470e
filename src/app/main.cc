// The program: the list of its commands.
#include "cli/command.h"
#include "cli/runtimes_command.h"
#include "cli/serve_command.h"
#include "cli/version_command.h"

int main(int argc, char** argv) {
  using namespace triune::cli;
  return RunCommandLine(argc, argv, [](CLI::App& app, int& exit_status) {
    AddServeCommand(app, exit_status, TRIUNE_VERSION);
    AddRuntimesCommand(app, exit_status);
    AddVersionCommand(app, exit_status, TRIUNE_VERSION);
  });
}
