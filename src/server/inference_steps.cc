#include "server/inference_steps.h"

#include <algorithm>

namespace triune::server {

Status InferenceSteps::Enter(serving::Protocol protocol, std::string_view name, std::string_view model_namespace,
                             size_t request_bytes) {
  TRIUNE_ASSIGN_OR_RETURN(auto model, catalog_.Get().Find(name, model_namespace));
  if (Status entered = model->Enter(); !entered.ok()) {
    model->metrics().CountRequest(protocol, entered.code(), request_bytes, 0);
    return entered;
  }
  protocol_ = protocol;
  model_ = std::move(model);
  request_bytes_ = request_bytes;
  if (Duration limit = model_->config().request_timeout; limit.count() > 0) {
    context.deadline = std::min(context.deadline, DeadlineAfter(context.received, limit));
  }
  return {};
}

Status InferenceSteps::CheckModel() const {
  if (!model_->ready()) return model_->NotReady();
  return model_->CheckVersion(request.model_version);
}

void InferenceSteps::Predict(model::ResponseSink& sink) {
  if (Status good = CheckRequest(model_->signature(), request); !good.ok()) return sink.Finish(std::move(good));
  response.model_name.assign(model_->config().name);
  response.model_version.assign(model_->config().version);
  response.id.assign(request.id);
  model_->Predict(request, context, sink);
}

void InferenceSteps::Leave(StatusCode code, size_t response_bytes) {
  model_->metrics().CountRequest(protocol_, code, request_bytes_, response_bytes);
  model_->Leave();
  model_.reset();
  request.Clear();
  response.Clear();
}

}  // namespace triune::server
