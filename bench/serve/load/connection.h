// One client connection of the load maker, whatever the protocol.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "triune/status.h"

namespace triune::bench {

/// What came back for one request. The views live until the next Send on the same connection.
struct Answer {
  bool ok = false;
  /// HTTP: status line and headers. gRPC: empty, or the status code and message of a failed call.
  std::string_view head;
  /// HTTP: the body. gRPC: the message without its frame.
  std::string_view body;
};

/// A connection with at most one request in flight. Thread-compatible.
class Connection {
 public:
  virtual ~Connection() = default;
  /// A non-blocking socket, to be watched edge-triggered for both directions.
  virtual int fd() const = 0;
  /// Starts the request of body `index`. Only when none is in flight.
  virtual Status Send(size_t index) = 0;
  /// Reads and writes what the socket allows. True when the answer is complete; an error when the connection is lost or
  /// the peer breaks the protocol.
  virtual Result<bool> Advance() = 0;
  /// The answer after Advance said true.
  virtual Answer answer() const = 0;
};

/// A connected TCP socket, non-blocking, without Nagle's delay.
Result<int> ConnectTo(const std::string& ipv4_address, uint16_t port);

}  // namespace triune::bench
