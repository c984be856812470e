// The gRPC server: inference.GRPCInferenceService, health and reflection.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/executor.h"
#include "serving/model_repository.h"
#include "telemetry/metrics.h"
#include "triune/status.h"

namespace triune::server::grpc_api {

/// Thread-safe but for Start and the destructor.
class GrpcServer {
 public:
  struct Options {
    std::string address = "0.0.0.0";
    int port = 8081;  ///< 0: a free one.
    int threads = 1;
    size_t message_bytes = 256U << 20U;                 ///< The largest request.
    size_t metadata_bytes = 64U << 10U;                 ///< The largest headers.
    size_t buffered_bytes = size_t{4} << 30U;           ///< Of all messages being read.
    Duration read_timeout = std::chrono::seconds(60);   ///< For a connection to begin, and to answer a ping.
    Duration idle_timeout = std::chrono::seconds(180);  ///< A quiet connection is asked whether it is still there.
    Duration request_timeout{0};                        ///< 0: none but the client's.
    std::string version;                                ///< Of the server, for its metadata.
  };
  /// `executor`: where large messages are decoded.
  GrpcServer(Options options, const serving::ModelRepository& repository, Executor& executor,
             std::function<bool()> accepting);
  ~GrpcServer();

  Status Start();
  int port() const;

  /// What the health service answers.
  void SetServing(bool serving);
  void Collect(std::vector<telemetry::Family>& families) const;
  /// Calls being handled.
  size_t InFlight() const;
  /// Refuses new calls, waits `timeout` for those in flight, cuts their clients off, and returns when the last
  /// model has answered.
  void Stop(Duration timeout);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace triune::server::grpc_api
