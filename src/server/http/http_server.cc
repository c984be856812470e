#include "server/http/http_server.h"

#include <string>

#include "server/http/worker.h"

namespace triune::server::http {

HttpServer::HttpServer(Options options, Handler& handler)
    : options_(std::move(options)), shared_(std::make_unique<Shared>()) {
  shared_->limits = options_.limits;
  shared_->handler = &handler;
}

HttpServer::~HttpServer() { Stop(); }

Status HttpServer::Start() {
  port_ = options_.port;
  for (int i = 0; i < options_.threads; ++i) {
    auto worker = std::make_unique<Worker>(*shared_, options_.busy_poll);
    // The first may be given any free port; the others share it.
    TRIUNE_ASSIGN_OR_RETURN(port_, worker->Listen(options_.address, port_, i == 0));
    workers_.push_back(std::move(worker));
  }
  for (auto& worker : workers_) threads_.emplace_back([&worker = *worker] { worker.Run(); });
  return {};
}

void HttpServer::BeginDrain() {
  if (shared_->draining.exchange(true)) return;
  for (auto& worker : workers_) worker->BeginDrain();
}

void HttpServer::StopListening() {
  for (auto& worker : workers_) worker->StopListening();
}

size_t HttpServer::InFlight() const {
  size_t sum = 0;
  for (const auto& worker : workers_) sum += worker->in_flight();
  return sum;
}

size_t HttpServer::Receiving() const {
  size_t sum = 0;
  for (const auto& worker : workers_) sum += worker->receiving();
  return sum;
}

void HttpServer::Stop() {
  for (auto& worker : workers_) worker->Stop();
  threads_.clear();  // joins
  workers_.clear();
}

void HttpServer::Collect(std::vector<telemetry::Family>& families) const {
  using telemetry::MetricType;
  auto add = [&](const char* name, const char* help, MetricType type, double value) {
    families.push_back({name, help, type, {{.value = value}}});
  };
  add("triune_http_connections", "Open HTTP connections.", MetricType::kGauge,
      static_cast<double>(shared_->connections.load(std::memory_order_relaxed)));
  telemetry::Family responses{"triune_http_responses_total", "HTTP responses by status.", MetricType::kCounter, {}};
  for (int status = 100; status < 600; ++status) {
    uint64_t count = 0;
    for (const auto& worker : workers_) count += worker->responses(status);
    if (count == 0) continue;
    responses.samples.push_back({.labels = {{"code", std::to_string(status)}}, .value = static_cast<double>(count)});
  }
  families.push_back(std::move(responses));
  add("triune_http_connections_accepted_total", "HTTP connections accepted.", MetricType::kCounter,
      static_cast<double>(shared_->accepted.Value()));
  add("triune_http_connections_rejected_total", "HTTP connections turned away for --max-connections.",
      MetricType::kCounter, static_cast<double>(shared_->rejected.Value()));
  add("triune_http_requests_refused_total", "HTTP requests that were malformed, too large or too slow.",
      MetricType::kCounter, static_cast<double>(shared_->refused.Value()));
  add("triune_http_connections_timed_out_total", "HTTP connections closed for idling or for not taking their response.",
      MetricType::kCounter, static_cast<double>(shared_->timed_out.Value()));
  add("triune_http_buffered_bytes", "Memory of request bodies being read or waiting.", MetricType::kGauge,
      static_cast<double>(shared_->buffered_bytes.load(std::memory_order_relaxed)));
}

}  // namespace triune::server::http
