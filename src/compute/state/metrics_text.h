// A session's numbers in Prometheus' text format.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "triune/core/state.h"

namespace triune::compute {

struct TaskMetric {
  std::string name;
  std::string_view state;
  bool is_retry = false;
  uint64_t count = 0;
};
struct ActorMetric {
  std::string name;
  std::string_view state;
  uint64_t count = 0;
};

/// `tasks`, `actors`: by name, where that is known; else all are counted under no name.
std::string MetricsText(const SessionStats& stats, const std::vector<TaskMetric>& tasks,
                        const std::vector<ActorMetric>& actors);

}  // namespace triune::compute
