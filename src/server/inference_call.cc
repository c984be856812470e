#include "server/inference_call.h"

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
  model::CallContext& context = steps_.context;
  context.received = exchange_.received;
  context.deadline = exchange_.deadline;
  context.request_id = exchange_.request_id;
  context.traceparent = exchange_.traceparent;
  // On the loop's thread or on one that took the whole request over from it: either may be used for short work.
  context.may_run_inline = true;
  if (Status entered = steps_.Enter(protocol, name, model_namespace, exchange_.request.body.size()); !entered.ok()) {
    exchange_.response.SetError(entered);
    return exchange_.Reply();
  }
  if (context.deadline < exchange_.deadline) exchange_.BringDeadlineForward(context.deadline);
  steps_.request.model_name.assign(name);
  steps_.request.model_namespace.assign(model_namespace);
  steps_.request.model_version.assign(version);
  TimePoint start = clock().Now();
  Status decoded = Decode();
  context.step_ended = clock().Now();
  steps_.Observe(serving::Phase::kPreprocess, context.step_ended - start);
  if (!decoded.ok()) return Finish(std::move(decoded));
  steps_.Predict(*this);
}

Status InferenceCall::Decode() {
  TRIUNE_RETURN_IF_ERROR(steps_.CheckModel());
  const http::Request& http = exchange_.request;
  if (protocol_ == serving::Protocol::kV1) {
    return v1::DecodeRequest(http.body, steps_.signature(), steps_.request, &v1_format_);
  }
  TRIUNE_ASSIGN_OR_RETURN(std::optional<size_t> json_size, JsonSize(http));
  return v2::DecodeRequest({http.body, http.body_buffer, json_size}, steps_.request);
}

Status InferenceCall::Encode() {
  http::Response& out = exchange_.response;
  if (protocol_ == serving::Protocol::kV1) return v1::EncodeResponse(steps_.response, v1_format_, out.body);
  return v2::EncodeResponse(steps_.request, steps_.response, out);
}

void InferenceCall::Reset() {
  // Not in Start, which may run on another thread, after the call was abandoned.
  abandoned_.store(StatusCode::kOk, std::memory_order_relaxed);
  steps_.context.Clear();
}

void InferenceCall::Abandon(StatusCode why) {
  abandoned_.store(why, std::memory_order_release);
  steps_.context.cancelled.store(true, std::memory_order_release);
}

bool InferenceCall::TakesLongToEncode() const {
  // So many bytes of numbers as text: a millisecond.
  constexpr size_t kMostBytes = 64U << 10U;
  size_t bytes = 0;
  for (size_t i = 0; i < steps_.response.outputs.size(); ++i) {
    bool is_text = protocol_ == serving::Protocol::kV1 || !steps_.request.WantsBinary(i);
    if (is_text) bytes += steps_.response.outputs[i].data.size();
  }
  return bytes > kMostBytes;
}

void InferenceCall::Finish(Status status) {
  if (status.ok() && exchange_.OnLoopThread() && TakesLongToEncode() &&
      executor_.TrySubmit([this] { Answer(Status()); })) {
    return;
  }
  Answer(std::move(status));
}

void InferenceCall::Answer(Status status) {
  StatusCode abandoned = abandoned_.load(std::memory_order_acquire);
  if (abandoned != StatusCode::kOk) {
    status = Status(abandoned, "nobody waits for the answer any more");
  } else if (status.ok()) {
    status = Encode();
    steps_.Observe(serving::Phase::kPostprocess, clock().Now() - steps_.context.step_ended);
  }
  if (!status.ok()) {
    exchange_.response.headers.Clear();
    exchange_.response.SetError(status);
  }
  steps_.Leave(status.code(), exchange_.response.BodySize());
  exchange_.Reply();
}

}  // namespace triune::server
