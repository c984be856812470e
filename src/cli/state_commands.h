// `triune list`, `triune summary` and `triune timeline`: what a running session has.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "triune/status.h"

namespace CLI {
class App;
}

namespace triune::cli {

/// "state=RUNNING", "name!=f" as a part of a query. InvalidArgument.
Result<std::string> FilterQuery(const std::string& filter);
/// The rows of a listing as a table with a line below: how many there are, and what is lacking.
std::string ListingTable(const nlohmann::ordered_json& listing);

void AddListCommand(CLI::App& app, int& exit_status);
void AddSummaryCommand(CLI::App& app, int& exit_status);
void AddTimelineCommand(CLI::App& app, int& exit_status);

}  // namespace triune::cli
