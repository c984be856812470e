// The limits of the HTTP server, each a flag of `triune serve`.
#pragma once

#include <cstddef>

#include "base/clock.h"

namespace triune::server::http {

struct Limits {
  size_t header_bytes = 64U << 10U;
  size_t body_bytes = 256U << 20U;
  size_t connections = 65536;
  size_t buffered_bytes = size_t{4} << 30U;           ///< Of all request bodies being read or waiting.
  Duration read_timeout = std::chrono::seconds(60);   ///< From the first byte of a request to its last.
  Duration idle_timeout = std::chrono::seconds(180);  ///< Between requests.
  Duration write_timeout = std::chrono::seconds(60);  ///< Without the client taking any byte of the response.
};

}  // namespace triune::server::http
