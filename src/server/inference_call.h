// One inference request over HTTP, from its decoding to its answer.
#pragma once

#include <atomic>
#include <memory>
#include <string_view>

#include "base/executor.h"
#include "model/predictor.h"
#include "server/http/exchange.h"
#include "server/inference_steps.h"
#include "server/v1/json_codec.h"

namespace triune::server {

/// Lives in its exchange and is used again with it.
class InferenceCall final : public http::ExchangeState, public model::ResponseSink {
 public:
  /// `executor`: where large responses are written.
  InferenceCall(http::Exchange& exchange, const serving::ModelRepository& repository, Executor& executor)
      : exchange_(exchange), executor_(executor), catalog_(repository), steps_(catalog_) {}

  /// Leads to one exchange.Reply().
  void Start(serving::Protocol protocol, std::string_view name, std::string_view model_namespace,
             std::string_view version);

  void Reset() override;
  void Abandon(StatusCode why) override;
  model::InferenceResponse& response() override { return steps_.response; }
  void Send() override {}
  void Finish(Status status) override;

 private:
  Status Decode();
  bool TakesLongToEncode() const;
  void Answer(Status status);
  Status Encode();

  http::Exchange& exchange_;
  Executor& executor_;
  serving::CatalogReader catalog_;
  InferenceSteps steps_;
  serving::Protocol protocol_ = serving::Protocol::kV2;
  v1::Format v1_format_ = v1::Format::kRows;
  std::atomic<StatusCode> abandoned_{StatusCode::kOk};
};

}  // namespace triune::server
