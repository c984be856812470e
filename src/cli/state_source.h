// The state of a running session, as its state socket tells it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "triune/status.h"

namespace CLI {
class App;
}

namespace triune::cli {

/// Adds --state-socket; without it TRIUNE_STATE_SOCKET says where.
void AddStateSocketOption(CLI::App& command, std::string& path);

/// What is under "data", "result" in the answer. InvalidArgument with the session's own words when it refuses.
Result<nlohmann::ordered_json> AskSession(const std::string& socket, const std::string& target);
/// The answer as it comes.
Result<std::string> AskSessionForText(const std::string& socket, const std::string& target);

/// For a query.
std::string PercentEncode(std::string_view text);

}  // namespace triune::cli
