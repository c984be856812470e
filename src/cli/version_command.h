// `triune version`.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace triune::cli {

void AddVersionCommand(CLI::App& app, int& exit_status, std::string version);

}  // namespace triune::cli
