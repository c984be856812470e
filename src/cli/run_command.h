// `triune run`: a program with a session, its options given from outside.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace CLI {
class App;
}

namespace triune::cli {

struct RunOptions {
  int cpus = 0;
  uint64_t memory = 0;  ///< Bytes, as the next.
  uint64_t object_memory = 0;
  std::string trace{};
  std::string state_socket{};
  std::vector<std::string> command{};
};

/// Of the variables that the program's session reads, those that the options set.
std::vector<std::pair<std::string, std::string>> EnvironmentOf(const RunOptions& options);

void AddRunCommand(CLI::App& app, int& exit_status);

}  // namespace triune::cli
