#include "server/inference_call.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/strings.h"
#include "server/v2/json_codec.h"

namespace triune::server {
namespace {

const Clock& clock() { return Clock::System(); }

Result<std::optional<size_t>> JsonSize(const http::Request& request) {
  constexpr std::string_view kName = "Inference-Header-Content-Length";
  if (!request.Has(kName)) return std::optional<size_t>();
  std::string_view text = request.Find(kName);
  size_t size = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
  if (error != std::errc() || end != text.data() + text.size()) {
    return InvalidArgument(StrCat("header ", kName, " is not a number: got '", text.substr(0, 40), "'"));
  }
  return std::optional<size_t>(size);
}

}  // namespace

void InferenceCall::Start(serving::Protocol protocol, std::string_view name, std::string_view model_namespace,
                          std::string_view version) {
  protocol_ = protocol;
  auto found = catalog_.Get().Find(name, model_namespace);
  if (!found.ok()) {
    exchange_.response.SetError(std::move(found).status());
    return exchange_.Reply();
  }
  model_ = *std::move(found);
  if (Status entered = model_->Enter(); !entered.ok()) {
    model_->metrics().CountRequest(protocol_, entered.code(), exchange_.request.body.size(), 0);
    model_.reset();
    exchange_.response.SetError(entered);
    return exchange_.Reply();
  }
  context_.received = exchange_.received;
  context_.request_id = exchange_.request_id;
  context_.traceparent = exchange_.traceparent;
  // On the loop's thread or on one that took the whole request over from it: either may be used for short work.
  context_.may_run_inline = true;
  if (model_->config().request_timeout.count() > 0) {
    TimePoint limit = DeadlineAfter(exchange_.received, model_->config().request_timeout);
    // The loop looks at the exchange's deadline when this returns; another thread must leave it alone.
    if (exchange_.OnLoopThread()) exchange_.deadline = std::min(exchange_.deadline, limit);
    context_.deadline = limit;
  }
  context_.deadline = std::min(context_.deadline, exchange_.deadline);
  request_.model_name.assign(name);
  request_.model_namespace.assign(model_namespace);
  request_.model_version.assign(version);
  TimePoint start = clock().Now();
  Status decoded = Decode();
  model_->metrics().Observe(serving::Phase::kPreprocess, clock().Now() - start);
  if (!decoded.ok()) return Finish(std::move(decoded));
  response_.model_name.assign(model_->config().name);
  response_.model_version.assign(model_->config().version);
  response_.id.assign(request_.id);
  model_->Predict(request_, context_, *this);
}

Status InferenceCall::Decode() {
  if (!model_->ready()) return model_->NotReady();
  TRIUNE_RETURN_IF_ERROR(model_->CheckVersion(request_.model_version));
  const http::Request& http = exchange_.request;
  if (protocol_ == serving::Protocol::kV1) {
    TRIUNE_RETURN_IF_ERROR(v1::DecodeRequest(http.body, model_->signature(), request_, &v1_format_));
  } else {
    TRIUNE_ASSIGN_OR_RETURN(std::optional<size_t> json_size, JsonSize(http));
    TRIUNE_RETURN_IF_ERROR(v2::DecodeRequest({http.body, http.body_buffer, json_size}, request_));
  }
  return CheckRequest(model_->signature(), request_);
}

Status InferenceCall::Encode() {
  http::Response& out = exchange_.response;
  if (protocol_ == serving::Protocol::kV1) return v1::EncodeResponse(response_, v1_format_, out.body);
  return v2::EncodeResponse(request_, response_, out);
}

void InferenceCall::Reset() {
  // Not in Start, which may run on another thread, after the call was abandoned.
  abandoned_.store(StatusCode::kOk, std::memory_order_relaxed);
  context_.Clear();
}

void InferenceCall::Abandon(StatusCode why) {
  abandoned_.store(why, std::memory_order_release);
  context_.cancelled.store(true, std::memory_order_release);
}

void InferenceCall::Finish(Status status) {
  StatusCode abandoned = abandoned_.load(std::memory_order_acquire);
  if (abandoned != StatusCode::kOk) {
    status = Status(abandoned, "nobody waits for the answer any more");
  } else if (status.ok()) {
    TimePoint start = clock().Now();
    status = Encode();
    model_->metrics().Observe(serving::Phase::kPostprocess, clock().Now() - start);
  }
  Done(status);
}

void InferenceCall::Done(const Status& status) {
  if (!status.ok()) {
    exchange_.response.headers.Clear();
    exchange_.response.SetError(status);
  }
  model_->metrics().CountRequest(protocol_, status.code(), exchange_.request.body.size(),
                                 exchange_.response.BodySize());
  model_->Leave();
  model_.reset();
  request_.Clear();
  response_.Clear();
  exchange_.Reply();
}

}  // namespace triune::server
