// `triune serve`: the model server.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace triune::cli {

void AddServeCommand(CLI::App& app, int& exit_status, std::string version);

}  // namespace triune::cli
