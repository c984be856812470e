// What an inference request goes through whatever protocol it came by: find, enter, check, predict, count, leave.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "model/predictor.h"
#include "serving/model_repository.h"
#include "serving/served_model.h"

namespace triune::server {

/// One request at a time, used again for the next:
///   Enter, decode into `request`, CheckModel, Predict, encode `response`, Leave.
/// Thread-compatible.
class InferenceSteps {
 public:
  explicit InferenceSteps(serving::CatalogReader& catalog) : catalog_(catalog) {}

  /// Finds the model and counts the request in; each OK needs one Leave. The model's own time limit moves
  /// context.deadline, which like context.received must be set. A refusal by the model counts as a request.
  Status Enter(serving::Protocol protocol, std::string_view name, std::string_view model_namespace,
               size_t request_bytes);
  /// That the model is loaded, and of the version that the request asks for.
  Status CheckModel() const;
  /// Checks the request against the model's signature and lets the model answer; leads to one sink.Finish.
  void Predict(model::ResponseSink& sink);
  /// Counts the request and how it ended, and clears all but the context.
  void Leave(StatusCode code, size_t response_bytes);

  /// Between Enter and Leave.
  const model::Signature& signature() const { return model_->signature(); }
  void Observe(serving::Phase phase, Duration took) { model_->metrics().Observe(phase, took); }

  model::InferenceRequest request;
  model::InferenceResponse response;
  model::CallContext context;

 private:
  serving::CatalogReader& catalog_;
  serving::Protocol protocol_{};
  std::shared_ptr<serving::ServedModel> model_;
  size_t request_bytes_ = 0;
};

}  // namespace triune::server
