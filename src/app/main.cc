// The program: the list of its commands.
#include <cstdlib>

#include "cli/command.h"
#include "cli/run_command.h"
#include "cli/runtimes_command.h"
#include "cli/serve_command.h"
#include "cli/state_commands.h"
#include "cli/top_command.h"
#include "cli/version_command.h"

int main(int argc, char** argv) {
  using namespace triune::cli;
  // ONNX Runtime 1.32 reports its use to Microsoft, over the network and through files in the home folder. Its function
  // that turns this off comes too late: some is sent as soon as it starts. Only the environment is read before that,
  // and may be written only while there is one thread.
  setenv("ORT_DISABLE_TELEMETRY", "1", /*overwrite=*/1);
  return RunCommandLine(argc, argv, [](CLI::App& app, int& exit_status) {
    AddServeCommand(app, exit_status, TRIUNE_VERSION);
    AddRunCommand(app, exit_status);
    AddTopCommand(app, exit_status);
    AddListCommand(app, exit_status);
    AddSummaryCommand(app, exit_status);
    AddTimelineCommand(app, exit_status);
    AddRuntimesCommand(app, exit_status);
    AddVersionCommand(app, exit_status, TRIUNE_VERSION);
  });
}
