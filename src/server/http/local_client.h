// Asks servers of this machine that listen on Unix sockets.
#pragma once

#include <string>
#include <string_view>

#include "triune/status.h"
#include "triune/time.h"

namespace triune::server::http {

struct LocalAnswer {
  int status = 0;  ///< Of HTTP.
  std::string body{};
};

/// GET of `target` ("/api/v0/tasks?limit=10"), over a connection of its own. NotFound when there is no socket,
/// DeadlineExceeded when the answer is not there within `timeout`, Unavailable when nobody listens, or the answer is no
/// HTTP or more than 256 MiB.
Result<LocalAnswer> GetFromSocket(const std::string& socket_path, std::string_view target, Duration timeout);

}  // namespace triune::server::http
