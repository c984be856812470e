// A whole model server: models, HTTP, gRPC.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "server/api_handler.h"
#include "server/grpc/grpc_server.h"
#include "server/http/http_server.h"
#include "server/http/middleware.h"
#include "serving/model_repository.h"
#include "telemetry/metrics.h"
#include "triune/status.h"

namespace triune::server {

/// Thread-safe but for Start, Drain and the destructor.
class ModelServer {
 public:
  struct Options {
    std::string version;
    http::HttpServer::Options http;
    bool enable_grpc = true;
    grpc_api::GrpcServer::Options grpc;
    Duration request_timeout{0};  ///< For every request; 0: none.
    int gzip_level = 1;           ///< 0: responses are not compressed.
    bool access_log = false;
  };
  ModelServer(Options options, serving::ModelRepository& repository);
  ~ModelServer();

  /// Listens and serves; models may still be loading.
  Status Start();
  int http_port() const { return http_->port(); }
  int grpc_port() const { return grpc_ == nullptr ? 0 : grpc_->port(); }
  /// Tells gRPC's health service whether all models are ready.
  void UpdateHealth();

  /// Says that it is not ready, finishes what is in flight, and stops. False when that took longer than `timeout` and
  /// requests are still running: the process can only be ended then, not this object.
  bool Drain(Duration timeout);

 private:
  size_t InFlight() const;

  const Options options_;
  serving::ModelRepository& repository_;
  std::atomic<bool> accepting_{true};
  std::mutex health_mutex_;
  telemetry::MetricsRegistry metrics_;
  ThreadPoolExecutor executor_;
  ApiHandler api_;
  std::unique_ptr<http::Pipeline> pipeline_;
  std::unique_ptr<http::HttpServer> http_;
  std::unique_ptr<grpc_api::GrpcServer> grpc_;
};

}  // namespace triune::server
