// Making load and measuring it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "serve/load/bodies.h"
#include "serve/load/connection.h"
#include "triune/status.h"

namespace triune::bench {

struct LoadOptions {
  /// Sent and checked, but not measured.
  std::chrono::duration<double> warm_up{1.0};
  std::chrono::duration<double> measured{3.0};
  /// Requests per second at even distances (open loop). 0: the next request of a connection follows its last answer.
  double rate = 0;
  /// Compare every N-th answer with its expectation.
  size_t check_every = 1;
};

struct LoadResult {
  /// All requests, also those of the warm-up, and those that were not answered with success.
  uint64_t sent = 0;
  uint64_t failed = 0;
  uint64_t checked = 0;
  uint64_t mismatched = 0;
  /// Head and beginning of the body of the first answer that failed or did not match.
  std::string first_error;
  /// Latencies of the measured requests in nanoseconds, sorted. Open loop: from the moment a request was due, not from
  /// when a connection was free to send it; a server that stalls pays for every request it held up.
  std::vector<int64_t> latencies;
  double seconds = 0;
  /// Share of a core that the load maker itself used. Near 1 in a closed loop means that it was the limit.
  double client_cpu = 0;
};

/// Rotates over `body_count` bodies, in order, over all connections, until the time is up and the last answer is there.
/// `expectations`: none, or one per body.
Result<LoadResult> RunLoad(const std::vector<std::unique_ptr<Connection>>& connections, size_t body_count,
                           const std::vector<Expectation>& expectations, const LoadOptions& options);

}  // namespace triune::bench
