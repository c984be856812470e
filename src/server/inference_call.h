// One inference request over HTTP, from its decoding to its answer.
#pragma once

#include <atomic>
#include <memory>
#include <string_view>

#include "model/predictor.h"
#include "server/http/exchange.h"
#include "server/v1/json_codec.h"
#include "serving/model_repository.h"
#include "serving/served_model.h"

namespace triune::server {

/// Lives in its exchange and is used again with it.
class InferenceCall final : public http::ExchangeState, public model::ResponseSink {
 public:
  InferenceCall(http::Exchange& exchange, const serving::ModelRepository& repository)
      : exchange_(exchange), catalog_(repository) {}

  /// Finds the model, decodes, checks and predicts; leads to one exchange.Reply().
  void Start(serving::Protocol protocol, std::string_view name, std::string_view model_namespace,
             std::string_view version);

  void Reset() override;
  void Abandon(StatusCode why) override;
  model::InferenceResponse& response() override { return response_; }
  void Send() override {}
  void Finish(Status status) override;

 private:
  Status Decode();
  Status Encode();
  void Done(const Status& status);

  http::Exchange& exchange_;
  serving::CatalogReader catalog_;
  serving::Protocol protocol_ = serving::Protocol::kV2;
  v1::Format v1_format_ = v1::Format::kRows;
  std::shared_ptr<serving::ServedModel> model_;
  model::InferenceRequest request_;
  model::InferenceResponse response_;
  model::CallContext context_;
  std::atomic<StatusCode> abandoned_{StatusCode::kOk};
};

}  // namespace triune::server
