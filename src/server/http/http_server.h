// The HTTP server: one worker per thread, each with its own listening socket on the same port.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "server/http/exchange.h"
#include "server/http/limits.h"
#include "telemetry/metrics.h"
#include "triune/status.h"

namespace triune::server::http {

class Worker;
struct Shared;

/// Thread-safe but for Start and the destructor.
class HttpServer {
 public:
  struct Options {
    std::string address = "0.0.0.0";
    int port = 8080;  ///< 0: a free one.
    int threads = 1;
    Duration busy_poll = std::chrono::microseconds(50);  ///< See BusyPoll.
    Limits limits{};
  };
  HttpServer(Options options, Handler& handler);
  ~HttpServer();

  /// Listens and begins to serve.
  Status Start();
  int port() const { return port_; }

  /// Idle connections are closed, the others, also new ones, after their present response.
  void BeginDrain();
  /// No new connections. Call once.
  void StopListening();
  /// Requests being handled or written.
  size_t InFlight() const;
  /// Requests being read.
  size_t Receiving() const;
  /// Closes everything and joins the threads. Every exchange must have been replied to.
  void Stop();

  void Collect(std::vector<telemetry::Family>& families) const;

 private:
  Options options_;
  std::unique_ptr<Shared> shared_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::jthread> threads_;
  int port_ = 0;
};

}  // namespace triune::server::http
