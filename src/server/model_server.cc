#include "server/model_server.h"

#include <thread>

#include "server/http/middlewares/access_log.h"
#include "server/http/middlewares/compression.h"
#include "server/http/middlewares/request_context.h"
#include "telemetry/log.h"

namespace triune::server {
namespace {

/// Large requests that may wait to be read.
constexpr size_t kOffloadQueue = 1024;

/// In the order in which they see a request.
std::vector<std::unique_ptr<http::Middleware>> Middlewares(const ModelServer::Options& options) {
  std::vector<std::unique_ptr<http::Middleware>> chain;
  if (options.access_log) chain.push_back(std::make_unique<http::AccessLogMiddleware>());
  chain.push_back(std::make_unique<http::RequestIdMiddleware>());
  chain.push_back(std::make_unique<http::TraceMiddleware>());
  chain.push_back(std::make_unique<http::DeadlineMiddleware>(options.request_timeout));
  if (options.gzip_level > 0) chain.push_back(std::make_unique<http::GzipMiddleware>(options.gzip_level));
  return chain;
}

}  // namespace

ModelServer::ModelServer(Options options, serving::ModelRepository& repository)
    : options_(std::move(options)),
      repository_(repository),
      executor_(static_cast<size_t>(options_.http.threads), kOffloadQueue),
      api_(repository, metrics_, executor_, options_.version,
           [this] { return accepting_.load(std::memory_order_acquire); }),
      pipeline_(
          std::make_unique<http::Pipeline>(Middlewares(options_), api_, executor_, options_.http.limits.body_bytes)),
      http_(std::make_unique<http::HttpServer>(options_.http, *pipeline_)) {
  metrics_.Add([this](auto& families) { repository_.Collect(families); });
  metrics_.Add([this](auto& families) { http_->Collect(families); });
  metrics_.Add(telemetry::CollectProcessMetrics);
  if (options_.enable_grpc) {
    grpc_ = std::make_unique<grpc_api::GrpcServer>(options_.grpc, repository, executor_,
                                                   [this] { return accepting_.load(std::memory_order_acquire); });
    metrics_.Add([this](auto& families) { grpc_->Collect(families); });
  }
}

ModelServer::~ModelServer() = default;

Status ModelServer::Start() {
  TRIUNE_RETURN_IF_ERROR(http_->Start());
  if (grpc_ != nullptr) {
    TRIUNE_RETURN_IF_ERROR(grpc_->Start());
    grpc_->SetServing(false);
  }
  return {};
}

void ModelServer::UpdateHealth() {
  // Of two at the same time the later one must have the last word.
  std::lock_guard lock(health_mutex_);
  if (grpc_ != nullptr) grpc_->SetServing(accepting_.load(std::memory_order_acquire) && repository_.Ready());
}

size_t ModelServer::InFlight() const { return http_->InFlight() + (grpc_ == nullptr ? 0 : grpc_->InFlight()); }

bool ModelServer::Drain(Duration timeout) {
  const Clock& clock = Clock::System();
  TimePoint start = clock.Now();
  accepting_.store(false, std::memory_order_release);
  UpdateHealth();
  http_->BeginDrain();
  // Requests that arrive while others finish are answered, but not for ever.
  auto wait_until = [&](TimePoint limit, auto busy) {
    while (busy() && clock.Now() < limit) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  };
  wait_until(DeadlineAfter(start, timeout / 2), [&] { return InFlight() + http_->Receiving() > 0; });
  http_->StopListening();
  wait_until(DeadlineAfter(start, timeout), [&] { return InFlight() > 0; });
  if (InFlight() > 0) return false;
  if (grpc_ != nullptr) grpc_->Stop(std::chrono::seconds(1));
  http_->Stop();
  return true;
}

}  // namespace triune::server
