// What is asked for on the state socket, and what is answered.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "triune/core/state.h"
#include "triune/status.h"

namespace triune::compute {

class SessionState;

/// A GET: of HTTP, no more than that is understood.
struct StateRequest {
  std::string path{};
  std::vector<std::pair<std::string, std::string>> query{};

  /// All values of that name.
  std::vector<std::string> All(std::string_view name) const;
  std::optional<std::string> Last(std::string_view name) const;
};

/// `head`: up to and with the empty line. InvalidArgument; Unimplemented for another method than GET.
Result<StateRequest> ParseStateRequest(std::string_view head);
/// filter_keys, filter_predicates and filter_values (one each for a filter), limit, detail.
Result<ListOptions> ListOptionsOf(const StateRequest& request);

struct StateAnswer {
  int status = 200;
  std::string_view content_type = "application/json";
  std::string body{};
};
StateAnswer Answer(const SessionState& state, const StateRequest& request);
StateAnswer ErrorAnswer(int status, std::string_view message);
/// With its head; the connection is closed after it.
std::string Serialized(const StateAnswer& answer);

}  // namespace triune::compute
