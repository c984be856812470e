// The HTTP API: health, V1, V2, metrics.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "server/api_target.h"
#include "server/http/exchange.h"
#include "server/inference_call.h"
#include "serving/model_repository.h"
#include "telemetry/metrics.h"

namespace triune::server {

/// Answers everything under the HTTP port. Thread-safe.
class ApiHandler final : public http::Handler {
 public:
  /// `executor`: where large responses are written. `accepting`: whether the server wants requests; false while it
  /// drains.
  ApiHandler(const serving::ModelRepository& repository, const telemetry::MetricsRegistry& metrics, Executor& executor,
             std::string version, std::function<bool()> accepting)
      : repository_(repository),
        metrics_(metrics),
        executor_(executor),
        version_(std::move(version)),
        accepting_(std::move(accepting)) {}

  std::unique_ptr<http::ExchangeState> MakeState(http::Exchange& exchange) override;
  void Handle(http::Exchange& exchange) override;

 private:
  /// Whether the model is one of the service that the path's prefix names.
  bool IsOfService(const ApiTarget& target) const;
  void Answer(http::Exchange& exchange, const ApiTarget& target);
  void AnswerReady(http::Exchange& exchange);
  void AnswerServerMetadata(http::Exchange& exchange);
  void AnswerModelList(http::Exchange& exchange, const ApiTarget& target);
  void AnswerModel(http::Exchange& exchange, const ApiTarget& target);

  const serving::ModelRepository& repository_;
  const telemetry::MetricsRegistry& metrics_;
  Executor& executor_;
  const std::string version_;
  const std::function<bool()> accepting_;
};

}  // namespace triune::server
