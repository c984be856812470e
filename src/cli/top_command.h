// `triune top`: a running session, looked at again and again.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace CLI {
class App;
}

namespace triune::cli {

/// What the session says of itself: /api/v0/stats, and the lists that go with it.
struct TopState {
  nlohmann::ordered_json stats;
  nlohmann::ordered_json tasks;   ///< Those that run, with details.
  nlohmann::ordered_json actors;  ///< Those alive.
  nlohmann::ordered_json workers;
};
/// A screen of at most so many lines, 0: as many as there are. `per_second`: tasks that have ended; below 0: not known
/// yet.
std::string TopScreen(const TopState& state, double per_second, size_t lines);

void AddTopCommand(CLI::App& app, int& exit_status);

}  // namespace triune::cli
