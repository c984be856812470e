// `triune runtimes`: which model runtimes are found; `triune runtimes install NAME`.
#pragma once

namespace CLI {
class App;
}

namespace triune::cli {

void AddRuntimesCommand(CLI::App& app, int& exit_status);

}  // namespace triune::cli
