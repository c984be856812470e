// How a DAG is to be compiled.
#pragma once

#include <cstddef>

namespace triune {

/// The names and defaults are Ray's.
struct CompileOptions {
  /// Executions that are under way or whose results were not taken; room for so many is made once. One more fails with
  /// kCapacityExceeded.
  size_t max_inflight_executions = 10;
};

}  // namespace triune
